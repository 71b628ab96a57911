"""A model is what its method applies: what an erasure saved is put into a pipeline, and says how it is guided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from benchmark.errors import BenchmarkError
from benchmark.model import guard
from benchmark.model.diffusion import Diffusion
from benchmark.model.guidance import ClassifierFree
from benchmark.plan import plugins
from benchmark.plan.groups import OWN
from benchmark.plan.protocols import Guidance
from benchmark.plan.records import Request


@contextmanager
def applied(
    pipeline: Diffusion, method: str, request: Request, values: Mapping[str, Any], saved: Mapping[str, torch.Tensor]
) -> Iterator[Guidance]:
    """Within the block a pipeline, which was the base model's, is the erased model; yields how its images are guided.

    Saved weights of the U-Net and of the text encoder are put in. A method with a function `apply` does the rest: it is
    given the tensors that it has left in `model.state`, on the pipeline's device and in its precision. No other model
    must be given this pipeline afterwards. Raises `BenchmarkError` if what the process shares has then been changed.
    """
    pipeline.set_state({name: value for name, value in saved.items() if not name.startswith(OWN)})
    plugin = plugins.load_anew("methods", method)
    if not hasattr(plugin, "apply"):
        yield ClassifierFree(pipeline)
        return
    dtype = next(pipeline.unet.parameters()).dtype
    state = {
        name.removeprefix(OWN): value.to(pipeline.device, dtype if value.is_floating_point() else None)
        for name, value in saved.items()
        if name.startswith(OWN)
    }
    with guard.process(pipeline):
        settings = plugin.Settings(**values) if hasattr(plugin, "Settings") else None
        guidance = plugin.apply(pipeline, request, settings, state)
        for name in ("contexts", "combine"):
            if guidance is not None and not callable(getattr(guidance, name, None)):
                raise BenchmarkError(
                    f"apply returned {guidance!r:.50}, which has no {name}: it must be a Guidance or None"
                )
        yield guidance or ClassifierFree(pipeline)
