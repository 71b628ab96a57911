"""What each job depends on, written once: a rule's parameter `cause`, and in runners the key of what they keep.

A cause holds all that the bytes of a result follow from: values of suites and tasks, the code that makes it, libraries'
versions. Files that other jobs make are not in it: Snakemake watches them as inputs of a rule, and runners put their
hashes into keys. A method or an observer is given what stands in its cause and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cache, partial
from typing import Any

from benchmark.plan import code, counted, grid, prompt_place, prompt_rows, source, variants, view_details
from benchmark.plan.config import load_set, load_task, phrases
from benchmark.plan.libraries import versions as _versions
from benchmark.plan.prompt_rows import Rows
from benchmark.plan.records import Classifier, PromptSet, Task, Variant, digest
from benchmark.plan.requests import GROUPS, groups, request, words
from benchmark.plan.suite import Suite
from benchmark.plan.versions import of_measure, of_set, of_variant

LIBRARIES = ("torch", "diffusers", "transformers", "tokenizers", "numpy", "pillow")
SEEING = (
    *("torch", "torchvision", "pillow", "lpips", "torch_fidelity"),
    *("nudenet", "onnxruntime", "opencv-python-headless"),
)
SHIPPED = ("testbed/classifiers/backbone.safetensors", "testbed/classifiers/classes.json")

Cause = dict[str, Any]


def jobs(plan: grid.Plan) -> dict[tuple[str, str], Callable[[], Cause]]:
    """The cause of every job of a plan, by its rule and by what tells the rule's jobs apart; made when it is asked for.

    That is a shard's path, a prompt set's name, both with a / between them, or a view's name.
    """
    suite = plan.suite
    causes = {("base", ""): lambda: base(suite), ("score", ""): lambda: scores(plan)}
    if view_details.need("EMBEDDINGS", suite, plan.experiments):
        causes["embed", ""] = lambda: embedding(suite)
    rows = cache(lambda name: prompt_rows.known(plan.sets[name], suite, plan.files))  # many jobs ask for the same
    asked = cache(lambda name, concepts: images(suite, plan.sets[name], rows(name), concepts))
    seen = cache(lambda name, erased: observation(suite, plan.sets[name], erased))
    for name, prompt_set in plan.sets.items():
        causes["prompts", name] = partial(prompts, suite, prompt_set, lambda name=name: rows(name), plan.files)
        if not prompt_set.measures:  # images from which a classifier or a method learns
            causes["generate", f"{name}/{grid.BASE.path}"] = partial(asked, name, grid.BASE.concepts)
        if prompt_set.classifier:
            own = prompt_set.classifier.prompt_set
            causes["train_classifier", own] = partial(classifier, suite, prompt_set.classifier)
    for path, shard in plan.shards.items():
        if variants.adopts(shard.variant):
            causes["adopt_models", path] = partial(_adopted, suite, shard.variant)
        elif shard != grid.BASE:
            causes["erase", path] = partial(_erasures, suite, plan.tasks[shard.task], shard)
    for name, path in plan.looked_at:
        shard, prompt_set, key = plan.shards[path], plan.sets[name], f"{name}/{path}"
        causes["observe", key] = partial(seen, name, shard != grid.BASE and name in plan.tasks[shard.task].erased_on)
        causes["generate", key] = partial(asked, name, shard.concepts)
        if variants.adopts(shard.variant) == "images":
            causes["adopt_images", key] = lambda shard=shard, name=name: (
                _adopted(suite, shard.variant) | {"rows": asked(name, shard.concepts)["rows"]}
            )
        elif prompt_set.source.kind == "attack" and shard != grid.BASE:
            found = cache(lambda name=name: attack(suite, plan.sets[name], rows(name)))
            causes["attack", key] = found
            causes["generate", key] = lambda found=found: {"drawing": digest(drawing(suite)), "attack": digest(found())}
    if suite.gate:
        causes["gate", ""] = lambda: gate(plan)
    return causes | {("view", name): partial(view, plan, name) for name in (*plan.views, *plan.empty)}


# ── models ──


def base(suite: Suite) -> Cause:
    """The base model: which it is, and what is checked of it."""
    return {
        "base": suite.base,
        "revision": suite.revision,
        "size": suite.sampler.size,
        "code": _code(counted.CHECKING),
    }


def erasure(suite: Suite, task: Task, variant: Variant, concepts: tuple[str, ...], seed: int) -> Cause:
    """One erased model. Its runner adds the base model's files and the pool's images."""
    if problem := source.broken(variant.file):
        return {"broken": problem}
    settings, asked = variants.settings(suite, variant), request(suite, task, variant, concepts)
    return {
        "request": asdict(asked),
        "settings": settings,
        "seed": seed,
        "size": suite.sampler.size,
        "threads": suite.sampler.threads,
        "code": _code(counted.ERASING + (" plan/records.py:Templates" if asked.templates else ""), variant.file),
        "data": code.data(variant.file),
        "groups": {group: code.key(f"{GROUPS}:GROUPS[{group}]") for group in groups(variant, settings)},
        "libraries": _versions(*LIBRARIES),
    }


def _erasures(suite: Suite, task: Task, shard: grid.Shard) -> Cause:
    return {name: erasure(suite, task, shard.variant, (name,), shard.erasing_seed) for name in shard.concepts}


def adoption(suite: Suite) -> Cause:
    """Weights or images that were made elsewhere. Their runner adds the hashes of the files, wherever these lie."""
    return {"size": suite.sampler.size, "code": _code(counted.ADOPTING)}


def _adopted(suite: Suite, variant: Variant) -> Cause:
    return adoption(suite) | {"settings": variants.settings(suite, variant)}


# ── texts ──


def embedding(suite: Suite) -> Cause:
    """The distances of the embeddings of concepts' phrases."""
    return {
        "texts": phrases(suite),
        "threads": suite.sampler.threads,
        "code": _code(counted.EMBEDDING),
        "libraries": _versions("torch", "transformers"),
    }


# ── images ──


def drawing(suite: Suite) -> Cause:
    """How images are drawn. The runner adds to an image's key its model, its prompt and its noise."""
    return {"sampler": asdict(suite.sampler), "code": _code(counted.DRAWING), "libraries": _versions(*LIBRARIES)}


def prompts(suite: Suite, prompt_set: PromptSet, rows: Callable[[], Rows], files: Mapping[str, str]) -> Cause:
    """prompts.csv: its rows or, for a set that reads a file, what the set's own file says of it."""
    if not prompt_place.needed(prompt_set, suite.world):
        return {"rows": _digest(rows()), "code": _code(counted.WRITING)}
    said = prompt_place.cause(prompt_set, suite.world, files)
    learns = load_set(prompt_set.source.task, suite.world).classifier if prompt_set.source.kind == "training" else None
    more = {"learns": digest([learns.classes, learns.texts, suite.budgets.train])} if learns else {}
    return {"source": said, "rows": suite.budgets.rows, "code": _code(counted.READING)} | more


def attack(suite: Suite, prompt_set: PromptSet, rows: Rows) -> Cause:
    """What an attack makes of rows. Its runner adds the model."""
    return {
        "settings": prompt_set.source.settings,
        "rows": _digest(rows),
        "size": suite.sampler.size,
        "threads": suite.sampler.threads,
        "code": _code(counted.ATTACKING, f"attacks/{prompt_set.source.attack}.py"),
        "data": code.data(f"attacks/{prompt_set.source.attack}.py"),
        "libraries": _versions(*LIBRARIES),
    }


def images(suite: Suite, prompt_set: PromptSet, rows: Rows, concepts: Iterable[str]) -> Cause:
    """The images of a job: for each model, named by the concept that it lost, the rows of which it draws."""
    asked = {name: _digest(rows and prompt_rows.of_model(rows, prompt_set, suite, name)) for name in concepts}
    return {"drawing": digest(drawing(suite)), "rows": asked}


# ── evidence ──


def classifier(suite: Suite, trained: Classifier) -> Cause:
    """A trained classifier, or the card of one that comes trained. Which images it learns from is its rule's input."""
    return {
        "network": trained.network,
        "classes": trained.classes,
        "threads": suite.sampler.threads,
        "code": _code(counted.TRAINING, f"classifiers/{trained.network}.py"),
        "libraries": _versions("torch", "torchvision"),
    }


def looking(suite: Suite, prompt_set: PromptSet, observer: str) -> Cause:
    """How one observer looks. The runner adds to an image's key the classifier's files, the image and its reference."""
    file, network = f"benchmark/observers/{observer}.py", None
    if prompt_set.classifier and "classifier" in words(file):
        network = prompt_set.classifier.network
    return {
        "settings": prompt_set.observers[observer],
        "classifier": network,
        "batch": suite.sampler.batch,
        "threads": suite.sampler.threads,
        "code": _code(counted.LOOKING, file, *([f"classifiers/{network}.py"] if network else [])),
        "libraries": _versions(*SEEING),
    }


def observation(suite: Suite, prompt_set: PromptSet, erased: bool) -> Cause:
    """All that is seen in the images of a job; where they show what was `erased`, they must not be as before."""
    return {
        "observers": {name: digest(looking(suite, prompt_set, name)) for name in prompt_set.observers},
        "size": suite.sampler.size,
        "erased": erased,
    }


# ── numbers and views ──


def gate(plan: grid.Plan) -> Cause:
    """What is expected of the original model and the classifiers, and how their numbers are computed."""
    suite, sets = plan.suite, [plan.sets[name] for name in plan.suite.gate if name in plan.sets]
    return {
        "gate": {name: asdict(each) for name, each in suite.gate.items()},
        "ungated": suite.ungated,
        "measures": {s.name: digest([m for m in s.measures if m.metric == suite.gate[s.name].metric]) for s in sets},
        "code": _code(f"gate.py {counted.SCORING}", *_metrics(sets)),
        "libraries": _versions("numpy", "scipy", "pandas"),
    }


def scores(plan: grid.Plan) -> Cause:
    """scores.csv: what is asked of the evidence, erasure by erasure, and what versions of numbers are made of."""
    suite = plan.suite
    asked = dict.fromkeys(erasure.variant for erasures in plan.experiments.values() for erasure in erasures)
    return {
        "suite": suite.name,
        "experiments": digest(plan.experiments),
        "run": digest([[erasure, run] for erasure, run in plan.run.items()]),
        "tasks": {
            t.name: [t.erased_on, t.retained_on, suite.erased(t.name), *t.anchors_on] for t in plan.tasks.values()
        },
        "sets": {name: _numbers(suite, plan.sets[name]) for name in dict(plan.looked_at)},
        "variants": {str(variant): digest(of_variant(suite, variant)) for variant in asked},
        "code": _code(counted.SCORING, *_metrics(plan.sets.values()), *_details(suite, plan.experiments)),
        "libraries": _versions("numpy", "scipy", "pandas"),
    }


def _numbers(suite: Suite, prompt_set: PromptSet) -> Any:
    """How a set's images become numbers, and under which conditions; which rows it has is in its prompts.csv."""
    measures = [[measure.name, of_measure(prompt_set, measure)] for measure in prompt_set.measures]
    return [prompt_set.version, prompt_set.score_by, digest([of_set(suite, prompt_set), measures])]


def view(plan: grid.Plan, name: str) -> Cause:
    """A table or a figure: whose numbers it shows, and the words that it puts to them."""
    suite, file = plan.suite, f"benchmark/{name}.py"
    experiments = {key: e for key, e in suite.experiments.items() if name in e.views}
    tasks = [load_task(task, suite.world) for task in dict.fromkeys(e.task for e in experiments.values())]
    sets = [load_set(asked, suite.world) for task in tasks for asked in task.sets]
    rows = dict.fromkeys(Variant(variant) for e in experiments.values() for variant in e.variants)
    return {
        "suite": [suite.name, suite.title, suite.ungated],
        "experiments": [key for key in experiments if key in plan.experiments],
        "order": digest([[e.variants, e.concepts] for e in experiments.values()]),
        "words": digest([[t.name, t.title, t.sensitive, [c.phrases for c in t.concepts]] for t in tasks]),
        "sets": digest([[s.name, s.title, s.sensitive] for s in sets]),
        "told": [str(variant) for variant in rows if variants.told(suite, variant)],
        "notes": {v.file: source.literal(v.file, "NOTE") for v in rows if not source.broken(v.file)},
        "code": _code(counted.VIEWING, file, *_metrics(sets)),
        "libraries": _versions("numpy", "scipy", "pandas", "matplotlib"),
    }


def _details(suite: Suite, experiments: Iterable[str]) -> list[str]:
    return [f"benchmark/details/{name}.py" for name in view_details.details(suite, experiments)]


def _digest(rows: Rows) -> str:
    return digest(repr(rows and [tuple(vars(row).values()) for row in rows]))  # plain values, and many


def _metrics(sets: Iterable[PromptSet]) -> list[str]:
    named = dict.fromkeys(measure.metric for prompt_set in sets for measure in prompt_set.measures)
    return [f"benchmark/metrics/{name}.py" for name in named]


# ── code ──


def shipped(suite: Suite) -> list[str]:
    """The weights behind the testbed's classifiers and observer."""
    return list(SHIPPED) if suite.world == "testbed" else []


def _plugin(*files: str) -> list[str]:
    """Plugins and what they import of this repository, without what counts for nothing."""
    return [file for file in code.closure(*files) if not file.startswith(counted.APART)]


@cache
def _code(core: str, *plugins: str) -> str:
    return code.key(*(f"benchmark/{part}" for part in core.split()), *_plugin(*plugins))
