"""Groups of the U-Net's weights that a method may train, by the names of `UNet2DConditionModel.named_parameters()`.

Each entry says all that its group is: a model's cause holds the entries that its method names, and no others.
"""

from __future__ import annotations

from typing import Literal

GROUPS = {
    "xattn": lambda name: ".attn2." in name,
    "xattn-kv": lambda name: ".attn2.to_k." in name or ".attn2.to_v." in name,
    "noxattn": lambda name: ".attn2." not in name and not name.startswith(("time_embedding.", "conv_out.")),
    "selfattn": lambda name: ".attn1." in name,
    "attn": lambda name: any(part in name for part in (".to_q.", ".to_k.", ".to_v.", ".to_out.")),
    "notime": lambda name: not name.startswith(("time_embedding.", "conv_out.")),
    "full": lambda name: True,
}
OWN = "method."  # begins the names under which tensors are saved that are a method's own
Group = Literal[tuple(GROUPS)]
