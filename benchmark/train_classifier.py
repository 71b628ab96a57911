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

WEIGHTS, FURTHER = "classifier.safetensors", "heads.safetensors"  # the classifier, and the further heads
# The paper's recipe for ResNet18: only the last layer learns.
EPOCHS, BATCH, PEAK, MOMENTUM, DECAY, SHARE = 20, 30, 1e-2, 0.9, 5e-4, 0.7
HEADS = 3  # trained from as many seeds. The first decides; how far the others differ is what training leaves to chance
LEAST = 0.5  # of each class's held-out images; what a classifier does not recognise would pass for erased


@job.fills("out")
def main(suite: str, set: str, out: Path, images: Path | None = None) -> None:
    """Train a classifier's last layer; write classifier.safetensors, heads.safetensors and card.json.

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
    with write_atomically(out / "card.json", sealed=True) as aside:
        aside.write_text(json.dumps(card, indent=1) + "\n")
    share = f", {card['accuracy']:.1%} of {card['n']} held-out images" if "accuracy" in card else ""
    print(f"{out}: {classifier.network}, {len(card['classes'])} classes{share}")


def _train(plugin: Any, classes: tuple[str, ...], name: str, images: Path, out: Path, threads: int) -> dict[str, Any]:
    """Train heads on features that are computed once, since all below them is frozen.

    A head's seed says where it begins, which images it learns from, and in which order.
    """
    import torch

    torch.set_num_threads(threads)
    networks, confusions = [], []
    for seed in range(HEADS):
        torch.manual_seed(seed)
        networks.append(plugin.build(len(classes)).eval())
        if not seed:
            features, labels = _features(networks[0], classes, images)
        confusions.append(_fit(networks[-1].head, features, labels, len(classes)))
    confusion = confusions[0]
    recall = confusion.diagonal() / confusion.sum(1).clamp(min=1)  # of a class without held-out images: 0
    if recall.min() < LEAST:
        seen = f"{recall.min():.0%} of held-out images of {classes[recall.argmin()]}"
        raise BenchmarkError(
            f"{images}: the classifier trained on these recognises {seen}, at least {LEAST:.0%} are required"
        )
    weights.write_tensors(out / WEIGHTS, networks[0].state_dict())
    further = {f"{i}.{name}": x for i, net in enumerate(networks) if i for name, x in net.head.state_dict().items()}
    weights.write_tensors(out / FURTHER, further)
    accuracies = [(each.diagonal().sum() / each.sum()).item() for each in confusions]
    return {
        "network": name,
        "classes": list(classes),
        "accuracy": accuracies[0],
        "n": int(confusion.sum()),
        "confusion": confusion.tolist(),
        "sha256": sha256(out / WEIGHTS),
        "heads": {"accuracy": accuracies, "sha256": sha256(out / FURTHER)},
    }


def _fit(head: Any, features: Any, labels: Any, classes: int) -> Any:
    """Train a head; returns the confusion of its held-out images, (classes, classes): what they are, what is said."""
    import torch

    learn, test = _split(labels)
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
    confusion = torch.zeros(classes, classes, dtype=torch.long)
    return confusion.index_put_((labels[test], said), torch.ones(len(test), dtype=torch.long), accumulate=True)


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
