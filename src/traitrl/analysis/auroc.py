"""AUROC as a mean over items, with the spread that its error needs."""

from collections.abc import Sequence

import numpy as np


def influence_scores(placements: Sequence[float], answers: Sequence[int]) -> list[float]:
    """Turns placement values into scores whose mean is the AUROC and whose spread gives its error.

    Each item enters the AUROC twice, in its own class and as a member of the crowd of the other, so the plain spread of
    placement values makes errors half as large as they are when the classes are balanced. Deviations are therefore
    scaled by items over items of the class, which makes the variance of the mean that of DeLong et al. 1988.

    Args:
        placements: Placement value of each item (`traitrl.evals.likelihood.auroc_scores`).
        answers: Class of each item.

    Returns:
        One score per item, which may leave [0, 1]; the mean over all items, and over each class, is the AUROC.
    """
    values, classes = np.asarray(placements, dtype=float), np.asarray(answers)
    scores = np.empty_like(values)
    for label in np.unique(classes):
        own = classes == label
        mean = values[own].mean()
        scores[own] = mean + (values[own] - mean) * len(values) / own.sum()
    return scores.tolist()
