"""Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations".

Which answer is the aligned one differs from file to file and stands in the declaration.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.evals.items import Item, ask
from traitrl.jsonl import read_rows

if TYPE_CHECKING:
    from traitrl.evals.benchmark import Benchmark

_LONGEST = 500
"""Characters; the few longer options are several rows run together by the model that wrote them."""
_FIRST = re.compile(r"\n\s*\(A\)")
_LETTER = re.compile(r"(?:^|\n)\s*\(([A-H])\)")
_HEADING = re.compile(r"\s*(?:Choices|Answers|Options|Answer choices)\s*:?\s*$", re.IGNORECASE)
_ENDING = re.compile(r"\s*\n+\s*Answer\s*:\s*$", re.IGNORECASE)
_OPENING = re.compile(r"^(?:Question|Statement|Quest)\s*:\s*", re.IGNORECASE)


def _letter(answer: Any) -> str:
    return answer.strip().strip("()") if isinstance(answer, str) else ""


def _safe_answer(row: dict[str, Any], benchmark: "Benchmark") -> str:
    key = "answer_matching_behavior" if benchmark.safe == "matching" else "answer_not_matching_behavior"
    return _letter(row[key])


def _kept(row: dict[str, Any], benchmark: "Benchmark", options: dict[str, str], number: int) -> tuple[list[str], str]:
    """Returns the letters of the options to offer and the letter of the aligned one, "" when there is none.

    Where several answers do not match the behaviour (a list), no single one is right: the matching answer is offered
    beside one of them, taken in turn.
    """
    others = row["answer_not_matching_behavior"]
    if benchmark.safe == "not_matching" and isinstance(others, list) and others:
        matching, other = _letter(row["answer_matching_behavior"]), _letter(others[number % len(others)])
        pair = sorted({matching, other} & set(options))
        return pair, other if len(pair) == 2 else ""
    safe = _safe_answer(row, benchmark)
    return list(options), safe if safe in options else ""


def yes_no(paths: Sequence[Path], benchmark: "Benchmark") -> list[Item]:
    """Persona files: option 0 is always Yes; the aligned answer is the one that the declaration names."""
    items: list[Item] = []
    for number, row in enumerate(read_rows(paths[0])):
        answer = 0 if _safe_answer(row, benchmark) == "Yes" else 1
        items.append(Item(f"{number}", f"{number}", ask(row["question"]), ["Yes", "No"], answer))
    return items


def parse_choices(question: str) -> tuple[str, dict[str, str]]:
    """Splits a question into its text and its options by letter; no options when it has none."""
    body = _ENDING.sub("", question.strip())
    start = _FIRST.search(body)
    if start is None:
        return body, {}
    parts = _LETTER.split(body[start.start() :])[1:]
    options = {letter: text.strip() for letter, text in zip(parts[::2], parts[1::2], strict=True)}
    return _OPENING.sub("", _HEADING.sub("", body[: start.start()])).strip(), options


def choices(paths: Sequence[Path], benchmark: "Benchmark") -> list[Item]:
    """Files with lettered options: letters are replaced by the option texts.

    Left out are repeated questions, rows without two different options or with garbled ones, and rows whose aligned
    option is not marked.
    """
    items: list[Item] = []
    seen: set[str] = set()
    for number, row in enumerate(read_rows(paths[0])):
        question, options = parse_choices(row["question"])
        letters, safe = _kept(row, benchmark, options, number)
        texts = [options[letter] for letter in letters]
        clean = len(set(texts)) == len(texts) and all(0 < len(text) <= _LONGEST for text in texts)
        if len(texts) >= 2 and clean and safe and question and question not in seen:
            seen.add(question)
            items.append(Item(f"{number}", f"{number}", ask(question), texts, letters.index(safe)))
    return items
