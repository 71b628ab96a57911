"""What a suite can run, and what of it a selection would: `python -m benchmark.available`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark import cli, config, grid, plugins, source
from benchmark.errors import ConfigError


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
        asked = [concept.name for concept in config.load_task(experiment.task, loaded.world).concepts]
        print(f"experiment {name}: task {experiment.task}")
        print(f"  methods   {', '.join(experiment.methods)}")
        print(f"  concepts  {', '.join(experiment.concepts)}; each model is asked for {', '.join(asked)}")
        print(f"  seeds     {', '.join(map(str, experiment.seeds))}")
        print(f"  views     {', '.join(experiment.views)}\n")
    print("settings, in brackets the file's own where they differ:")
    for label in dict.fromkeys(label for experiment in left.values() for label in experiment.methods):
        try:
            print(f"  {label:24}  {', '.join(_settings(loaded, label)) or '–'}")
        except ConfigError as error:
            print(f"  {label:24}  cannot be run: {error}")
    if methods == "all":
        _print_others(loaded, {config.module(label) for e in left.values() for label in e.methods})
    others = [name for name in plugins.names("benchmark/suites", ".yaml") if name != suite]
    print(f"\nother suites: {', '.join(others)}")


def _print_others(suite: config.Suite, shown: set[str]) -> None:
    """The methods that no experiment has: they run where they are named, or are files that nothing can run."""
    others = [name for name in plugins.names("methods") if f"methods/{name}.py" not in shown]
    if others:
        print("\nin methods/, but in no experiment of these: name them, and they run in each")
    for name in others:
        try:
            config.check_name(name)
            list(_settings(suite, name))
            print(f"  {name}")
        except ConfigError as error:
            print(f"  {name:24}  cannot be run: {error}")


def _settings(suite: config.Suite, label: str) -> Iterator[str]:
    defaults = source.settings(config.module(label))
    for key, value in config.label_settings(suite, label).items():
        if value != defaults[key].default:
            yield f"{key} {_plain(value)} ({_plain(defaults[key].default)})"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


if __name__ == "__main__":
    cli.run(main)
