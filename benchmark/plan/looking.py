"""How the images of a prompt set are looked at, as files of tasks and of prompt sets declare it.

Imports no plugin: files of metrics and observers are read as syntax trees, for the planner must stay light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from benchmark.errors import ConfigError
from benchmark.plan import plugins, ranges, source, strict
from benchmark.plan.records import Measure, TextsOf
from benchmark.plan.selection import choose

METRICS, OBSERVERS = "benchmark/metrics", "benchmark/observers"
Observed = str | Mapping[str, Any]  # an observer, or a mapping of `observer` and settings of the metric


@dataclass(frozen=True)
class DeclaredClassifier:
    """The key `classifier`: `network` is a file of `classifiers/`; with `blank` or `classes` it is trained.

    `blank` is the text of the class of this name, `classes` are others that are no concepts: the text of each, or the
    prompts of a set. Sets that are files may take the classifier `of` a task instead.
    """

    network: str | None = None
    blank: str | None = None
    of: str | None = None
    classes: Mapping[str, str | TextsOf] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Looking:
    """What a task's file and a prompt set's file have in common.

    `metrics` maps each metric to its observer, or to a mapping of `observer` and settings of the metric, or to a list
    of these. `observers` maps observers to settings of theirs.
    """

    metrics: Mapping[str, Annotated[Any, strict.Form(Observed | tuple[Observed, ...])]]
    classifier: DeclaredClassifier | None = None
    observers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def measures(declared: Looking, where: str) -> tuple[Measure, ...]:
    """The measures that a file declares, in its order. Raises `ConfigError` for a name or setting that there is not."""
    if not declared.metrics:
        raise ConfigError(f"{strict.at(where, 'metrics')}: there is none")
    chosen = [
        _measure(metric, entry, f"{strict.at(where, 'metrics')}.{metric}")
        for metric, value in declared.metrics.items()
        for entry in (value if isinstance(value, list) else [value])
    ]
    names = [measure.name for measure in chosen]
    for measure in chosen:
        if names.count(measure.name) > 1:
            raise ConfigError(
                f"{strict.at(where, 'metrics')}.{measure.metric}: reads the observer {measure.observer} twice"
            )
        if measure.observer == "classifier" and declared.classifier is None:
            raise ConfigError(
                f"{strict.at(where, 'metrics')}.{measure.metric}: needs a classifier, and the key classifier is missing"
            )
    return tuple(chosen)


def _measure(metric: str, entry: Any, where: str) -> Measure:
    choose([metric], plugins.names(METRICS), where.rpartition(".")[0])
    given = {"observer": entry} if isinstance(entry, str) else dict(strict.mapping(entry, where))
    observer, only = given.pop("observer", None), source.literal(f"{METRICS}/{metric}.py", "OBSERVER")
    allowed = [only] if only else plugins.names(OBSERVERS)
    if observer not in allowed:
        raise ConfigError(plugins.unknown(where, observer, allowed, "observer"))
    return Measure(metric, observer, settings(f"{METRICS}/{metric}.py", given, where))


def observers(declared: Looking, chosen: tuple[Measure, ...], where: str) -> dict[str, dict[str, Any]]:
    """Every observer that the measures read, with all its settings: its file's defaults and what is declared."""
    needed = dict.fromkeys(measure.observer for measure in chosen)
    for name in declared.observers:
        choose([name], needed, strict.at(where, "observers"))
    return {
        name: settings(
            f"{OBSERVERS}/{name}.py", declared.observers.get(name), f"{strict.at(where, 'observers')}.{name}"
        )
        for name in needed
    }


def settings(file: str, given: Any, where: str) -> dict[str, Any]:
    """All settings of a plugin's class `Settings`: the defaults in its file, and above them what is given."""
    declared = source.settings(file)
    values = {key: setting.default for key, setting in declared.items()}
    for key, value in strict.mapping(given, where).items():
        if key not in declared:
            raise ConfigError(plugins.unknown(where, key, declared, "setting"))
        values[key] = strict.build(declared[key].kind, value, f"{where}.{key}")
        ranges.check(key, values[key], declared[key].default, f"{where}.{key}")
    return values
