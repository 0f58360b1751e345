"""Scores choice benchmarks by likelihood: no sampling, no judge, the same numbers every time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from traitrl.evals.items import Item
from traitrl.models.chat import prompt_ids, reply_ids
from traitrl.models.likelihood import Question, score_options

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def option_log_likelihoods(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", items: Sequence[Item], system: str | None = None
) -> list[list[float]]:
    """Returns log p(option | chat prompt) in nats for every option of every item."""
    questions = [
        Question(
            prompt_ids(tokenizer, item.messages, system), [reply_ids(tokenizer, option) for option in item.options]
        )
        for item in items
    ]
    return score_options(model, questions)


def per_byte_scores(items: Sequence[Item], log_likelihoods: Sequence[Sequence[float]]) -> list[float]:
    """Returns 1.0 where the right option has the highest log-likelihood per UTF-8 byte, else 0.0."""
    scores: list[float] = []
    for item, values in zip(items, log_likelihoods, strict=True):
        per_byte = [value / len(option.encode()) for value, option in zip(values, item.options, strict=True)]
        scores.append(float(int(np.argmax(per_byte)) == item.answer))
    return scores


def auroc_scores(items: Sequence[Item], log_likelihoods: Sequence[Sequence[float]]) -> list[float]:
    """Returns each item's placement value; their mean weighted by class is the AUROC of the log-odds.

    For an item keyed 0: the share of items keyed 1 whose log-odds for option 0 are lower (ties count half), and the
    reverse. Source of the decomposition: DeLong et al. 1988.
    """
    odds = np.array([values[0] - values[1] for values in log_likelihoods])
    answers = np.array([item.answer for item in items])
    scores: list[float] = []
    for value, answer in zip(odds, answers, strict=True):
        others = odds[answers != answer]
        wins = (others < value) if answer == 0 else (others > value)
        scores.append(float((wins + 0.5 * (others == value)).mean()) if len(others) else 0.5)
    return scores


def trivial_scores(items: Sequence[Item]) -> dict[str, float]:
    """Returns the accuracy of rules that read nothing: random choice, longest, shortest and first option."""
    lengths = [[len(option.encode()) for option in item.options] for item in items]
    answers = [item.answer for item in items]
    return {
        "chance": float(np.mean([1 / len(item.options) for item in items])),
        "longest": float(
            np.mean([int(np.argmax(row)) == answer for row, answer in zip(lengths, answers, strict=True)])
        ),
        "shortest": float(
            np.mean([int(np.argmin(row)) == answer for row, answer in zip(lengths, answers, strict=True)])
        ),
        "first": float(np.mean([answer == 0 for answer in answers])),
    }
