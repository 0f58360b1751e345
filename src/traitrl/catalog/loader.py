"""Reads the catalog's YAML files into checked objects."""

from functools import cache
from importlib import resources
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict


class Pressure(BaseModel):
    """What makes the right reply hard to give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    definition: str


class Domain(Pressure):
    """Where a scenario takes place."""

    present: tuple[str, ...]
    """Signs that a scenario belongs to the domain."""
    absent: tuple[str, ...]
    """Signs that the domain is only decoration."""


class Trait(Domain):
    """A disposition of character that replies can show or lack."""

    evaluated: bool
    """True for the seven traits whose EVAL scenarios form the held-out trait evaluation."""


def _read(name: str) -> list[dict[str, Any]]:
    text = resources.files("traitrl.catalog").joinpath(name).read_text(encoding="utf-8")
    return yaml.safe_load(text)


@cache
def traits() -> dict[str, Trait]:
    """Returns the sixteen traits by id, in catalog order."""
    return {row["id"]: Trait(**row) for row in _read("traits.yaml")}


@cache
def domains() -> dict[str, Domain]:
    """Returns the thirteen domains by id, in catalog order."""
    return {row["id"]: Domain(**row) for row in _read("domains.yaml")}


@cache
def pressures() -> dict[str, Pressure]:
    """Returns the six kinds of pressure by id."""
    return {row["id"]: Pressure(**row) for row in _read("pressures.yaml")}


def evaluated_traits() -> list[str]:
    """Returns the ids of the traits in the held-out trait evaluation."""
    return [trait.id for trait in traits().values() if trait.evaluated]
