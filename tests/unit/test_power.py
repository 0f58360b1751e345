import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from traitrl.analysis.power import detectable_effect, expected_error, predicted_power


def test_power_equals_that_of_statsmodels_for_independent_items():
    error = expected_error(0.5, [1] * 60)
    assert error == pytest.approx(0.5 / 60**0.5, rel=1e-12)
    wanted = TTestPower().power(effect_size=0.2 / 0.5, nobs=60, alpha=0.05, alternative="two-sided")
    assert predicted_power(0.2, error, 59) == pytest.approx(wanted, abs=1e-9)


def test_without_an_effect_power_is_the_level_and_the_sign_does_not_matter():
    assert predicted_power(0.0, 0.1, 12, level=0.01) == pytest.approx(0.01, abs=1e-9)
    assert predicted_power(-0.3, 0.1, 12) == pytest.approx(predicted_power(0.3, 0.1, 12), abs=1e-9)


def test_dependence_within_clusters_inflates_the_error_as_simulated():
    rng, sizes = np.random.default_rng(2), [12, 7, 7, 4, 2]
    codes = np.repeat(np.arange(5), sizes)
    draws = rng.normal(0, 0.6, (20000, 5))[:, codes] + rng.normal(0, 0.8, (20000, 32))
    assert expected_error(1.0, sizes, 0.36) == pytest.approx(draws.mean(1).std(), rel=0.02)


@pytest.mark.parametrize("freedom", [1, 4, 43])
def test_the_detectable_effect_is_found_with_the_power_asked_for(freedom):
    effect = detectable_effect(0.05, freedom, power=0.8)
    assert effect is not None
    assert predicted_power(effect, 0.05, freedom) == pytest.approx(0.8, abs=1e-6)


def test_without_observed_spread_the_detectable_effect_is_unknown():
    assert detectable_effect(0.0, 10) is None
