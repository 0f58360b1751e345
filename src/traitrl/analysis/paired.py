"""Differences between two arms: paired item by item, or Welch where the arms share no item."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from traitrl.analysis.clusters import ClusterMean, cluster_mean
from traitrl.evals.rows import ResultTable


@dataclass(frozen=True)
class Difference:
    """Mean difference with its 95 % interval, two-sided p value, standard error and degrees of freedom."""

    difference: float
    low: float
    high: float
    p: float
    error: float
    freedom: float
    items: int
    clusters: int

    def as_row(self) -> dict[str, Any]:
        """Returns the figures as a dictionary."""
        return asdict(self)


def paired_difference(differences: Sequence[float], clusters: Sequence[str]) -> Difference:
    """Computes the mean of paired differences.

    Args:
        differences: Score of one arm minus score of the other, per item.
        clusters: Cluster of each item; items that share a source are not independent.

    Returns:
        Mean, interval and p value from the t distribution of `cluster_mean`. The interval leaves out zero exactly when
        p is below 0.05. Where all clusters agree to the last digit there is no error to divide by, and p is
        2^(1 - clusters): the chance that signs drawn by coin all agree.

    Raises:
        ValueError: With fewer than two clusters, where no interval exists.
    """
    return _difference(cluster_mean(differences, clusters))


def welch_difference(baseline: ClusterMean, other: ClusterMean) -> Difference:
    """Computes the difference of two means over separate items, with Welch's degrees of freedom (Welch 1947)."""
    variances = baseline.error**2, other.error**2
    total = sum(variances)
    freedom = (
        total**2 / (variances[0] ** 2 / baseline.freedom + variances[1] ** 2 / other.freedom)
        if total > 0
        else min(baseline.freedom, other.freedom)
    )
    return _difference(
        ClusterMean(
            mean=other.mean - baseline.mean,
            error=total**0.5,
            freedom=freedom,
            items=baseline.items + other.items,
            clusters=baseline.clusters + other.clusters,
        )
    )


def _difference(found: ClusterMean) -> Difference:
    from scipy.special import stdtr, stdtrit

    if found.error > 0:
        p = float(2 * stdtr(found.freedom, -abs(found.mean) / found.error))
    else:
        p = 1.0 if found.mean == 0 else 2.0 ** (1 - found.clusters)
    half = float(stdtrit(found.freedom, 0.975)) * found.error
    return Difference(
        difference=found.mean,
        low=found.mean - half,
        high=found.mean + half,
        p=p,
        error=found.error,
        freedom=found.freedom,
        items=found.items,
        clusters=found.clusters,
    )


def item_scores(rows: ResultTable, arm: str) -> ResultTable:
    """Returns an arm's scored items: columns `score` (mean over samples) and `cluster`, by item."""
    scored = rows[rows["arm"] == arm].dropna(subset=["score"])
    return scored.groupby("item").agg(score=("score", "mean"), cluster=("cluster", "first"))


def answered_rows(rows: ResultTable) -> ResultTable:
    """Returns the rows in which the model gave an answer; pairing them leaves the items that both arms answered."""
    return rows[~rows["refused"].astype(bool)]


def paired_scores(rows: ResultTable, baseline: str, other: str) -> ResultTable | None:
    """Returns items that both arms were scored on: columns `baseline`, `other`, `cluster`; None when there are too few.

    Samples of an item are averaged first; items that either arm could not be scored on are left out of both.
    """
    one, two = item_scores(rows, baseline), item_scores(rows, other)
    both = one.join(two["score"].rename("other"), how="inner").rename(columns={"score": "baseline"})
    both["cluster"] = both["cluster"].astype(str)
    return None if both["cluster"].nunique() < 2 else both


def compare(rows: ResultTable, baseline: str, other: str) -> Difference | None:
    """Compares two arms on the rows of one benchmark; None when they share too few scored items."""
    both = paired_scores(rows, baseline, other)
    if both is None:
        return None
    return paired_difference((both["other"] - both["baseline"]).tolist(), both["cluster"].tolist())


def compare_unpaired(rows: ResultTable, baseline: str, other: str) -> Difference | None:
    """Compares two arms that were measured on different items (Welch); None when either has too few."""
    one, two = item_scores(rows, baseline), item_scores(rows, other)
    if one["cluster"].nunique() < 2 or two["cluster"].nunique() < 2:
        return None
    means = [cluster_mean(part["score"].tolist(), part["cluster"].astype(str).tolist()) for part in (one, two)]
    return welch_difference(*means)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Returns q values (false discovery rate, Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return [float(value) for value in false_discovery_control(p_values)] if p_values else []
