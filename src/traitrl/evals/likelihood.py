"""Scores choice benchmarks by likelihood: no sampling, no judge, the same numbers every time."""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from traitrl.analysis.auroc import influence_scores
from traitrl.evals.items import Item, ask
from traitrl.models.chat import prompt_ids, reply_ids
from traitrl.models.likelihood import Question, score_options
from traitrl.models.shared_prefix import read_shared

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def option_log_likelihoods(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", items: Sequence[Item]
) -> list[list[float]]:
    """Returns log p(option | chat prompt) in nats for every option of every item.

    What all prompts begin with, such as the system turn of a chat template, is read once.
    """
    prompts = [prompt_ids(tokenizer, item.messages) for item in items]
    options = [[reply_ids(tokenizer, option) for option in item.options] for item in items]
    read, rest = read_shared(model, prompts)
    return score_options(read, [Question(*question) for question in zip(rest, options, strict=True)])


def benchmark_scores(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", scoring: str, items: Sequence[Item]
) -> list[float]:
    """Scores the items of one benchmark by its rule.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        scoring: `per_byte`, `pmi` or `auroc`.
        items: What to score.

    Returns:
        One score per item; their mean is the benchmark's level. For `auroc` single scores may leave [0, 1].

    Raises:
        KeyError: When there is no such rule.
    """
    values = option_log_likelihoods(model, tokenizer, items)
    if scoring == "pmi":
        return pmi_scores(items, values, neutral_log_likelihoods(model, tokenizer, items))
    return _RULES[scoring](items, values)


def neutral_log_likelihoods(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", items: Sequence[Item]
) -> list[list[float]]:
    """Returns log p(option | neutral prompt) in nats for every option of every item.

    The neutral prompt (prompts/neutral.txt) is one for all, so every distinct option is scored once.
    """
    options = list(dict.fromkeys(option for item in items for option in item.options))
    question = Question(prompt_ids(tokenizer, ask(_neutral())), [reply_ids(tokenizer, option) for option in options])
    (values,) = score_options(model, [question])
    known = dict(zip(options, values, strict=True))
    return [[known[option] for option in item.options] for item in items]


@cache
def _neutral() -> str:
    return resources.files("traitrl.evals").joinpath("prompts", "neutral.txt").read_text(encoding="utf-8").strip()


def pmi_scores(
    items: Sequence[Item], log_likelihoods: Sequence[Sequence[float]], neutral: Sequence[Sequence[float]]
) -> list[float]:
    """Returns 1.0 where the prompt raises the right option's log-likelihood most over the neutral prompt, else 0.0.

    What an option owes to its length and to common words is in both terms and falls out. Source: domain-conditional
    pointwise mutual information, Holtzman et al. 2021, arXiv 2104.08315.
    """
    scores: list[float] = []
    for item, values, before in zip(items, log_likelihoods, neutral, strict=True):
        gains = [value - prior for value, prior in zip(values, before, strict=True)]
        scores.append(float(int(np.argmax(gains)) == item.answer))
    return scores


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


def auroc_item_scores(items: Sequence[Item], log_likelihoods: Sequence[Sequence[float]]) -> list[float]:
    """Returns scores whose mean is the AUROC and whose spread gives its error."""
    return influence_scores(auroc_scores(items, log_likelihoods), [item.answer for item in items])


_RULES = {"per_byte": per_byte_scores, "auroc": auroc_item_scores}


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


def trivial_levels(scoring: str, items: Sequence[Item]) -> dict[str, float]:
    """Returns what rules that read nothing reach, on the benchmark's own scale.

    Args:
        scoring: The benchmark's scoring rule.
        items: Its items.

    Returns:
        For `auroc`, the AUROC of calling items with a longer (or a shorter) prompt option 0; a fixed answer has 0.5.
        Otherwise `trivial_scores`.
    """
    if scoring != "auroc":
        return trivial_scores(items)
    lengths = [sum(len(message["content"].encode()) for message in item.messages) for item in items]
    longest = float(np.mean(auroc_item_scores(items, [(length, 0.0) for length in lengths])))
    return {"chance": 0.5, "longest": longest, "shortest": 1 - longest, "first": 0.5}
