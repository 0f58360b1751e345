"""Shared structure across models: do benchmarks rise and fall together, and more than capability explains?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from traitrl.evals.rows import ResultTable

_PERMUTATIONS = 2000
FEWEST_MODELS = 5


@dataclass(frozen=True)
class Structure:
    """Spearman correlations of benchmarks over models, and their first principal component.

    `p` is the share of permutations of the models within each benchmark whose first component explains as much.
    """

    benchmarks: list[str]
    models: int
    spearman: list[list[float]]
    explained: float
    """Share of the variance of ranks on the first component, in [0, 1]."""
    null_mean: float
    null_95: float
    p: float
    loadings: dict[str, float]
    scores: dict[str, float]
    """Each model's place on the first component; positive is the side of most loadings."""


def level_table(rows: ResultTable) -> ResultTable:
    """Returns mean scores as a table of models x benchmarks; unscored items are left out."""
    return rows.dropna(subset=["score"]).groupby(["arm", "benchmark"])["score"].mean().unstack("benchmark")


def shared_structure(levels: ResultTable, controls: list[str] | None = None, seed: int = 0) -> Structure | None:
    """Computes the shared structure of benchmarks over models.

    Args:
        levels: Models x benchmarks. Benchmarks with a gap, or the same for all models, are left out.
        controls: Capability controls among the columns. They never enter the structure; when given, the ranks of every
            other benchmark are first freed of their linear relation to the mean rank on the controls.
        seed: Seed of the permutations.

    Returns:
        None with fewer than five models or two usable benchmarks.

    The null breaks the link between benchmarks and keeps each one's distribution. With controls, residuals are permuted
    and freed of the controls once more (Freedman and Lane 1983).
    """
    complete = levels.dropna(axis=1)
    complete = complete.loc[:, complete.nunique() > 1]
    names = [name for name in complete.columns if name not in (controls or [])]
    if len(complete) < FEWEST_MODELS or len(names) < 2:
        return None
    ranks = _standardised(complete[names].rank().to_numpy())
    design = np.ones((len(complete), 1))
    present = [name for name in (controls or []) if name in complete.columns]
    if present:
        design = np.column_stack([design, _standardised(complete[present].rank().to_numpy()).mean(1)])
    freed = _residuals(ranks, design)
    left = np.abs(freed).sum(0) > 0
    names, freed = [name for name, kept in zip(names, left, strict=True) if kept], freed[:, left]
    if len(names) < 2:
        return None
    explained, loadings, scores = _first_component(freed)
    generator = np.random.default_rng(seed)
    null = np.array(
        [_first_component(_residuals(generator.permuted(freed, axis=0), design))[0] for _ in range(_PERMUTATIONS)]
    )
    return Structure(
        benchmarks=names,
        models=len(complete),
        spearman=np.corrcoef(freed, rowvar=False).tolist(),
        explained=explained,
        null_mean=float(null.mean()),
        null_95=float(np.quantile(null, 0.95)),
        p=float((1 + (null >= explained - 1e-12).sum()) / (1 + _PERMUTATIONS)),
        loadings=dict(zip(names, loadings.tolist(), strict=True)),
        scores=dict(zip(complete.index.astype(str), scores.tolist(), strict=True)),
    )


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(0)
    spread = centred.std(0)
    return np.where(spread > 1e-9, centred / np.where(spread > 1e-9, spread, 1.0), 0.0)


def _residuals(values: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Returns standardised residuals; a column that the design explains in full becomes zero."""
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return _standardised(values - fitted)


def _first_component(values: np.ndarray) -> tuple[float, Any, Any]:
    left, singular, right = np.linalg.svd(values, full_matrices=False)
    sign = 1.0 if right[0].sum() >= 0 else -1.0
    explained = float(singular[0] ** 2 / (singular**2).sum())
    return explained, sign * right[0], sign * left[:, 0] * singular[0]
