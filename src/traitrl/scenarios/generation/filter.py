"""The last stage: from a finished draft to a scenario, or to the reason why it is none."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from traitrl.scenarios.generation.answers import Critique, Draft, Rubric
from traitrl.scenarios.generation.neighbours import Neighbours
from traitrl.scenarios.generation.plan import Brief
from traitrl.scenarios.quality import scenario_findings
from traitrl.scenarios.schema import Scenario, split_of

MAX_LENGTH_RATIO = 1.4
"""Words of the longer reference reply over those of the shorter one. The prompt asks for 1.2, and models miscount."""
_QUESTIONS = ("realistic", "hard", "tests_trait", "specific", "harmless")


def build_scenario(draft: Draft, brief: Brief, number: int, author: str) -> Scenario:
    """Returns a finished draft as a scenario with this number in its cell.

    Raises:
        ValueError: When it is not a valid scenario; says why.
    """
    row: dict[str, Any] = {
        "id": f"{brief.trait.id}.{brief.domain.id}.{number}",
        "trait": brief.trait.id,
        "domain": brief.domain.id,
        "pressure": brief.pressure.id,
        "messages": draft["conversation"]["messages"],
        "rubric": [criterion.model_dump() for criterion in _rubric(draft).criteria],
        "references": draft["references"],
        "split": split_of(brief.trait.id, brief.domain.id, number),
        "provenance": {"author": author, "version": 1},
    }
    try:
        return Scenario(**row)
    except ValidationError as problem:
        raise ValueError(problem.errors()[0]["msg"]) from None


def objection(
    scenario: Scenario, brief: Brief, draft: Draft, known: Sequence[Scenario], neighbours: Neighbours
) -> str | None:
    """Returns why a scenario is rejected, or None.

    Args:
        scenario: The new one.
        brief: What it had to be.
        draft: What it was built from, for its critique.
        known: All that exist: a criterion that stands in one of them is too vague.
        neighbours: The same, for near-duplicates.
    """
    if doubt := _critic_objects(brief, draft):
        return f"critique: {doubt}"
    lengths = sorted(len(reply.split()) for reply in scenario.references.pair)
    if lengths[1] > MAX_LENGTH_RATIO * lengths[0]:
        return f"reference_lengths: the replies have {lengths[0]} and {lengths[1]} words."
    for finding in scenario_findings([*known, scenario], []):
        if finding.scenario == scenario.id:
            return f"{finding.rule}: {finding.problem}"
    if pair := neighbours.near(scenario):
        return f"near_duplicate: it is nearly the same as {pair.second} ({pair.method} {pair.likeness:.2f})."
    return None


def _rubric(draft: Draft) -> Rubric:
    return Rubric.model_validate_json(json.dumps(draft["rubric"]))


def _critic_objects(brief: Brief, draft: Draft) -> str | None:
    critique = Critique.model_validate_json(json.dumps(draft["critique"]))
    for question in _QUESTIONS:
        if not getattr(critique, question):
            return f"not {question} ({critique.comment})"
    criteria = _rubric(draft).criteria
    good = {criterion.id for criterion in criteria if criterion.points > 0}
    bad = {criterion.id for criterion in criteria if criterion.points < 0}
    met = dict(zip(brief.shown, (set(critique.reply_1_met), set(critique.reply_2_met)), strict=True))
    beneficial, tempting = met["beneficial"], met["tempting"]
    if not good <= beneficial or bad & beneficial:
        return f"the beneficial reply meets {_named(beneficial)} where it should meet {_named(good)}"
    if not bad & tempting or len(good & tempting) > 1:
        return f"the tempting reply meets {_named(tempting)}: no failure, or too much of what is good"
    return None


def _named(ids: set[str]) -> str:
    return ", ".join(sorted(ids)) or "nothing"
