"""Tables of what did not fail, after a run in which some jobs failed: `python -m benchmark.partial`.

They lie in a folder of their own, so that nobody takes them for the suite's, and say below themselves what is missing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmark import score, view
from benchmark.plan.config import load_suite
from benchmark.running import cli


def main(
    suite: str, prompts: list[Path], evidence: list[Path], lacking: list[str], out: Path,
    experiments: list[str] | None = None, methods: list[str] | None = None, concepts: list[str] | None = None,
    seeds: list[int] | None = None, embeddings: Path | None = None, models: list[Path] | None = None,
) -> None:  # fmt: skip
    """Score the evidence that is there, make its tables and print them.

    Args:
        suite: A file of benchmark/suites.
        prompts: The rows of each prompt set, CSV files that have the sets' names.
        evidence: The evidence.csv of each prompt set and shard that can be scored.
        lacking: What was asked for and is left out, for people.
        out: The folder for scores.csv and tables/; what was in it is removed.
        experiments: Those that were named, if not all.
        methods: Those that were named, if not all.
        concepts: Those that were named, if not all, of what was erased.
        seeds: Those that were named, if not all, of the erasing.
        embeddings: The embeddings.csv, if it is there.
        models: Those models.csv that are there, for details that need the traces of erasures.
    """
    shutil.rmtree(out, ignore_errors=True)
    score.main(suite, prompts, evidence, out / "scores.csv", experiments, methods, concepts, seeds, embeddings, models)
    views = dict.fromkeys(name for experiment in load_suite(suite).experiments.values() for name in experiment.views)
    tables = [name for name in views if name.startswith("tables/")]
    view.main(suite, out / "scores.csv", out, tables, if_any=True, lacking=lacking)
    for path in sorted(out.glob("tables/*.md")):
        print(f"\n{path.read_text()}", end="")
    print(f"\n{out}/: the tables above, of what did not fail", flush=True)


if __name__ == "__main__":
    cli.run(main)
