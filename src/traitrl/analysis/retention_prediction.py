"""How well retention can be predicted before the attack: ridge regression, leave-one-out over arms."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FEWEST = 8
"""Below so many arms no prediction is made: leave-one-out on a handful of points says nothing."""
_STRENGTHS = np.logspace(-2, 3, 11)


@dataclass(frozen=True)
class Prediction:
    """Quality of leave-one-out predictions. Errors are mean absolute errors in units of the target."""

    arms: int
    features: tuple[str, ...]
    error: float | None
    """Of the ridge regression."""
    mean_error: float | None
    """Of the rule that knows nothing: the mean of the other arms."""
    explained: float | None
    """1 - squared error of the regression over that of the mean; at or below 0 nothing is predicted."""
    finding: str

    def as_row(self) -> dict[str, Any]:
        """Returns the figures as a dictionary."""
        return asdict(self)


def predict_retention(arms: Sequence[Mapping[str, float | None]], target: str = "retention") -> Prediction:
    """Predicts a target of each arm from those of the others.

    Args:
        arms: One mapping per arm and seed: the target, and features known before the attack (install gain, preference
            margin, KL from the base, adapter norm, trait direction, resistance at the smallest budget). A feature that
            any arm lacks is left out, as is one without spread.
        target: Key of the target.

    Returns:
        The quality of the prediction. Features are standardised and the ridge strength is chosen inside each fold,
        on the other arms only (sklearn's RidgeCV by generalised cross-validation).
    """
    known = [arm for arm in arms if arm.get(target) is not None]
    names = sorted(set().union(*known) - {target}) if known else []
    columns = {name: np.array([_number(arm.get(name)) for arm in known]) for name in names}
    features = tuple(name for name in names if np.isfinite(columns[name]).all() and np.ptp(columns[name]) > 0)
    if len(known) < FEWEST or not features:
        reason = (
            f"{len(known)} arms are too few to say whether retention can be predicted; {FEWEST} are the least."
            if len(known) < FEWEST
            else "No feature is known for every arm."
        )
        return Prediction(len(known), features, None, None, None, reason)
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values = np.column_stack([columns[name] for name in features])
    wanted = np.array([_number(arm[target]) for arm in known])
    predicted, means = np.empty(len(known)), np.empty(len(known))
    for place in range(len(known)):
        others = np.arange(len(known)) != place
        model: Any = make_pipeline(StandardScaler(), RidgeCV(_STRENGTHS))
        model.fit(values[others], wanted[others])
        predicted[place] = model.predict(values[place : place + 1])[0]
        means[place] = wanted[others].mean()
    squares = float(((wanted - means) ** 2).sum())
    explained = 1 - float(((wanted - predicted) ** 2).sum()) / squares if squares > 0 else 0.0
    finding = (
        f"Left out one at a time, the features explain {100 * explained:.0f} % of what the others' mean leaves open."
        if explained > 0
        else "The features predict retention no better than the mean of the other arms."
    )
    return Prediction(
        len(known),
        features,
        float(np.abs(wanted - predicted).mean()),
        float(np.abs(wanted - means).mean()),
        explained,
        finding,
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
