"""Trains a prompt set's classifier on images of the original model, and measures it on images it was not trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.files import sha256, write_atomically
from benchmark.plan import plugins
from benchmark.plan.config import load_set, load_suite
from benchmark.running import cli, devices, job
from benchmark.store import manifest, weights

# The paper's recipe for ResNet18: only the last layer learns.
EPOCHS, BATCH, PEAK, MOMENTUM, DECAY, SHARE = 20, 30, 1e-2, 0.9, 5e-4, 0.7
LEAST = 0.5  # of each class's held-out images; what a classifier does not recognise would pass for erased


@job.fills("out")
def main(suite: str, set: str, out: Path, images: Path | None = None) -> None:
    """Train a classifier's last layer; write classifier.safetensors and card.json.

    One that comes trained gets its card only.

    Args:
        suite: a file of benchmark/suites.
        set: the prompt set whose classifier it is: the name of a task, or a file of benchmark/prompt_sets.
        out: the folder to write to.
        images: the manifest of the training images, with the class of each.
    """
    loaded = load_suite(suite)
    classifier = load_set(set, loaded.world).classifier
    if classifier is None:
        raise BenchmarkError(f"--set {set}: has no classifier")
    plugin = plugins.load("classifiers", classifier.network)
    if classifier.texts is None:
        card = {"network": classifier.network, "classes": list(plugin.CLASSES)}
    else:
        if images is None:
            raise BenchmarkError(f"the classifier of {set} is trained: --images must name its training images")
        card = _train(plugin, classifier.classes, classifier.network, images, out, loaded.sampler.threads)
    with write_atomically(out / "card.json") as aside:
        aside.write_text(json.dumps(card, indent=1) + "\n")
    share = f", {card['accuracy']:.1%} of {card['n']} held-out images" if "accuracy" in card else ""
    print(f"{out}: {classifier.network}, {len(card['classes'])} classes{share}")


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
            f"{images}: the classifier trained on these recognises {seen}, at least {LEAST:.0%} are required"
        )
    weights.write_tensors(out / "classifier.safetensors", network.state_dict())
    return {
        "network": name,
        "classes": list(classes),
        "accuracy": (said == labels[test]).float().mean().item(),
        "n": len(test),
        "confusion": confusion.tolist(),
        "sha256": sha256(out / "classifier.safetensors"),
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
    return torch.cat(parts), torch.tensor([classes.index(row.class_name) for row in rows])


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
