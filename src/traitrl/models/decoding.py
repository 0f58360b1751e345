"""What makes short passes fast on a CPU: a key-value cache that never copies itself, and grouped attention.

The stock dynamic cache copies all past keys for each new token, and the stock attention repeats the keys of grouped
heads in memory. Here the cache is allocated once with room for the reply, and attention multiplies groups of query
heads with their shared keys directly; on a few dozen query tokens that also beats the stock flash kernel, forward
and backward.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache, DynamicLayer
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NAME = "traitrl_grouped"


class RoomyLayer(DynamicLayer):
    """One layer's keys and values, shape (rows, heads, capacity, head size), filled up to `length`."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, copies: torch.Tensor, room: int) -> None:
        super().__init__()
        self.length = keys.shape[-2]
        self.buffers = [self._roomy(part, copies, room) for part in (keys, values)]
        self.is_initialized = True
        self._refresh()

    @staticmethod
    def _roomy(part: torch.Tensor, copies: torch.Tensor, room: int) -> torch.Tensor:
        _, heads, length, size = part.shape
        buffer = part.new_zeros(int(copies.sum()), heads, length + room, size)
        buffer[:, :, :length] = part.repeat_interleave(copies, dim=0)
        return buffer

    def _refresh(self) -> None:
        self.keys, self.values = (buffer[:, :, : self.length] for buffer in self.buffers)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes new keys and values in place and returns views of all so far."""
        end = self.length + key_states.shape[-2]
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, self.length : end] = states
        self.length = end
        self._refresh()
        return self.keys, self.values  # type: ignore[return-value]

    def select(self, rows: torch.Tensor) -> None:
        """Keeps only the given rows."""
        self.buffers = [buffer[rows] for buffer in self.buffers]
        self._refresh()


def expand_cache(prefix: Cache, copies: torch.Tensor, room: int) -> Cache:
    """Returns a cache with row i repeated `copies[i]` times and room for `room` more tokens."""
    layers = [RoomyLayer(layer.keys, layer.values, copies, room) for layer in prefix.layers]  # type: ignore[arg-type]
    return Cache(layers=layers)  # type: ignore[arg-type]


def select_rows(cache: Cache, rows: torch.Tensor) -> None:
    """Drops all rows of the cache but the given ones."""
    for layer in cache.layers:
        layer.select(rows)  # type: ignore[attr-defined]


def _grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    rows, heads, length, size = query.shape
    groups = key.shape[1]
    scale = size**-0.5 if scaling is None else scaling
    shared = heads // groups
    stacked = query.reshape(rows, groups, shared * length, size)
    if length == 1 and key.device.type == "cpu":
        # Keys are a view of a larger buffer; multiplying by its transpose takes longer than copying it first.
        key = key.contiguous()
    weights = torch.matmul(stacked, key.transpose(-1, -2)) * scale
    if attention_mask is None and length > 1:
        past = key.shape[-2] - length
        attention_mask = torch.ones(length, key.shape[-2], dtype=torch.bool, device=query.device).tril(past)[None, None]
    if attention_mask is not None:
        allowed = attention_mask[..., : key.shape[-2]].repeat(1, 1, shared, 1)
        # Not -inf: a padding query may see nothing, and its NaN would spread through the keys of later layers.
        weights = weights.masked_fill(~allowed, torch.finfo(weights.dtype).min)
    mixed = torch.matmul(weights.float().softmax(-1).to(value.dtype), value)
    return mixed.view(rows, heads, length, size).transpose(1, 2).contiguous(), None


AttentionInterface.register(_NAME, _grouped_attention)
AttentionMaskInterface.register(_NAME, sdpa_mask)


@contextmanager
def fast_attention(model: "PreTrainedModel") -> Generator[None]:
    """Uses grouped attention inside the block; for few query tokens per row, whose weights fit in memory."""
    before = model.config._attn_implementation  # pyright: ignore[reportPrivateUsage]
    model.config._attn_implementation = _NAME  # pyright: ignore[reportPrivateUsage]
    try:
        yield
    finally:
        model.config._attn_implementation = before  # pyright: ignore[reportPrivateUsage]
