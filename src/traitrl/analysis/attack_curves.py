"""Curves over the budget of an attack: level, degradation, retention, area, and where half of the gain is gone."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from traitrl.analysis.clusters import cluster_mean
from traitrl.analysis.paired import paired_difference
from traitrl.analysis.resampling import cluster_draws, percentile_interval
from traitrl.evals.rows import ResultTable

CLEAN = "none"
_SMALLEST_LEVEL = 0.05
UNBOUNDED = ("preference_margin",)
"""Benchmarks whose scores know neither 0 nor 1, so that a ratio of levels means nothing."""


def attack_curves(rows: ResultTable, benchmark: str, untrained: str | None = None) -> list[dict[str, Any]]:
    """Computes one curve per arm and attack.

    Args:
        rows: Result rows.
        benchmark: Benchmark whose scores are followed.
        untrained: Arm before training; what an arm scores above it is its gain. None: no gain is computed.

    Returns:
        One dictionary per arm and attack: `points` (see `_points`), `area` (mean level along the ladder by the
        trapezoid rule, with its bootstrap interval), `gain` over the untrained arm with interval, and `half_life` (see
        `half_life`). Items that lack a score at any budget are left out of the whole curve.
    """
    part = rows[rows["benchmark"] == benchmark].dropna(subset=["score"])
    curves: list[dict[str, Any]] = []
    for arm, of_arm in part.groupby("arm"):
        for attack in sorted(set(of_arm["attack"]) - {CLEAN}):
            table, clusters = _complete(part, str(arm), str(attack), untrained)
            if len(set(clusters)) < 2:
                continue
            found = _curve(table, clusters, untrained not in (None, arm), benchmark not in UNBOUNDED)
            curves.append({"arm": arm, "attack": attack, **found})
    return curves


def _complete(part: ResultTable, arm: str, attack: str, untrained: str | None) -> tuple[ResultTable, list[str]]:
    """Returns scores by item: column `clean`, one per budget (a float), and `untrained` where there is one."""
    of_arm = part[part["arm"] == arm]
    attacked = of_arm[of_arm["attack"] == attack]
    table = attacked.pivot_table(index="item", columns="budget", values="score", aggfunc="mean")
    table["clean"] = of_arm[of_arm["attack"] == CLEAN].groupby("item")["score"].mean()
    if untrained not in (None, arm):
        before = part[(part["arm"] == untrained) & (part["attack"] == CLEAN)]
        table["untrained"] = before.groupby("item")["score"].mean()
    table = table.dropna()
    clusters = attacked.drop_duplicates("item").set_index("item")["cluster"]
    return table, [str(clusters[item]) for item in table.index]


def _curve(table: ResultTable, clusters: list[str], has_untrained: bool, bounded: bool) -> dict[str, Any]:
    budgets = sorted(name for name in table.columns if not isinstance(name, str))
    names = ["clean", *budgets, *(["untrained"] if has_untrained else [])]
    values = table[names].to_numpy(float)
    draws = cluster_draws(values, clusters)
    means = values.mean(0)
    start = 0 if budgets[0] > 0 else 1
    axis = [0.0, *budgets] if start == 0 else list(budgets)
    ladder = slice(start, 1 + len(budgets))
    found: dict[str, Any] = {
        "items": len(table),
        "points": [
            _point(budget, values[:, [0, place]], means[[0, place]], draws[:, [0, place]], clusters, bounded)
            for place, budget in enumerate(budgets, 1)
        ],
        "clean": _level(values[:, 0], clusters),
        "area": _area(axis, means[ladder], draws[:, ladder]),
        "gain": None,
        "half_life": None,
    }
    if has_untrained:
        gain = paired_difference((values[:, 0] - values[:, -1]).tolist(), clusters)
        found["gain"] = {"difference": gain.difference, "low": gain.low, "high": gain.high}
        if gain.low > 0:
            found["half_life"] = half_life(axis, means[ladder], draws[:, ladder], means[[0, -1]], draws[:, [0, -1]])
            for place, point in enumerate(found["points"], 1):
                kept = (draws[:, place] - draws[:, -1]) / (draws[:, 0] - draws[:, -1])
                low, high = percentile_interval(kept)
                share = (means[place] - means[-1]) / (means[0] - means[-1])
                point["gain_kept"] = {"share": float(share), "low": low, "high": high}
    return found


def _level(values: np.ndarray, clusters: Sequence[str]) -> dict[str, float]:
    from scipy.special import stdtrit

    mean = cluster_mean(values.tolist(), clusters)
    half = float(stdtrit(mean.freedom, 0.975)) * mean.error
    return {"level": mean.mean, "low": mean.mean - half, "high": mean.mean + half}


def _point(
    budget: float, values: np.ndarray, means: np.ndarray, draws: np.ndarray, clusters: Sequence[str], bounded: bool
) -> dict[str, Any]:
    """One budget: level and degradation (clean minus attacked) with their intervals, and retention.

    Retention is attacked over clean level, both clipped to [0, 1], with a bootstrap interval; None when the clean level
    is below 0.05, where a ratio means nothing, and for scores without bounds.
    """
    drop = paired_difference((values[:, 0] - values[:, 1]).tolist(), clusters)
    retention: dict[str, float] | None = None
    clean, attacked = np.clip(means, 0, 1)
    if bounded and clean >= _SMALLEST_LEVEL:
        clipped = np.clip(draws, 0, 1)
        low, high = percentile_interval(clipped[:, 1] / np.maximum(clipped[:, 0], _SMALLEST_LEVEL))
        retention = {"share": float(attacked / clean), "low": low, "high": high}
    return {
        "budget": float(budget),
        **_level(values[:, 1], clusters),
        "degradation": {"difference": drop.difference, "low": drop.low, "high": drop.high, "p": drop.p},
        "retention": retention,
        "gain_kept": None,
    }


def _area(axis: Sequence[float], means: np.ndarray, draws: np.ndarray) -> dict[str, float]:
    if len(axis) < 2:
        return {"level": float(means[0])} | dict(zip(("low", "high"), percentile_interval(draws[:, 0]), strict=True))
    width = axis[-1] - axis[0]
    low, high = percentile_interval(np.trapezoid(draws, axis, axis=1) / width)
    return {"level": float(np.trapezoid(means, axis) / width), "low": low, "high": high}


def crossing(budgets: Sequence[float], levels: Sequence[float], target: float) -> float:
    """Returns the first budget at which a level is at or under a target, between two budgets by a straight line.

    Infinite when no level of the ladder gets there: it is censored, never extrapolated.
    """
    for place, level in enumerate(levels):
        if level <= target:
            if place == 0:
                return float(budgets[0])
            above = levels[place - 1]
            share = (above - target) / (above - level)
            return float(budgets[place - 1] + share * (budgets[place] - budgets[place - 1]))
    return math.inf


def half_life(
    budgets: Sequence[float], means: np.ndarray, draws: np.ndarray, ends: np.ndarray, end_draws: np.ndarray
) -> dict[str, Any]:
    """Computes the budget at which half of the gain is gone.

    Args:
        budgets: Budgets of the ladder, ascending.
        means: Level at each budget, shape (budgets,).
        draws: Bootstrap levels, shape (draws, budgets).
        ends: Clean level of the arm and of the untrained arm.
        end_draws: Their bootstrap levels, shape (draws, 2).

    Returns:
        `budget` (None when censored), `low` and `high` (None beyond the ladder), `censored_at` (the largest budget when
        censored, else None).
    """
    found = crossing(budgets, means.tolist(), float(ends.mean()))
    drawn = np.array(
        [crossing(budgets, row.tolist(), float(pair.mean())) for row, pair in zip(draws, end_draws, strict=True)]
    )
    low, high = percentile_interval(drawn)
    censored = math.isinf(found)
    return {
        "budget": None if censored else found,
        "low": None if math.isinf(low) else low,
        "high": None if math.isinf(high) else high,
        "censored_at": float(budgets[-1]) if censored else None,
    }


def family_budgets(rows: ResultTable, untrained: str) -> list[dict[str, Any]]:
    """Finds, per arm, attack and family of benchmarks, the budget that pushes the family under the untrained model.

    Args:
        rows: Result rows; families of held-out traits are left out.
        untrained: Arm before training.

    Returns:
        `budget`: the first at which the family's mean is under the untrained arm's clean mean; `sure`: the first at
        which the interval of the paired difference leaves out zero; each None when no budget of the ladder does, in
        which case `censored_at` is the largest budget. Items are paired, clusters are the items' groups.
    """
    part = rows[~rows["family"].str.startswith("trait: ")].dropna(subset=["score"])
    part = part.assign(place=part["benchmark"] + "/" + part["item"])
    found: list[dict[str, Any]] = []
    for family, of_family in part.groupby("family"):
        clean = of_family[(of_family["arm"] == untrained) & (of_family["attack"] == CLEAN)]
        level = clean.groupby("place")["score"].mean()
        groups = of_family.drop_duplicates("place").set_index("place")
        clusters = groups["benchmark"] + "/" + groups["cluster"].astype(str)
        attacked = of_family[of_family["attack"] != CLEAN]
        for (arm, attack), ladder in attacked.groupby(["arm", "attack"]):
            under: list[float] = []
            surely: list[float] = []
            for budget, at_budget in ladder.groupby("budget"):
                scores = at_budget.groupby("place")["score"].mean()
                shared = scores.index.intersection(level.index)
                if clusters[shared].nunique() < 2:
                    continue
                loss = paired_difference((level[shared] - scores[shared]).tolist(), clusters[shared].tolist())
                under += [float(budget)] if loss.difference > 0 else []
                surely += [float(budget)] if loss.low > 0 else []
            found.append(
                {
                    "arm": arm,
                    "attack": attack,
                    "family": family,
                    "budget": min(under, default=None),
                    "sure": min(surely, default=None),
                    "censored_at": None if under else float(ladder["budget"].max()),
                }
            )
    return found
