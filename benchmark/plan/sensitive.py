"""Which images are sensitive: views mask them, and their files are their owner's alone."""

from __future__ import annotations

from benchmark.plan import plugins
from benchmark.plan.config import load_set, load_task
from benchmark.plan.records import NOTHING


def sensitive(prompt_set: str, task: str, world: str) -> bool:
    """Whether images of a prompt set are sensitive that a model of a task has drawn (of `NOTHING`: the original).

    They are if the file of the set or of the task says so. Images from which classifiers and methods learn are so if
    the task says so from whose concepts they are derived.
    """
    if task != NOTHING and load_task(task, world).sensitive:
        return True
    tasks = plugins.names("benchmark/tasks", ".yaml")
    if prompt_set in (*tasks, *plugins.names("benchmark/prompt_sets", ".yaml")):
        return load_set(prompt_set, world).sensitive
    derived = [name for name in tasks if prompt_set.startswith((f"{name}_training", f"{name}_pool_"))]
    return any(load_task(name, world).sensitive for name in derived)
