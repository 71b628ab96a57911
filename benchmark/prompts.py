"""Write the rows of a prompt set: `python -m benchmark.prompts`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan import plugins, prompt_place, prompt_rows
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.prompt_set import FOLDER, training_set
from benchmark.plan.records import Prompt, PromptSet, Source
from benchmark.running import cli


def main(suite: str, out: Path, set: str | None = None, task: str | None = None, kind: str | None = None,
         concepts: list[str] | None = None, files: list[str] | None = None) -> None:  # fmt: skip
    """Write the rows of a prompt set as CSV: of a named set, or of the images that a task's classifier or methods need.

    Args:
        suite: a file of benchmark/suites.
        out: the prompts.csv to write.
        set: the name of a task, or a file of benchmark/prompt_sets.
        task: the task whose concepts are asked for, if there is no `set`.
        kind: training, pool_concept or pool_anchor: what the images of the task are for.
        concepts: those of a pool.
        files: where files of prompt sets lie that are not in their place, each as <set>=<path>.
    """
    loaded = load_suite(suite)
    if set:
        asked = load_set(set, loaded.world)
    elif task and kind in ("training", "pool_concept", "pool_anchor"):
        whose = load_task(task, loaded.world)
        source = training_set(whose).source if kind == "training" else Source(kind, whose.name, tuple(concepts or ()))
        asked = PromptSet(out.stem, source)
    else:
        raise BenchmarkError("--set is needed, or --task with --kind training, pool_concept or pool_anchor")
    named = dict(_named(item) for item in files or ())
    brought = [_bring(each, named) for each in prompt_place.absent(asked, loaded.world, named)]
    try:
        drawn = prompt_rows.of(asked, loaded, named)
    except BenchmarkError:
        for path in brought:  # else each later plan would find it, and refuse it
            path.unlink()
        raise
    for each in prompt_place.needed(asked, loaded.world):
        if said := prompt_place.record(each, named):
            print(said)
    prompt_rows.write(out, drawn)
    print(f"{out}: {len(drawn)} rows, {sum(row.images for row in drawn)} images{_remarks(asked, drawn)}")


def _named(item: str) -> tuple[str, str]:
    name, is_, path = item.partition("=")
    if not (name and is_ and path):
        raise BenchmarkError(f"--files {item}: is not <set>=<path>")
    return name, path


def _bring(prompt_set: PromptSet, files: Mapping[str, str]) -> Path:
    """Make or fetch the file of a set that is not there, and say so; an error if nobody knows how, or where."""
    file, path = prompt_set.source.file, prompt_place.path(prompt_set, files)
    if prompt_set.name in files or not (file.made_by or file.hub):
        raise prompt_place.missing(prompt_set, files)
    try:
        if file.made_by:
            content = plugins.load(FOLDER, file.made_by).make()
            whence = f"made by {FOLDER}/{file.made_by}.py"
        else:
            from benchmark.model import hub

            content = hub.fetch_data(file.hub.dataset, file.hub.revision, file.hub.file).read_bytes()
            whence = f"fetched from {file.hub.dataset} at {file.hub.revision}"
    except BenchmarkError as error:
        raise BenchmarkError(f"{prompt_place.missing(prompt_set, files)}; {error}") from error
    with write_atomically(path) as aside:
        aside.write_bytes(content)
    print(f"{file.path}: {whence}")
    return path


def _remarks(prompt_set: PromptSet, rows: tuple[Prompt, ...]) -> str:
    """What a reader of the log should know of the rows of a file: all of them are drawn as they are."""
    if prompt_set.source.kind != "file":
        return ""
    counts = {
        "without text": sum(not row.text for row in rows),
        "with the text of an earlier row": len(rows) - len({row.text for row in rows}),
        "with a guidance of their own": sum(row.guidance is not None for row in rows),
        "with a seed that is derived from their names": 0 if "noise_seed" in prompt_set.source.columns else len(rows),
    }
    named = [f"{count} {what}" for what, count in counts.items() if count]
    return f"; {', '.join(named)}" if named else ""


if __name__ == "__main__":
    cli.run(main)
