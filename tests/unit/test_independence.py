import numpy as np
import pandas as pd
import pytest

from traitrl.analysis.benchmarks import scaled_sign_test, sign_test
from traitrl.analysis.independence import correlation_matrix, effective_number, effective_tests, effective_votes


def compound(count, rho):
    return np.full((count, count), rho) + (1 - rho) * np.eye(count)


def table(models, benchmarks, common, seed=0):
    rng = np.random.default_rng(seed)
    values = common * rng.normal(size=(models, 1)) + (1 - common**2) ** 0.5 * rng.normal(size=(models, benchmarks))
    return pd.DataFrame(values, columns=[f"b{n}" for n in range(benchmarks)])


def test_independent_benchmarks_count_in_full_and_copies_once():
    assert effective_tests(np.eye(25)) == pytest.approx(25) and effective_votes(np.eye(25)) == pytest.approx(25)
    assert effective_tests(np.ones((25, 25))) == pytest.approx(1, abs=1e-5)
    assert effective_votes(np.ones((25, 25))) == pytest.approx(1)


def test_the_formulas_by_hand():
    # Eigenvalues of the compound symmetric matrix: 1 + 24 rho once, 1 - rho 24 times.
    assert effective_tests(compound(25, 0.5)) == pytest.approx((13**0.5 + 24 * 0.5**0.5) ** 2 / 25, rel=1e-9)
    assert effective_votes(compound(25, 0.5)) == pytest.approx(25 / 13, rel=1e-12)


def test_opposed_benchmarks_never_count_for_more_than_there_are():
    assert effective_votes(np.array([[1.0, -0.9], [-0.9, 1.0]])) == 2.0


@pytest.mark.parametrize("models", [5, 12, 60])
def test_few_models_do_not_make_independent_benchmarks_look_dependent(models):
    found = effective_number(table(models, 20, 0.0))
    assert found is not None and found.tests > 15 and found.votes > 10


def test_a_common_factor_is_seen_with_enough_models():
    found = effective_number(table(60, 20, 0.8))
    assert found is not None
    assert found.votes == pytest.approx(20 / (1 + 19 * 0.64), rel=0.5) and found.tests < 18


def test_too_few_models_or_only_gaps_give_none():
    assert effective_number(table(3, 20, 0.5)) is None
    assert effective_number(table(8, 2, 0.5).assign(b1=np.nan)) is None


def test_a_constant_benchmark_does_not_break_the_correlation():
    found = correlation_matrix(table(10, 4, 0.0).assign(b2=0.5))
    assert np.isfinite(found).all() and np.diag(found) == pytest.approx(np.ones(4))


def test_the_scaled_sign_test_is_weaker_and_equals_the_plain_one_at_full_number():
    assert scaled_sign_test(20, 5, 1.0) == pytest.approx(sign_test(20, 5))
    assert scaled_sign_test(20, 5, 0.4) == pytest.approx(sign_test(8, 2))
    assert scaled_sign_test(20, 5, 0.04) == 1.0 and scaled_sign_test(0, 0, 0.2) == 1.0
