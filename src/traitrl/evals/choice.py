"""Benchmarks in multiple-choice form, for models whose likelihoods cannot be had."""

import hashlib
import random
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from string import Template, ascii_uppercase

from traitrl.evals.items import Item
from traitrl.models.chat import Message

# A capital letter, alone or before a punctuation mark and more text, with or without words that announce it.
_LETTER = re.compile(
    r"(?:(?:my |the )?(?:final )?(?:answer|choice|option|reply|letter)\s*(?:is|:)?\s*|i (?:would )?(?:choose|pick)\s+)?"
    r"(?:option |reply )?[(\[']?(?-i:([A-Z]))(?:\s*|[)\].:,']+(?:\s.*)?)",
    re.IGNORECASE,
)
_LETTER_ALONE = re.compile(r"[(\[]?([A-Za-z])[)\].:]?")
# The letter that a line starts with, as in a list of options, and the text behind it.
_LISTED = re.compile(r"(?:(?i:option|reply) )?[(\[']?([A-Z])(?:[)\].:,']+\s*(.*))?")
_MARKUP = str.maketrans("", "", '*_`"')


@cache
def choice_protocol(items: int, seed: int) -> str:
    """Returns what identifies the form: prompt text, items and the seed of the order."""
    return f"multiple_choice:{hashlib.sha256(_prompt().encode()).hexdigest()[:8]}:{items}:{seed}"


def choice_tokens(max_tokens: int) -> int:
    """Returns the length cap of an answer: room for reasoning, more of it when the user asks for more."""
    return max(2048, max_tokens)


def option_order(benchmark: str, item: Item, seed: int) -> list[int]:
    """Returns the order in which the options are shown: the place in the item of each letter's option."""
    order = list(range(len(item.options)))
    random.Random(f"{seed}:{benchmark}:{item.id}").shuffle(order)
    return order


def choice_messages(item: Item, order: Sequence[int]) -> list[Message]:
    """Returns the conversation with its last turn turned into a question with lettered options."""
    *before, last = item.messages
    options = "\n".join(
        f"{letter}) {item.options[place]}" for letter, place in zip(ascii_uppercase, order, strict=False)
    )
    asked = Template(_prompt()).substitute(message=last["content"], options=options)
    return [*before, {"role": last["role"], "content": asked}]


def read_choice(text: str, options: int) -> int | None:
    """Returns the place of the chosen letter, or None when neither the last nor the first line names a single letter.

    The last line goes before the first: models think aloud, then conclude. "A good reply would be ..." is no choice of
    A, and "B) ..." none of B when another line starts with another option's letter: it may repeat the options.
    """
    lines = [line.strip() for line in text.translate(_MARKUP).splitlines() if line.strip()]
    listed = [found for line in lines if (found := _LISTED.fullmatch(line))]
    starts = {found.group(1) for found in listed} & set(ascii_uppercase[:options])
    for line in (*lines[-1:], *lines[:1]):
        found = _LETTER_ALONE.fullmatch(line) or _LETTER.fullmatch(line)
        item = _LISTED.fullmatch(line)
        if item and item.group(2) and len(starts) > 1:
            continue
        place = ascii_uppercase.index(found.group(1).upper()) if found else options
        if place < options:
            return place
    return None


@cache
def _prompt() -> str:
    return resources.files("traitrl.evals").joinpath("prompts", "choice.txt").read_text(encoding="utf-8").rstrip("\n")
