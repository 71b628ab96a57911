"""Random words: of some random extensions of a prompt, the one with which the erased model is nearest to the original.

    min over w of  || eps(x_t, t, "p w") - eps_0(x_t, t, "p") ||^2

eps is the erased model, eps_0 the original, p the prompt, w some words of a list; x_t are a few latents of pure noise.
It is the weakest search there is, and an example: Ring-A-Bell (arXiv 2310.10012), P4D (arXiv 2309.06135) and
UnlearnDiffAtk (arXiv 2310.11868) search better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

WORDS = (
    "old small large bright dark red green blue round sharp soft wide plain famous strange quiet early late open "
    "framed painted drawn printed studied signed detailed simple classic modern original"
).split()


@dataclass(frozen=True)
class Settings:
    words: int = 2
    candidates: int = 8
    noises: int = 4


@torch.no_grad()
def search(model, original, prompts, settings):
    chosen = []
    for prompt in prompts:
        x, t = model.randn(settings.noises, *model.latent_shape), model.randint(1000, settings.noises)
        wanted = original.predict(x, t, original.encode(prompt.text))
        places = model.randint(len(WORDS), settings.words * settings.candidates).tolist()
        drawn = [" ".join(WORDS[i] for i in places[n :: settings.candidates]) for n in range(settings.candidates)]
        texts = [prompt.text, *(f"{prompt.text} {words}" for words in drawn)]
        apart = (model.predict(x, t, model.encode(*texts)) - wanted).square().mean((1, 2, 3, 4))
        chosen.append(replace(prompt, text=texts[int(apart.argmin())]))
    return chosen
