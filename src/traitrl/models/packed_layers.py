"""Linear layers whose weights are laid out for the processor once, not at every call.

On a CPU a stock layer in bfloat16 brings its weights into the order that the multiplication wants each time: up to half
of a product with few rows, as in decoding. Passes over hundreds of rows gain nothing. The numbers are the same.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from traitrl.runtime import has_native_bfloat16

_ROWS = 64
"""For how many rows the layout is chosen; the gain hardly depends on it."""


@contextmanager
def packed_layers(model: Any) -> Generator[None]:
    """Runs a model's linear layers on laid-out copies of their weights inside the block, without gradients.

    The copies take the weights' size again until the block ends. Weights must not change in it. On a GPU, or in
    another number format, nothing happens.
    """
    layers = [layer for layer in model.modules() if type(layer) is torch.nn.Linear and _gains(layer.weight)]
    # All laid out before any is put to use: when memory runs out half-way, no layer has been touched.
    packed = [torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS) for layer in layers]
    for layer, weight in zip(layers, packed, strict=True):
        layer.forward = partial(_multiply, weight, layer.bias)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _gains(weight: torch.Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and has_native_bfloat16()


def _multiply(packed: torch.Tensor, bias: torch.Tensor | None, input: torch.Tensor) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(input, packed, bias, "none", [], "")
