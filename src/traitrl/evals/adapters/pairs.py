"""Benchmarks that give two replies to the same prompt, one of them better."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from traitrl.evals.adapters.base import shortened, table
from traitrl.evals.items import Item, alternate, ask
from traitrl.jsonl import read_rows
from traitrl.models.chat import Message

if TYPE_CHECKING:
    from traitrl.evals.benchmark import Benchmark

_EXAMPLE = re.compile(r"~~~xml\n(.*?)\n~~~", re.DOTALL)
_TURN = re.compile(r"<(system|developer|user|assistant)(?: [^>]*)?>\n?(.*?)\n?</\1>", re.DOTALL)
_REPLY = re.compile(r"<assistant(?: [^>]*)?>\s*<!--\s*(GOOD|BAD)\b.*?-->\n?(.*?)\n?</assistant>", re.DOTALL)
_HEADING = re.compile(r"^#+ .*?\{#(\w+)", re.MULTILINE)


def own(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """Our own files: one item per line."""
    return [
        Item(row["id"], row["group"], row["messages"], row["options"], row["answer"]) for row in read_rows(paths[0])
    ]


def coconot_pref(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """CoCoNot contrast preferences: `chosen` complies with a harmless request, `rejected` refuses it or falls short."""
    items: list[Item] = []
    for number, row in enumerate(read_rows(paths[0])):
        options, answer = alternate(number, shortened(row["chosen"]), shortened(row["rejected"]))
        items.append(Item(row["id"], row["subcategory"], ask(row["prompt"]), options, answer))
    return items


def model_spec(paths: Sequence[Path], _benchmark: "Benchmark") -> list[Item]:
    """Examples of OpenAI's Model Spec that have a GOOD and a BAD reply; sections are the groups.

    The turns before the comparison are the prompt; a developer turn is read as a system turn.
    """
    text = paths[0].read_text(encoding="utf-8")
    headings = [(match.start(), match.group(1)) for match in _HEADING.finditer(text)]
    items: list[Item] = []
    for block in _EXAMPLE.finditer(text):
        before, _, comparison = block.group(1).partition("<comparison>")
        replies = {mark: shortened(reply) for mark, reply in reversed(_REPLY.findall(comparison)) if reply.strip()}
        messages = _conversation(before)
        if set(replies) == {"GOOD", "BAD"} and messages and messages[-1]["role"] == "user":
            section = next((name for start, name in reversed(headings) if start < block.start()), "")
            options, answer = alternate(len(items), replies["GOOD"], replies["BAD"])
            items.append(Item(f"{len(items)}", section, messages, options, answer))
    return items


def _conversation(text: str) -> list[Message]:
    turns: list[Message] = []
    for role, content in _TURN.findall(text):
        name = "system" if role == "developer" else role
        if turns and turns[-1]["role"] == name:
            turns[-1]["content"] += f"\n\n{content.strip()}"
        else:
            turns.append({"role": name, "content": content.strip()})
    later_system = any(turn["role"] == "system" for turn in turns[1:])
    return [] if later_system or any(not turn["content"] for turn in turns) else turns


def reward_hacks(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """School of Reward Hacks (Taylor et al. 2025): `control` does the task, the other reply games its metric.

    Coding rows have no control reply and are left out.
    """
    items: list[Item] = []
    for number, row in enumerate(table(paths[0])):
        if row["control"].strip() and row["school_of_reward_hacks"].strip():
            options, answer = alternate(number, shortened(row["control"]), shortened(row["school_of_reward_hacks"]))
            items.append(Item(f"{number}", row.get("task") or f"{number}", ask(row["user"]), options, answer))
    return items
