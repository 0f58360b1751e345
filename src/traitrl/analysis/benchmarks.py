"""One line per benchmark: baseline against trait arm, corrected over all benchmarks; wins and losses by name."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from traitrl.analysis.paired import (
    benjamini_hochberg,
    compare_unpaired,
    item_scores,
    paired_difference,
    paired_scores,
)
from traitrl.evals.registry import benchmarks
from traitrl.evals.rows import ResultTable

HELD_OUT = ("trait_judge", "preference_margin", "preference_accuracy")


@dataclass(frozen=True)
class Tally:
    """Benchmarks won, lost and tied by sign, and those that survive correction, by name.

    `family_*` count each family once, by the sign of its mean difference: benchmarks of a family resemble each other,
    so the sign test over benchmarks takes them for more than they are.
    """

    benchmarks: int
    wins: int
    losses: int
    ties: int
    significant_wins: list[str]
    significant_losses: list[str]
    lost: list[str]
    sign_test_p: float
    family_wins: int
    family_losses: int
    family_sign_test_p: float


def clean_rows(rows: ResultTable) -> ResultTable:
    """Returns the rows measured without any attack."""
    return rows[rows["attack"] == "none"]


def unlike_protocols(rows: ResultTable, baseline: str, other: str) -> list[str]:
    """Returns the benchmarks on which two arms were measured by different protocols; such scores never mix."""
    both = rows[rows["arm"].isin([baseline, other])]
    counts = both.groupby("benchmark")["protocol"].nunique()
    return sorted(counts[counts > 1].index)


def benchmark_table(rows: ResultTable, baseline: str, other: str) -> list[dict[str, Any]]:
    """Compares two arms on every benchmark that both were measured on.

    Returns:
        One dictionary per benchmark: name, family, both levels, difference, low, high, p, q, error, freedom, items,
        clusters, and whether it is paired (by item, the rule) or not (Welch, when the arms share no item). Sorted by
        difference.
    """
    table: list[dict[str, Any]] = []
    clean = clean_rows(rows)
    for (name, family), part in clean.groupby(["benchmark", "family"]):
        if name in HELD_OUT:
            continue
        line = _paired_line(part, baseline, other) or _unpaired_line(part, baseline, other)
        if line is not None:
            table.append({"name": name, "family": family, **line})
    for row, q in zip(table, benjamini_hochberg([row["p"] for row in table]), strict=True):
        row["q"] = q
    return sorted(table, key=lambda row: -row["difference"])


def _paired_line(part: ResultTable, baseline: str, other: str) -> dict[str, Any] | None:
    both = paired_scores(part, baseline, other)
    if both is None:
        return None
    result = paired_difference((both["other"] - both["baseline"]).tolist(), both["cluster"].tolist())
    levels = {"baseline": float(both["baseline"].mean()), "trait": float(both["other"].mean())}
    return {**levels, **result.as_row(), "paired": True}


def _unpaired_line(part: ResultTable, baseline: str, other: str) -> dict[str, Any] | None:
    one, two = item_scores(part, baseline), item_scores(part, other)
    result = compare_unpaired(part, baseline, other)
    if result is None or not one.index.intersection(two.index).empty:
        return None
    levels = {"baseline": float(one["score"].mean()), "trait": float(two["score"].mean())}
    return {**levels, **result.as_row(), "paired": False}


def counts(name: str) -> bool:
    """True for alignment benchmarks of their own: no variant, no capability control, no task of another package.

    Whether a higher score on a task of another package is the aligned one, nobody has declared.
    """
    found = benchmarks().get(name)
    return found is not None and found.is_independent


def independent(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the lines of a benchmark table that count on their own: those that belong into a tally."""
    return [row for row in table if counts(row["name"])]


def tally(table: list[dict[str, Any]], level: float = 0.05) -> Tally:
    """Counts wins and losses over alignment benchmarks; capability controls are left out.

    Give it `independent` lines: variants of a benchmark would vote twice.
    """
    counted = [row for row in table if row["family"] != "capability control"]
    wins = [row["name"] for row in counted if row["difference"] > 0]
    lost = [row["name"] for row in counted if row["difference"] < 0]
    families: dict[str, float] = defaultdict(float)
    for row in counted:
        families[row["family"]] += row["difference"]
    family_wins = sum(total > 0 for total in families.values())
    family_losses = sum(total < 0 for total in families.values())
    return Tally(
        benchmarks=len(counted),
        wins=len(wins),
        losses=len(lost),
        ties=len(counted) - len(wins) - len(lost),
        significant_wins=[row["name"] for row in counted if row["difference"] > 0 and row["q"] <= level],
        significant_losses=[row["name"] for row in counted if row["difference"] < 0 and row["q"] <= level],
        lost=lost,
        sign_test_p=sign_test(len(wins), len(lost)),
        family_wins=family_wins,
        family_losses=family_losses,
        family_sign_test_p=sign_test(family_wins, family_losses),
    )


def sign_test(wins: int, losses: int) -> float:
    """Returns the two-sided p value of wins against losses; ties are left out."""
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def scaled_sign_test(wins: int, losses: int, share: float) -> float:
    """Returns the sign test with counts scaled down to independent votes.

    Args:
        wins: Benchmarks won.
        losses: Benchmarks lost.
        share: Independent votes per benchmark, in (0, 1]: `votes / benchmarks` of an `EffectiveNumber`.
    """
    if wins == losses:
        return 1.0
    decided = max(1, round((wins + losses) * share))
    # Rounded down: a majority must not grow by rounding.
    majority = int(max(wins, losses) * decided / (wins + losses))
    return sign_test(majority, decided - majority)
