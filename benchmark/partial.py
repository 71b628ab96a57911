"""What a run still shows if some of its jobs failed: `python -m benchmark.partial` makes the tables of all the others.

They lie in a folder of their own, so that nobody takes them for the suite's, and say below themselves what they lack.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmark import cli, grid, score, view


def main(suite: str, evidence: list[Path], lacking: list[str], out: Path) -> None:
    """Score the evidence that is there, make its tables and print them.

    Args:
        suite: A file of benchmark/suites.
        evidence: The evidence.csv of each part whose method is whole.
        lacking: What was asked for and is left out, for people.
        out: The folder for scores.csv and tables/; what was in it is removed.
    """
    shutil.rmtree(out, ignore_errors=True)
    score.main(suite, evidence, out / "scores.csv")
    experiments = grid.load_suite(suite).experiments.values()
    tables = list(dict.fromkeys(name for e in experiments for name in e.views if name.startswith("tables/")))
    view.main(suite, out / "scores.csv", out, tables, if_any=True, lacking=lacking)
    for path in sorted(out.glob("tables/*.md")):
        print(f"\n{path.read_text()}", end="")
    print(f"\n{out}/: the tables above, of what did not fail", flush=True)


if __name__ == "__main__":
    cli.run(main)
