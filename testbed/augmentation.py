"""How the training pictures of the classifiers are varied, so that these also know other designers' drawings and the
softer pictures that the miniature draws."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def move(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Half of the pictures turned, scaled and shifted further: another designer's drawing stands differently.

    Returns: the pictures, and which of them were moved: what is turned is no pixel art any more.
    """
    n = len(x)
    chosen = torch.rand(n) < 0.5
    angle = (torch.rand(n) - 0.5) * 1.0 * chosen
    scale = torch.where(chosen, 0.8 + 0.5 * torch.rand(n), 1.0)
    shift = (torch.rand(n, 2) - 0.5) * 0.25 * chosen[:, None]
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(n, 2, 2) * scale.view(n, 1, 1)
    where = F.affine_grid(torch.cat([turn, shift[..., None]], 2), list(x.shape), align_corners=False)
    return F.grid_sample(x, where, padding_mode="reflection", align_corners=False), chosen


def cover(x: torch.Tensor) -> torch.Tensor:
    """A third of the pictures with a rectangle of a flat colour on them (Zhong et al. 2017): no part decides alone."""
    n, size = len(x), x.shape[-1]
    half = (0.08 + 0.17 * torch.rand(n, 2, 1)) * (torch.rand(n, 1, 1) < 0.33)
    rows, columns = ((torch.arange(size) / size - torch.rand(n, 2, 1)).abs() < half).unbind(1)
    return torch.where((rows[:, :, None] & columns[:, None, :])[:, None], torch.rand(n, 3, 1, 1), x)


def disturb(x: torch.Tensor) -> torch.Tensor:
    """What a picture may differ in from those that were drawn: parts, tint, greyness, blur, noise."""
    n, x = len(x), cover(x)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (x * weights).sum(1, keepdim=True)
    amount = (torch.rand(n, 1, 1, 1) < 0.3).float() + 0.5 * torch.rand(n, 1, 1, 1)
    x = x + (grey - x) * amount.clamp(0, 1)
    x = x * (1 + 0.3 * (torch.rand(n, 3, 1, 1) - 0.5)) + 0.15 * (torch.rand(n, 3, 1, 1) - 0.5)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = x + (blurred - x) * (torch.rand(n, 1, 1, 1) < 0.5).float() * torch.rand(n, 1, 1, 1)  # drawn ones are soft
    return (x + 0.06 * torch.rand(n, 1, 1, 1) * torch.randn_like(x)).clamp(0, 1)
