"""Paired differences between two arms, item by item, with cluster bootstrap intervals."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from traitrl.evals.rows import ResultTable

_DRAWS = 4000


@dataclass(frozen=True)
class Difference:
    """Mean paired difference with its 95 % interval and two-sided p value."""

    difference: float
    low: float
    high: float
    p: float
    items: int
    clusters: int

    def as_row(self) -> dict[str, float | int]:
        """Returns the figures as a dictionary."""
        return asdict(self)


def paired_difference(differences: Sequence[float], clusters: Sequence[str], seed: int = 0) -> Difference:
    """Computes the mean of paired differences; whole clusters are resampled.

    Args:
        differences: Score of one arm minus score of the other, per item.
        clusters: Cluster of each item; items that share a source are not independent.
        seed: Seed of the bootstrap.

    Returns:
        Expanded percentile interval from 4,000 draws: the quantiles are widened by the t distribution with one degree
        of freedom less than clusters, because the plain percentile interval is too narrow for few clusters (Hesterberg
        2015, section 5.3). The p value is from t with the bootstrap standard error, and never below 2^(1 - clusters),
        the smallest that flipping the signs of whole clusters could give.

    Raises:
        ValueError: With fewer than two clusters, where no interval exists.
    """
    from scipy.stats import norm, t

    values = np.asarray(differences, dtype=float)
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        raise ValueError("a paired difference needs at least two clusters")
    sums, counts = np.bincount(codes, weights=values), np.bincount(codes).astype(float)
    generator = np.random.default_rng(seed)
    picks = generator.integers(0, len(names), size=(_DRAWS, len(names)))
    draws = sums[picks].sum(1) / counts[picks].sum(1)
    freedom = len(names) - 1
    widening = math.sqrt(len(names) / freedom)
    tail = float(norm.cdf(-widening * t.ppf(0.975, freedom)))
    error = float(draws.std(ddof=1)) * widening
    mean = float(values.mean())
    p = float(2 * t.sf(abs(mean) / error, freedom)) if error > 0 else float(mean == 0)
    return Difference(
        difference=mean,
        low=float(np.quantile(draws, tail)),
        high=float(np.quantile(draws, 1 - tail)),
        p=min(1.0, max(p, 2.0 ** (1 - len(names)))),
        items=len(values),
        clusters=len(names),
    )


def paired_scores(rows: ResultTable, baseline: str, other: str) -> ResultTable | None:
    """Returns items that both arms were scored on: columns `baseline`, `other`, `cluster`; None when there are too few.

    Samples of an item are averaged first; items that either arm could not be scored on are left out of both.
    """
    scored = rows.dropna(subset=["score"])
    means = scored.groupby(["arm", "item"])["score"].mean().unstack("arm")
    if baseline not in means or other not in means:
        return None
    both = means[[baseline, other]].dropna().set_axis(["baseline", "other"], axis=1)
    both["cluster"] = scored.drop_duplicates("item").set_index("item")["cluster"][both.index].astype(str)
    return None if both["cluster"].nunique() < 2 else both


def compare(rows: ResultTable, baseline: str, other: str) -> Difference | None:
    """Compares two arms on the rows of one benchmark; None when they share too few scored items."""
    both = paired_scores(rows, baseline, other)
    if both is None:
        return None
    return paired_difference((both["other"] - both["baseline"]).tolist(), both["cluster"].tolist())


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Returns q values (false discovery rate, Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return [float(value) for value in false_discovery_control(p_values)] if p_values else []
