"""What a suite can run, and what of it a selection would: `python -m benchmark.tools.available`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.errors import ConfigError
from benchmark.plan import grid, plugins, source, variants
from benchmark.plan.config import load_task
from benchmark.plan.records import Variant
from benchmark.plan.suite import Suite
from benchmark.running import cli


def main(
    suite: str = "quick", experiments: str = "all", methods: str = "all", concepts: str = "all", seeds: str = "all"
) -> None:
    """Print experiments, methods and concepts, where a method's settings differ from its file's, what cannot be run.

    Args:
        suite: A file of benchmark/suites/.
        experiments: Those to print, as a run would select them: names with commas between them.
        methods: The same.
        concepts: The same.
        seeds: The same, whole numbers.
    """
    chosen = {"experiments": experiments, "methods": methods, "concepts": concepts, "seeds": seeds}
    loaded, _, left = grid.narrow({"suite": suite, **chosen})
    s = loaded.sampler
    print(f"suite {suite}: {loaded.title}")
    print(f"{loaded.base}, {s.scheduler} in {s.steps} steps, guidance {s.guidance:g}, {s.size} px")
    narrowed = [f"{key} {given}" for key, given in chosen.items() if given != "all"]
    print(f"of it, what is selected: {'; '.join(narrowed)}\n" if narrowed else "")
    for name, experiment in left.items():
        task = load_task(experiment.task, loaded.world)
        print(f"experiment {name}: task {experiment.task}")
        print(f"  methods   {', '.join(experiment.variants)}")
        evaluated = ", ".join(concept.name for concept in task.concepts)
        print(f"  concepts  {', '.join(experiment.concepts)}, of {evaluated}")
        print(f"  sets      {', '.join(task.sets)}")
        print(f"  seeds     {', '.join(map(str, experiment.seeds))}")
        print(f"  views     {', '.join(experiment.views)}\n")
    print("settings, in brackets the file's own where they differ:")
    shown = dict.fromkeys(Variant(name) for experiment in left.values() for name in experiment.variants)
    for variant in shown:
        print(f"  {variant.name:24}  {_in_brief(loaded, variant)}")
    if methods == "all":
        _print_others(loaded, {variant.method for variant in shown})
    others = [name for name in plugins.names("benchmark/suites", ".yaml") if name != suite]
    print(f"\nother suites: {', '.join(others)}")


def _print_others(suite: Suite, shown: set[str]) -> None:
    """The methods that no experiment has: they run where they are named, or are files that nothing can run."""
    others = [name for name in plugins.names("methods") if name not in shown]
    if others:
        print("\nin methods/, but in no experiment of these: name them, and they run in each")
    for name in others:
        why = _problem(name)
        print(f"  {name:24}  cannot be run: {why}" if why else f"  {name}")


def _in_brief(suite: Suite, variant: Variant) -> str:
    """The settings that differ from the defaults in the method's file, or why it cannot be run."""
    if why := _problem(variant.method):
        return f"cannot be run: {why}"
    told = ["told what is evaluated"] if variants.told(suite, variant) else []
    return ", ".join([*told, *_settings(suite, variant)]) or "–"


def _problem(method: str) -> str | None:
    """What is wrong with a method's file, as planning a run would say; None if nothing is."""
    try:
        variants.check_name(method)
    except ConfigError as error:
        return str(error)
    return grid.broken(f"methods/{method}.py")


def _settings(suite: Suite, variant: Variant) -> Iterator[str]:
    defaults = source.settings(variant.file)
    for key, value in variants.settings(suite, variant).items():
        if value != defaults[key].default:
            yield f"{key} {_plain(value)} ({_plain(defaults[key].default)})"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


if __name__ == "__main__":
    cli.run(main)
