"""The paper's tables as if they had been measured: scores for tests of the verdict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmark.plan.records import WHOLE
from benchmark.store import printed
from benchmark.tables import verdict

METRICS = {name: metric.metric for name, metric in printed.declared().metrics.items()}


def measured(
    file: str,
    variants: list[str] | None = None,
    shifts: Mapping[str, Mapping[str, float]] | None = None,
    seeds: int = 3,
) -> pd.DataFrame:
    """The numbers of a table with the columns of `frames.MEANS` that the verdict reads, their intervals empty.

    `variants` are all of the table's that the paper writes, or some. `shifts` are added, by variant and printed metric.
    """
    table, values = printed.declared().tables[file], printed.numbers(file)
    names = variants or [name for name, (_, form) in verdict.columns(file).items() if form in ("", "text")]
    shifts, rows = shifts or {}, []
    for variant in names:
        method = verdict.columns(file)[variant][0]
        for side, each in table.sides.items():
            for name in each.metrics:
                if method == table.original and (*list(table.concepts)[:1], method, side, name) not in values:
                    continue
                numbers = {
                    own: values[row, method, side, name] + shifts.get(variant, {}).get(name, 0)
                    for row, own in table.concepts.items()
                }
                rows += [(variant, own, own, side, name, each.set, each.images, v) for own, v in numbers.items()]
                n, mean = each.images * len(numbers), float(np.mean(list(numbers.values())))
                rows.append((variant, WHOLE, "Avg", side, name, each.set, n, mean))
    frame = pd.DataFrame(rows, columns=["variant", "concept", "phrase", "role", "metric", "prompt_set", "n", "value"])
    top = frame.metric.map(lambda name: printed.declared().metrics[name].most or np.inf)
    frame["value"] = frame.value.clip(0, top)
    frame["seeds"] = np.where(frame.variant == "original", 1, seeds)
    return frame.assign(
        experiment=table.task, task=table.task, checkpoint=100, label=frame.variant, asked=WHOLE, observer="eye",
        role=frame.role.map(verdict.ROLES), metric=frame.metric.map(METRICS), n=frame.n * frame.seeds,
        ci_low=frame.value, ci_high=frame.value,
    )  # fmt: skip
