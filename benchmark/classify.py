"""Trains the judge of a task on images of the original model, and measures it on images that it was not trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmark import cli, devices, grid, job, manifest, plugins, weights
from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically

# The paper's recipe for ResNet18: only the last layer learns.
EPOCHS, BATCH, PEAK, MOMENTUM, DECAY, SHARE = 20, 30, 1e-2, 0.9, 5e-4, 0.7
LEAST = 0.5  # of each class's held-out images; what a judge does not recognise would pass for erased


@job.fills("out")
def main(suite: str, task: str, out: Path, images: Path | None = None) -> None:
    """Train a judge's last layer; write judge.safetensors and card.json. A judge that comes trained gets its card only.

    Args:
        suite: a file of benchmark/suites.
        task: a file of benchmark/tasks.
        out: the folder to write to.
        images: the manifest of the training images, whose probes are the classes.
    """
    loaded = grid.load_suite(suite)
    judge = grid.load_task(task, loaded.world).judge
    plugin = plugins.load("classifiers", judge.classifier)
    if judge.train is None:
        card = {"classifier": judge.classifier, "classes": list(plugin.CLASSES)}
    else:
        if images is None:
            raise BenchmarkError(f"the judge of task {task} is trained: --images must name its training images")
        card = _train(plugin, judge.classes, judge.classifier, images, out, loaded.sampler.threads)
    with write_atomically(out / "card.json") as aside:
        aside.write_text(json.dumps(card, indent=1) + "\n")
    share = f", {card['accuracy']:.1%} of {card['n']} held-out images" if "accuracy" in card else ""
    print(f"{out}: {judge.classifier}, {len(card['classes'])} classes{share}")


def _train(plugin: Any, classes: tuple[str, ...], name: str, images: Path, out: Path, threads: int) -> dict[str, Any]:
    """Train `head` on features that are computed once, since all below it is frozen."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = plugin.build(len(classes)).eval()
    features, labels = _features(network, classes, images)
    learn, test = _split(labels)
    head = network.head
    optimizer = torch.optim.SGD(head.parameters(), PEAK, MOMENTUM, weight_decay=DECAY)
    steps = EPOCHS * -(-len(learn) // BATCH)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: max(1e-3, 1 - abs(2 * i / steps - 1)))
    for _ in range(EPOCHS):
        for chosen in learn[torch.randperm(len(learn))].split(BATCH):
            loss = torch.nn.functional.cross_entropy(head(features[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
    with torch.no_grad():
        said = head(features[test]).argmax(1)
    confusion = torch.zeros(len(classes), len(classes), dtype=torch.long)
    confusion.index_put_((labels[test], said), torch.ones(len(test), dtype=torch.long), accumulate=True)
    recall = confusion.diagonal() / confusion.sum(1).clamp(min=1)  # of a class without held-out images: 0
    if recall.min() < LEAST:
        seen = f"{recall.min():.0%} of held-out images of {classes[recall.argmin()]}"
        raise BenchmarkError(
            f"{images}: the judge trained on these recognises {seen}, at least {LEAST:.0%} are required"
        )
    weights.write_tensors(out / "judge.safetensors", network.state_dict())
    return {
        "classifier": name,
        "classes": list(classes),
        "accuracy": (said == labels[test]).float().mean().item(),
        "n": len(test),
        "confusion": confusion.tolist(),
        "sha256": sha256(out / "judge.safetensors"),
    }


def _features(network: Any, classes: tuple[str, ...], images: Path) -> tuple[Any, Any]:
    """Features (N, d) and class indices (N,) of the training images, each checked against its hash."""
    import numpy as np
    import torch

    rows = manifest.read(images)
    device = devices.device()
    network.to(device)
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), 64):
            pictures = np.stack([manifest.picture(images.parent / r.file, r.sha256) for r in rows[start : start + 64]])
            batch = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
            parts.append(network.features(batch).cpu())
    network.to("cpu")
    return torch.cat(parts), torch.tensor([classes.index(row.probe) for row in rows])


def _split(labels: Any) -> tuple[Any, Any]:
    """Indices to learn from and to test on: 70 and 30 per cent of every class."""
    import torch

    learn, test = [], []
    for label in labels.unique():
        mine = (labels == label).nonzero().flatten()
        mine = mine[torch.randperm(len(mine))]
        cut = round(SHARE * len(mine))
        learn.append(mine[:cut])
        test.append(mine[cut:])
    return torch.cat(learn), torch.cat(test)


if __name__ == "__main__":
    cli.run(main)
