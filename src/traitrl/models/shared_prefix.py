"""A model that has read a beginning once, for many prompts that share it.

A chat template's system turn, or sixteen demonstrations, stand in front of every scenario and every benchmark item;
without this they would be read again for each.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from traitrl.models.prefix import run_prompts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SHORTEST = 16
"""Fewest shared tokens that are worth a pass of their own."""


def shared_length(prompts: Sequence[list[int]]) -> int:
    """Returns how many tokens all prompts begin with, so that each keeps at least one of its own.

    0 when fewer than two prompts share 16 tokens: reading those once saves nothing.
    """
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    most = min(map(len, prompts)) - 1
    shared = next((place for place in range(most) if first[place] != last[place]), most)
    return shared if shared >= _SHORTEST else 0


def read_shared(model: "PreTrainedModel", prompts: Sequence[list[int]]) -> "tuple[Any, list[list[int]]]":
    """Reads what all prompts begin with once.

    Returns:
        A model that has read it, and the rest of each prompt; model and prompts as they are where nothing is shared.
    """
    shared = shared_length(prompts)
    # The prefixed model stands in front of a plain one only: below a wrapper the engine would pass it by.
    if not shared or hasattr(model, "get_base_model"):
        return model, list(prompts)
    return PrefixedModel(model, prompts[0][:shared]), [prompt[shared:] for prompt in prompts]


class PrefixedModel:
    """A causal model for prompts whose beginning it has read: they are given without it.

    Stands in for the model in `sample_replies` and `score_options`, which see a shorter prompt and nothing else.
    """

    def __init__(self, model: "PreTrainedModel", prefix: Sequence[int]) -> None:
        self._model = model
        self._decoder = _PrefixedDecoder(model.get_decoder(), torch.tensor([list(prefix)], device=model.device))

    def get_decoder(self) -> "_PrefixedDecoder":
        """Returns the model without its LM head."""
        return self._decoder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class _PrefixedDecoder:
    """Puts the keys and values of the prefix into every empty cache, and counts its tokens in masks and positions."""

    @torch.inference_mode()
    def __init__(self, decoder: Any, prefix: torch.Tensor) -> None:
        self._decoder = decoder
        self._length = prefix.shape[1]
        _, cache = run_prompts(decoder, prefix, torch.ones_like(prefix))
        layers: Any = cache.layers
        self._layers = [(layer.keys, layer.values) for layer in layers]

    def __call__(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        position_ids: torch.Tensor,
        past_key_values: Any,
        use_cache: bool = True,
    ) -> Any:
        rows = len(input_ids)
        if past_key_values.get_seq_length() == 0:
            for index, (keys, values) in enumerate(self._layers):
                past_key_values.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), index)
        return self._decoder(
            input_ids=input_ids,
            attention_mask=torch.cat([attention_mask.new_ones(rows, self._length), attention_mask], dim=1),
            position_ids=position_ids + self._length,
            past_key_values=past_key_values,
            use_cache=use_cache,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)
