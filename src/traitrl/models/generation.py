"""Batched sampling: each distinct prompt is run once, finished replies leave the batch, weights are used as given.

Plain `generate` recomputes a prompt for each of its samples and carries finished rows to the end. Sampling is seeded
per call, never by global state, so a resumed run draws the same replies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from traitrl.models.greedy_batches import greedy_batches
from traitrl.models.packed_layers import packed_layers
from traitrl.models.prefix import pad_rows, positions, run_prompts

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. `temperature` 0 means greedy; `max_tokens` caps the reply, end token included."""

    max_tokens: int = 64
    temperature: float = 1.0
    seed: int = 0


@torch.inference_mode()
def sample_replies(
    model: "PreTrainedModel",
    prompts: Sequence[Sequence[int]],
    copies: int | Sequence[int],
    sampling: Sampling,
    end_ids: Sequence[int],
    batch_rows: int = 64,
    advance: Callable[[int], None] | None = None,
) -> list[list[int]]:
    """Samples `copies` replies for every prompt.

    Args:
        model: Causal language model in evaluation mode, adapter merged.
        prompts: Token ids of each prompt.
        copies: Replies per prompt, one number for all or one for each.
        sampling: Length cap, temperature and seed.
        end_ids: Ids that end a reply.
        batch_rows: Replies decoded together.
        advance: Called with the number of replies finished so far in a batch, for progress bars.

    Returns:
        One list of token ids per reply, prompt by prompt, with the end token unless the cap cut the reply.
    """
    counts = [copies] * len(prompts) if isinstance(copies, int) else list(copies)
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    replies: list[list[list[int]]] = [[] for _ in prompts]
    generator = torch.Generator(device=model.device).manual_seed(sampling.seed)
    with packed_layers(model):
        for chosen in greedy_batches(order, lambda batch: sum(counts[index] for index in batch), batch_rows):
            asked, times = [prompts[index] for index in chosen], [counts[index] for index in chosen]
            drawn = iter(_decode(model, asked, times, sampling, set(end_ids), generator))
            for index in chosen:
                replies[index] = list(islice(drawn, counts[index]))
            if advance:
                advance(sum(times))
    return [ids for of_prompt in replies for ids in of_prompt]


def _decode(
    model: "PreTrainedModel",
    prompts: Sequence[Sequence[int]],
    copies: Sequence[int],
    sampling: Sampling,
    end_ids: set[int],
    generator: torch.Generator,
) -> list[list[int]]:
    from traitrl.models.decoding import expand_cache, fast_attention, select_rows

    ids, mask = (part.to(model.device) for part in pad_rows(prompts, 0, "left"))
    decoder: Any = model.get_decoder()
    head: Any = model.get_output_embeddings()
    hidden, prefix = run_prompts(decoder, ids, mask)
    times = torch.tensor(copies, device=model.device)
    cache = expand_cache(prefix, times, sampling.max_tokens)
    hidden = hidden.repeat_interleave(times, dim=0)
    mask = mask.repeat_interleave(times, dim=0)
    position = positions(mask)[:, -1:]
    replies: list[list[int]] = [[] for _ in range(sum(copies))]
    alive = list(range(len(replies)))
    with fast_attention(model):
        for step in range(sampling.max_tokens):
            token = _draw(head(hidden), sampling.temperature, generator)
            values = token.tolist()
            for row, value in zip(alive, values, strict=True):
                replies[row].append(value)
            keep = [index for index, value in enumerate(values) if value not in end_ids]
            if not keep or step + 1 == sampling.max_tokens:
                break
            if len(keep) < len(alive):
                rows = torch.tensor(keep, device=model.device)
                alive = [alive[index] for index in keep]
                token, mask, position = token[rows], mask[rows], position[rows]
                select_rows(cache, rows)
            mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
            position = position + 1
            hidden = decoder(
                input_ids=token.unsqueeze(1),
                attention_mask=mask,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
    return replies


def _draw(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    if temperature == 0:
        return logits.argmax(-1)
    # Inverse of the cumulative distribution: one random number per row, where Gumbel noise takes one per word.
    cumulative = (logits.float() / temperature).softmax(-1).cumsum(-1)
    uniform = torch.rand(len(logits), 1, generator=generator, device=logits.device)
    chosen = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    return chosen.squeeze(1).clamp_(max=logits.shape[1] - 1)
