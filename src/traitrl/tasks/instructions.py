"""Instruction-following constraints with programmatic checks (in the manner of IFEval, Zhou et al. 2023)."""

import random
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import yaml

Check = Callable[[str, str], float]


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z']+", text)


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"[.!?]+(?:\s|$)", text.strip()) if part.strip()]


def _all_true(*parts: bool) -> float:
    return float(all(parts))


CHECKS: dict[str, tuple[str, Check]] = {
    "one_sentence": (
        "Write exactly one sentence.",
        lambda reply, _: _all_true(len(_sentences(reply)) == 1, len(_words(reply)) >= 5),
    ),
    "two_sentences": (
        "Write exactly two sentences.",
        lambda reply, _: _all_true(len(_sentences(reply)) == 2, len(_words(reply)) >= 8),
    ),
    "word_limit": (
        "Use between 8 and 20 words.",
        lambda reply, _: _all_true(8 <= len(_words(reply)) <= 20, bool(_sentences(reply))),
    ),
    "keyword": (
        'Use the word "{word}" in one or two sentences.',
        lambda reply, word: _all_true(
            word in [w.lower() for w in _words(reply)], len(_words(reply)) >= 5, len(_sentences(reply)) <= 2
        ),
    ),
    "no_comma": (
        "Write one or two short sentences without any comma.",
        lambda reply, _: _all_true("," not in reply, 1 <= len(_sentences(reply)) <= 2, len(_words(reply)) >= 5),
    ),
    "question": (
        "Write one or two sentences and end with a question.",
        lambda reply, _: _all_true(reply.rstrip().endswith("?"), len(_words(reply)) >= 5, len(_sentences(reply)) <= 2),
    ),
}


@cache
def _material() -> dict[str, list[str]]:
    text = resources.files("traitrl.tasks").joinpath("instructions.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def make_instruction(kind: str, generator: random.Random) -> dict[str, Any]:
    """Draws one prompt of a kind.

    Returns:
        `question`, and `word`, the constraint's argument (empty when it has none).
    """
    material = _material()
    word = generator.choice(material["keywords"]) if "{word}" in CHECKS[kind][0] else ""
    constraint = CHECKS[kind][0].format(word=word)
    return {"question": f"Write about {generator.choice(material['subjects'])}. {constraint}", "word": word}


def check_instruction(kind: str, word: str, reply: str) -> float:
    """Returns 1.0 when the reply keeps the constraint, else 0.0."""
    return CHECKS[kind][1](reply, word)
