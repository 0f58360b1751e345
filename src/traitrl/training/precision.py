"""Number formats in training: float32 adapters over a base model in the machine's fast format."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from peft.helpers import disable_input_dtype_casting

from traitrl.models.prefix import unwrap


@contextmanager
def adapter_precision(model: Any) -> Generator[None]:
    """Multiplies float32 adapter weights in the base model's format, instead of casting activations up and down."""
    causal = unwrap(model)
    if causal.dtype != torch.bfloat16:
        yield
        return
    with disable_input_dtype_casting(model), torch.autocast(causal.device.type, torch.bfloat16):
        yield
