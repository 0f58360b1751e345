"""How well verdicts agree with gold labels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """Agreement of yes/no verdicts with gold.

    `kappa` is Cohen's; `balanced_accuracy` the mean of the hit rates on met and on unmet criteria; `auroc` uses the
    probabilities (0.5 when they are constant).
    """

    n: int
    met_share: float
    accuracy: float
    balanced_accuracy: float
    kappa: float
    auroc: float

    def as_row(self) -> dict[str, float]:
        """Returns the figures as a dictionary."""
        return asdict(self)


def agreement(gold: Sequence[bool], probabilities: Sequence[float], threshold: float = 0.5) -> Agreement:
    """Compares probabilities, cut at `threshold`, with gold verdicts."""
    from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score

    truth = np.asarray(gold, dtype=bool)
    scores = np.asarray(probabilities, dtype=float)
    verdicts = scores >= threshold
    constant = bool((verdicts == verdicts[0]).all())
    return Agreement(
        n=len(truth),
        met_share=float(truth.mean()),
        accuracy=float((truth == verdicts).mean()),
        balanced_accuracy=float(balanced_accuracy_score(truth, verdicts)),
        kappa=0.0 if constant else float(cohen_kappa_score(truth, verdicts)),
        auroc=0.5 if np.ptp(scores) == 0 or truth.all() or not truth.any() else float(roc_auc_score(truth, scores)),
    )


def best_threshold(gold: Sequence[bool], probabilities: Sequence[float]) -> float:
    """Returns the cut with the highest kappa, to be chosen on training data only."""
    candidates = np.unique(np.quantile(np.asarray(probabilities, dtype=float), np.linspace(0.02, 0.98, 49)))
    return float(max(candidates, key=lambda cut: agreement(gold, probabilities, float(cut)).kappa))
