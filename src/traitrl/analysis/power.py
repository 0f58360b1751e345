"""Predicted power: how likely an effect of a given size is to be found with given items and spread."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def expected_error(spread: float, cluster_sizes: Sequence[int], intraclass: float = 0.0) -> float:
    """Computes the standard error of a mean of paired differences.

    Args:
        spread: Standard deviation of the differences over items, in score units.
        cluster_sizes: Items of each cluster; all ones when items are independent.
        intraclass: Correlation of the differences of two items of one cluster.

    Returns:
        The error in score units, by the design effect for unequal clusters (Kish 1965, section 5.4).
    """
    sizes = np.asarray(cluster_sizes, dtype=float)
    inflated = float((sizes * (1 + (sizes - 1) * intraclass)).sum())
    return spread * inflated**0.5 / float(sizes.sum())


def predicted_power(effect: float, error: float, freedom: float, level: float = 0.05) -> float:
    """Computes the probability that a two-sided t test finds an effect, from the noncentral t distribution.

    Args:
        effect: True mean difference, in score units.
        error: Standard error of the mean difference (`expected_error`).
        freedom: Degrees of freedom (`ClusterMean.freedom`).
        level: Two-sided level; for one of many benchmarks, the level that its correction leaves it.
    """
    from scipy.stats import nct, t

    bound = float(t.ppf(1 - level / 2, freedom))
    shift = abs(effect) / error
    # scipy returns NaN where the far tail underflows.
    return float(nct.sf(bound, freedom, shift) + np.nan_to_num(nct.cdf(-bound, freedom, shift)))


def detectable_effect(error: float, freedom: float, power: float = 0.8, level: float = 0.05) -> float | None:
    """Computes the smallest true difference, in score units, that is found with this power.

    None when the observed error is 0: the differences happened not to vary, and their true spread is unknown.
    """
    from scipy.optimize import brentq

    if error == 0:
        return None
    # In units of the error; with one degree of freedom the bound is 12.7 and the root near 50.
    root: Any = brentq(lambda size: predicted_power(size, 1.0, freedom, level) - power, 0, 1000)
    return error * float(root)
