"""Gates before the attacks: without headroom, an installed gain and an unmoved control, persistence numbers
mean nothing.
"""

from dataclasses import dataclass

from traitrl.analysis.paired import compare
from traitrl.config import BEFORE
from traitrl.evals.rows import ResultTable

_HEADROOM = 0.6
_FORMULA = 0.3
"""Replies of a collapsed policy share an opening with all others; those of the warm model with 10 to 15 % of them."""
_FORMULA_RISE = 0.15
"""A share of openings grows with the number of sentences, so only what RL added to it speaks of a collapse."""


@dataclass(frozen=True)
class Gate:
    """One check with its outcome in words."""

    name: str
    passed: bool
    finding: str
    remedy: str


def check_gates(rows: ResultTable, baseline: str, trait: str) -> list[Gate]:
    """Checks headroom of the model before RL, the installed gain, the control, and that replies are no formula.

    Args:
        rows: Clean rows of the held-out trait evaluation.
        baseline: Name of the compute-matched baseline.
        trait: Name of the trait arm.
    """
    judged = rows[(rows["benchmark"] == "trait_judge") & (rows["attack"] == "none")]
    before = float(judged[judged["arm"] == BEFORE]["score"].mean())
    preferred = rows[(rows["benchmark"] == "preference_margin") & (rows["attack"] == "none")]
    margin = compare(preferred, baseline, trait)
    gain = compare(judged, baseline, trait)
    control = compare(judged, BEFORE, baseline)
    own = compare(judged, BEFORE, trait)
    if gain is None or control is None or margin is None or own is None:
        return [
            Gate("measured", False, "The held-out trait evaluation has no scored items.", "Check the evaluation judge.")
        ]
    formula = {arm: float(judged[judged["arm"] == arm]["formula"].mean()) for arm in (BEFORE, trait)}
    return [
        Gate(
            "headroom",
            before <= _HEADROOM,
            f"The model before RL scores {before:.2f} on the held-out traits (at most {_HEADROOM} leaves room).",
            "Use harder scenarios or another model: there is nothing to install.",
        ),
        Gate(
            "installed gain",
            gain.low > 0,
            f"Trait arm minus baseline: {gain.difference:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}], evaluation judge.",
            "Raise trait_share, training.steps or training.learning_rate; look at truncation and dead groups first.",
        ),
        Gate(
            "gain without a judge",
            margin.low > 0,
            f"Preference margin, trait arm minus baseline: {margin.difference:+.3f} "
            f"[{margin.low:+.3f}, {margin.high:+.3f}] nats per token.",
            "The policy may have learnt to please judges: read transcripts before believing the gain.",
        ),
        Gate(
            "gain over the start",
            own.low > 0,
            f"Trait arm minus before RL: {own.difference:+.3f} [{own.low:+.3f}, {own.high:+.3f}], evaluation judge.",
            "Part of the difference between the arms may be the baseline's loss: look at both against the start.",
        ),
        Gate(
            "control unmoved",
            control.low <= 0 and control.difference < gain.difference,
            f"Baseline minus before RL: {control.difference:+.3f} [{control.low:+.3f}, {control.high:+.3f}] "
            f"(must not be surely above 0, nor reach the {gain.difference:+.3f} between the arms).",
            "RL without traits raises the score too: read replies of the baseline to see by what, and take only the "
            "difference between the arms for the traits' gain.",
        ),
        Gate(
            "replies still vary",
            formula[trait] <= _FORMULA or formula[trait] - formula[BEFORE] <= _FORMULA_RISE,
            f"A reply of the trait arm begins a sentence like {100 * formula[trait]:.0f} % of its other replies "
            f"(before RL {100 * formula[BEFORE]:.0f} %; fails above {100 * _FORMULA:.0f} % when that is over "
            f"{100 * _FORMULA_RISE:.0f} points more than before RL).",
            "The policy answers everything with one formula: raise training.formula_penalty or training.kl_weight, "
            "or train fewer steps.",
        ),
    ]
