"""Log-probabilities of continuations, each distinct prompt computed once.

The one forward pass that training, preference margins and likelihood benchmarks share: prompts are padded on the
left and run once, their key-value cache is expanded to the continuations, and the LM head runs on real continuation
tokens only. Gradients flow through the shared prompt, so the result equals the ordinary pass up to rounding.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from traitrl.models.decoding import fast_attention
from traitrl.models.head import head_log_probabilities

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel


@dataclass(frozen=True)
class Continuations:
    """Prompts and what follows them, padded.

    `prompts` and `prompt_mask` have shape (prompts, P), left-padded; `ids` and `mask` have shape (continuations, C),
    right-padded; `owner` gives the row of each continuation's prompt, shape (continuations,).
    """

    prompts: torch.Tensor
    prompt_mask: torch.Tensor
    owner: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor


def pad_rows(rows: Sequence[Sequence[int]], pad: int, side: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Pads rows of ids to one length.

    Returns:
        Ids and mask, both int64 of shape (rows, longest).
    """
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        span = slice(width - len(row), width) if side == "left" else slice(0, len(row))
        ids[index, span] = torch.tensor(row, dtype=torch.long)
        mask[index, span] = 1
    return ids, mask


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Returns position ids that count real tokens only, shape of `mask`."""
    return (mask.cumsum(-1) - 1).clamp(min=0)


def unwrap(model: Any) -> "PreTrainedModel":
    """Returns the causal language model below a PEFT wrapper (adapter layers stay in place)."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def run_prompts(decoder: Any, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, "DynamicCache"]:
    """Runs left-padded prompts once.

    Returns:
        Hidden states after the last prompt token, shape (prompts, hidden size), and the key-value cache.
    """
    from transformers import DynamicCache

    cache = DynamicCache()
    output = decoder(
        input_ids=ids, attention_mask=mask, position_ids=positions(mask), past_key_values=cache, use_cache=True
    )
    return output.last_hidden_state[:, -1], cache


def run_continuations(decoder: Any, cache: "DynamicCache", batch: Continuations, length: int) -> torch.Tensor:
    """Runs the first `length` tokens of each continuation after its prompt.

    Args:
        decoder: The model without its LM head.
        cache: Cache of the prompts, one row each; it is expanded in place.
        batch: Prompts and continuations.
        length: Tokens of each continuation to run, at most C.

    Returns:
        Hidden states, shape (continuations, length, hidden size).
    """
    cache.batch_select_indices(batch.owner)
    mask = torch.cat([batch.prompt_mask[batch.owner], batch.mask[:, :length]], dim=1)
    with fast_attention(decoder) if batch.ids.device.type == "cpu" else nullcontext():
        output = decoder(
            input_ids=batch.ids[:, :length],
            attention_mask=mask,
            position_ids=positions(mask)[:, batch.prompts.shape[1] :],
            past_key_values=cache,
            use_cache=True,
        )
    return output.last_hidden_state


def continuation_log_probabilities(
    model: Any, batch: Continuations, temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes log p of every continuation token given its prompt and the tokens before it.

    Args:
        model: Causal language model, with or without adapter.
        batch: Prompts and continuations.
        temperature: Divides the logits.

    Returns:
        Log-probabilities in nats (with gradient) and entropies in nats (without), both float32 of shape
        (continuations, C), 0 at padding.
    """
    causal = unwrap(model)
    decoder = causal.get_decoder()
    hidden, cache = run_prompts(decoder, batch.prompts, batch.prompt_mask)
    hidden = hidden[batch.owner].unsqueeze(1)
    width = batch.ids.shape[1]
    if width > 1:
        hidden = torch.cat([hidden, run_continuations(decoder, cache, batch, width - 1)], dim=1)
    real = batch.mask.bool()
    chosen, entropy = head_log_probabilities(hidden[real], causal.get_output_embeddings(), batch.ids[real], temperature)
    shape = batch.mask.shape
    log_probabilities = torch.zeros(shape, device=chosen.device).masked_scatter(real, chosen)
    entropies = torch.zeros(shape, device=chosen.device).masked_scatter(real, entropy)
    return log_probabilities, entropies
