"""Log-probabilities of continuations, each distinct prompt computed once.

The one forward pass that training, preference margins and likelihood benchmarks share: prompts are padded on the
left and run once, their key-value cache is expanded to the continuations, and the LM head runs on real continuation
tokens only. Gradients flow through the shared prompt, so the result equals the ordinary pass up to rounding.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from traitrl.models.decoding import fast_attention
from traitrl.models.greedy_batches import greedy_batches
from traitrl.models.head import head_log_probabilities

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel


_SHORT = 192
"""Tokens per row up to which attention weights are held in memory."""


_TOKENS = 512
"""Continuation tokens run together on a CPU: beyond it padding costs more than small matrices do."""


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

    def select(self, rows: torch.Tensor) -> "Continuations":
        """Returns some of the continuations, cut to the longest of them, with all prompts."""
        width = max(1, int(self.mask[rows].sum(1).max()))
        return Continuations(
            self.prompts, self.prompt_mask, self.owner[rows], self.ids[rows, :width], self.mask[rows, :width]
        )


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


def short_attention(decoder: Any, ids: torch.Tensor) -> AbstractContextManager[None]:
    """Returns the context for a pass over `ids`: grouped attention on a CPU when rows are short, else the stock one."""
    return fast_attention(decoder) if ids.device.type == "cpu" and ids.shape[1] <= _SHORT else nullcontext()


def run_prompts(decoder: Any, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, "DynamicCache"]:
    """Runs left-padded prompts once.

    Returns:
        Hidden states after the last prompt token, shape (prompts, hidden size), and the key-value cache.
    """
    from transformers import DynamicCache

    cache = DynamicCache()
    with short_attention(decoder, ids):
        output = decoder(
            input_ids=ids, attention_mask=mask, position_ids=positions(mask), past_key_values=cache, use_cache=True
        )
    return output.last_hidden_state[:, -1], cache


def run_continuations(decoder: Any, cache: "DynamicCache", batch: Continuations, length: int) -> torch.Tensor:
    """Runs the first `length` tokens of each continuation after its prompt.

    Args:
        decoder: The model without its LM head.
        cache: Cache of the prompts, one row each.
        batch: Prompts and continuations.
        length: Tokens of each continuation to run, at most C.

    Returns:
        Hidden states, shape (continuations, length, hidden size).
    """
    from transformers import DynamicCache

    expanded = DynamicCache()
    for index, layer in enumerate(cache.layers):
        expanded.update(layer.keys[batch.owner], layer.values[batch.owner], index)  # type: ignore[index]
    mask = torch.cat([batch.prompt_mask[batch.owner], batch.mask[:, :length]], dim=1)
    with short_attention(decoder, batch.ids):
        output = decoder(
            input_ids=batch.ids[:, :length],
            attention_mask=mask,
            position_ids=positions(mask)[:, batch.prompts.shape[1] :],
            past_key_values=expanded,
            use_cache=True,
        )
    return output.last_hidden_state


def _of_like_length(mask: torch.Tensor) -> list[torch.Tensor]:
    """Returns row numbers in groups of rising length, each padded to at most `_TOKENS`; one group on a GPU."""
    lengths = mask.sum(1)
    order = lengths.argsort(stable=True)
    if mask.device.type != "cpu":
        return [order]
    longest = lengths.tolist()
    # In this order the last row is the longest.
    batches = greedy_batches(order.tolist(), lambda batch: len(batch) * longest[batch[-1]], _TOKENS)
    return [torch.tensor(batch) for batch in batches]


def continuation_log_probabilities(
    model: Any, batch: Continuations, temperature: float = 1.0, with_entropy: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Computes log p of every continuation token given its prompt and the tokens before it.

    Continuations of like length run together, so that short ones are not padded to the longest.

    Args:
        model: Causal language model, with or without adapter.
        batch: Prompts and continuations.
        temperature: Divides the logits.
        with_entropy: Whether the entropies are wanted.

    Returns:
        Log-probabilities in nats (with gradient) and entropies in nats (without, or None), both float32 of shape
        (continuations, C), 0 at padding.
    """
    causal = unwrap(model)
    decoder = causal.get_decoder()
    last, cache = run_prompts(decoder, batch.prompts, batch.prompt_mask)
    hidden: list[torch.Tensor] = []
    rows_of: list[torch.Tensor] = []
    columns_of: list[torch.Tensor] = []
    for rows in _of_like_length(batch.mask):
        part = batch.select(rows)
        states = last[part.owner].unsqueeze(1)
        if part.ids.shape[1] > 1:
            states = torch.cat([states, run_continuations(decoder, cache, part, part.ids.shape[1] - 1)], dim=1)
        row, column = part.mask.nonzero(as_tuple=True)
        hidden.append(states[row, column])
        rows_of.append(rows[row])
        columns_of.append(column)
    place = torch.cat(rows_of), torch.cat(columns_of)
    chosen, entropy = head_log_probabilities(
        torch.cat(hidden), causal.get_output_embeddings(), batch.ids[place], temperature, with_entropy
    )
    empty = torch.zeros(batch.mask.shape, device=chosen.device)
    return empty.index_put(place, chosen), None if entropy is None else empty.index_put(place, entropy)
