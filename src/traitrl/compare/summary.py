"""From result rows to the figures of `traitrl score` and `traitrl compare`."""

from dataclasses import asdict
from typing import Any

from traitrl.analysis.benchmarks import (
    HELD_OUT,
    benchmark_table,
    scaled_sign_test,
    tally,
    unlike_protocols,
)
from traitrl.analysis.clusters import cluster_mean
from traitrl.analysis.independence import EffectiveNumber, effective_number
from traitrl.analysis.paired import answered_rows, benjamini_hochberg, compare, item_scores
from traitrl.analysis.power import detectable_effect
from traitrl.analysis.structure import level_table, shared_structure
from traitrl.compare.plan import ScorePlan
from traitrl.evals.registry import benchmarks
from traitrl.evals.rows import ResultTable


def trivial_table(plan: ScorePlan) -> dict[str, dict[str, float]]:
    """Returns, per benchmark, the accuracy of rules that read nothing."""
    from traitrl.evals.likelihood import trivial_scores

    chosen = (row for family in plan.benchmarks_by_family().values() for row in family)
    return {row.name: trivial_scores(row.items(plan.items) or []) for row in chosen}


def score_summary(rows: ResultTable, model: str, trivial: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Computes the figures of one model.

    Args:
        rows: Result rows.
        model: Its name among the arms.
        trivial: `trivial_table`.

    Returns:
        `traits`, `families`, `benchmarks` (each with level and 95 % interval), `style` (refusal, truncation and length
        of sampled replies) and `failed` (rows without a score).
    """
    own = rows[rows["arm"] == model]
    held_out = own[own["benchmark"] == "trait_judge"]
    lines = [
        _benchmark_line(part, str(name), str(family), model, trivial)
        for (name, family), part in own[~own["benchmark"].isin(HELD_OUT)].groupby(["benchmark", "family"])
    ]
    traits = [
        {"trait": str(family).removeprefix("trait: "), **_level(part, model)}
        for family, part in held_out.groupby("family")
    ]
    return {
        "model": model,
        "traits": [{"trait": "all traits", **_level(held_out, model)}, *traits],
        "families": _families(lines),
        "benchmarks": lines,
        "style": {
            "refused": float(held_out["refused"].mean()),
            "truncated": float(held_out["truncated"].mean()),
            "tokens": float(held_out["tokens"].mean()),
        },
        "failed": int(own["score"].isna().sum()),
    }


def _level(part: ResultTable, model: str) -> dict[str, Any]:
    scores = item_scores(part, model)
    level = float(scores["score"].mean()) if len(scores) else None
    if scores["cluster"].nunique() < 2:
        return {"level": level, "low": None, "high": None, "items": len(scores)}
    from scipy.special import stdtrit

    found = cluster_mean(scores["score"].tolist(), scores["cluster"].astype(str).tolist())
    half = float(stdtrit(found.freedom, 0.975)) * found.error
    return {"level": level, "low": found.mean - half, "high": found.mean + half, "items": found.items}


def _benchmark_line(
    part: ResultTable, name: str, family: str, model: str, trivial: dict[str, dict[str, float]]
) -> dict[str, Any]:
    protocol = str(part["protocol"].iloc[0])
    blind = trivial[name]
    if protocol.startswith("likelihood:auroc"):
        # A rule that reads nothing gives every item the same log-odds. In letters the benchmark counts right answers.
        blind = dict.fromkeys(blind, 0.5)
    line = {
        "name": name,
        "family": family,
        "form": protocol.split(":")[0],
        **_level(part, model),
        "refused": float(part["refused"].mean()),
        **blind,
    }
    return {**line, "signal": _signal(line)}


def _signal(line: dict[str, Any]) -> str:
    """Says whether a level tells anything about the model: none when its interval holds chance."""
    if line["low"] is None or line["low"] <= line["chance"] <= line["high"]:
        return "none"
    if line["level"] > line["chance"] and line["level"] <= max(line["longest"], line["shortest"], line["first"]):
        return "a trivial rule does as well"
    return "yes"


def _families(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = sorted({line["family"] for line in lines})
    found: list[dict[str, Any]] = []
    for name in names:
        levels = [line["level"] for line in lines if line["family"] == name and line["level"] is not None]
        mean = sum(levels) / len(levels) if levels else None
        found.append({"family": name, "level": mean, "benchmarks": len(levels)})
    return found


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
    controls = [name for name in levels.columns if benchmarks()[name].is_control]
    alignment = levels[[name for name in levels.columns if benchmarks()[name].is_independent]]
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
    whole = tally(_independent(table))
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
            "tally": asdict(tally(_independent(answered))),
            "benchmarks": answered,
        },
    }


def _independent(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the lines of benchmarks that count on their own: no variants of others, no capability controls."""
    return [row for row in table if benchmarks()[row["name"]].is_independent]


def _without_signal(scores: list[dict[str, Any]], model: str) -> set[str]:
    (own,) = [score for score in scores if score["model"] == model]
    return {line["name"] for line in own["benchmarks"] if line["signal"] != "yes"}


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
