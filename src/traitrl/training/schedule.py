"""The exact prompts of every step of every arm.

An arm is the baseline's schedule with some rows replaced, so two arms can be compared by a diff: what is not
replaced is equal to the byte.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from traitrl.errors import TraitrlError
from traitrl.jsonl import read_rows, write_rows
from traitrl.models.chat import Message
from traitrl.scenarios import Scenario, Split
from traitrl.scenarios.store import assert_only
from traitrl.tasks import StandardTask

STANDARD, TRAIT = "standard", "trait"


@dataclass(frozen=True)
class ScheduleRow:
    """One prompt at its place. `item` is the task or scenario id; `payload` is what its reward needs, as JSON."""

    step: int
    slot: int
    pool: str
    item: str
    kind: str
    prompt: list[Message]
    payload: str


def standard_rows(tasks: Sequence[StandardTask], prompts_per_step: int) -> list[ScheduleRow]:
    """Returns the compute-matched baseline's schedule: standard prompts only, in the order given."""
    return [
        ScheduleRow(
            index // prompts_per_step,
            index % prompts_per_step,
            STANDARD,
            task.id,
            task.kind,
            task.messages,
            task.payload,
        )
        for index, task in enumerate(tasks)
    ]


def replaced_places(rows: int, share: float) -> list[int]:
    """Returns the places that a share replaces, spread as evenly as whole numbers allow.

    The first k places hold round-down(k * share) replaced ones for every k, so each stretch of the run has its share.
    """
    return [index for index in range(rows) if int((index + 1) * share + 1e-9) > int(index * share + 1e-9)]


def replace_with_scenarios(
    baseline: Sequence[ScheduleRow], scenarios: Sequence[Scenario], share: float, seed: int
) -> list[ScheduleRow]:
    """Returns the trait arm's schedule: `share` of the rows replaced by scenarios, every other row untouched.

    Scenarios are drawn in a seeded order without repetition until all have been used.

    Raises:
        TraitrlError: When a scenario is not from TRAIN, or the realised share misses the wanted one by over 1 %.
    """
    assert_only(scenarios, Split.TRAIN, "The training schedule")
    if not scenarios:
        raise TraitrlError("No TRAIN scenario fits the arm.", "Widen its traits, domains or max_words.")
    places = replaced_places(len(baseline), share)
    realised = len(places) / len(baseline)
    if not places or abs(realised - share) > 0.01:
        raise TraitrlError(
            f"A trait share of {share:.3f} cannot be met with {len(baseline)} prompts (nearest: {realised:.3f}).",
            "Use more steps or prompts per step.",
        )
    stream = _endless(scenarios, random.Random(seed))
    rows = list(baseline)
    for place in places:
        scenario = next(stream)
        old = rows[place]
        rows[place] = ScheduleRow(
            old.step, old.slot, TRAIT, scenario.id, scenario.trait, scenario.conversation, scenario.id
        )
    return rows


def _endless(scenarios: Sequence[Scenario], generator: random.Random) -> Iterator[Scenario]:
    while True:
        order = list(scenarios)
        generator.shuffle(order)
        yield from order


def differing_places(one: Sequence[ScheduleRow], other: Sequence[ScheduleRow]) -> list[int]:
    """Returns the places at which two schedules differ."""
    return [index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]


def write_schedule(rows: Sequence[ScheduleRow], path: Path) -> None:
    """Writes one JSON line per row."""
    write_rows((asdict(row) for row in rows), path)


def read_schedule(path: Path) -> list[ScheduleRow]:
    """Reads what `write_schedule` wrote."""
    return [ScheduleRow(**row) for row in read_rows(path)]
