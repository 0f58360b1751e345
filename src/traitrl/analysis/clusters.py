"""Means over clustered items, with an error and degrees of freedom that hold for few and unequal clusters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClusterMean:
    """A mean over items with its standard error.

    `freedom` are the degrees of freedom of the t distribution that the mean over its error follows.
    """

    mean: float
    error: float
    freedom: float
    items: int
    clusters: int


def cluster_mean(values: Sequence[float], clusters: Sequence[str]) -> ClusterMean:
    """Computes the mean over items, where items of a cluster may depend on each other.

    Args:
        values: One value per item.
        clusters: Cluster of each item; items that share a source are not independent.

    Returns:
        The mean, its CR2 standard error and its Satterthwaite degrees of freedom (Bell and McCaffrey 2002; Imbens and
        Kolesár 2016). Spread below rounding error counts as none.

    Raises:
        ValueError: With fewer than two clusters, where no error exists.
    """
    data = np.asarray(values, dtype=float)
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        raise ValueError("an error needs at least two clusters")
    sums, counts = np.bincount(codes, weights=data), np.bincount(codes).astype(float)
    total = len(data)
    mean = float(sums.sum() / total)
    adjusted = (sums - mean * counts) / np.sqrt(1 - counts / total)
    error = math.sqrt(float((adjusted**2).sum())) / total
    if error < 1e-12 * max(1.0, float(np.abs(data).max())):
        error = 0.0
    return ClusterMean(mean, error, _freedom(counts), total, len(names))


def _freedom(counts: np.ndarray) -> float:
    """Satterthwaite's degrees of freedom of the CR2 variance of a mean, for clusters of these sizes."""
    shares = counts / counts.sum()
    # Trace and squared norm of the covariance of the adjusted cluster sums, written out so that no matrix of
    # clusters x clusters is built.
    outer = shares**2 / (1 - shares)
    return float(1 / ((shares**2).sum() + outer.sum() ** 2 - (outer**2).sum()))
