"""Benchmarks answered in free text: replies graded by code, or by a judge on criteria.

Two fixed replies, a refusal and an echo of the question, are graded the same way: what a model has to beat.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources

import yaml

from traitrl.evals.items import OpenItem
from traitrl.evals.judge_failures import assert_judged
from traitrl.evals.rules import grade
from traitrl.judges.protocol import GradeRequest, Judge, score_requests


def grade_texts(items: Sequence[OpenItem], texts: Sequence[str | None], judge: Judge | None) -> list[float | None]:
    """Grades replies, by code where an item has a check, else by the judge on its rubric.

    Args:
        items: What was asked.
        texts: The reply to each, None where the model failed.
        judge: Grades rubrics; None when every item has a check.

    Returns:
        One score per item, in [0, 1] by code; of a rubric at most 1 and possibly negative. None where there is no reply
        or the judge failed.
    """
    scores: list[float | None] = [None] * len(items)
    judged: list[int] = []
    for place, (item, text) in enumerate(zip(items, texts, strict=True)):
        if text is None:
            continue
        if item.check is None:
            judged.append(place)
        else:
            scores[place] = grade(text, item.check)
    if judged:
        assert judge is not None, "items with a rubric need a judge"
        requests = [GradeRequest(items[place].messages, items[place].rubric, str(texts[place])) for place in judged]
        for place, score in zip(judged, score_requests(judge, requests), strict=True):
            scores[place] = score
    return scores


def fixed_levels(items: Sequence[OpenItem], judge: Judge | None) -> dict[str, float | None]:
    """Returns the mean score of each fixed reply of prompts/fixed_replies.yaml; None where there are no items.

    Raises:
        TraitrlError: When the judge failed on more than a tenth of the items.
    """
    levels: dict[str, float | None] = {}
    for name, template in fixed_replies().items():
        texts = [template.format(message=item.messages[-1]["content"]) for item in items]
        grades = grade_texts(items, texts, judge)
        # Code never fails on a fixed reply, so a missing grade is the judge's.
        assert_judged(judge.name if judge else "by code", grades)
        scores = [score for score in grades if score is not None]
        levels[name] = sum(scores) / len(scores) if scores else None
    return levels


@cache
def fixed_replies() -> dict[str, str]:
    """Returns the fixed replies by name; `{message}` in one stands for the last message."""
    text = resources.files("traitrl.evals").joinpath("prompts", "fixed_replies.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)
