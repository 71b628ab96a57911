"""What a suite can run: `python -m benchmark.available`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark import cli, config, plugins, source


def main(suite: str = "quick") -> None:
    """Print a suite's experiments, methods and concepts, and where a method's settings differ from its file's.

    Args:
        suite: A file of benchmark/suites/.
    """
    loaded = config.load_suite(suite)
    s = loaded.sampler
    print(f"suite {suite}: {loaded.title}")
    print(f"{loaded.base}, {s.scheduler} in {s.steps} steps, guidance {s.guidance:g}, {s.size} px\n")
    for name, experiment in loaded.experiments.items():
        asked = [concept.name for concept in config.load_task(experiment.task, loaded.world).concepts]
        print(f"experiment {name}: task {experiment.task}")
        print(f"  methods   {', '.join(experiment.methods)}")
        print(f"  concepts  {', '.join(experiment.concepts)}; each model is asked for {', '.join(asked)}")
        print(f"  seeds     {', '.join(map(str, experiment.seeds))}")
        print(f"  views     {', '.join(experiment.views)}\n")
    print("settings, in brackets the file's own where they differ:")
    labels = dict.fromkeys(label for e in loaded.experiments.values() for label in e.methods)
    for label in labels:
        print(f"  {label:24}  {', '.join(_settings(loaded, label)) or '–'}")
    others = [name for name in plugins.names("benchmark/suites", ".yaml") if name != suite]
    print(f"\nother suites: {', '.join(others)}")


def _settings(suite: config.Suite, label: str) -> Iterator[str]:
    defaults = source.settings(config.module(label))
    for key, value in config.label_settings(suite, label).items():
        if value != defaults[key].default:
            yield f"{key} {_plain(value)} ({_plain(defaults[key].default)})"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


if __name__ == "__main__":
    cli.run(main)
