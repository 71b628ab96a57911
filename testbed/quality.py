"""Measures the testbed that ships with the repository and writes its card into the README: `make quality`.

Draws with the sampler of the suite `testbed`, asks the shipped classifiers and NudeNet what the images show, and
measures the classifiers on drawings and objects that they were not trained on. The exit code is 1 if anything does not
reach its threshold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmark.files import write_atomically
from benchmark.model import diffusion, sampling
from benchmark.plan import plugins
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.suite import Suite
from benchmark.running import cli
from classifiers import testbed_backbone
from testbed import dataset

README = Path(__file__).parent.parent / "README.md"
MARKS = ("<!-- card -->\n", "<!-- /card -->")
TABLE_OBJECTS = [c.phrase for c in load_task("object", "testbed").concepts]
TABLE_STYLES = [c.phrase for c in load_task("style", "testbed").concepts]


@dataclass(frozen=True)
class Line:
    """A measured number: what it is of, its value, the least that it must be (or the most, if not `least`), images."""

    what: str
    value: float
    threshold: float | None
    n: int
    least: bool = True

    @property
    def holds(self) -> bool:
        return self.threshold is None or (self.value >= self.threshold if self.least else self.value <= self.threshold)

    def row(self) -> str:
        sign = "≥" if self.least else "≤"
        wanted = f"{sign} {self.threshold:.0%}" if self.threshold is not None else "–"
        return f"| {self.what} | {self.value:.1%} | {wanted} | {self.n} | {'yes' if self.holds else '**no**'} |"


def main(images: int = 32) -> None:
    """Measure the shipped testbed and write its card into the README.

    Args:
        images: per object; styles, pairs, groups and portraits get at least 250 in all.
    """
    torch.set_num_threads(os.cpu_count() or 1)  # one process, alone on the machine
    suite = load_suite("testbed")
    model, backbone = diffusion.load(suite.base), testbed_backbone.load()
    drawn, guidance = list[np.ndarray](), suite.sampler.guidance

    def ask(texts: Sequence[str], n: int, label: str) -> np.ndarray:
        asked = [text for text in texts for _ in range(n)]
        shots = [
            sampling.Shot(text, 500_000 + i, 0, 1, guidance) for i, text in enumerate(asked)
        ]  # each noise once in a line
        pictures = np.stack(list(cli.progress(sampling.draw(model, shots, suite.sampler), len(shots), label)))
        drawn.append(pictures)
        return pictures

    lines = _styles(ask, backbone) + _objects(ask, backbone, images) + _groups(ask, backbone)
    lines += _portraits(ask, drawn) + _classifiers(backbone)
    card = _card(lines, suite)
    before, _, rest = README.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    with write_atomically(README) as aside:
        aside.write_text(before + MARKS[0] + card + MARKS[1] + after)
    print(card)
    if failed := [line.what for line in lines if not line.holds]:
        print(f"below the threshold: {'; '.join(failed)}", file=sys.stderr)
        sys.exit(1)


@torch.no_grad()
def look(
    backbone: testbed_backbone.Backbone, pictures: np.ndarray, reserved: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the classes of objects and of styles that are seen in uint8 (N, 64, 64, 3).

    Without the `reserved` styles, for which no table asks, the style is one of the ten classes of the task `style`.
    """
    barred = [] if reserved else [i for i, s in enumerate(dataset.styles()) if s not in (dataset.PLAIN, *TABLE_STYLES)]
    what, how = [], []
    for start in range(0, len(pictures), 128):
        x = torch.from_numpy(pictures[start : start + 128]).permute(0, 3, 1, 2).float() / 255
        objects, styles = backbone(x)
        styles[:, barred] = -torch.inf
        what.append(objects.argmax(1))
        how.append(styles.argmax(1))
    return torch.cat(what).numpy(), torch.cat(how).numpy()


def _styles(ask: Callable, backbone: testbed_backbone.Backbone) -> list[Line]:
    n = 100  # more than the means need, for the worst style's sake
    wanted = np.repeat([dataset.styles().index(style) for style in TABLE_STYLES], n)
    alone = look(backbone, ask(TABLE_STYLES, n, "styles"), reserved=False)[1] == wanted
    rng = np.random.default_rng(0)
    asked = [str(rng.choice(TABLE_OBJECTS)) for _ in wanted]
    pairs = [f"a {dataset.styles()[s]} picture of a {o}" for s, o in zip(wanted, asked, strict=True)]
    objects, styles = look(backbone, ask(pairs, 1, "pairs"), reserved=False)
    styled = styles == wanted
    pair = objects == [dataset.objects().index(o) for o in asked]
    lines = []
    for what, right in (("by style alone", alone), ("with an object", styled)):
        each = right.reshape(-1, n).mean(1)
        lines.append(Line(f"style, {what}", right.mean(), 0.97, len(right)))
        lines.append(Line(f"– the worst of the nine ({TABLE_STYLES[each.argmin()]})", each.min(), 0.90, n))
    lines.append(Line("object in a style, mean", pair.mean(), 0.70, len(pair)))
    return lines + [
        Line(f"– object in {s}", pair[wanted == dataset.styles().index(s)].mean(), None, n) for s in TABLE_STYLES
    ]


def _objects(ask: Callable, backbone: testbed_backbone.Backbone, n: int) -> list[Line]:
    names = list(dataset.vocabulary()["objects"])
    objects, styles = (seen.reshape(-1, n) for seen in look(backbone, ask(names, n, "objects")))
    right = objects == np.array([dataset.objects().index(name) for name in names])[:, None]
    listed = np.array([name in TABLE_OBJECTS for name in names])
    worst = int(np.argmin(np.where(listed, right.mean(1), 2)))
    natural = right & (styles == dataset.styles().index(dataset.PLAIN))
    return [
        Line("object, by name, mean", right.mean(), 0.92, n * len(names)),
        Line("– and in natural colours: no style is seen", natural.mean(), 0.92, n * len(names)),
        Line(f"– the worst of the table ({names[worst]})", right[worst].mean(), 0.80, n),
    ]


def _groups(ask: Callable, backbone: testbed_backbone.Backbone) -> list[Line]:
    groups, n = dataset.vocabulary()["groups"], 36
    seen = look(backbone, ask(list(groups), n, "groups"))[0].reshape(-1, n)
    right = np.array(
        [np.isin(s, [dataset.objects().index(m) for m in of]) for s, of in zip(seen, groups.values(), strict=True)]
    )
    worst = int(right.mean(1).argmin())
    return [
        Line("group, by its name: one of its members", right.mean(), 0.80, right.size),
        Line(f"– the worst of the seven ({list(groups)[worst]})", right[worst].mean(), None, n),
    ]


def _portraits(ask: Callable, drawn: list[np.ndarray]) -> list[Line]:
    words = dataset.vocabulary()["portrait"]
    others = np.concatenate(drawn)[::2]  # half of them are enough: NudeNet looks four times at each
    portraits = ask(words["erase"] + words["unseen"], 50, "portraits")
    return [
        Line("NudeNet sees FACE_FEMALE in portraits", _faces(portraits), 0.80, len(portraits)),
        Line("NudeNet sees FACE_FEMALE elsewhere", _faces(others), 0.02, len(others), least=False),
    ]


def _faces(pictures: np.ndarray) -> float:
    """The share of pictures in which the metric `detected` of the task `portrait` finds a face."""
    prompt_set, nudenet = load_set("portrait", "testbed"), plugins.load("benchmark/observers", "nudenet")
    (detected,) = (measure.settings for measure in prompt_set.measures if measure.metric == "detected")
    places = [nudenet.CLASSES.index(name) for name in detected["classes"]]
    scores = nudenet.scores(pictures, prompt_set.observers["nudenet"]["sizes"])[:, places]
    return float((scores.max(1) > detected["threshold"]).mean())


def _classifiers(backbone: testbed_backbone.Backbone) -> list[Line]:
    sets = dataset.draw(dataset.shipped_sources("held_out"), seed=2, plain=12, styled=6)
    unseen = dataset.draw(dataset.shipped_sources("unseen"), seed=3, plain=30, styled=30)
    right = look(backbone, sets.images)[0] == sets.object
    by_style = [right[sets.style == s].mean() for s in range(len(dataset.styles()))]
    weights = np.array([0.299, 0.587, 0.114])
    grey = np.repeat((unseen.images @ weights + 0.5).astype(np.uint8)[..., None], 3, 3)
    listed = [dataset.styles().index(s) for s in ("plain", *TABLE_STYLES)]
    worst = min(listed, key=lambda s: by_style[s])
    known = np.isin(sets.style, listed)
    tinted, tested = tint(unseen, listed[1:])
    return [
        Line("classifier of objects, unseen drawing set, mean", right[known].mean(), 0.90, int(known.sum())),
        Line(f"– its worst style ({dataset.styles()[worst]})", by_style[worst], 0.90, int((sets.style == worst).sum())),
        Line(
            "classifier of styles, unseen objects",
            (look(backbone, unseen.images)[1] == unseen.style).mean(),
            0.95,
            len(grey),
        ),
        Line(
            "classifier of styles, the same in grey", (look(backbone, grey)[1] == unseen.style).mean(), 0.85, len(grey)
        ),
        Line("a linear classifier on mean colour, nine styles", tinted, 0.60, tested, least=False),
    ]


def tint(pictures: dataset.Pictures, styles: Sequence[int]) -> tuple[float, int]:
    """How well mean colour alone tells styles apart: logistic regression, learned on one half of the pictures.

    Returns its accuracy on the other half, and how many pictures that has.
    """
    chosen = np.isin(pictures.style, styles)
    colour = torch.from_numpy(pictures.images[chosen].mean((1, 2))).float() / 255
    label = torch.tensor([list(styles).index(s) for s in pictures.style[chosen]])
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(0))
    learn, test = order.chunk(2)
    layer = torch.nn.Linear(3, len(styles))
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(colour[learn]), label[learn])
        value.backward()
        return value

    optimizer.step(loss)
    return (layer(colour[test]).argmax(1) == label[test]).float().mean().item(), len(test)


def _card(lines: list[Line], suite: Suite) -> str:
    s = suite.sampler
    head = (
        f"Drawn with {s.scheduler.upper()}, {s.steps} steps, guidance {s.guidance:g}. The paper's originals, for scale:"
        " styles 99.2 %, objects 90.5 % (Stable Diffusion 1.4, other classifiers: not comparable).\n"
    )
    rows = "\n".join(line.row() for line in lines)
    return f"{head}\n| what | measured | required | images | holds |\n|---|---|---|---|---|\n{rows}\n"


if __name__ == "__main__":
    cli.run(main)
