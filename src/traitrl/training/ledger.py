"""What each arm consumed, so that "compute-matched" is a number and not a claim."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from traitrl.training.schedule import TRAIT, ScheduleRow


@dataclass
class Ledger:
    """Counts of one arm. Tokens are model tokens; prompts count once per group.

    `completions` and `trained_tokens` are what was learnt from; `written_completions` of these were not sampled, and
    `generated_tokens` leaves them out.
    """

    arm: str
    prompts: int = 0
    trait_prompts: int = 0
    completions: int = 0
    written_completions: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    trained_tokens: int = 0
    optimizer_steps: int = 0
    judge_calls: int = 0
    seconds: float = 0.0

    @property
    def trait_share(self) -> float:
        """Realised share of trait prompts."""
        return self.trait_prompts / self.prompts if self.prompts else 0.0

    def as_row(self) -> dict[str, float | int | str]:
        """Returns the counts with the realised share."""
        return {**asdict(self), "trait_share": self.trait_share}

    def count_schedule(self, rows: Sequence[ScheduleRow]) -> None:
        """Adds the prompts of a schedule."""
        self.prompts += len(rows)
        self.trait_prompts += sum(row.pool == TRAIT for row in rows)


def mismatches(ledgers: Sequence[Ledger], tolerance: float = 0.25) -> list[str]:
    """Says in sentences where arms do not match.

    Prompts, completions and optimiser steps must be equal. Tokens depend on what a policy learns to write, so they
    may differ by `tolerance` before they are named.
    """
    found: list[str] = []
    first = ledgers[0]
    for other in ledgers[1:]:
        for field in ("prompts", "completions", "optimizer_steps"):
            if getattr(first, field) != getattr(other, field):
                found.append(f"{other.arm} has {getattr(other, field)} {field}, {first.arm} {getattr(first, field)}.")
        for field in ("prompt_tokens", "generated_tokens"):
            one, two = getattr(first, field), getattr(other, field)
            if one and abs(two - one) / one > tolerance:
                found.append(f"{other.arm} has {two / one:.2f} times the {field.replace('_', ' ')} of {first.arm}.")
    return found
