"""Cluster bootstrap of several means at once, for figures that are no simple mean: ratios, areas, crossings."""

from collections.abc import Sequence

import numpy as np

DRAWS = 2000


def cluster_draws(values: np.ndarray, clusters: Sequence[str], seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """Resamples clusters with replacement and returns the column means of each draw.

    All columns see the same draw, so whatever is computed from several of them stays paired.

    Args:
        values: Scores, shape (items, columns), without gaps.
        clusters: Cluster of each item.
        seed: Seed of the draws.
        draws: Number of draws.

    Returns:
        Means, shape (draws, columns).
    """
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, codes, values)
    counts = np.bincount(codes).astype(float)
    weights = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    return (weights @ sums) / (weights @ counts)[:, None]


def percentile_interval(draws: np.ndarray) -> tuple[float, float]:
    """Returns the 2.5 and 97.5 percentile of draws, which may be infinite (a crossing that was not reached)."""
    ordered = np.sort(draws)
    low, high = (round(share * (len(ordered) - 1)) for share in (0.025, 0.975))
    return float(ordered[low]), float(ordered[high])
