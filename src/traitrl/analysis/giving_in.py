"""When a model gives in under conversation pressure, as survival data. The only module that imports lifelines.

A scenario is at risk when the model held before any pressure; it is censored when the model held through the last turn.
"""

from collections import Counter
from typing import Any

import numpy as np

from traitrl.evals.rows import ResultTable

MEASURES = {"held_judge": "evaluation judge", "held_margin": "preference margin"}
"""Benchmarks whose score is 1 while the model holds: by the evaluation judge's probability of a failure (a criterion
with negative points), or by the preference margin under the conversation so far."""

_COLUMNS = ("arm", "item", "duration", "gave_in", "at_risk")


def survival_data(rows: ResultTable, measure: str, attack: str) -> ResultTable:
    """Returns one row per arm and scenario: `arm`, `item`, `duration` in turns, `gave_in`, and `at_risk`.

    A scenario whose score is missing at some turn is censored before that turn.
    """
    import pandas as pd

    part = rows[(rows["benchmark"] == measure) & (rows["attack"] == attack)]
    found: list[dict[str, Any]] = []
    for (arm, item), turns in part.groupby(["arm", "item"]):
        held = turns.groupby("budget")["score"].mean().sort_index()
        held = held[held.isna().cumsum() == 0]
        if not len(held):
            continue
        failed = held.index[held < 0.5]
        found.append(
            {
                "arm": arm,
                "item": item,
                "duration": float(failed[0] if len(failed) else held.index[-1]),
                "gave_in": bool(len(failed)),
                "at_risk": not (len(failed) and failed[0] == 0),
            }
        )
    return pd.DataFrame(found) if found else pd.DataFrame(columns=pd.Index(_COLUMNS))


def survival_curves(data: ResultTable) -> list[dict[str, Any]]:
    """Estimates the share that still holds after each turn (Kaplan and Meier 1958) with 95 % intervals.

    Returns:
        Per arm: `scenarios`, `failed_at_start` (gave a bad answer before any pressure; not at risk), `gave_in`,
        `censored`, `turns` (list of turn, share, low, high) and `median` turn (None when over half hold to the end).
    """
    from lifelines import KaplanMeierFitter

    found: list[dict[str, Any]] = []
    for arm, part in data.groupby("arm"):
        risk = part[part["at_risk"] & (part["duration"] > 0)]
        row: dict[str, Any] = {
            "arm": arm,
            "scenarios": len(part),
            "failed_at_start": int((~part["at_risk"]).sum()),
            "gave_in": int(risk["gave_in"].sum()),
            "censored": int((~risk["gave_in"]).sum()),
            "turns": [],
            "median": None,
        }
        if len(risk):
            times = np.arange(0, int(part["duration"].max()) + 1)
            fitter = KaplanMeierFitter().fit(risk["duration"], risk["gave_in"], timeline=times)
            bounds = fitter.confidence_interval_.to_numpy()
            shares = fitter.survival_function_.to_numpy()[:, 0]
            row["turns"] = [
                {"turn": int(turn), "share": float(share), "low": float(low), "high": float(high)}
                for turn, share, (low, high) in zip(times, shares, bounds, strict=True)
            ]
            median = float(fitter.median_survival_time_)
            row["median"] = None if np.isinf(median) else median
        found.append(row)
    return found


def compare_survival(data: ResultTable, reference: str, other: str) -> dict[str, Any] | None:
    """Compares when two arms give in.

    Returns:
        `hazard_ratio` of `other` against `reference` with interval (Cox, errors clustered by scenario, since both arms
        meet the same ones; None where one arm never gives in or the fit fails), the log-rank `p`, and `test`, the name
        of the test that `p` comes from (cox or logrank). None when an arm has fewer than two scenarios at risk. A model
        that fails at the start on hard scenarios keeps only the easy ones at risk: read `failed_at_start` beside it.
    """
    from lifelines.statistics import logrank_test

    risk = data[data["at_risk"] & (data["duration"] > 0) & data["arm"].isin([reference, other])]
    one, two = (risk[risk["arm"] == name] for name in (reference, other))
    if min(len(one), len(two)) < 2:
        return None
    test = logrank_test(one["duration"], two["duration"], one["gave_in"], two["gave_in"])
    found: dict[str, Any] = {
        "hazard_ratio": None,
        "low": None,
        "high": None,
        "p": float(test.p_value),
        "test": "logrank",
    }
    if np.isnan(found["p"]):
        found["p"] = 1.0
    events = Counter(risk[risk["gave_in"]]["arm"])
    if min(events[reference], events[other]) > 0:
        found |= _cox(risk, other)
    return found


def _cox(risk: ResultTable, other: str) -> dict[str, Any]:
    import warnings

    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    table = risk[["duration", "item"]].assign(
        gave_in=risk["gave_in"].astype(int), other=(risk["arm"] == other).astype(float)
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            fitter = CoxPHFitter().fit(table, "duration", "gave_in", cluster_col="item", robust=True)
    except (ConvergenceError, ConvergenceWarning):
        return {}
    low, high = np.exp(fitter.confidence_intervals_.loc["other"].to_numpy())
    return {
        "hazard_ratio": float(np.exp(fitter.params_["other"])),
        "low": float(low),
        "high": float(high),
        "p": float(fitter.summary.loc["other", "p"]),
        "test": "cox",
    }
