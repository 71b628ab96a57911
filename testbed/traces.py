"""How AdvAnchor's perturbation behaves on reserved concepts: `python -m testbed.traces` writes docs/traces.{csv,svg}.

The paper claims that the similarity of raw predictions (L_adv1) hardly falls and uses all K steps, while that of the
changes of predictions (L_adv2) is below 0 after a few. Both are drawn for both sites of the perturbation and a range of
its learning rates.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark.files import write_atomically
from benchmark.plan.records import Templates
from benchmark.running import cli
from testbed import pilot

RATES = {"input": (1e-3, 1e-2, 1e-1), "output": (1e-2, 1e-1)}


def main(concept: str = "woodcut", steps: int = 4, inner_steps: int = 20, batch: int = 8) -> None:
    """Record L_adv at every inner step for both losses, both sites and several learning rates of delta.

    Args:
        concept: a reserved concept.
        steps: inputs per trial.
        inner_steps: K.
        batch: latents per input.
    """
    rows = []
    for site, rates in RATES.items():
        for rate in rates:
            for loss in ("l1", "l2"):
                rows += [
                    {"site": site, "delta_lr": rate, "loss": loss, "evaluation": index, **row}
                    for index, row in enumerate(_trace(concept, loss, site, rate, steps, inner_steps, batch))
                ]
    frame = pd.DataFrame(rows)
    with write_atomically(pilot.DOCS / "traces.csv") as aside:
        frame.to_csv(aside, index=False, float_format="%.5f", lineterminator="\n")
    _plot(frame, pilot.DOCS / "traces.svg")
    print(frame.groupby(["site", "delta_lr", "loss"]).l_adv.agg(["first", "min", "last", "size"]).round(3).to_string())


def _trace(
    name: str, loss: str, site: str, rate: float, steps: int, inner_steps: int, batch: int
) -> list[dict[str, float]]:
    settings = {"loss": loss, "site": site, "delta_lr": rate, "inner_steps": inner_steps}
    settings |= {"steps": steps, "batch": batch, "lr": 3e-4}
    for _ in pilot.erasing("advanchor", name, settings, Templates("{c} picture", "picture"), pilot.pool(name)):
        pass
    trace = pilot.loaded()[0].trace
    return [{k: row[k] for k in ("input", "inner_step", "l_adv")} for row in trace if "l_adv" in row]


def _plot(frame: pd.DataFrame, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    panels = list(frame.groupby(["site", "delta_lr"], sort=False))
    figure, axes = pyplot.subplots(1, len(panels), figsize=(2.5 * len(panels), 2.6), sharey=True, layout="constrained")
    for ax, ((site, rate), rows) in zip(axes, panels, strict=True):
        for (loss, colour), label in zip((("l1", "#0072B2"), ("l2", "#D55E00")), ("L_adv1", "L_adv2"), strict=True):
            line = rows[rows.loss == loss]
            ax.plot(line.evaluation, line.l_adv, color=colour, linewidth=1.4, label=label)
        ax.axhline(0, color="0.6", linewidth=0.8)
        ax.set_title(f"{site}, δ rate {rate:g}", fontsize=9)
        ax.set_xlabel("evaluation", fontsize=8)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("similarity (stops below 0)", fontsize=8)
    axes[0].legend(frameon=False, fontsize=8)
    with write_atomically(path) as aside:
        figure.savefig(aside, metadata={"Date": None})


if __name__ == "__main__":
    cli.run(main)
