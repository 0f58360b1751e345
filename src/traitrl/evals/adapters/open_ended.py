"""Benchmarks answered in free text, graded by a judge on criteria or by code.

HealthBench brings its own criteria; the others are graded on those in rubrics.yaml, which are ours.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from traitrl.evals.adapters.base import json_of, table
from traitrl.evals.items import Check, OpenItem, ask
from traitrl.evals.rules import RULES
from traitrl.jsonl import read_rows
from traitrl.models.chat import Message
from traitrl.rubrics import Criterion

if TYPE_CHECKING:
    from traitrl.evals.benchmark import Benchmark

_HEALTH_POINTS = 10
_VULNERABLE = ("vulnerable_user", "medical_advice")


@cache
def _texts() -> dict[str, Any]:
    text = resources.files("traitrl.evals.adapters").joinpath("rubrics.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def rubric(name: str, **places: str) -> list[Criterion]:
    """Returns a rubric of rubrics.yaml with its places filled."""
    return [
        Criterion(id=f"c{number}", criterion=row["criterion"].format(**places), points=row["points"])
        for number, row in enumerate(_texts()[name], 1)
    ]


def healthbench(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """HealthBench (Arora et al. 2025): conversations with physicians' criteria of -10 to 10 points.

    Points are halved and rounded away from zero to fit the scale of -5 to 5; the score stays a share of the points.
    """
    items: list[OpenItem] = []
    for row in read_rows(paths[0]):
        criteria = [
            Criterion(id=f"c{number}", criterion=one["criterion"], points=_halved(int(one["points"])))
            for number, one in enumerate(row["rubrics"], 1)
            if int(one["points"]) != 0
        ]
        theme = next((tag.partition(":")[2] for tag in row.get("example_tags", []) if tag.startswith("theme:")), "")
        if any(criterion.points > 0 for criterion in criteria):
            items.append(OpenItem(row["prompt_id"], theme or row["prompt_id"], _turns(row["prompt"]), criteria))
    return items


def _halved(points: int) -> int:
    size = (min(abs(points), _HEALTH_POINTS) + 1) // 2
    return size if points > 0 else -size


def _turns(turns: Sequence[dict[str, str]]) -> list[Message]:
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def mask(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """MASK (Ren et al. 2025), rows with a known answer: does the reply under pressure contradict the fact?

    MASK compares with what the model itself believes; here the fact is taken for the belief, which a weak model may
    not hold.
    """
    return [
        OpenItem(
            row["task_id"],
            row["proposition"],
            ask(row["user_prompt"], row["system_prompt"] or None),
            rubric("mask", truth=row["ground_truth"], proposition=row["proposition"]),
        )
        for path in paths
        for row in table(path)
        if row["ground_truth"].strip()
    ]


def deceptionbench(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """DeceptionBench (PKU-Alignment 2025): the outer prompt under its system prompt; types are the groups."""
    return [
        OpenItem(str(row["id"]), row["type"], ask(row["outer_prompt"], row["system_prompt"]), rubric("deceptionbench"))
        for row in json_of(paths[0])
    ]


def emergent_misalignment(paths: Sequence[Path], benchmark: "Benchmark") -> list[OpenItem]:
    """Question files of Betley et al. 2025. `part` names the rubric; "vulnerable_user" also picks the questions of
    users in danger, and "emergent_misalignment" leaves them out. Forms of one question are one group.
    """
    name = benchmark.part or "emergent_misalignment"
    items: list[OpenItem] = []
    for path in paths:
        for row in yaml.safe_load(path.read_text(encoding="utf-8")):
            danger = any(word in row["id"] for word in _VULNERABLE)
            if danger != (name == "vulnerable_user"):
                continue
            for number, question in enumerate(row["paraphrases"]):
                group = f"q{number}" if len(row["paraphrases"]) > 1 else _stem(row["id"])
                identity = f"{row['id']}-{number}"
                items.append(OpenItem(identity, group, ask(question.strip(), row.get("system")), rubric(name)))
    return items


def _stem(name: str) -> str:
    return name.removesuffix("_json").removesuffix("_template")


def persistbench(paths: Sequence[Path], benchmark: "Benchmark") -> list[OpenItem]:
    """PersistBench: a query after a list of memories; `part` names the rubric."""
    items: list[OpenItem] = []
    for number, row in enumerate(read_rows(paths[0])):
        system = "\n".join([_texts()["persistbench_memory"], *(f"- {memory}" for memory in row["memories"])])
        name = f"persistbench_{benchmark.part}"
        items.append(OpenItem(f"{number}", f"{number}", ask(row["query"], system), rubric(name)))
    return items


def advfactuality(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """TrustLLM AdvFactuality: a question that rests on a planted false fact."""
    items: list[OpenItem] = []
    for number, row in enumerate(json_of(paths[0])):
        criteria = rubric("advfactuality", false=row["modified knowledge"], true=row["knowledge"])
        items.append(OpenItem(f"{number}", f"{number}", ask(row["prompt"]), criteria))
    return items


def truthfulqa_open(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """TruthfulQA answered freely; the published answers become the criteria."""
    return [
        OpenItem(
            f"{number}",
            row["Category"],
            ask(row["Question"]),
            rubric("truthfulqa", right=row["Correct Answers"], wrong=row["Incorrect Answers"]),
        )
        for number, row in enumerate(table(paths[0]))
    ]


def coconot_eval(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """CoCoNot (Brahman et al. 2024): requests that should not simply be complied with; subcategories are groups."""
    return [
        OpenItem(row["id"], row["subcategory"], ask(row["prompt"]), rubric("coconot")) for row in read_rows(paths[0])
    ]


def ifeval(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """IFEval prompts with one instruction; instructions that rules.py cannot check (language) are left out."""
    items: list[OpenItem] = []
    for path in paths:
        for row in read_rows(path):
            (rule,) = row["instruction_id_list"]
            if rule in RULES:
                arguments = {name: value for name, value in row["kwargs"][0].items() if value is not None}
                name = f"{path.stem}-{row['key']}-{len(items)}"
                items.append(OpenItem(name, rule, ask(row["prompt"]), check=Check(rule, arguments)))
    return items


def gsm8k(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """GSM8K (Cobbe et al. 2021): the last number of the reply must be the answer."""
    return [
        OpenItem(
            f"{number}",
            f"{number}",
            ask(row["question"]),
            check=Check("last_number", {"answer": row["answer"].rpartition("####")[2].strip().replace(",", "")}),
        )
        for number, row in enumerate(read_rows(paths[0]))
    ]


def eq_bench(paths: Sequence[Path], _: "Benchmark") -> list[OpenItem]:
    """EQ-Bench v2 (Paech 2023): four intensities from 0 to 10, compared with the reference."""
    items: list[OpenItem] = []
    for name, row in json_of(paths[0]).items():
        reference = row["reference_answer_fullscale"]
        wanted = {reference[f"emotion{n}"]: float(reference[f"emotion{n}_score"]) for n in range(1, 5)}
        items.append(OpenItem(name, name, ask(row["prompt"].strip()), check=Check("intensities", {"wanted": wanted})))
    return items
