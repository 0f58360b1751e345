"""Items of benchmarks: a prompt with options, or a prompt that is answered in free text."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from traitrl.models.chat import Message
from traitrl.rubrics import Criterion

T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """A prompt with options, one of them right. Items with the same `group` share a source and are clustered."""

    id: str
    group: str
    messages: Sequence[Message]
    options: Sequence[str]
    answer: int


@dataclass(frozen=True)
class Check:
    """A programmatic grader of rules.py, with its arguments."""

    rule: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class OpenItem:
    """A prompt answered in free text, graded either by a judge on `rubric` or by code through `check`."""

    id: str
    group: str
    messages: Sequence[Message]
    rubric: Sequence[Criterion] = ()
    check: Check | None = None


def ask(text: str, system: str | None = None) -> list[Message]:
    """Returns a conversation of one user turn, after a system turn when one is given."""
    turns: list[Message] = [{"role": "system", "content": system}] if system else []
    return [*turns, {"role": "user", "content": text}]


def spread(items: Sequence[T], limit: int | None) -> list[T]:
    """Returns at most `limit` items, taken evenly from the whole sequence so that every part is represented."""
    if limit is None or len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def alternate(number: int, right: str, wrong: str) -> tuple[list[str], int]:
    """Returns two options and the place of the right one, which alternates with the row number.

    Published files often list the right answer first; a letter format or a tie would then reward the first option.
    """
    return ([wrong, right], 1) if number % 2 else ([right, wrong], 0)


def turned_round(options: Sequence[str], answer: int, text: str) -> tuple[list[str], int]:
    """Returns the options turned round by a number drawn from a hash of `text`, and the new place of the right one."""
    turn = zlib.crc32(text.encode()) % len(options)
    return [*options[turn:], *options[:turn]], (answer - turn) % len(options)
