"""The paper's tables and figures in its order, and what a suite spends on each: `python -m benchmark.tools.places`.

A table or figure says in its file whose place it takes (`PAPER_PLACE`). A place stays empty if no file takes it, if no
experiment of the suite shows it, or if its numbers are missing. That is an error only for a place that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmark.errors import BenchmarkError, ConfigError
from benchmark.plan import causes, grid, least, plugins, variants
from benchmark.plan.config import load_suite
from benchmark.plan.source import literal
from benchmark.plan.suite import Suite
from benchmark.running import cli
from benchmark.tools.scale import IMAGES, jobs

PLACES = (*(f"Table {number}" for number in range(1, 6)), *(f"Figure {number}" for number in range(3, 9)))
SUFFIX = {"tables": "md", "figures": "svg"}  # of the file that people look at
HEAD = ("place", "view", "needs", "experiments", "erasures", "seeds", "images", "jobs", "file")


def main(suite: str = "tour", place: list[str] | None = None, experiments: bool = False, made: bool = False) -> None:
    """Print which table or figure of the paper is which file of a suite, and what it takes to make it.

    Args:
        suite: A file of benchmark/suites/.
        place: Only these, as table3 or figure4. It is an error if one of them cannot be made.
        experiments: Print nothing but the experiments that these places show, with commas between them.
        made: It is an error, too, if the file of a place that was asked for is not there.
    """
    loaded = load_suite(suite)
    asked = PLACES if place is None else _asked(place)
    rows = [row for each in asked for row in of_place(loaded, each)]
    empty = [row for row in rows if not row.possible or (made and not row.there)]
    if place and empty:
        raise BenchmarkError("; ".join(f"{row.place}: {row.file}" for row in empty))
    feeding = tuple(dict.fromkeys(name for row in rows for name in row.experiments))
    if experiments:
        print(",".join(feeding))
        return
    print(f"suite {suite}: {loaded.title}\n")
    together = Row("together", "", feeding, *cost(loaded, feeding), "", True) if feeding else None
    cells = [HEAD, *(row.cells() for row in [*rows, *filter(None, [together])])]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEAD) - 1)]
    for row in cells:
        texts = [
            text.rjust(width) if 4 <= i <= 7 else text.ljust(width)
            for i, (text, width) in enumerate(zip(row[:-1], widths, strict=True))
        ]
        print("  ".join([*texts, row[-1]]).rstrip())
    print("\nWhat several places show is counted in each of their lines, and made once. Jobs are Snakemake's.")


@dataclass(frozen=True)
class Row:
    """A place, a view that takes it, and what that costs. `file` is where it lies or, if it is not `there`, why not."""

    place: str
    view: str
    experiments: tuple[str, ...]
    erasures: int
    seeds: int
    images: int
    jobs: int
    file: str
    there: bool
    possible: bool = True  # whether a run of the suite makes it

    def cells(self) -> tuple[str, ...]:
        counts = [f"{n:,}" if self.experiments else "" for n in (self.erasures, self.seeds, self.images, self.jobs)]
        return (
            self.place,
            self.view,
            least.said(self.view) if self.view else "",
            ", ".join(self.experiments),
            *counts,
            self.file if self.there else f"– {self.file}",
        )


def of_place(suite: Suite, place: str) -> Iterator[Row]:
    """The views that take a place; one row without a view if none does."""
    names = [view for view in views() if literal(f"benchmark/{view}.py", "PAPER_PLACE", "") == place]
    if not names:
        yield Row(
            place, "", (), 0, 0, 0, 0, "empty: no file of benchmark/tables or benchmark/figures takes it", False, False
        )
    for view in names:
        feeding = tuple(key for key, experiment in suite.experiments.items() if view in experiment.views)
        if not feeding:
            yield Row(place, view, (), 0, 0, 0, 0, f"empty: no experiment of suite {suite.name} shows it", False, False)
            continue
        plan = grid.plan({"suite": suite.name, "experiments": list(feeding)}, tolerant=True)
        why = plan.empty.get(view)
        file, there = (f"empty: {why}", False) if why else _file(suite, view)
        yield Row(place, view, feeding, *cost(suite, feeding, view), file, there, not why)


def views() -> list[str]:
    """All tables, then all figures."""
    return [f"{kind}/{name}" for kind in SUFFIX for name in plugins.names(f"benchmark/{kind}")]


def cost(suite: Suite, experiments: Iterable[str], view: str | None = None) -> tuple[int, int, int, int]:
    """Erasures, erasing seeds, images and jobs of some experiments; of their views, `view` alone or all of them."""
    plan = grid.plan({"suite": suite.name, "experiments": list(experiments)}, tolerant=True)
    erasures = {run for run in plan.run.values() if not variants.control(run.variant)}
    images = sum(job.seconds for job in jobs(plan, IMAGES).values())
    count = sum(rule != "view" or view in (None, name) for rule, name in causes.jobs(plan))
    return len(erasures), len({erasure.erasing_seed for erasure in erasures}), round(images), count


def _file(suite: Suite, view: str) -> tuple[str, bool]:
    """Where a view lies; if it is not there, why, and whether it is there."""
    name = f"{view}.{SUFFIX[view.partition('/')[0]]}"
    path, partial = f"{suite.folder}/{name}", f"{suite.folder}/partial/{name}"
    if (plugins.ROOT / path).is_file():
        return path, True
    if (plugins.ROOT / partial).is_file():
        return f"empty: numbers are missing, since jobs failed; {partial} has the others", False
    return f"empty: {path} is not made yet", False


def _asked(given: list[str]) -> list[str]:
    """The places that a person names, in the paper's order: `table3`, `Table 3`."""
    text = " ".join(given)
    named = [f"{kind.capitalize()} {number}" for kind, number in re.findall(r"(table|figure) *(\d+)", text.lower())]
    strays = re.sub(r"(table|figure) *\d+|[\s,]+", "", text.lower())
    known = [place.replace(" ", "").lower() for place in PLACES]
    if wrong := [strays] * bool(strays) + [name for name in named if name not in PLACES]:
        raise ConfigError(plugins.unknown("places", wrong[0].replace(" ", "").lower(), known, "table or figure"))
    if not named:
        raise ConfigError(f"places: none is named (allowed: {', '.join(known)})")
    return [place for place in PLACES if place in named]


if __name__ == "__main__":
    cli.run(main)
