"""How much of a level survives an attack: level, degradation and retention at each budget."""

from typing import Any

import numpy as np

from traitrl.analysis.paired import compare, paired_difference
from traitrl.evals.rows import ResultTable

_SMALLEST_LEVEL = 0.05


def _as_attacked(rows: ResultTable) -> ResultTable:
    """Leaves out clean rows of items that no attack was measured on: a curve over two item sets has a false first drop.

    Whether an item could be scored plays no part. Without any attack all rows stay.
    """
    clean = rows["attack"] == "none"
    return rows if clean.all() else rows[~clean | rows["item"].isin(rows[~clean]["item"])]


def persistence_table(rows: ResultTable, benchmark: str) -> list[dict[str, Any]]:
    """Computes the table for one benchmark.

    Returns:
        One dictionary per arm, attack and budget: `level` (mean score), `degradation` (clean minus attacked, paired by
        item) with its interval, `retention` (attacked over clean level, both clipped to [0, 1]; None when the clean
        level is below 0.05, where a ratio means nothing), and `items`. The clean line is over the attacked items too.
    """
    part = _as_attacked(rows[rows["benchmark"] == benchmark]).dropna(subset=["score"])
    table: list[dict[str, Any]] = []
    for arm, of_arm in part.groupby("arm"):
        clean = of_arm[of_arm["attack"] == "none"].groupby("item")["score"].mean()
        clusters = of_arm.drop_duplicates("item").set_index("item")["cluster"]
        for (attack, budget), attacked_rows in of_arm.groupby(["attack", "budget"]):
            attacked = attacked_rows.groupby("item")["score"].mean()
            shared = attacked.index.intersection(clean.index)
            if clusters[shared].nunique() < 2:
                continue
            drop = paired_difference((clean[shared] - attacked[shared]).tolist(), clusters[shared].astype(str).tolist())
            before, after = (float(np.clip(values[shared].mean(), 0, 1)) for values in (clean, attacked))
            table.append(
                {
                    "arm": arm,
                    "attack": attack,
                    "budget": float(budget),
                    "level": float(attacked[shared].mean()),
                    "degradation": drop.difference,
                    "low": drop.low,
                    "high": drop.high,
                    "retention": after / before if before >= _SMALLEST_LEVEL else None,
                    "items": len(shared),
                }
            )
    return table


def gap_table(rows: ResultTable, benchmark: str, baseline: str, other: str) -> list[dict[str, Any]]:
    """Computes the trait arm's lead over the baseline under each attack and without, over the attacked items.

    Returns:
        One dictionary per attack and budget: the lead, paired by item, with its interval and number of items.
    """
    part = _as_attacked(rows[rows["benchmark"] == benchmark]).dropna(subset=["score"])
    table: list[dict[str, Any]] = []
    for (attack, budget), attacked in part.groupby(["attack", "budget"]):
        lead = compare(attacked, baseline, other)
        if lead is None:
            continue
        table.append({"attack": attack, "budget": float(budget), **lead.as_row()})
    return table
