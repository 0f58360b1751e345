"""Writes scenarios in the shapes that other tools read.

Sources of the shapes: TRL dataset formats (prompt, chosen, rejected as message lists); verl "prepare data" (parquet
with data_source, prompt, ability, reward_model, extra_info); verifiers environments (prompt, answer, info); Inspect
`Sample`.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from traitrl.catalog import domains, traits
from traitrl.errors import TraitrlError
from traitrl.jsonl import write_rows
from traitrl.scenarios.card import export_card
from traitrl.scenarios.schema import Scenario, Split

Row = dict[str, Any]


class Format(StrEnum):
    """A tool that reads scenarios."""

    TRL = "trl"
    VERL = "verl"
    VERIFIERS = "verifiers"
    INSPECT = "inspect"
    HF = "hf"
    JSONL = "jsonl"


FOR_TRAINING = (Format.TRL, Format.VERL, Format.VERIFIERS)
"""Formats that get TRAIN scenarios unless another split is asked for: their readers train on what they are given."""


def choose(
    scenarios: Iterable[Scenario],
    splits: Sequence[Split] = (),
    wanted_traits: Sequence[str] = (),
    wanted_domains: Sequence[str] = (),
) -> list[Scenario]:
    """Returns the scenarios of some splits, traits and domains; an empty list of names means all.

    Raises:
        TraitrlError: When a name is unknown, or nothing is left.
    """
    for kind, names, known in (("trait", wanted_traits, traits()), ("domain", wanted_domains, domains())):
        for name in names:
            if name not in known:
                raise TraitrlError(f"There is no {kind} {name}.", f"Choose from: {', '.join(known)}.")
    found = [
        scenario
        for scenario in scenarios
        if (not splits or scenario.split in splits)
        and (not wanted_traits or scenario.trait in wanted_traits)
        and (not wanted_domains or scenario.domain in wanted_domains)
    ]
    if not found:
        raise TraitrlError("No scenario fits this choice.", "Leave out --split, --trait or --domain.")
    return found


def _rubric(scenario: Scenario) -> list[Row]:
    return [criterion.model_dump() for criterion in scenario.rubric]


def _rubric_text(scenario: Scenario) -> str:
    return json.dumps(_rubric(scenario), ensure_ascii=False)


def _about(scenario: Scenario) -> Row:
    return {name: str(getattr(scenario, name)) for name in ("id", "trait", "domain", "pressure", "split")}


def trl_row(scenario: Scenario) -> Row:
    """Returns a row for GRPO (prompt; reward functions get the other columns) and DPO (prompt, chosen, rejected)."""
    chosen, rejected = ([{"role": "assistant", "content": reply}] for reply in scenario.references.pair)
    return {
        "prompt": scenario.conversation,
        "chosen": chosen,
        "rejected": rejected,
        "rubric": _rubric_text(scenario),
        **_about(scenario),
    }


def verl_row(scenario: Scenario, index: int) -> Row:
    """Returns a row for verl; a reward function `compute_score` gets the rubric as `ground_truth`, as JSON text."""
    return {
        "data_source": "traitrl/scenarios",
        "prompt": scenario.conversation,
        "ability": scenario.trait,
        "reward_model": {"style": "rule", "ground_truth": _rubric_text(scenario)},
        "extra_info": {"index": index, **_about(scenario), **scenario.references.model_dump()},
    }


def verifiers_row(scenario: Scenario) -> Row:
    """Returns a row for a verifiers environment: the beneficial reference as answer, the rubric in `info`."""
    return {
        "prompt": scenario.conversation,
        "answer": scenario.references.beneficial,
        "info": {**_about(scenario), "rubric": _rubric(scenario), "tempting": scenario.references.tempting},
    }


def inspect_row(scenario: Scenario) -> Row:
    """Returns an Inspect sample: the conversation as input, the rubric as target text, one criterion per line."""
    return {
        "id": scenario.id,
        "input": scenario.conversation,
        "target": "\n".join(f"[{criterion.points:+d}] {criterion.criterion}" for criterion in scenario.rubric),
        "metadata": {**_about(scenario), "rubric": _rubric(scenario), "references": scenario.references.model_dump()},
    }


def plain_row(scenario: Scenario) -> Row:
    """Returns the scenario as it is stored."""
    return scenario.model_dump(mode="json")


def _write_parquet(rows: Sequence[Row], path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)


def _write_folder(scenarios: Sequence[Scenario], path: Path) -> None:
    path.mkdir()
    for split in Split:
        rows = [plain_row(scenario) for scenario in scenarios if scenario.split is split]
        if rows:
            write_rows(rows, path / f"{split.lower()}.jsonl")
    (path / "README.md").write_text(export_card(scenarios), encoding="utf-8")


WRITERS: dict[Format, Callable[[Sequence[Scenario], Path], None]] = {
    Format.TRL: lambda chosen, path: _write_parquet([trl_row(one) for one in chosen], path),
    Format.VERL: lambda chosen, path: _write_parquet([verl_row(one, place) for place, one in enumerate(chosen)], path),
    Format.VERIFIERS: lambda chosen, path: write_rows(map(verifiers_row, chosen), path),
    Format.INSPECT: lambda chosen, path: write_rows(map(inspect_row, chosen), path),
    Format.HF: _write_folder,
    Format.JSONL: lambda chosen, path: write_rows(map(plain_row, chosen), path),
}


def export(scenarios: Sequence[Scenario], style: Format, path: Path) -> None:
    """Writes scenarios to a new file, or for `hf` to a new folder.

    TRL and verl get parquet, verifiers, Inspect and plain get JSON lines, `hf` a folder that
    `datasets.load_dataset(folder)` reads, with one split each and a data card.

    Raises:
        TraitrlError: When the path exists already or cannot be written.
    """
    if path.exists():
        raise TraitrlError(f"{path} exists already.", "Choose another --out, or remove it.")
    scratch = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[style](scenarios, scratch)
        scratch.replace(path)
    except OSError as problem:
        raise TraitrlError(
            f"{path} cannot be written: {problem.strerror or problem}.", "Choose another --out."
        ) from problem
