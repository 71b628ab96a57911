"""What each job depends on, written once: a rule's parameter `cause`, and in runners the key of what they keep.

A cause holds all that the bytes of a result follow from: values of suites and tasks, the code that makes it, libraries'
versions. Files that other jobs make are not in it: Snakemake watches them as inputs of a rule, and runners put their
hashes into keys. A method or an observer is given what stands in its cause and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmark import code, eyes, grid, prompts, source
from benchmark.config import Suite, label_settings, load_task, module
from benchmark.records import Concept, Prompt, Target, Task, Templates, digest

# The code that determines bytes, stage by stage: files of benchmark/, or single definitions in them. Plugins and what
# they import come on top.
CHECKING = "base.py compatible.py parts.py trial.py"
DRAWING = (
    "generate.py sampling.py guidance.py apply.py diffusion.py compatible.py:schedule compatible.py:KEPT"
    " compatible.py:OVERRIDDEN compatible.py:prediction compatible.py:reduction guard.py:_kept manifest.py"
    " devices.py:device weights.py:base weights.py:read_delta"
)
ERASING = (
    "erase.py guard.py:untouched guard.py:_kept workbench.py diffusion.py compatible.py:schedule compatible.py:KEPT"
    " compatible.py:OVERRIDDEN compatible.py:prediction compatible.py:reduction devices.py:device manifest.py:picture"
    " records.py:Request weights.py:save_delta weights.py:_file"
)
TRAINING = "classify.py devices.py:device manifest.py:picture weights.py:_file"
LOOKING = "observe.py evidence.py devices.py:device manifest.py:picture"
SCORING = "score.py scores.py:COLUMNS versions.py evidence.py manifest.py:Image records.py:asked_for"
VIEWING = (
    "view.py typeset.py plot.py marks.py summary.py scores.py versions.py evidence.py:read manifest.py:picture"
    " records.py:asked_for"
)

# Files that count for nothing: they determine no byte, or what they make of a run stands in causes as values, or causes
# name their definitions one by one.
APART = (
    "causes checkpoint cli code config contract devices errors eyes files grid groups hub inventory job lease parts"
    " plugins prompts protocols ranges records selection source strict suite texts trial"
)
GROUPS = "benchmark/groups.py"
LIBRARIES = ("torch", "diffusers", "transformers")
SHIPPED_JUDGES = ("testbed/judges/backbone.safetensors", "testbed/judges/classes.json")

Cause = dict[str, Any]


def jobs(plan: grid.Plan) -> dict[tuple[str, str], Callable[[], Cause]]:
    """The cause of every job of a plan, by its rule and by what tells the rule's jobs apart; made when it is asked for.

    That is a part's path, a pool's path, a task's name or a view's name.
    """
    suite, found = plan.suite, {("base", ""): lambda: base(suite), ("score", ""): lambda: scores(plan)}
    asked = cache(lambda task, concepts: evaluation(suite, plan.tasks[task], concepts))  # many jobs ask for the same
    seen = cache(lambda task: observation(suite, plan.tasks[task]))
    for name, task in plan.tasks.items():
        found["classify", name] = partial(judge, suite, task)
        if task.judge.train:
            found["train_images", name] = partial(train_images, suite, task)
    for path, pool in grid.pools(plan).items():
        found["pool", path] = partial(pool_images, suite, plan.tasks[pool.task], pool.kind, pool.concepts)
    for path, part in plan.parts.items():
        if part.method != grid.ORIGINAL:
            found["erase", path] = partial(_erasures, suite, plan.tasks[part.task], part)
        found["generate", path] = partial(asked, part.task, part.concepts)
        found["observe", path] = partial(seen, part.task)
    return found | {("view", name): partial(view, plan, name) for name in plan.views}


# ── models ──


def base(suite: Suite) -> Cause:
    """The base model: which it is, and what is checked of it."""
    return {
        "base": suite.base,
        "revision": suite.revision,
        "size": suite.sampler.size,
        "code": _code(CHECKING),
    }


def erasure(suite: Suite, task: Task, method: str, concept: str, seed: int) -> Cause:
    """One erased model. Its runner adds the base model's files and the pool's images."""
    if problem := source.broken(module(method)):
        return {"broken": problem}
    settings, told = label_settings(suite, method), templates(task, method)
    return {
        "concept": asdict(target(task, method, concept, settings)),
        "templates": told and asdict(told),
        "settings": settings,
        "seed": seed,
        "size": suite.sampler.size,
        "threads": suite.sampler.threads,
        "code": _code(ERASING + (" records.py:Templates" if told else ""), module(method)),
        "groups": {group: code.key(f"{GROUPS}:GROUPS[{group}]") for group in groups(method, settings)},
        "libraries": _versions(*LIBRARIES),
    }


def _erasures(suite: Suite, task: Task, part: grid.Part) -> Cause:
    return {name: erasure(suite, task, part.method, name, part.seed) for name in part.concepts}


def target(task: Task, method: str, name: str, settings: Mapping[str, Any]) -> Target:
    """What a method is told of the concept that it erases.

    It gets as many attributes as its setting `attributes` says, and those anchors that its file or a setting names.
    """
    concept = Concept(name, "", "") if name == grid.NOTHING else task.concept(name)
    named = _words(module(method)) | set(map(str, settings.values()))
    anchors = {anchor: text for anchor, text in concept.anchors.items() if anchor in named}
    return Target(name, concept.phrase, concept.attributes[: settings.get("attributes", 0)], anchors)


def templates(task: Task, method: str) -> Templates | None:
    """The task's prompts, for methods whose file says `templates`."""
    return task.templates if "templates" in _words(module(method)) else None


def groups(method: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups of weights that a method's file or a setting of it names: it may train no other."""
    named = _words(module(method)) | set(map(str, settings.values()))
    return tuple(group for group in code.entries(GROUPS, "GROUPS") if group in named)


# ── images ──


def drawing(suite: Suite) -> Cause:
    """How images are drawn. The runner adds to an image's key its model, its prompt and its noise."""
    return {"sampler": asdict(suite.sampler), "code": _code(DRAWING), "libraries": _versions(*LIBRARIES)}


def images(suite: Suite, sets: Mapping[str, Iterable[Prompt]]) -> Cause:
    """The images of a job: for each model, named by the concept that it lost, the rows that it draws."""
    return {"drawing": digest(drawing(suite)), "rows": {model: _digest(asked) for model, asked in sets.items()}}


def evaluation(suite: Suite, task: Task, concepts: Iterable[str]) -> Cause:
    """The images on which the models without `concepts` are evaluated."""
    asked = {name: prompts.prompts(task, suite, None if name == grid.NOTHING else name) for name in concepts}
    return images(suite, asked)


def train_images(suite: Suite, task: Task) -> Cause:
    return images(suite, {grid.NOTHING: prompts.train_prompts(task.judge, suite)})


def pool_images(suite: Suite, task: Task, kind: str, concepts: tuple[str, ...]) -> Cause:
    return images(suite, {grid.NOTHING: prompts.pool_prompts(task, suite, kind, concepts)})


# ── evidence ──


def judge(suite: Suite, task: Task) -> Cause:
    """A trained judge, or the card of one that comes trained. Which images it learns from is its rule's input."""
    return {
        "classifier": task.judge.classifier,
        "classes": task.judge.classes,
        "threads": suite.sampler.threads,
        "code": _code(TRAINING, f"classifiers/{task.judge.classifier}.py"),
        "libraries": _versions("torch", "torchvision"),
    }


def looking(suite: Suite, task: Task, eye: str) -> Cause:
    """How one observer looks. The runner adds to a picture's key the files of the judge, the image and its partner."""
    file = f"benchmark/observers/{eyes.needed(task)[eye]}.py"
    shown = shown_to(task, file)
    plugins = [file, f"classifiers/{shown.judge.classifier}.py"] if shown.judge else [file]
    return {
        "task": [task.name, task.world],
        "judge": shown.judge and asdict(shown.judge) | {"train": shown.judge.train is not None},
        "detector": shown.detector and {"classes": shown.detector.classes, "sizes": shown.detector.sizes},
        "batch": suite.sampler.batch,
        "threads": suite.sampler.threads,
        "code": _code(LOOKING, *plugins),
        "libraries": _versions("torch", "torchvision", "pillow", "nudenet", "lpips", "torch_fidelity"),
    }


def shown_to(task: Task, file: str) -> Task:
    """A task as an observer is shown it: without concepts, and with judge and detector only if its file says so."""
    used = _words(file)
    judge, detector = (getattr(task, name) if name in used else None for name in ("judge", "detector"))
    return replace(task, concepts=(), metrics=(), judge=judge, detector=detector)


def observation(suite: Suite, task: Task) -> Cause:
    """All that is seen in the images of a job. Concepts' labels are compared with what the judge knows."""
    return {
        "eyes": {eye: digest(looking(suite, task, eye)) for eye in eyes.needed(task)},
        "labels": [concept.label for concept in task.concepts],
        "size": suite.sampler.size,
    }


# ── numbers and views ──


def scores(plan: grid.Plan) -> Cause:
    """scores.csv: what is asked of the evidence, cell by cell, and what versions of numbers are made of."""
    suite = plan.suite
    methods = dict.fromkeys(cell.method for cells in plan.experiments.values() for cell in cells)
    return {
        "suite": digest([suite.name, suite.base, suite.revision, suite.sampler, suite.budgets]),
        "experiments": digest(plan.experiments),
        "methods": {method: [module(method), label_settings(suite, method)] for method in methods},
        "aliases": dict(plan.aliases),
        "tasks": {name: _asked(suite, task) for name, task in plan.tasks.items()},
        "code": _code(SCORING, *_metrics(plan.tasks.values())),
        "libraries": _versions("numpy", "scipy", "pandas"),
    }


def view(plan: grid.Plan, name: str) -> Cause:
    """A table or a figure: whose numbers it shows, and the words that it puts to them."""
    suite, file = plan.suite, f"benchmark/{name}.py"
    experiments = {key: e for key, e in suite.experiments.items() if name in e.views}
    tasks = [load_task(task, suite.world) for task in dict.fromkeys(e.task for e in experiments.values())]
    methods = dict.fromkeys(module(label) for e in experiments.values() for label in e.methods)
    return {
        "suite": [suite.name, suite.title],
        "experiments": [key for key in experiments if key in plan.experiments],
        "order": digest([[e.methods, e.concepts] for e in experiments.values()]),
        "words": digest([[t.name, t.title, t.sensitive, [c.probes for c in t.concepts]] for t in tasks]),
        "notes": {file: source.literal(file, "NOTE") for file in methods if not source.broken(file)},
        "code": _code(VIEWING, file, *_metrics(tasks)),
        "libraries": _versions("numpy", "scipy", "pandas", "matplotlib"),
    }


def _asked(suite: Suite, task: Task) -> Any:
    """What evaluating a task asks for, and what its numbers say of it."""
    asked = [prompts.prompts(task, suite, erased) for erased in (None, *suite.erased(task.name))]
    rows = [_digest(rows) for rows in asked]
    labels = {concept.name: concept.label for concept in task.concepts}
    return [task.version, task.metrics, labels, task.detector and task.detector.threshold, rows]


def _digest(rows: Iterable[Prompt]) -> str:
    return digest(repr([(row.text, row.probe, row.seed, row.images) for row in rows]))  # plain values, and many


def _metrics(tasks: Iterable[Task]) -> list[str]:
    named = dict.fromkeys(eyes.metric(name)[0] for task in tasks for name in task.metrics)
    return [f"benchmark/metrics/{name}.py" for name in named]


# ── code ──


def shipped(suite: Suite) -> list[str]:
    """The weights behind the testbed's judges and eye."""
    return list(SHIPPED_JUDGES) if suite.world == "testbed" else []


def _plugin(*files: str) -> list[str]:
    """Plugins and what they import of this repository, without what counts for nothing."""
    apart = {f"benchmark/{name}.py" for name in APART.split()}
    return [file for file in code.closure(*files) if file not in apart]


def _words(plugin: str) -> frozenset[str]:
    """The names and texts in a plugin and in what it imports of other plugins, but not of the core."""
    return code.words(*(file for file in code.closure(plugin) if file.rpartition("/")[0] != "benchmark"))


def _code(core: str, *plugins: str) -> str:
    return code.key(*(f"benchmark/{part}" for part in core.split()), *_plugin(*plugins))


def _versions(*libraries: str) -> dict[str, str]:
    """The versions of libraries; of torch's builds for different devices the number is the same."""
    return {name: _version(name) for name in libraries}


@cache
def _version(library: str) -> str:
    try:
        return version(library).partition("+")[0]
    except PackageNotFoundError:
        return "is not installed"
