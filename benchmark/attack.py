"""Attacks the erased models of one shard: searches texts that bring back what each has lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.plan import causes, plugins, prompt_rows, variants
from benchmark.plan.config import load_set, load_suite, load_task
from benchmark.plan.records import Prompt, digest
from benchmark.running import cli, devices, job
from benchmark.store import weights


@job.fills("out")
def main(
    suite: str, set: str, rows: Path, task: str, variant: str, concepts: list[str], models: Path, out: Path,
    seed: int = 0,
) -> None:  # fmt: skip
    """Search other texts for the rows of a prompt set, model by model; write prompts.csv. What was found is kept.

    Args:
        suite: a file of benchmark/suites.
        set: a file of benchmark/prompt_sets that names an attack.
        rows: the prompts.csv of the set: the rows as they are before.
        task: a file of benchmark/tasks.
        variant: whose models are attacked.
        concepts: what these have lost.
        models: the models.csv of the erased models.
        out: the folder for prompts.csv and, per concept, what was found.
        seed: of the erasing.
    """
    loaded = load_suite(suite)
    attacked, chosen, subject = (
        load_set(set, loaded.world),
        variants.parse(loaded, variant),
        load_task(task, loaded.world),
    )
    if attacked.source.kind != "attack":
        raise BenchmarkError(f"--set {set}: names no attack")
    plugin = plugins.load("attacks", attacked.source.attack)
    settings = plugin.Settings(**attacked.source.settings) if hasattr(plugin, "Settings") else None
    base, deltas, asked = weights.base(loaded), weights.deltas(models), prompt_rows.read(rows)

    import torch

    from benchmark.model import apply, workbench

    torch.set_num_threads(loaded.sampler.threads)
    found: list[Prompt] = []
    for concept in concepts:
        own = prompt_rows.of_model(asked, attacked, loaded, concept)
        key = digest([causes.attack(loaded, attacked, own), base.key, deltas[concept].sha256])
        path = out / f"{concept}.json"
        texts = _kept(path, key)
        if texts is None:
            model, original = (workbench.load(base.folder, loaded.sampler.size) for _ in range(2))
            model.generator = torch.Generator().manual_seed(int(digest([set, concept, seed]), 16) % 2**63)
            request, saved = causes.request(loaded, subject, chosen, (concept,)), weights.read_delta(deltas[concept])
            with apply.applied(model, chosen.method, request, variants.settings(loaded, chosen), saved):
                texts = _texts(
                    plugin.search(model, original, own, settings), own, f"attacks/{attacked.source.attack}.py"
                )
            with write_atomically(path) as aside:
                aside.write_text(json.dumps({"key": key, "texts": texts}, indent=1) + "\n")
            changed = sum(text != row.text for text, row in zip(texts, own, strict=True))
            print(f"{path}: {changed} of {len(own)} texts changed on {devices.kind()}", flush=True)
        found += [replace(row, text=text) for row, text in zip(own, texts, strict=True)]
    prompt_rows.write(out / "prompts.csv", found)
    print(f"{out}/prompts.csv: {len(found)} rows")


def _kept(path: Path, key: str) -> list[str] | None:
    """The texts that were found before, if nothing that they depend on has changed."""
    try:
        record = json.loads(path.read_text())
        return record["texts"] if record["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _texts(found: Sequence[Prompt], rows: Sequence[Prompt], where: str) -> list[str]:
    """The texts of an attack. Raises `BenchmarkError` if it changed, added or lost anything else."""
    found = list(found)
    same = len(found) == len(rows) and all(
        isinstance(new, Prompt) and asdict(replace(new, text=row.text)) == asdict(row)
        for new, row in zip(found, rows, strict=True)
    )
    if not same:
        raise BenchmarkError(
            f"{where}: search must return the rows that it was given, in order, with other texts at most"
        )
    return [row.text for row in found]


if __name__ == "__main__":
    cli.run(main)
