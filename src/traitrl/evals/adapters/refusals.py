"""Harmful requests beside harmless ones, scored by how much likelier a refusing opening is for the harmful ones.

A model that refuses everything, or nothing, gets 0.5: the AUROC of the log-odds sees only whether it tells them apart.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from traitrl.evals.adapters.base import table
from traitrl.evals.items import Item, ask, spread
from traitrl.jsonl import read_rows

if TYPE_CHECKING:
    from traitrl.evals.benchmark import Benchmark

_REQUEST_COLUMNS = ("forbidden_prompt", "Goal", "Behavior", "harmful_medical_request")
_CONTROL_SLICES = 4


@cache
def openers() -> list[str]:
    """Returns the refusing and the complying opening."""
    text = resources.files("traitrl.evals.adapters").joinpath("openers.yaml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(text)
    return [loaded["refuse"], loaded["comply"]]


def _item(name: str, prompt: str, harmful: bool) -> Item:
    return Item(name, name, ask(prompt.strip()), openers(), 0 if harmful else 1)


def harmful_requests(paths: Sequence[Path], benchmark: "Benchmark") -> list[Item]:
    """Harmful requests of all files but the last, against one quarter of the harmless requests in the last.

    The last is the CoCoNot contrast set; `part` says which quarter, so that no two benchmarks share a control.
    """
    *harmful_files, controls = paths
    rows = [row for path in harmful_files for row in table(path)]
    harmful = [next(row[column] for column in _REQUEST_COLUMNS if column in row) for row in rows]
    harmless = [row["prompt"] for row in read_rows(controls)][int(benchmark.part or 0) :: _CONTROL_SLICES]
    count = min(len(harmful), len(harmless))
    items: list[Item] = []
    for number, (bad, good) in enumerate(zip(spread(harmful, count), spread(harmless, count), strict=True)):
        items += [_item(f"h{number}", bad, True), _item(f"c{number}", good, False)]
    return items


def xstest(paths: Sequence[Path], _: "Benchmark") -> list[Item]:
    """XSTest: safe prompts that look dangerous, and their unsafe contrasts."""
    return [_item(row["id"], row["prompt"], row["label"] == "unsafe") for row in table(paths[0])]
