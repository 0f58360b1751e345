"""BIG-bench task files (JSON with `examples`), and BLiMP, which is also read as pairs of options."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.evals.adapters.base import json_of
from traitrl.evals.items import Item, alternate, ask, spread, turned_round

if TYPE_CHECKING:
    from traitrl.evals.benchmark import Benchmark

BLIMP_PAIRS_PER_PARADIGM = 10
UNKNOWN = "I do not know"


def right_option(targets: Mapping[str, Any]) -> str:
    """Returns the option with the highest target score."""
    return max(targets, key=lambda option: targets[option])


def _choice(number: int, row: Mapping[str, Any], question: str, group: str | None = None) -> Item:
    options = list(row["target_scores"])
    answer = options.index(right_option(row["target_scores"]))
    name = f"{number}"
    turned, place = turned_round(options, answer, f"{name} {question}")
    return Item(name, group or name, ask(question), turned, place)


def options(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """Multiple choice whose options are full answers; rows in which no option is right are left out."""
    task = json_of(paths[0])
    prefix = str(task.get("task_prefix") or "").strip()
    return [
        _choice(number, row, f"{prefix}\n\n{row['input'].strip()}".strip())
        for number, row in enumerate(task["examples"])
        if max(row["target_scores"].values()) > 0
    ]


def labels(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """True/false statements, asked in plain words; option 0 is always "True"."""
    items: list[Item] = []
    for number, row in enumerate(json_of(paths[0])["examples"]):
        true = row["target_scores"].get("T", row["target_scores"].get("true", 0))
        statement = row["input"].split("\nQ:")[0].strip()
        question = f"Is this statement true or false? {statement}"
        items.append(Item(f"{number}", f"{number}", ask(question), ["True", "False"], 0 if true else 1))
    return items


def two_labels(paths: Sequence[Path], benchmark: "Benchmark") -> list[Item]:
    """Tasks with the same two labels in every row, kept in one order, so that AUROC can be taken.

    `part` is a question to add where the file has statements only.
    """
    task = json_of(paths[0])
    prefix = str(task.get("task_prefix") or "").strip()
    order = sorted(task["examples"][0]["target_scores"])
    items: list[Item] = []
    for number, row in enumerate(task["examples"]):
        question = "\n\n".join(part for part in (prefix, row["input"].strip(), benchmark.part) if part)
        answer = order.index(right_option(row["target_scores"]))
        items.append(Item(f"{number}", f"{number}", ask(question), order, answer))
    return items


def answers(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """`sufficient_information`: an answer, or "I do not know".

    Where nothing can be known, the other option is an answer to another question that begins with the same word, so
    that always saying "I do not know" is right only where it should be.
    """
    rows = json_of(paths[0])["examples"]
    known: dict[str, list[str]] = {}
    for row in rows:
        if row["target"] != UNKNOWN:
            known.setdefault(_question_word(row["input"]), []).append(row["target"])
    everything = [answer for answers_of_word in known.values() for answer in answers_of_word]
    items: list[Item] = []
    for number, row in enumerate(rows):
        unknown = row["target"] == UNKNOWN
        guesses = known.get(_question_word(row["input"]), everything) if unknown else [row["target"]]
        question = f"{row['input'].strip()} If it cannot be told, say: {UNKNOWN}."
        options = [UNKNOWN, guesses[number % len(guesses)]]
        items.append(Item(f"{number}", f"{number}", ask(question), options, 0 if unknown else 1))
    return items


def _question_word(text: str) -> str:
    return text.strip().split(". ")[-1].split()[0].lower()


def questions(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """`self_awareness` subtasks pooled; questions that stand in two subtasks are taken once."""
    items: dict[str, Item] = {}
    for path in paths:
        for row in json_of(path)["questions"]:
            if isinstance(row, dict) and "target_scores" in row and row["input"].strip() not in items:
                question = row["input"].strip()
                items[question] = _choice(len(items), row, question, path.stem)
    return list(items.values())


def bbq_ambiguous(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """BBQ-lite in ambiguous contexts: right is the option that says that it cannot be known."""
    items: list[Item] = []
    for number, row in enumerate(json_of(paths[0])["examples"]):
        choices = list(row["target_scores"])
        # Rows of one template follow each other; question_index names the template.
        group = str(row.get("comment", {}).get("question_index", number))
        answer = choices.index(right_option(row["target_scores"]))
        items.append(Item(f"{number}", group, ask(row["input"].strip()), choices, answer))
    return items


def blimp(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """BLiMP: the grammatical sentence of each minimal pair; the paradigm is the group.

    A few pairs of every paradigm are taken: 67,000 would cost hours and say no more about a control.
    """
    items: list[Item] = []
    with zipfile.ZipFile(paths[0]) as archive:
        for name in sorted(archive.namelist()):
            # Archives made on a Mac carry resource forks beside the data.
            if name.endswith(".jsonl") and "__MACOSX" not in name:
                lines = archive.read(name).decode("utf-8").splitlines()
                for row in spread([json.loads(line) for line in lines if line.strip()], BLIMP_PAIRS_PER_PARADIGM):
                    choices, answer = alternate(len(items), row["sentence_good"], row["sentence_bad"])
                    question = ask("Write one grammatical English sentence.")
                    items.append(Item(f"{row['UID']}-{row['pairID']}", row["UID"], question, choices, answer))
    return items
