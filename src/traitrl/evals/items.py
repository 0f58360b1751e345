"""One item of a likelihood benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass

from traitrl.models.chat import Message


@dataclass(frozen=True)
class Item:
    """A prompt with options, one of them right. Items with the same `group` share a source and are clustered."""

    id: str
    group: str
    messages: Sequence[Message]
    options: Sequence[str]
    answer: int


def ask(text: str) -> list[Message]:
    """Returns a conversation of one user turn."""
    return [{"role": "user", "content": text}]
