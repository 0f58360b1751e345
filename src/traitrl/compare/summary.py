"""From result rows to the figures of a comparison."""

from dataclasses import asdict
from typing import Any

from traitrl.analysis.benchmarks import (
    HELD_OUT,
    benchmark_table,
    counts,
    independent,
    scaled_sign_test,
    tally,
    unlike_protocols,
)
from traitrl.analysis.independence import EffectiveNumber, effective_number
from traitrl.analysis.paired import answered_rows, benjamini_hochberg, compare
from traitrl.analysis.power import detectable_effect
from traitrl.analysis.structure import level_table, shared_structure
from traitrl.compare.plan import ScorePlan
from traitrl.compare.score import NO_SIGNAL, score_summary
from traitrl.compare.trivial import trivial_table
from traitrl.evals.registry import benchmarks
from traitrl.evals.rows import ResultTable


def compare_summary(rows: ResultTable, names: list[str], plan: ScorePlan) -> dict[str, Any]:
    """Computes the figures of a comparison.

    Args:
        rows: Result rows of all models.
        names: Models; the first is the baseline.
        plan: What was measured.
    """
    trivial = trivial_table(plan)
    scores = [score_summary(rows, name, trivial) for name in names]
    levels = level_table(_measured_alike(rows[~rows["benchmark"].isin(HELD_OUT)]))
    known = benchmarks()
    controls = [name for name in levels.columns if name in known and known[name].is_control]
    alignment = levels[[name for name in levels.columns if counts(name)]]
    effective = effective_number(alignment)
    structures = {
        "plain": shared_structure(alignment),
        "capability_residualised": shared_structure(alignment.join(levels[controls]), controls) if controls else None,
    }
    pairs = [_pair(rows, names[0], name, scores, effective) for name in names[1:]]
    return {
        "baseline": names[0],
        "domain": plan.domain,
        "absent": plan.absent(),
        "models": scores,
        "pairs": pairs,
        "effective": None if effective is None else asdict(effective),
        "structure": {key: None if found is None else asdict(found) for key, found in structures.items()},
    }


def _measured_alike(rows: ResultTable) -> ResultTable:
    """Returns the rows of benchmarks that all models were measured on by one protocol."""
    return rows[rows.groupby("benchmark")["protocol"].transform("nunique") == 1]


def _pair(
    rows: ResultTable, baseline: str, other: str, scores: list[dict[str, Any]], effective: EffectiveNumber | None
) -> dict[str, Any]:
    unlike = unlike_protocols(rows, baseline, other)
    alike = rows[~rows["benchmark"].isin(unlike)]
    table = benchmark_table(alike, baseline, other)
    silent = _without_signal(scores, baseline) & _without_signal(scores, other)
    for row in table:
        row["signal"] = row["name"] not in silent
        row["detectable"] = _detectable(row)
    answered = benchmark_table(answered_rows(alike), baseline, other)
    whole = tally(independent(table))
    return {
        "model": other,
        "unlike": unlike,
        "traits": _traits(alike, baseline, other),
        "benchmarks": table,
        "tally": asdict(whole),
        "sign_test_p_effective": None
        if effective is None
        else scaled_sign_test(whole.wins, whole.losses, effective.votes / effective.benchmarks),
        "answered": {
            "trait_judge": _row(answered_rows(alike), "trait_judge", baseline, other),
            "tally": asdict(tally(independent(answered))),
            "benchmarks": answered,
        },
    }


def _without_signal(scores: list[dict[str, Any]], model: str) -> set[str]:
    (own,) = [score for score in scores if score["model"] == model]
    return {line["name"] for line in own["benchmarks"] if line["signal"] in NO_SIGNAL}


def _detectable(row: dict[str, Any]) -> float | None:
    """Returns the true difference that such a benchmark finds in four of five cases, before correction."""
    return detectable_effect(row["error"], row["freedom"])


def _row(rows: ResultTable, benchmark: str, baseline: str, other: str) -> dict[str, Any] | None:
    found = compare(rows[rows["benchmark"] == benchmark], baseline, other)
    return None if found is None else found.as_row()


def _traits(rows: ResultTable, baseline: str, other: str) -> list[dict[str, Any]]:
    """Returns the held-out differences: the three measures over all traits, then trait by trait with q values."""
    whole = [
        {"trait": f"all traits: {name}", **found}
        for name in HELD_OUT
        if (found := _row(rows, name, baseline, other)) is not None
    ]
    judged = rows[rows["benchmark"] == "trait_judge"]
    single: list[dict[str, Any]] = [
        {"trait": str(family).removeprefix("trait: "), **found}
        for family, part in judged.groupby("family")
        if (found := _row(part, "trait_judge", baseline, other)) is not None
    ]
    for row, q in zip(single, benjamini_hochberg([row["p"] for row in single]), strict=True):
        row["q"] = q
    return [*whole, *single]
