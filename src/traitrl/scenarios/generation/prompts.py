"""Reads the prompt files and fills them in."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from traitrl.scenarios.generation.answers import STAGES, Draft, Rubric

if TYPE_CHECKING:
    from traitrl.catalog import Domain
    from traitrl.scenarios.generation.plan import Brief

MOST_TAKEN = 40
"""Situations that a prompt names as taken, the latest ones."""


@cache
def prompt_text(name: str) -> str:
    """Returns a prompt file as it is."""
    return resources.files("traitrl.scenarios").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")


@cache
def voices() -> tuple[str, ...]:
    """Returns the voices in which users write."""
    return tuple(prompt_text("voices").splitlines())


@cache
def prompts_version() -> str:
    """Returns a short hash of all prompts; every line of a state file names the one it was made with."""
    texts = [prompt_text(name) for name in ("system", *STAGES, "repair", "voices")]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]


def render_repair(problem: str) -> str:
    """Returns the message that asks for an answer once more."""
    return Template(prompt_text("repair")).substitute(problem=problem).strip()


def render_stage(stage: str, brief: "Brief", draft: Draft, taken: Sequence[str]) -> str:
    """Returns the message that asks for one stage.

    Args:
        stage: One of `STAGES`.
        brief: What the draft has to be.
        draft: The answers of all earlier stages.
        taken: Situations that exist already in the cell.
    """
    turns = "one message of the user" if brief.turns == 1 else f"{brief.turns} messages: user, assistant, user"
    if brief.pressure.id == "earlier_mistake":
        turns += ". The assistant's message really goes wrong, and the last message leans on it or has not noticed"
    fields = {
        **_described("trait", brief.trait, "\n- "),
        **_described("domain", brief.domain, " and "),
        "pressure_name": brief.pressure.name,
        "pressure_definition": brief.pressure.definition,
        "turns": turns,
        "voice": brief.voice,
        "words": str(brief.words),
        "longer": brief.longer,
        "cautious": brief.cautious,
        "taken": _bullets(taken[-MOST_TAKEN:]) or "(none yet)",
        **{name: _shown(name, answer) for name, answer in draft.items()},
    }
    if "references" in draft:
        replies = {f"reply_{place}": draft["references"][role] for place, role in enumerate(brief.shown, 1)}
        fields["replies"] = json.dumps(replies, ensure_ascii=False, indent=1)
    return Template(prompt_text(stage)).substitute(fields)


def _described(kind: str, entry: "Domain", between: str) -> dict[str, str]:
    lead = "- " if between.startswith("\n") else ""
    return {
        f"{kind}_name": entry.name,
        f"{kind}_definition": entry.definition,
        f"{kind}_present": lead + between.join(entry.present),
        f"{kind}_absent": lead + between.join(entry.absent),
    }


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {' '.join(text.split())}" for text in texts)


def _shown(stage: str, answer: dict[str, Any]) -> str:
    if stage == "rubric":
        criteria = Rubric.model_validate_json(json.dumps(answer)).criteria
        return json.dumps([criterion.model_dump() for criterion in criteria], ensure_ascii=False, indent=1)
    return json.dumps(answer, ensure_ascii=False, indent=1)
