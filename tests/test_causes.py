"""A cause is written once, and is right: each edit of a suite or a task changes the causes that it must, and no others.

What the edits plan is run for real in tests/test_edited_runs.py. `make test` edits one value of each kind, for example
the `phrase` of one concept, and in the suite `paper` and its tasks those kinds that the testbed has not; `make
test-causes` edits all.
"""

import re

import edits
import pytest
import yaml
from conftest import ROOT
from walks import (
    details_shown,
    drawing,
    drawn,
    erasing,
    kind,
    learnt,
    looked_at,
    losing_nothing,
    one_of_each_kind,
    pools,
    settings,
    unread,
    walk,
    write,  # noqa: F401  (a fixture)
)

from benchmark.plan import grid, plugins, prompt_place
from benchmark.plan.config import erased_on, load_suite, load_task
from benchmark.plan.records import NOTHING

SUITES = plugins.names("benchmark/suites", ".yaml")
TASKS = plugins.names("benchmark/tasks", ".yaml")
EACH = pytest.mark.parametrize("each", [False, pytest.param(True, marks=pytest.mark.causes)])  # value, or of a kind one
LARGEST = {"testbed": ["testbed"], "paper": ["paper", "paper_appendix"]}  # of each world: which have all tasks
TEMPLATES = ("abconcept", "advanchor")  # the shipped methods that use a task's templates; none uses `others`


# ── suites ──

SIMPLE = {  # what another value changes, by its key's path
    r"title": ["view *"],
    r"base|revision": ["base ", "score "],
    r"sampler\.(scheduler|steps|guidance|precision)": ["generate *", "score "],
    r"sampler\.size": ["base ", "generate *", "erase *", "observe *", "score "],
    r"sampler\.batch": ["generate *", "observe *", "score "],
    r"sampler\.threads": ["embed ", "generate *", "erase *", "train_classifier *", "observe *", "score "],
    r"budgets\.pool": ["prompts *_pool_*", "generate *_pool_*", "score "],
    r"budgets\.train": ["prompts *_training", "generate *_training/*", "score "],
    r"budgets\.anchors": [
        "prompts anchors_style",
        "prompts anchors_object",
        "generate anchors_style/*",
        "generate anchors_object/*",
    ],
}


@EACH
@pytest.mark.parametrize("suite", SUITES)
def test_each_value_of_a_suite_changes_what_it_must(write, suite, each, capsys):
    def expected(leaf, old, new):
        jobs = edits.names(old) | edits.names(new)
        for path, patterns in SIMPLE.items():
            if re.fullmatch(path, ".".join(leaf)):
                return edits.matching(patterns, jobs) - (unknown(old) if leaf == ("budgets", "train") else set())
        if leaf[0] == "budgets":
            kinds = ("evaluation", "part", "anchors") if leaf[1] == "images_per_seed" else ("evaluation", "part")
            evaluated = [name for name, prompt_set in old.sets.items() if prompt_set.source.kind in kinds]
            evaluated = [name for name in evaluated if old.sets[name].source.file is None]
            less = {"retained": none_retained, "erased": none_erased}.get(leaf[1], lambda plan: set())(old)
            return set().union(*(drawn(old, name) for name in evaluated)) - less | {"score "}
        differing = edits.names(old) ^ edits.names(new)  # jobs that only one of the two plans has
        if leaf[0] == "shard":
            return differing
        if leaf[0] == "gate":
            return {"gate "}
        if leaf[0] == "settings":
            erased = erasing(old, new, lambda shard: settings(old, shard) != settings(new, shard))
            return differing | {"score "} | erased | pools(old, new)
        assert leaf[0] == "experiments"
        views = {f"view {view}" for view in old.suite.experiments[leaf[1]].views}
        if leaf[2] == "views":
            gone = views - {f"view {view}" for view in new.suite.experiments[leaf[1]].views}
            return gone | differing | ({"score "} if details_shown(old) != details_shown(new) else set())
        both = [shard for path, shard in old.shards.items() if path in new.shards]
        fewer = {shard for shard in both if shard.concepts != new.shards[shard.path].concepts}
        less = {f"erase {shard.path}" for shard in fewer}.union(*(drawing(old, shard) for shard in fewer))
        budgets = old.suite.budgets
        for task in old.tasks if budgets.erased > budgets.retained else ():
            # As many images of it as of a retained concept: the models that lost none draw fewer.
            own = {concept.name for concept in old.tasks[task].concepts}
            if erased_on(old.suite, task) & own != erased_on(new.suite, task) & own:
                less |= losing_nothing(old, task)
        order = views if leaf[2] in ("task", "methods", "without", "concepts") else set()
        return differing | less | pools(old, new) | order | {"score "}

    path = f"benchmark/suites/{suite}.yaml"
    data = yaml.safe_load((ROOT / path).read_text())
    leaves = list(edits.leaves(data))
    if not each:
        testbed = yaml.safe_load((ROOT / "benchmark/suites/testbed.yaml").read_text())
        there = {kind(leaf) for leaf in edits.leaves(testbed)} - {("title",)} if suite == "paper" else set()
        leaves = [leaf for leaf in one_of_each_kind(leaves) if kind(leaf) not in there]
    walk(write, path, data, suite, expected, capsys, leaves)


def unknown(plan):
    """The drawing of sets whose rows are in a file: what it follows from is their prompts.csv, which is made anew."""
    sets = [name for name, asked in plan.sets.items() if prompt_place.needed(asked, plan.suite.world)]
    return {f"generate {name}/{grid.BASE.path}" for name in sets}


def none_retained(plan):
    """The drawing of models that lost none, where every concept is erased by some experiment; and of models that lost
    some, on sets on which no task looks at what is retained."""
    whole = [name for name, task in plan.tasks.items() if len(plan.suite.erased(name)) == len(task.concepts)]
    shown = {name for task in plan.tasks.values() for name in task.retained_on}
    lost = {(name, path) for name, path in plan.looked_at if plan.shards[path].concepts != (NOTHING,)}
    never = {f"generate {name}/{path}" for name, path in lost if name not in shown}
    return never.union(*(losing_nothing(plan, name) for name in whole))


def none_erased(plan):
    """The drawing of models that lost concepts, on sets whose rows ask for none of them; and all drawing on parts of a
    task's set that nobody loses anything of."""
    asked = {name: {concept.name for concept in task.concepts} for name, task in plan.tasks.items()}
    parts = [name for name, prompt_set in plan.sets.items() if prompt_set.source.kind == "part"]
    return set().union(*(drawn(plan, name) for name in parts)) | {
        f"generate {name}/{path}"
        for name, path in plan.looked_at
        if not set(plan.shards[path].concepts) & ({NOTHING} | asked.get(name, set()))
    }


def lost_others(plan, name, concept):
    """The drawing of models that lost other concepts, on a set on which no task looks at what is retained."""
    if any(name in task.retained_on for task in plan.tasks.values()):
        return set()
    paths = [path for asked, path in plan.looked_at if asked == name]
    return {f"generate {name}/{path}" for path in paths if not {NOTHING, concept} & set(plan.shards[path].concepts)}


def learners(plan, sets):
    """The tasks whose classifiers learn a class from images of the texts of these sets."""
    own = {name: s.classifier for name, s in plan.sets.items() if s.classifier and s.classifier.prompt_set == name}
    return [name for name, c in own.items() if any(getattr(text, "set", None) in sets for text in c.texts or ())]


# ── tasks ──


@EACH
@pytest.mark.parametrize("world", LARGEST)
@pytest.mark.parametrize("task", TASKS)
def test_each_value_of_a_task_changes_what_it_must(write, task, world, each, capsys):
    path = f"benchmark/tasks/{task}.yaml"
    data = yaml.safe_load((ROOT / path).read_text())
    suites = [name for name in LARGEST[world] if task in grid.plan({"suite": name}).sets]
    if not suites:
        assert world not in data["worlds"] or task == "nudity", "no suite draws its set"
        return
    suite = load_suite(suites[0])
    shown = views_of(suite, lambda e: task in (e.task, *load_task(e.task, world).sets))
    worded = views_of(suite, lambda e: e.task == task)  # these show the phrases of what is erased
    family = [name for name in TASKS if name == task or made_of(name, world) == task]

    def of_task(shard):
        return shard.task in family

    def expected(leaf, old, new):
        classifier = old.sets[task].classifier
        trained = classifier is not None and classifier.texts is not None
        if leaf == ("sensitive",) and "sensitive" in data["worlds"][world]:
            return set()
        if leaf in (("title",), ("sensitive",)):
            return shown
        if leaf == ("version",):
            return {"score "}
        if leaf[1] != world or leaf[2] == "others":
            return set()
        if leaf[2] == "sensitive":
            return shown
        if leaf[2] == "templates":
            uses = erasing(
                old,
                new,
                lambda shard: (
                    of_task(shard)
                    and shard.variant.method in TEMPLATES
                    and not (leaf[3] == "target" and settings(old, shard).get("sentence"))
                ),
            )
            return uses | {"score "} | (learnt(old, f"{task}_pool_anchor") if leaf[3] == "blank" else set())
        if leaf[2] == "retained_on":
            return (edits.names(old) ^ edits.names(new)) | {"score "} | worded
        if leaf[2] == "sentences":
            return erasing(old, new, lambda shard: of_task(shard) and settings(old, shard).get("sentence") == leaf[3])
        if leaf[2] == "anchors":
            named = erasing(
                old,
                new,
                lambda shard: (
                    of_task(shard) and leaf[3] in shard.concepts and settings(old, shard).get("named_anchor") == leaf[4]
                ),
            )
            return named | drawn(old, task)
        if leaf[2:] == ("classifier", "network"):
            judged = [name for name, s in old.sets.items() if s.classifier and s.classifier.prompt_set == task]
            return {f"train_classifier {task}", "score "}.union(*(looked_at(old, name) for name in judged))
        if leaf[2:4] in (("classifier", "blank"), ("classifier", "classes")):
            return learnt(old, f"{task}_training") | {"score "}
        if leaf[2] == "metrics":
            more = old.sets[task].observers != new.sets[task].observers
            return unread(old, new, task) | {"score "} | (looked_at(old, task) if more else set())
        if leaf[2] == "observers":
            return looked_at(old, task) | {"score "}
        assert leaf[2] == "concepts"
        concept, key = leaf[3], leaf[4] if len(leaf) > 4 else "phrase"
        erased = erasing(old, new, lambda shard: of_task(shard) and concept in shard.concepts)
        parts = [name for name, s in old.sets.items() if s.source.kind == "part" and s.source.of == task]
        parted = set().union(*(drawn(old, name) for name in parts))
        asked = parted.union(*(learnt(old, f"{name}_training") for name in learners(old, parts)))
        if key == "phrase":
            training = learnt(old, f"{task}_training") if trained else set()
            shows = [n for n, s in old.sets.items() if s.source.task in family and concept in s.source.concepts]
            beside = [name for name in family if concept in {c.name for c in old.tasks[name].concepts}]
            drawings = set().union(*(drawn(old, name) for name in beside))
            words = worded | views_of(suite, lambda e: e.task in beside)
            return drawings | words | erased | learnt(old, *shows) | training | asked | {"embed ", "score "}
        if key == "wordings":
            return drawn(old, task) | worded | asked | {"score "}
        if key == "class_name":
            training = learnt(old, f"{task}_training") | {f"train_classifier {task}"} if trained else set()
            return drawn(old, task) | training | parted | {"score "}
        assert key == "attributes"
        left = len(new.tasks[task].concept(concept).attributes)
        return {
            f"erase {shard.path}"
            for shard in old.shards.values()
            if f"erase {shard.path}" in erased and settings(old, shard).get("attributes", 0) > left
        }

    removed = tuple(("worlds", world, "metrics", metric) for metric in data["worlds"][world]["metrics"])

    def known(leaf, old, new):
        apart = lost_others(old, task, leaf[3]) if leaf[2:3] == ("concepts",) else set()
        return expected(leaf, old, new) - unknown(old) - apart

    leaves = list(edits.leaves(data))
    if not each:  # of the other world none, and in the paper's what the testbed's has not
        there = {kind(leaf)[2:] for leaf in leaves if leaf[1:2] == ("testbed",)} if world == "paper" else set()
        own = [leaf for leaf in leaves if leaf[1:2] in ((), (world,))]
        leaves = [leaf for leaf in one_of_each_kind(own) if not leaf[1:] or kind(leaf)[2:] not in there]
    walk(write, path, data, suite.name, known, capsys, leaves, removed)


def views_of(suite, chosen):
    return {f"view {view}" for e in suite.experiments.values() if chosen(e) for view in e.views}


def made_of(task, world):
    """The other task whose concepts a task erases, if it has them from one."""
    data = yaml.safe_load((ROOT / f"benchmark/tasks/{task}.yaml").read_text())
    return data["worlds"].get(world, {}).get("of")


# ── config.yaml ──


@pytest.mark.parametrize(
    "narrowed",
    [
        {"experiments": ["style"]},
        {"methods": ["esd"]},
        {"methods": ["advanchor-l1", "scramble"]},
        {"concepts": ["chalk"]},
        {"concepts": ["chalk", "church"]},
        {"seeds": [1]},
    ],
    ids=str,
)
def test_narrowing_changes_no_cause_of_what_is_left_but_of_shards_that_lose_concepts(narrowed):
    old, new = grid.plan({"suite": "testbed"}), grid.plan({"suite": "testbed"} | narrowed)
    before, after = edits.keys({"suite": "testbed"}), edits.keys({"suite": "testbed"} | narrowed)
    fewer = {shard for path, shard in new.shards.items() if shard.concepts != old.shards[path].concepts}
    less = {f"erase {shard.path}" for shard in fewer}.union(*(drawing(new, shard) for shard in fewer))
    shown = {job for job in after if job.startswith("view ") and set(old.experiments) != set(new.experiments)}
    got = {job for job in after if before[job] != after[job]}
    assert got - shown == less | (pools(old, new) & set(after)) | {"score "}
