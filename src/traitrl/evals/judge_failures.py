"""Stops a measurement whose judge is down: a missing grade is no grade, and a finished step is never graded again."""

from collections.abc import Sequence

from traitrl.errors import TraitrlError

MOST_FAILURES = 0.1
"""Share of replies without a grade from which on a measurement stops."""


def assert_judged(judge: str, scores: Sequence[float | None], to: str = "") -> None:
    """Stops when a judge failed too often.

    Args:
        judge: Its name.
        scores: The grade of every reply that was given to it, None where it failed.
        to: What the replies answer, where that is not plain.

    Raises:
        TraitrlError: When more than a tenth of the replies have no grade.
    """
    failed = sum(score is None for score in scores)
    if failed > MOST_FAILURES * len(scores):
        raise TraitrlError(
            f"The judge {judge} failed on {failed} of {len(scores)} replies{f' to {to}' if to else ''}.",
            "Check its key, limits and network, and run the same command again: what is finished is kept.",
        )
