"""Collects every figure of the report into one dictionary, which is also what `numbers.json` holds."""

import json
from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from traitrl.analysis.benchmarks import benchmark_table, clean_rows, independent, tally
from traitrl.analysis.paired import compare
from traitrl.analysis.persistence import gap_table, persistence_table
from traitrl.config import BEFORE
from traitrl.evals.likelihood import trivial_levels
from traitrl.evals.registry import chosen_benchmarks
from traitrl.evals.rows import ResultTable
from traitrl.experiment.gates import check_gates
from traitrl.report.stages import stage_table
from traitrl.training.ledger import Ledger, mismatches

if TYPE_CHECKING:
    from traitrl.experiment.plan import Plan


def collect_numbers(plan: "Plan", rows: ResultTable) -> dict[str, Any]:
    """Computes the numbers of a run from its rows, ledgers and step records."""
    experiment = plan.experiment
    baseline, trait = experiment.arms[0].name, experiment.arms[-1].name
    clean = clean_rows(rows)
    table = benchmark_table(rows, baseline, trait)
    ledgers = [_ledger(plan, arm.name) for arm in experiment.arms]
    changed, total = plan.replaced_rows(experiment.arms[-1])
    stages = stage_table(plan)
    return {
        "experiment": experiment.name,
        "baseline": baseline,
        "trait": trait,
        "trait_share": experiment.arms[-1].trait_share,
        "install": {
            "evaluation_judge": _difference(clean, "trait_judge", baseline, trait),
            "preference_margin": _difference(clean, "preference_margin", baseline, trait),
            "preference_accuracy": _difference(clean, "preference_accuracy", baseline, trait),
            "evaluation_judge_over_start": _difference(clean, "trait_judge", BEFORE, trait),
            "preference_margin_over_start": _difference(clean, "preference_margin", BEFORE, trait),
            "per_trait": _per_trait(clean, baseline, trait),
        },
        "levels": _levels(clean),
        "benchmarks": table,
        "absent": [
            benchmark.name
            for benchmark in chosen_benchmarks(experiment.evaluation.benchmarks)
            if benchmark.file() is None
        ],
        "trivial": _trivial(plan),
        "tally": asdict(tally(independent(table))),
        "persistence": persistence_table(rows, "trait_judge"),
        "persistence_margin": persistence_table(rows, "preference_margin"),
        "persistence_gap": gap_table(rows, "trait_judge", baseline, trait),
        "gates": [asdict(gate) for gate in check_gates(rows, baseline, trait)],
        "ledger": [ledger.as_row() for ledger in ledgers],
        "ledger_mismatches": mismatches(ledgers),
        "replaced_rows": {"changed": changed, "total": total},
        "style": _style(rows),
        "failures": {"evaluation_judge": int(rows["score"].isna().sum())},
        "stages": stages,
        "seconds": _seconds(stages),
        "peak_memory_mb": max((row["peak_memory_mb"] for row in stages), default=0.0),
    }


def _difference(rows: ResultTable, benchmark: str, baseline: str, trait: str) -> dict[str, Any] | None:
    result = compare(rows[rows["benchmark"] == benchmark], baseline, trait)
    return None if result is None else result.as_row()


def _per_trait(rows: ResultTable, baseline: str, trait: str) -> dict[str, Any]:
    judged = rows[rows["benchmark"] == "trait_judge"]
    return {
        str(family).removeprefix("trait: "): _difference(part, "trait_judge", baseline, trait)
        for family, part in judged.groupby("family")
    }


def _levels(rows: ResultTable) -> dict[str, dict[str, float]]:
    levels: dict[str, dict[str, float]] = defaultdict(dict)
    for (benchmark, arm), part in rows.groupby(["benchmark", "arm"]):
        levels[str(benchmark)][str(arm)] = float(part["score"].mean())
    return dict(levels)


def _style(rows: ResultTable) -> list[dict[str, Any]]:
    """Refusal, truncation, length and sameness of sampled replies, per arm and attack: how a gain can be hollow."""
    judged = rows[rows["benchmark"] == "trait_judge"]
    return [
        {
            "arm": arm,
            "attack": attack,
            "budget": float(budget),
            "refused": float(part["refused"].mean()),
            "truncated": float(part["truncated"].mean()),
            "tokens": float(part["tokens"].mean()),
            "formula": float(part["formula"].mean()),
        }
        for (arm, attack, budget), part in judged.groupby(["arm", "attack", "budget"])
    ]


def _trivial(plan: "Plan") -> dict[str, dict[str, float]]:
    limit = plan.experiment.evaluation.items_per_benchmark
    found: dict[str, dict[str, float]] = {}
    for benchmark in chosen_benchmarks(plan.experiment.evaluation.benchmarks):
        items = benchmark.items(limit)
        if items is not None:
            found[benchmark.name] = trivial_levels(benchmark.scoring, items)
    return found


def _ledger(plan: "Plan", arm: str) -> Ledger:
    row = json.loads((plan.store.path(f"train-{arm}") / "ledger.json").read_text())
    row.pop("trait_share")
    return Ledger(**row)


def _seconds(stages: list[dict[str, Any]]) -> dict[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for row in stages:
        seconds[row["stage"]] += row["seconds"]
    return dict(seconds)
