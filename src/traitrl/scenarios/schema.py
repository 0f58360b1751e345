"""The shape of a scenario."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from traitrl.catalog import domains, pressures, traits
from traitrl.models.chat import Message
from traitrl.rubrics import Criterion


class Split(StrEnum):
    """What a scenario may be used for; fixed by its id, once and for all."""

    TRAIN = "TRAIN"
    ATTACK = "ATTACK"
    EVAL = "EVAL"


class Turn(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["user", "assistant"]
    content: str


class References(BaseModel):
    """Two replies of like length and tone: the right one, and the one a weak model would give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    beneficial: str
    tempting: str

    @property
    def pair(self) -> tuple[str, str]:
        """Both replies, the beneficial one first."""
        return self.beneficial, self.tempting


class Provenance(BaseModel):
    """Who wrote the scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    author: str
    version: int


class Scenario(BaseModel):
    """A conversation, its rubric and both reference replies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """`trait.domain.number`."""
    trait: str
    domain: str
    pressure: str
    messages: tuple[Turn, ...]
    """Alternating turns, first and last by the user."""
    rubric: tuple[Criterion, ...]
    references: References
    split: Split
    provenance: Provenance

    @property
    def conversation(self) -> list[Message]:
        """The messages as plain dictionaries, as chat templates want them."""
        return [{"role": turn.role, "content": turn.content} for turn in self.messages]

    @property
    def words(self) -> int:
        """Length of the conversation in words."""
        return sum(len(turn.content.split()) for turn in self.messages)

    @model_validator(mode="after")
    def _well_formed(self) -> "Scenario":
        if self.trait not in traits() or self.domain not in domains() or self.pressure not in pressures():
            raise ValueError(f"{self.id}: unknown trait, domain or pressure")
        if self.id.rsplit(".", 1)[0] != f"{self.trait}.{self.domain}":
            raise ValueError(f"{self.id}: the id does not match trait and domain")
        roles = [turn.role for turn in self.messages]
        if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
            raise ValueError(f"{self.id}: turns must alternate and begin and end with the user")
        if len({criterion.id for criterion in self.rubric}) != len(self.rubric):
            raise ValueError(f"{self.id}: two criteria share an id")
        if not any(criterion.points > 0 for criterion in self.rubric):
            raise ValueError(f"{self.id}: no criterion has positive points, so no score exists")
        if self.split is not split_of(self.trait, self.domain, int(self.id.rsplit(".", 1)[1])):
            raise ValueError(f"{self.id}: the split is fixed by the id and differs from {self.split}")
        return self


def split_of(trait: str, domain: str, number: int) -> Split:
    """Returns the split of a scenario number within its cell.

    Of every five numbers, three train, one evaluates, and one attacks in every second cell and trains in the others:
    70 / 10 / 20 per cent. Cells with a number 10 have one more that evaluates.
    """
    place = number % 5
    if place == 0:
        return Split.EVAL
    if place == 4:
        cell = list(traits()).index(trait) + list(domains()).index(domain)
        return Split.ATTACK if cell % 2 == 0 else Split.TRAIN
    return Split.TRAIN
