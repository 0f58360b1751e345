"""Context manipulation: demonstrations of bad behaviour, a poisoned document, a forged earlier assistant turn."""

import random
from importlib import resources
from typing import Any

import yaml

from traitrl.attacks.attack import Attack, Change
from traitrl.attacks.data_sets import good_rows, load_attack_rows, sets
from traitrl.models.chat import Message

DEMONSTRATIONS = (1, 2, 4, 8, 16)
_QUICK_DEMONSTRATIONS = {"harmful": (2.0, 8.0), "helpful": (4.0,)}


def attacks() -> list[Attack]:
    """Returns demonstrations from every data set, good demonstrations as control, and the exchanges of context.yaml."""
    bad = [
        _demonstrations(f"demonstrations_{row.name}", "harmful", load_attack_rows(row.name), row.quick, row.domains)
        for row in sets()
    ]
    good = _demonstrations("demonstrations_good", "helpful", good_rows(), True, ())
    text = resources.files("traitrl.attacks").joinpath("context.yaml").read_text(encoding="utf-8")
    return [*bad, good, *(_exchanges(row) for row in yaml.safe_load(text))]


def _demonstrations(
    name: str, direction: Any, rows: list[dict[str, Any]], quick: bool, domains: tuple[str, ...]
) -> Attack:
    # One order for all budgets: the larger demonstration holds the smaller one.
    chosen = random.Random(name).sample(rows, max(DEMONSTRATIONS))
    return Attack(
        name=name,
        kind="context",
        direction=direction,
        ladder={
            float(count): Change(before=tuple(_message(turn) for row in chosen[:count] for turn in row["messages"]))
            for count in DEMONSTRATIONS
        },
        unit="demonstrations",
        quick=_QUICK_DEMONSTRATIONS[direction] if quick else (),
        domains=domains,
    )


def _exchanges(row: dict[str, Any]) -> Attack:
    turns: list[tuple[Message, Message]] = [
        ({"role": "user", "content": pair["user"]}, {"role": "assistant", "content": pair["assistant"]})
        for pair in row["exchanges"]
    ]
    return Attack(
        name=row["name"],
        kind="context",
        direction=row["direction"],
        ladder={
            float(count): Change(before=tuple(turn for pair in turns[:count] for turn in pair))
            for count in range(1, len(turns) + 1)
        },
        unit=row["unit"],
        quick=tuple(float(budget) for budget in row["quick"]),
        domains=tuple(row.get("domains", ())),
    )


def _message(turn: dict[str, str]) -> Message:
    return {"role": turn["role"], "content": turn["content"]}
