"""Persona prompts: a system prompt that asks the model to be somebody, for worse or for better."""

from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field

from traitrl.attacks.attack import Direction
from traitrl.errors import TraitrlError


class Persona(BaseModel):
    """A system prompt at four strengths, and the direction in which it pulls."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    direction: Direction
    topic: str
    """Health, mental health, deception, reward hacking, sycophancy, harmful advice, unfairness, oversight avoidance."""
    domains: tuple[str, ...] = ()
    """Domains of the catalog at which it aims."""
    strengths: tuple[str, ...] = Field(min_length=4, max_length=4)
    """Texts from a mild hint to the full persona."""

    @property
    def text(self) -> str:
        """The text at full strength."""
        return self.strengths[-1]

    def system_prompt(self, usual: str | None) -> str:
        """Returns the persona at full strength, followed by the usual system prompt, so that only the persona
        differs from the clean condition.
        """
        return join_prompts(self.text, usual)


def join_prompts(first: str, usual: str | None) -> str:
    """Returns a system prompt that begins with an attack's text and ends with the usual prompt."""
    return f"{first} {usual}" if usual else first


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
