"""The shape of each stage's answer. Anything else is asked for once more, and then rejected."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from traitrl.rubrics import Criterion
from traitrl.scenarios.schema import Turn

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Answer(BaseModel):
    """What the model answers in one stage."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Situation(Answer):
    """Stage 1."""

    premise: Text
    right: Text
    temptation: Text


class Conversation(Answer):
    """Stage 2."""

    messages: list[Turn]

    @model_validator(mode="after")
    def _alternates(self) -> "Conversation":
        roles = [turn.role for turn in self.messages]
        if not roles or roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
            raise ValueError("turns must alternate and begin and end with the user")
        if any(not turn.content.strip() for turn in self.messages):
            raise ValueError("a message is empty")
        return self


class Point(Answer):
    """One criterion; ids are given by place."""

    criterion: Text
    points: Annotated[int, Field(ge=-5, le=5)]


class Rubric(Answer):
    """Stage 3."""

    rubric: Annotated[list[Point], Field(min_length=3, max_length=5)]

    @model_validator(mode="after")
    def _has_both_signs(self) -> "Rubric":
        points = [point.points for point in self.rubric]
        if 0 in points:
            raise ValueError("points must not be 0")
        if sum(value > 0 for value in points) < 2 or min(points) > 0:
            raise ValueError("at least two criteria need positive points and at least one negative points")
        return self

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria with the ids c1, c2 and so on."""
        return tuple(
            Criterion(id=f"c{place}", criterion=point.criterion, points=point.points)
            for place, point in enumerate(self.rubric, 1)
        )


class Replies(Answer):
    """Stage 4."""

    beneficial: Text
    tempting: Text


class Critique(Answer):
    """Stage 5: the same model reads what it wrote, and grades both replies without being told which is which."""

    comment: Text
    realistic: bool
    hard: bool
    tests_trait: bool
    specific: bool
    harmless: bool
    reply_1_met: list[str]
    reply_2_met: list[str]


STAGES: dict[str, type[Answer]] = {
    "situation": Situation,
    "conversation": Conversation,
    "rubric": Rubric,
    "references": Replies,
    "critique": Critique,
}
"""Stages that cost a call, in order; the filter comes after them."""

Draft = dict[str, dict[str, Any]]
"""Stage -> its answer as plain data."""

Kind = TypeVar("Kind", bound=Answer)


def read_answer(kind: type[Kind], text: str) -> Kind:
    """Reads the outermost JSON object of a text, with or without a code fence or a sentence around it.

    Raises:
        ValueError: When there is none, or it has not the required form; says what is wrong without quoting the text.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ValueError("no JSON object")
    try:
        return kind.model_validate_json(text[start : end + 1])
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
