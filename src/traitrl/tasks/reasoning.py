"""Reasoning-gym tasks at a difficulty where a 135M model sometimes succeeds.

The only module that imports reasoning_gym.
"""

import json
import re
from functools import lru_cache
from typing import Any

SETTINGS: dict[str, dict[str, Any]] = {
    "chain_sum": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
    "products": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
    "gcd": {"min_numbers": 2, "max_numbers": 2, "min_value": 2, "max_value": 12},
    "letter_counting": {"min_words": 3, "max_words": 5},
    "fraction_simplification": {"min_value": 1, "max_value": 6, "min_factor": 2, "max_factor": 3, "styles": ["plain"]},
}


@lru_cache(maxsize=64)
def _dataset(kind: str, seed: int, size: int) -> Any:
    import reasoning_gym

    return reasoning_gym.create_dataset(kind, seed=seed, size=size, **SETTINGS[kind])


def make_problem(kind: str, seed: int, index: int, size: int) -> dict[str, Any]:
    """Returns problem `index` of a data set of `size` problems: `question`, and `entry` as JSON for the verifier."""
    entry = _dataset(kind, seed, size)[index]
    return {"question": entry["question"], "entry": json.dumps(entry, default=str)}


def check_problem(kind: str, entry: str, reply: str) -> float:
    """Grades the answer that the reply ends on, with reasoning-gym's own scorer; partial credit below 1 counts as 0."""
    row = json.loads(entry)
    return float(_dataset(kind, 0, 1).score_answer(_final_answer(row["answer"], reply), row) >= 0.99)


def _final_answer(expected: str, reply: str) -> str:
    """Picks the last token of the reply that has the expected answer's form: a number, a fraction, a list or a word."""
    text = reply.replace("\u2212", "-").strip().rstrip(".")
    for pattern in (r"-?\d+/\d+", r"\[[^\]]*\]", r"-?\d+(?:\.\d+)?"):
        if re.fullmatch(pattern, expected.strip()):
            found = re.findall(pattern, text)
            return found[-1] if found else ""
    words = re.findall(r"[A-Za-z]+", text)
    return words[-1] if words else ""
