"""From result rows to the figures of one model: levels with intervals beside chance and rules that read nothing."""

from collections import Counter
from typing import Any

from traitrl.analysis.benchmarks import HELD_OUT
from traitrl.analysis.clusters import cluster_mean
from traitrl.analysis.paired import item_scores
from traitrl.compare.trivial import Levels
from traitrl.evals.rows import ResultTable

NO_SIGNAL = ("none", "a trivial rule does as well")
"""What `signal` says of benchmarks that tell nothing about a model."""


def score_summary(rows: ResultTable, model: str, trivial: dict[str, dict[str, Levels]]) -> dict[str, Any]:
    """Computes the figures of one model.

    Args:
        rows: Result rows.
        model: Its name among the arms.
        trivial: `trivial_table`.

    Returns:
        `traits`, `families`, `benchmarks` (each with level and 95 % interval), `signal` (benchmarks by what their level
        says), `style` (refusal, truncation and length of replies to held-out scenarios) and `failed` (rows without a
        score).
    """
    own = rows[rows["arm"] == model]
    held_out = own[own["benchmark"] == "trait_judge"]
    lines = [
        _benchmark_line(part, str(name), str(family), model, trivial.get(str(name), {}))
        for (name, family), part in own[~own["benchmark"].isin(HELD_OUT)].groupby(["benchmark", "family"])
    ]
    traits = [
        {"trait": str(family).removeprefix("trait: "), **_level(part, model)}
        for family, part in held_out.groupby("family")
    ]
    return {
        "model": model,
        "traits": [{"trait": "all traits", **_level(held_out, model)}, *traits] if traits else [],
        "families": _families(lines),
        "benchmarks": lines,
        "signal": dict(Counter(line["signal"] for line in lines)),
        "style": _style(held_out) if traits else None,
        "failed": int(own["score"].isna().sum()),
    }


def _style(part: ResultTable) -> dict[str, float]:
    return {key: float(part[key].mean()) for key in ("refused", "truncated", "tokens")}


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
    part: ResultTable, name: str, family: str, model: str, trivial: dict[str, Levels]
) -> dict[str, Any]:
    form, _, protocol = str(part["protocol"].iloc[0]).partition(":")
    levels = trivial.get(form, {})
    line = {
        "name": name,
        "family": family,
        "form": form,
        "protocol": protocol,
        **_level(part, model),
        **_style(part),
        "chance": levels.get("chance"),
        "trivial": {rule: level for rule, level in levels.items() if rule != "chance"},
    }
    return {**line, "signal": signal(line)}


def signal(line: dict[str, Any]) -> str:
    """Says whether a benchmark tells anything about a model.

    Args:
        line: A level with its interval, chance, and the levels of trivial rules.

    Returns:
        `yes` when the whole interval lies outside of everything that chance, a rule that reads nothing or a mixture of
        them reaches, above or below. `none` when it holds chance, or there is no interval. `not known` where there is
        neither chance nor rule to compare with. Else `a trivial rule does as well`.
    """
    blind = [level for level in (line["chance"], *line["trivial"].values()) if level is not None]
    if line["low"] is None:
        return NO_SIGNAL[0]
    if not blind:
        return "not known"
    if line["chance"] is not None and line["low"] <= line["chance"] <= line["high"]:
        return NO_SIGNAL[0]
    return "yes" if line["low"] > max(blind) or line["high"] < min(blind) else NO_SIGNAL[1]


def _families(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = sorted({line["family"] for line in lines})
    found: list[dict[str, Any]] = []
    for name in names:
        own = [line for line in lines if line["family"] == name]
        levels = [line["level"] for line in own if line["level"] is not None]
        mean = sum(levels) / len(levels) if levels else None
        with_signal = sum(line["signal"] == "yes" for line in own)
        found.append({"family": name, "level": mean, "benchmarks": len(levels), "signal": with_signal})
    return found
