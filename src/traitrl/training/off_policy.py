"""Written replies in place of some sampled ones: mixed-policy GRPO, for a policy too weak to sample what is right.

RL can only raise what the policy draws. Where that is hardly ever a good reply, groups hold nothing to learn from; a
few replies from elsewhere, graded by the same judge in the same group, give it something to choose (LUFFY, "Learning
to Reason under Off-Policy Guidance", arXiv 2504.14945). Which of them is right is left to the judge. What it grades
below the group is left alone and not pushed down, as a caution: it is fluent text that the policy hardly ever draws
(decision 0013).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from traitrl.models.chat import Message, reply_ids

if TYPE_CHECKING:
    from traitrl.training.warm_examples import WarmExample


class OffPolicyReplies:
    """The written replies of conversations, as token ids that fit the policy's length cap."""

    def __init__(self, tokenizer: Any, examples: Sequence["WarmExample"], per_group: int, max_tokens: int) -> None:
        """Encodes the replies.

        Args:
            tokenizer: Of the policy.
            examples: Conversations with their written replies; other conversations keep their sampled replies.
            per_group: Written replies of a group, at most.
            max_tokens: Length cap of a reply. Longer written ones are left out.
        """
        self._written: Mapping[tuple[tuple[str, str], ...], list[list[int]]] = {
            _key(example.conversation): [
                ids for reply in example.replies if len(ids := reply_ids(tokenizer, reply, end=True)) <= max_tokens
            ][:per_group]
            for example in examples
        }

    def of(self, conversation: Sequence[Message]) -> list[list[int]]:
        """Returns the token ids of a conversation's written replies, none where it has no such replies."""
        return self._written.get(_key(conversation), [])


def _key(conversation: Sequence[Message]) -> tuple[tuple[str, str], ...]:
    return tuple((turn["role"], turn["content"]) for turn in conversation)


def mixed_advantages(
    advantages: torch.Tensor, is_written: torch.Tensor, is_graded: torch.Tensor, group_size: int, scale: bool
) -> torch.Tensor:
    """Turns the advantages of mixed groups into those that are learnt from.

    Sampled replies are compared with the sampled ones of their group, as without written ones. Written ones keep their
    advantage over the whole group where it is positive, else they get 0. A reply without a grade gets 0.

    Args:
        advantages: Of every reply over its whole group, group after group, shape (replies,).
        is_written: Which replies are written, shape (replies,).
        is_graded: Which replies have a reward, shape (replies,).
        group_size: Replies of a group.
        scale: Whether advantages are divided by the spread of the group.
    """
    grouped, written = advantages.view(-1, group_size), is_written.view(-1, group_size)
    graded = is_graded.view(-1, group_size)
    sampled = grouped.masked_fill(written | ~graded, torch.nan)
    centred = sampled - sampled.nanmean(1, keepdim=True)
    if scale:
        count = (~sampled.isnan()).sum(1, keepdim=True)
        spread = (centred.square().nansum(1, keepdim=True) / (count - 1)).sqrt()
        centred = centred / (spread + 1e-4)
    # One graded sample alone has nothing to be compared with: its spread is 0/0.
    centred = centred.nan_to_num(nan=0.0)
    mixed = torch.where(written.any(1, keepdim=True), centred, grouped)
    return torch.where(written, grouped.clamp(min=0), mixed).view(-1)


def dead_share(advantages: torch.Tensor, is_written: torch.Tensor, is_graded: torch.Tensor, group_size: int) -> float:
    """Returns the share of groups whose sampled replies all earned the same; arguments as in `mixed_advantages`."""
    counted = (is_graded & ~is_written).view(-1, group_size)
    grouped = advantages.view(-1, group_size)
    highest = grouped.masked_fill(~counted, -torch.inf).amax(1)
    lowest = grouped.masked_fill(~counted, torch.inf).amin(1)
    return float((highest <= lowest).float().mean())
