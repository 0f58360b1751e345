"""Log-probability of chosen tokens without ever holding the logits of all of them.

Full logits of a training step (64 replies x 64 tokens x 49,152 words) take 0.8 GB in float32, several times over.
Here they
live for a few hundred tokens at a time, and the gradient with respect to the hidden states is formed in the same
pass. The head itself must be frozen, which it is under LoRA.
"""

from typing import Any

import torch

_TOKENS_AT_ONCE = 256


class _ChosenLogProbability(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, hidden: torch.Tensor, weight: torch.Tensor, ids: torch.Tensor, temperature: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = hidden.new_empty(len(ids), dtype=torch.float32)
        entropy = torch.empty_like(chosen)
        slope = torch.empty_like(hidden) if hidden.requires_grad else None
        for start in range(0, len(ids), _TOKENS_AT_ONCE):
            part = slice(start, start + _TOKENS_AT_ONCE)
            logits = (hidden[part] @ weight.T).float().div_(temperature)
            picked = logits.gather(1, ids[part, None]).squeeze(1)
            total = logits.logsumexp(1)
            chosen[part] = picked - total
            probability = logits.sub(total[:, None]).exp_()
            entropy[part] = total - (probability * logits).sum(1)
            if slope is not None:
                expected = probability.to(weight.dtype) @ weight
                slope[part] = (weight[ids[part]] - expected) / temperature
        context.save_for_backward(slope)
        context.mark_non_differentiable(entropy)
        return chosen, entropy

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[torch.Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return grad_outputs[0].unsqueeze(1).to(slope.dtype) * slope, None, None, None


def head_log_probabilities(
    hidden: torch.Tensor, head: Any, ids: torch.Tensor, temperature: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes log p of chosen tokens and the entropy of their distributions.

    Args:
        hidden: Last hidden states, shape (tokens, hidden size).
        head: The model's output embedding: frozen, without bias.
        ids: Chosen tokens, shape (tokens,).
        temperature: Divides the logits.

    Returns:
        Log-probabilities in nats (differentiable in `hidden`) and entropies in nats, float32 of shape (tokens,).

    Raises:
        ValueError: When the head is trainable or has a bias; use the stock pass then.
    """
    if getattr(head, "bias", None) is not None or (head.weight.requires_grad and torch.is_grad_enabled()):
        raise ValueError("the LM head must be frozen and without bias")
    return _ChosenLogProbability.apply(hidden, head.weight, ids, temperature)  # type: ignore[no-any-return]
