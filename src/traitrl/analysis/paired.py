"""Paired differences between two arms, item by item, with cluster bootstrap intervals."""

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
        Percentile interval from 4,000 draws. The p value is twice the share of draws on the far side of zero with
        one added to each count, so it is never 0 (Davison and Hinkley 1997, section 4.2).
    """
    values = np.asarray(differences, dtype=float)
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    sums, counts = np.bincount(codes, weights=values), np.bincount(codes).astype(float)
    generator = np.random.default_rng(seed)
    picks = generator.integers(0, len(names), size=(_DRAWS, len(names)))
    draws = sums[picks].sum(1) / counts[picks].sum(1)
    below, above = int((draws <= 0).sum()), int((draws >= 0).sum())
    return Difference(
        difference=float(values.mean()),
        low=float(np.quantile(draws, 0.025)),
        high=float(np.quantile(draws, 0.975)),
        p=min(1.0, 2 * (min(below, above) + 1) / (_DRAWS + 1)),
        items=len(values),
        clusters=len(names),
    )


def compare(rows: ResultTable, baseline: str, other: str) -> Difference | None:
    """Compares two arms on the rows of one benchmark; None when they share no scored item.

    Samples of an item are averaged first; items that either arm could not be scored on are left out of both.
    """
    scored = rows.dropna(subset=["score"])
    means = scored.groupby(["arm", "item"])["score"].mean().unstack("arm")
    if baseline not in means or other not in means:
        return None
    both = means[[baseline, other]].dropna()
    if both.empty:
        return None
    cluster_of = scored.drop_duplicates("item").set_index("item")["cluster"]
    return paired_difference((both[other] - both[baseline]).tolist(), [str(cluster_of[item]) for item in both.index])


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Returns q values (false discovery rate, Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return [float(value) for value in false_discovery_control(p_values)] if p_values else []
