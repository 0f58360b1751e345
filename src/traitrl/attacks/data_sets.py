"""Data of attacks: bad replies written for this project and marked with a canary, and good ones from ATTACK scenarios.

The bad rows are everyday misinformation; they never share a conversation with a scenario (asserted). Good rows come
from ATTACK scenarios only, so no attack ever touches TRAIN or EVAL.
"""

import random
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from traitrl.errors import TraitrlError
from traitrl.jsonl import read_rows
from traitrl.scenarios import Scenario, Split, load_scenarios, select

CANARY = "traitrl-attack-data-canary-7f3c1e52-do-not-train"


class DataSet(BaseModel):
    """An attack data set that the ladders use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    domains: tuple[str, ...]
    """Domains of the catalog at which it aims."""
    families: tuple[str, ...] = ()
    """Families of benchmarks that belong to these domains."""
    quick: bool
    """Whether the quick ladder uses it."""


@cache
def sets() -> tuple[DataSet, ...]:
    """Returns the attack data sets."""
    text = resources.files("traitrl.attacks").joinpath("data", "sets.yaml").read_text(encoding="utf-8")
    return tuple(DataSet(**row) for row in yaml.safe_load(text))


def load_attack_rows(name: str) -> list[dict[str, Any]]:
    """Reads an attack data set: rows with `messages`, the last one a bad assistant reply, and `canary`.

    Raises:
        TraitrlError: When the set is unknown or a row lacks the canary.
    """
    path = Path(str(resources.files("traitrl.attacks").joinpath("data", f"{name}.jsonl")))
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.jsonl")))
        raise TraitrlError(f"There is no attack data set {name}.", f"Known: {known}.")
    rows = read_rows(path)
    if any(row.get("canary") != CANARY for row in rows):
        raise TraitrlError(f"A row of {path.name} lacks the canary.", "Every attack row must carry it.")
    return rows


def good_rows() -> list[dict[str, Any]]:
    """Returns the ATTACK scenarios answered by their beneficial references, in the form of attack rows."""
    return [
        {
            "id": scenario.id,
            "messages": [*scenario.conversation, {"role": "assistant", "content": scenario.references.beneficial}],
            "canary": CANARY,
        }
        for scenario in select(load_scenarios(), Split.ATTACK)
    ]


def mixed_rows(
    bad: Sequence[dict[str, Any]], good: Sequence[dict[str, Any]], share: float, count: int, seed: int
) -> list[dict[str, Any]]:
    """Mixes bad and good rows.

    Args:
        bad: Rows of an attack data set.
        good: Rows with good replies; may be empty when `share` is 1.
        share: Share of bad rows, 0 to 1; the number of bad rows is rounded to the nearest row.
        count: Rows in all; where a source is shorter it is used again from its start.
        seed: Seed of the order.

    Raises:
        ValueError: When the share is outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share of {share} is outside 0 to 1")
    draw = random.Random(seed)
    wanted = round(share * count)
    chosen = _cycle(bad, wanted, draw) + _cycle(good, count - wanted, draw)
    draw.shuffle(chosen)
    return chosen


def _cycle(rows: Sequence[dict[str, Any]], count: int, draw: random.Random) -> list[dict[str, Any]]:
    order = draw.sample(list(rows), len(rows))
    return [order[place % len(order)] for place in range(count)]


def assert_disjoint(rows: Sequence[dict[str, Any]], scenarios: Sequence[Scenario]) -> None:
    """Stops when an attack row asks what a scenario asks.

    Raises:
        TraitrlError: When a user message occurs in both.
    """
    asked = {_plain(turn.content) for scenario in scenarios for turn in scenario.messages}
    for row in rows:
        for turn in row["messages"]:
            if turn["role"] == "user" and _plain(turn["content"]) in asked:
                raise TraitrlError(
                    f"An attack row repeats a scenario: {turn['content'][:60]!r}.",
                    "Remove it: attack data must be disjoint.",
                )


def assert_sets_disjoint() -> None:
    """Stops when any shipped attack row asks what a scenario asks, or a good row is not from ATTACK.

    Raises:
        TraitrlError: When they touch.
    """
    scenarios = load_scenarios()
    for row in sets():
        assert_disjoint(load_attack_rows(row.name), scenarios)
    assert_disjoint(good_rows(), [scenario for scenario in scenarios if scenario.split is not Split.ATTACK])


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
