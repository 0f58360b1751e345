"""How many independent benchmarks a set of correlated ones amounts to."""

from dataclasses import dataclass

import numpy as np

from traitrl.evals.rows import ResultTable

FEWEST_MODELS = 4


@dataclass(frozen=True)
class EffectiveNumber:
    """Effective numbers of benchmarks.

    `tests` is for corrections of significance, `votes` for counts of wins: a common shift of all benchmarks costs few
    tests and nearly all votes.
    """

    benchmarks: int
    models: int
    tests: float
    votes: float


def correlation_matrix(levels: ResultTable) -> np.ndarray:
    """Correlates benchmarks over models, shrunk towards independence (Ledoit and Wolf 2004).

    Without shrinkage, a few models would make any set of benchmarks look like fewer than there are models.

    Args:
        levels: Models x benchmarks, without gaps; differences from a baseline, or levels.
    """
    from sklearn.covariance import ledoit_wolf

    values = levels.to_numpy(dtype=float)
    spread = values.std(0)
    scaled = (values - values.mean(0)) / np.where(spread > 0, spread, 1.0)
    covariance = ledoit_wolf(scaled, assume_centered=True)[0]
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def effective_tests(correlation: np.ndarray) -> float:
    """Returns the effective number of tests: (sum of roots of eigenvalues)^2 / sum of eigenvalues (Galwey 2009)."""
    roots = np.sqrt(np.clip(np.linalg.eigvalsh(correlation), 0, None))
    return float(roots.sum() ** 2 / (roots**2).sum())


def effective_votes(correlation: np.ndarray) -> float:
    """Returns n^2 / sum of all correlations, the effective sample size of a mean (Kish 1965), within [1, n]."""
    count = len(correlation)
    total = float(correlation.sum())
    return float(count) if total <= count else count**2 / total


def effective_number(levels: ResultTable) -> EffectiveNumber | None:
    """Computes the effective numbers from a table of models x benchmarks.

    Returns:
        None with fewer than four models or two benchmarks: no correlation can be told from so few.
    """
    complete = levels.dropna(axis=1)
    models, count = complete.shape
    if models < FEWEST_MODELS or count < 2:
        return None
    correlation = correlation_matrix(complete)
    return EffectiveNumber(count, models, effective_tests(correlation), effective_votes(correlation))
