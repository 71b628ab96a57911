"""Write the rows of a prompt set: `python -m benchmark.prompts`."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.plan import prompt_rows
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.records import Prompt, PromptSet, Source
from benchmark.running import cli


def main(suite: str, out: Path, set: str | None = None, task: str | None = None, kind: str | None = None,
         concepts: list[str] | None = None) -> None:  # fmt: skip
    """Write the rows of a prompt set as CSV: of a named set, or of the images that a task's classifier or methods need.

    Args:
        suite: a file of benchmark/suites.
        out: the prompts.csv to write.
        set: the name of a task, or a file of benchmark/prompt_sets.
        task: the task whose concepts are asked for, if there is no `set`.
        kind: training, pool_concept or pool_anchor: what the images of the task are for.
        concepts: those of a pool.
    """
    loaded = load_suite(suite)
    if set:
        asked = load_set(set, loaded.world)
    elif task and kind in ("training", "pool_concept", "pool_anchor"):
        asked = PromptSet(out.stem, Source(kind, load_task(task, loaded.world).name, tuple(concepts or ())))
    else:
        raise BenchmarkError("--set is needed, or --task with --kind training, pool_concept or pool_anchor")
    drawn = prompt_rows.of(asked, loaded)
    prompt_rows.write(out, drawn)
    print(f"{out}: {len(drawn)} rows, {sum(row.images for row in drawn)} images{_remarks(asked, drawn)}")


def _remarks(prompt_set: PromptSet, rows: tuple[Prompt, ...]) -> str:
    """What a reader of the log should know of the rows of a file: all of them are drawn as they are."""
    if prompt_set.source.kind != "file":
        return ""
    counts = {
        "without text": sum(not row.text for row in rows),
        "with the text of an earlier row": len(rows) - len({row.text for row in rows}),
        "with a guidance of their own": sum(row.guidance is not None for row in rows),
    }
    named = [f"{count} {what}" for what, count in counts.items() if count]
    return f"; {', '.join(named)}" if named else ""


if __name__ == "__main__":
    cli.run(main)
