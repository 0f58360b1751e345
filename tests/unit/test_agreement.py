import warnings

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score

from traitrl.judges.agreement import agreement, best_threshold

RNG = np.random.default_rng(1)
GOLD = (RNG.random(300) < 0.3).tolist()
SCORES = np.clip(RNG.normal(0.4, 0.2, 300) + 0.2 * np.array(GOLD), 0, 1).tolist()


def test_figures_equal_those_of_sklearn():
    found = agreement(GOLD, SCORES)
    verdicts = [score >= 0.5 for score in SCORES]
    assert found.kappa == pytest.approx(cohen_kappa_score(GOLD, verdicts), abs=1e-12)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(GOLD, verdicts), abs=1e-12)
    assert found.auroc == pytest.approx(roc_auc_score(GOLD, SCORES), abs=1e-12)
    assert found.n == 300 and found.met_share == pytest.approx(np.mean(GOLD), abs=1e-12)


def test_kappa_equals_the_hand_computed_example():
    # Observed agreement 3/4, expected 1/2, so kappa is 1/2.
    assert agreement([True, True, False, False], [0.9, 0.2, 0.1, 0.3]).kappa == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.5, 1.0])
def test_a_constant_judge_has_kappa_zero_and_chance_elsewhere(constant):
    found = agreement(GOLD, [constant] * 300)
    assert (found.kappa, found.auroc) == (0.0, 0.5)
    assert found.balanced_accuracy == pytest.approx(0.5, abs=1e-12)


def test_a_constant_judge_has_kappa_zero_even_when_gold_is_constant():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert agreement([True] * 4, [1.0] * 4).kappa == 0.0


def test_perfect_and_reversed_judges_are_at_the_ends():
    perfect = agreement(GOLD, [float(value) for value in GOLD])
    assert (perfect.kappa, perfect.accuracy, perfect.auroc) == (1.0, 1.0, 1.0)
    assert agreement(GOLD, [float(not value) for value in GOLD]).auroc == 0.0


def test_figures_are_finite_when_gold_has_one_class_only():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        row = agreement([True] * 4, [0.9, 0.8, 0.2, 0.4]).as_row()
    assert all(np.isfinite(value) for value in row.values())


def test_the_best_threshold_finds_a_shifted_cut():
    scores = [0.1 + 0.1 * value + 0.0001 * index for index, value in enumerate(GOLD)]
    cut = best_threshold(GOLD, scores)
    assert agreement(GOLD, scores, cut).kappa > 0.95
    assert agreement(GOLD, scores, 0.5).kappa == 0.0
