"""Log-probability of chosen tokens without ever holding the logits of all of them.

Full logits of a training step (64 replies x 64 tokens x 49,152 words) take 0.8 GB in float32, several times over.
Here they
live for a few hundred tokens at a time, and the gradient with respect to the hidden states is formed in the same
pass. The head itself must be frozen, which it is under LoRA.
"""

from typing import Any

import torch

_TOKENS_AT_ONCE = 256
_ROWS_IN_CACHE = 16
"""The softmax goes through so many rows at a time on a CPU: what stays in its cache is read five times for free."""


class _ChosenLogProbability(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        ids: torch.Tensor,
        temperature: float,
        with_entropy: bool,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        chosen = hidden.new_empty(len(ids), dtype=torch.float32)
        entropy = torch.empty_like(chosen) if with_entropy else None
        slope = torch.empty_like(hidden) if hidden.requires_grad else None
        rows = _ROWS_IN_CACHE if hidden.device.type == "cpu" else _TOKENS_AT_ONCE
        for start in range(0, len(ids), _TOKENS_AT_ONCE):
            part = slice(start, start + _TOKENS_AT_ONCE)
            logits = hidden[part] @ weight.T
            for first, block in zip(range(start, start + len(logits), rows), logits.split(rows), strict=True):
                place = slice(first, first + len(block))
                scaled = block.float().div_(temperature)
                total = scaled.logsumexp(1)
                chosen[place] = scaled.gather(1, ids[place, None]).squeeze(1) - total
                if entropy is None and slope is None:
                    continue
                probability = scaled.sub(total[:, None]).exp_()
                if entropy is not None:
                    entropy[place] = total - scaled.mul_(probability).sum(1)
                if slope is not None:
                    block.copy_(probability)
            if slope is not None:  # `logits` now holds probabilities
                slope[part] = (weight[ids[part]] - logits @ weight) / temperature
        context.save_for_backward(slope)
        if entropy is not None:
            context.mark_non_differentiable(entropy)
        return chosen, entropy

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[torch.Tensor, None, None, None, None]:
        (slope,) = ctx.saved_tensors
        return grad_outputs[0].unsqueeze(1).to(slope.dtype) * slope, None, None, None, None


def head_log_probabilities(
    hidden: torch.Tensor, head: Any, ids: torch.Tensor, temperature: float = 1.0, with_entropy: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Computes log p of chosen tokens and the entropy of their distributions.

    Args:
        hidden: Last hidden states, shape (tokens, hidden size).
        head: The model's output embedding: frozen, without bias.
        ids: Chosen tokens, shape (tokens,).
        temperature: Divides the logits.
        with_entropy: Whether entropies are wanted; without them and without gradients half of the work falls away.

    Returns:
        Log-probabilities in nats (differentiable in `hidden`) and entropies in nats (or None), float32 of shape
        (tokens,).

    Raises:
        ValueError: When the head is trainable or has a bias; use the stock pass then.
    """
    if getattr(head, "bias", None) is not None or (head.weight.requires_grad and torch.is_grad_enabled()):
        raise ValueError("the LM head must be frozen and without bias")
    return _ChosenLogProbability.apply(hidden, head.weight, ids, temperature, with_entropy)  # type: ignore[no-any-return]
