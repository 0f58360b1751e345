"""The policy that draws rollouts: base weights with the adapter folded in, in a copy of its own.

Folding into the training weights and back would round them a little at every step; a separate copy is written afresh
from base + adapter each time, so no error builds up and decoding pays nothing for LoRA.
"""

import copy
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


class Actor:
    """A merged copy of a LoRA policy, refreshed before each rollout."""

    def __init__(self, base: "PreTrainedModel") -> None:
        """Copies the base model; call before an adapter is attached to it."""
        self.model: PreTrainedModel = copy.deepcopy(base).eval().requires_grad_(False)

    @torch.no_grad()
    def refresh(self, policy: "PeftModel") -> None:
        """Writes base + scaling * B A into the copy for every adapted layer."""
        from peft.tuners.lora import Linear

        modules: dict[str, Any] = dict(self.model.named_modules())
        for name, layer in policy.get_base_model().named_modules():
            if isinstance(layer, Linear):
                adapted: Any = layer
                weight: torch.Tensor = adapted.base_layer.weight
                merged = weight.float() + adapted.get_delta_weight("default").float()
                modules[name].weight.copy_(merged.to(weight.dtype))
