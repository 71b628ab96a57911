"""Which network looks for which metric: the names of metrics, observers (eyes) and what a task needs of them.

Imports no plugin: the planner asks, too, and must stay light.
"""

from __future__ import annotations

from benchmark import plugins
from benchmark.errors import ConfigError
from benchmark.records import Task
from benchmark.source import literal


def metric(name: str, where: str = "metrics") -> tuple[str, str]:
    """A metric's module and the eye whose evidence it reads: `fid_testbed` is `fid` seen by `testbed`."""
    modules = {m: literal(f"benchmark/metrics/{m}.py", "EYE") for m in plugins.names("benchmark/metrics")}
    for module, eye in modules.items():
        if name == module and eye:
            return module, eye
        if eye is None and name.startswith(f"{module}_"):
            return module, name.removeprefix(f"{module}_")
    allowed = [module if eye else f"{module}_<eye>" for module, eye in modules.items()]
    raise ConfigError(plugins.unknown(where, name, allowed, "metric"))


def needed(task: Task) -> dict[str, str]:
    """The eyes that a task's metrics need, each with the file of `benchmark/observers/` that is it."""
    folder = "benchmark/observers"
    observers: dict[str, str] = {}
    for name in plugins.names(folder):
        eye = literal(f"{folder}/{name}.py", "NAME")
        if not eye or eye in observers:
            why = f"is that of {observers[eye]}.py, too" if eye else "is missing"
            raise ConfigError(f"{folder}/{name}.py: its NAME, by which metrics ask for it, {why}")
        observers[eye] = name
    where = f"benchmark/tasks/{task.name}.yaml: metrics"
    wanted = dict.fromkeys(metric(name, where)[1] for name in task.metrics)
    for eye in wanted:
        if eye not in observers:
            raise ConfigError(plugins.unknown(where, eye, sorted(observers), "eye"))
    return {eye: observers[eye] for eye in wanted}
