"""One line per benchmark: baseline against trait arm, corrected over all benchmarks; wins and losses by name."""

from dataclasses import dataclass
from typing import Any

from traitrl.analysis.paired import benjamini_hochberg, paired_difference, paired_scores
from traitrl.evals.rows import ResultTable

HELD_OUT = ("trait_judge", "preference_margin", "preference_accuracy")


@dataclass(frozen=True)
class Tally:
    """Benchmarks won, lost and tied by sign, and those that survive correction, by name."""

    benchmarks: int
    wins: int
    losses: int
    ties: int
    significant_wins: list[str]
    significant_losses: list[str]
    lost: list[str]
    sign_test_p: float


def clean_rows(rows: ResultTable) -> ResultTable:
    """Returns the rows measured without any attack."""
    return rows[rows["attack"] == "none"]


def benchmark_table(rows: ResultTable, baseline: str, other: str) -> list[dict[str, Any]]:
    """Compares two arms on every independent benchmark.

    Returns:
        One dictionary per benchmark: name, family, both levels, difference, low, high, p, q, items. Sorted by
        difference.
    """
    table: list[dict[str, Any]] = []
    clean = clean_rows(rows)
    for (name, family), part in clean.groupby(["benchmark", "family"]):
        if name in HELD_OUT:
            continue
        both = paired_scores(part, baseline, other)
        if both is None:
            continue
        result = paired_difference((both["other"] - both["baseline"]).tolist(), both["cluster"].tolist())
        table.append(
            {
                "name": name,
                "family": family,
                "baseline": float(both["baseline"].mean()),
                "trait": float(both["other"].mean()),
                **result.as_row(),
            }
        )
    for row, q in zip(table, benjamini_hochberg([row["p"] for row in table]), strict=True):
        row["q"] = q
    return sorted(table, key=lambda row: -row["difference"])


def tally(table: list[dict[str, Any]], level: float = 0.05) -> Tally:
    """Counts wins and losses over alignment benchmarks; capability controls are left out."""
    from scipy.stats import binomtest

    counted = [row for row in table if row["family"] != "capability control"]
    wins = [row["name"] for row in counted if row["difference"] > 0]
    lost = [row["name"] for row in counted if row["difference"] < 0]
    decided = len(wins) + len(lost)
    return Tally(
        benchmarks=len(counted),
        wins=len(wins),
        losses=len(lost),
        ties=len(counted) - decided,
        significant_wins=[row["name"] for row in counted if row["difference"] > 0 and row["q"] <= level],
        significant_losses=[row["name"] for row in counted if row["difference"] < 0 and row["q"] <= level],
        lost=lost,
        sign_test_p=float(binomtest(len(wins), decided).pvalue) if decided else 1.0,
    )
