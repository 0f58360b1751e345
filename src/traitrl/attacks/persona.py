"""Persona prompts: a system prompt that asks the model to be somebody, for worse or for better."""

from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from traitrl.errors import TraitrlError


class Persona(BaseModel):
    """A system prompt and the direction in which it pulls."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    direction: Literal["harmful", "helpful"]
    text: str

    def system_prompt(self, usual: str | None) -> str:
        """Returns the persona followed by the usual system prompt, so that only the persona differs from the
        clean condition.
        """
        return f"{self.text} {usual}" if usual else self.text


@cache
def personas() -> dict[str, Persona]:
    """Returns all personas by name."""
    text = resources.files("traitrl.attacks").joinpath("personas.yaml").read_text(encoding="utf-8")
    return {row["name"]: Persona(**row) for row in yaml.safe_load(text)}


def persona(name: str) -> Persona:
    """Returns one persona.

    Raises:
        TraitrlError: When the name is unknown.
    """
    if name not in personas():
        raise TraitrlError(f"There is no persona {name}.", f"Known: {', '.join(personas())}.")
    return personas()[name]
