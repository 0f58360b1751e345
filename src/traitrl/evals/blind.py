"""Blind reading: shuffled pairs of replies from two arms, for readers who must not know which is which."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitrl.errors import TraitrlError
from traitrl.jsonl import read_rows, write_rows
from traitrl.scenarios import Scenario

VERDICTS = ("A", "B", "tie")


@dataclass(frozen=True)
class BlindResult:
    """Outcome of a blind reading; `score` counts ties half, `p_value` is a two-sided sign test without ties."""

    preferred: str
    against: str
    pairs: int
    wins: int
    losses: int
    ties: int
    score: float
    p_value: float
    mean_words: dict[str, float]


def make_pairs(
    replies: Mapping[str, Sequence[Mapping[str, Any]]], scenarios: Mapping[str, Scenario], count: int, seed: int
) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    """Draws scenarios and shuffles the two arms' first replies to each.

    Args:
        replies: Two arms, each with rows of `replies.jsonl`; the second is the one whose preference is counted unless
            another is asked for.
        scenarios: By id.
        count: Pairs to draw.
        seed: Fixes draw and shuffle.

    Returns:
        The pairs for the reader (pair, conversation, A, B), and the key (pair -> arm behind A and B, scenario, counted
        arm).

    Raises:
        TraitrlError: When the arms share fewer scenarios than wanted.
    """
    texts = {
        arm: {row["scenario"]: row["reply"] for row in rows if row["sample"] == 0} for arm, rows in replies.items()
    }
    first, second = texts
    shared = sorted(set(texts[first]) & set(texts[second]))
    if len(shared) < count:
        raise TraitrlError(f"Only {len(shared)} scenarios were answered by both arms.", "Ask for fewer pairs.")
    generator = random.Random(seed)
    pairs: list[dict[str, Any]] = []
    key: dict[str, dict[str, str]] = {}
    for number, name in enumerate(generator.sample(shared, count), 1):
        arms = [first, second]
        generator.shuffle(arms)
        pairs.append(
            {
                "pair": number,
                "conversation": scenarios[name].conversation,
                "A": texts[arms[0]][name],
                "B": texts[arms[1]][name],
            }
        )
        key[str(number)] = {"scenario": name, "A": arms[0], "B": arms[1], "counted": second}
    return pairs, key


def open_pairs(
    pairs: Sequence[Mapping[str, Any]],
    key: Mapping[str, Mapping[str, str]],
    verdicts: Sequence[Mapping[str, Any]],
    preferred: str | None = None,
) -> BlindResult:
    """Counts how often an arm was preferred.

    Args:
        pairs: What the reader saw.
        key: Who wrote what.
        verdicts: The reader's.
        preferred: The arm whose preference is counted; None takes the one that the key names: the run's last arm.

    Raises:
        TraitrlError: When a pair has no verdict, two verdicts, or one that is not A, B or tie; or when no such arm was
            read.
    """
    from scipy.stats import binomtest

    preferred = _counted(key, preferred)
    given = {str(row["pair"]): row["verdict"] for row in verdicts}
    if len(verdicts) != len(given) or set(given) != set(key) or not set(given.values()) <= set(VERDICTS):
        raise TraitrlError(
            "The verdicts do not fit the pairs.", f"Give exactly one of {', '.join(VERDICTS)} for each pair."
        )
    chosen = [None if given[pair] == "tie" else key[pair][given[pair]] for pair in key]
    ties, wins = chosen.count(None), chosen.count(preferred)
    losses = len(chosen) - ties - wins
    against = next(arm for arm in (key["1"]["A"], key["1"]["B"]) if arm != preferred)
    words = {
        arm: sum(len(str(row["A" if key[str(row["pair"])]["A"] == arm else "B"]).split()) for row in pairs) / len(pairs)
        for arm in (preferred, against)
    }
    p_value = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    return BlindResult(preferred, against, len(chosen), wins, losses, ties, wins + ties / 2, p_value, words)


def _counted(key: Mapping[str, Mapping[str, str]], preferred: str | None) -> str:
    behind = next(iter(key.values()))
    arms = sorted((behind["A"], behind["B"]))
    arm = preferred or behind.get("counted")
    if arm not in arms:
        problem = "The key does not say whose preference is counted." if arm is None else f"There is no arm {arm} here."
        raise TraitrlError(problem, f"Choose one with --arm: {' or '.join(arms)}.")
    return arm


def write_pairs(pairs: Sequence[dict[str, Any]], key: Mapping[str, Any], folder: Path) -> None:
    """Writes `pairs.jsonl` for the reader and `key.json`, which the reader must not see."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(pairs, folder / "pairs.jsonl")
    (folder / "key.json").write_text(json.dumps(key, indent=1))


def read_pairs(folder: Path) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]], list[dict[str, Any]]]:
    """Reads pairs, key and `verdicts.jsonl`.

    Raises:
        TraitrlError: When one of the three files is missing.
    """
    for name in ("pairs.jsonl", "key.json", "verdicts.jsonl"):
        if not (folder / name).exists():
            raise TraitrlError(
                f"{folder / name} is missing.", "`traitrl blind make` writes pairs and key; a reader adds verdicts."
            )
    return (
        read_rows(folder / "pairs.jsonl"),
        json.loads((folder / "key.json").read_text()),
        read_rows(folder / "verdicts.jsonl"),
    )
