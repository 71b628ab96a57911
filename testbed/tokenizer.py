"""The miniature's own CLIP vocabulary: byte-level BPE trained on the words of its captions."""

from __future__ import annotations

import itertools

from transformers import CLIPTokenizer

LENGTH = 32  # tokens of a prompt, padding included
START, END = "<|startoftext|>", "<|endoftext|>"


def build(corpus: list[str], two_token_words: list[str]) -> CLIPTokenizer:
    """A `CLIPTokenizer` in which each word of the corpus is one token, and each of `two_token_words` exactly two."""
    merges: dict[tuple[str, str], None] = {}
    words = sorted({word for text in corpus for word in text.split()})
    for word in words:
        pieces = _apply([*word[:-1], word[-1] + "</w>"], merges)
        stop = 2 if word in two_token_words else 1
        while len(pieces) > stop:
            pair = (
                (pieces[0], pieces[1])
                if len(pieces[0]) <= len(word) // 2 or len(pieces) == 2
                else (pieces[1], pieces[2])
            )
            merges[pair] = None
            pieces = _apply([*word[:-1], word[-1] + "</w>"], merges)
    letters = sorted(_bytes())
    tokens = [*letters, *(c + "</w>" for c in letters), *("".join(pair) for pair in merges), START, END]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = CLIPTokenizer(
        vocab=vocab,
        merges=list(merges),
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=LENGTH,
    )
    for word in words:
        expected = 2 if word in two_token_words else 1
        pieces = len(tokenizer(word, add_special_tokens=False).input_ids)
        if pieces != expected:
            raise ValueError(f"the tokenizer cuts {word!r} into {pieces} pieces, not {expected}")
    return tokenizer


def _apply(pieces: list[str], merges: dict[tuple[str, str], None]) -> list[str]:
    """Byte-pair encoding: the merge of lowest rank first, wherever it occurs."""
    rank = {pair: index for index, pair in enumerate(merges)}
    while True:
        pairs = [(rank[p], p) for p in itertools.pairwise(pieces) if p in rank]
        if not pairs:
            return pieces
        _, (left, right) = min(pairs)
        merged, index = [], 0
        while index < len(pieces):
            if index + 1 < len(pieces) and (pieces[index], pieces[index + 1]) == (left, right):
                merged.append(left + right)
                index += 2
            else:
                merged.append(pieces[index])
                index += 1
        pieces = merged


def _bytes() -> list[str]:
    """The printable letters that byte-level BPE uses for the 256 bytes (Radford et al. 2019)."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(moved))]
