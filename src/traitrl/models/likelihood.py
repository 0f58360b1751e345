"""Scores continuations by likelihood, in batches, each shared prompt computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from traitrl.models.greedy_batches import greedy_batches
from traitrl.models.prefix import Continuations, continuation_log_probabilities, pad_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Question:
    """One prompt with its options, as token ids."""

    prompt: Sequence[int]
    options: Sequence[Sequence[int]]


@torch.inference_mode()
def score_options(
    model: "PreTrainedModel", questions: Sequence[Question], tokens_per_batch: int = 4096
) -> list[list[float]]:
    """Computes log p(option | prompt) for every option of every question.

    Args:
        model: Causal language model in evaluation mode.
        questions: What to score; prompts and options must not be empty.
        tokens_per_batch: Upper bound on padded tokens in one pass.

    Returns:
        Sum of log-probabilities in nats, one list per question, in the order given.
    """
    order = sorted(range(len(questions)), key=lambda index: len(questions[index].prompt))
    scores: list[list[float]] = [[] for _ in questions]

    def padded_tokens(batch: Sequence[int]) -> int:
        options = [len(option) for index in batch for option in questions[index].options]
        return len(batch) * max(len(questions[index].prompt) for index in batch) + len(options) * max(options)

    for batch in greedy_batches(order, padded_tokens, tokens_per_batch):
        prompts, prompt_mask = pad_rows([questions[index].prompt for index in batch], 0, "left")
        options = [option for index in batch for option in questions[index].options]
        owner = torch.tensor([row for row, index in enumerate(batch) for _ in questions[index].options])
        ids, mask = pad_rows(options, 0, "right")
        where = model.device
        inputs = Continuations(*(part.to(where) for part in (prompts, prompt_mask, owner, ids, mask)))
        totals = iter(continuation_log_probabilities(model, inputs)[0].sum(-1).tolist())
        for index in batch:
            scores[index] = [next(totals) for _ in questions[index].options]
    return scores
