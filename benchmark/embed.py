"""How far apart the text encoder puts the phrases of a suite's concepts: `python -m benchmark.embed`.

A program of its own: `base` would have to run again, and all that depends on it, whenever a concept's phrase is edited;
`score` and views never load a model.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark.errors import BenchmarkError
from benchmark.files import write_atomically
from benchmark.model.parts import check_loaded
from benchmark.plan.config import load_suite, phrases
from benchmark.running import cli
from benchmark.store import weights

COLUMNS = ["text", "other", "distance"]


def main(suite: str, out: Path) -> None:
    """Write the distance of each two of the texts that ask for a suite's concepts.

    A text's embedding is what it says beyond the empty prompt: the text encoder's last states of all tokens behind the
    start, less those of the empty prompt, as one vector. The distance is one less the cosine of two embeddings.

    Args:
        suite: a file of benchmark/suites.
        out: the CSV file to write.
    """
    loaded = load_suite(suite)
    base = weights.base(loaded)

    import torch
    from transformers import CLIPTextModel, CLIPTokenizer

    torch.set_num_threads(loaded.sampler.threads)
    folder = Path(base.folder)
    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        encoder, info = CLIPTextModel.from_pretrained(
            folder / "text_encoder", dtype=torch.float32, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{folder}: cannot be loaded: {str(error).splitlines()[0]}") from error
    check_loaded(folder / "text_encoder", info, encoder)

    @torch.no_grad()
    def states(text: str) -> torch.Tensor:
        length = tokenizer.model_max_length
        tokens = tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        return encoder(tokens.input_ids).last_hidden_state[0, 1:].double().flatten()

    encoder.eval()
    texts, blank = phrases(loaded), states("")
    vectors = torch.stack([states(text) - blank for text in texts])
    vectors /= vectors.norm(dim=1, keepdim=True)
    distances = (1 - vectors @ vectors.T).fill_diagonal_(0).clamp(min=0).tolist()
    rows = [
        (text, other, value)
        for text, line in zip(texts, distances, strict=True)
        for other, value in zip(texts, line, strict=True)
    ]
    with write_atomically(out, sealed=True) as aside:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(aside, index=False, float_format="%.6g", lineterminator="\n")
    print(f"{out}: the distances of {len(texts)} texts")


if __name__ == "__main__":
    cli.run(main)
