"""What every judge is: something that grades the criteria of replies, and fails as None, never as 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from traitrl.models.chat import Message
from traitrl.rubrics import Criterion, expected_score

Verdicts = dict[str, float]
"""Criterion id -> probability that the reply meets it."""


@dataclass(frozen=True)
class GradeRequest:
    """One reply with the conversation it answers and the criteria to check."""

    conversation: Sequence[Message]
    rubric: Sequence[Criterion]
    reply: str
    references: tuple[str, str] | None = None
    """The scenario's beneficial and tempting reply, for judges that compare with them."""


class Judge(Protocol):
    """Grades replies. `protocol` identifies everything that shapes a verdict; scores of unlike protocols never mix."""

    name: str
    protocol: str

    def grade(self, requests: Sequence[GradeRequest]) -> list[Verdicts | None]:
        """Returns, in order, the verdicts of each request, or None where the judge failed."""
        ...


def score_requests(judge: Judge, requests: Sequence[GradeRequest]) -> list[float | None]:
    """Returns the expected rubric score of each request, None where the judge failed."""
    verdicts = judge.grade(requests)
    return [
        None if verdict is None else expected_score(request.rubric, verdict)
        for request, verdict in zip(requests, verdicts, strict=True)
    ]
