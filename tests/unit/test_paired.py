import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from traitrl.analysis.paired import (
    answered_rows,
    benjamini_hochberg,
    compare,
    compare_unpaired,
    paired_difference,
)

RNG = np.random.default_rng(5)
NOISE = RNG.normal(0, 0.3, 200)
NOISE -= NOISE.mean()
OWN = [str(index) for index in range(200)]


def frame(scores, clusters=None):
    return pd.DataFrame(
        [
            {"arm": arm, "item": item, "cluster": (clusters or {}).get(item, item), "score": score}
            for arm, values in scores.items()
            for item, score in values
        ]
    )


def test_a_known_effect_is_found():
    found = paired_difference((NOISE + 0.2).tolist(), OWN)
    assert found.difference == pytest.approx(0.2, abs=1e-9)
    assert 0.1 < found.low < 0.2 < found.high < 0.3
    assert found.p < 0.001 and found.items == found.clusters == 200


def test_the_interval_has_the_width_of_the_normal_one():
    found = paired_difference((NOISE + 0.2).tolist(), OWN)
    assert found.high - found.low == pytest.approx(2 * 1.96 * NOISE.std() / 200**0.5, rel=0.1)


def test_a_zero_effect_has_an_interval_that_covers_zero():
    found = paired_difference(NOISE.tolist(), OWN)
    assert found.low < 0 < found.high
    assert found.p > 0.5


def test_the_sign_turns_with_the_arms():
    one = paired_difference((NOISE + 0.2).tolist(), OWN)
    other = paired_difference((-NOISE - 0.2).tolist(), OWN)
    assert other.difference == pytest.approx(-one.difference, abs=1e-12)
    assert other.high < 0


def test_identical_arms_have_no_difference_and_p_one():
    found = paired_difference([0.0] * 30, OWN[:30])
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_clusters_widen_the_interval():
    values = np.repeat(NOISE[:20], 10).tolist()
    alone = paired_difference(values, OWN)
    clustered = paired_difference(values, [str(index // 10) for index in range(200)])
    assert clustered.clusters == 20
    assert (clustered.high - clustered.low) > 2 * (alone.high - alone.low)  # theory: sqrt(10) = 3.2 times


def test_the_p_value_is_never_zero_even_without_spread():
    found = paired_difference([1.0] * 50, OWN[:50])
    assert 0 < found.p < 0.01 and found.low == found.high == 1.0


@pytest.mark.parametrize("shift", [0.03, 0.05, 0.2, 0.4])
def test_the_interval_leaves_out_zero_exactly_when_p_is_small(shift):
    found = paired_difference((NOISE[:30] + shift).tolist(), [str(index // 4) for index in range(30)])
    assert (found.low > 0) == (found.p < 0.05)


def test_a_single_cluster_has_no_interval():
    with pytest.raises(ValueError, match="two clusters"):
        paired_difference([0.4, 0.5, 0.6], ["a", "a", "a"])


def test_three_items_are_too_few_to_be_significant():
    # Three agreeing signs have a two-sided chance of 1/4 under no effect.
    assert paired_difference([0.2, 0.3, 0.5], ["a", "b", "c"]).p > 0.05


def test_unscored_items_are_dropped_from_both_arms():
    rows = frame(
        {
            "base": [("a", 0.0), ("b", 0.0), ("c", None), ("d", 0.0)],
            "trait": [("a", 1.0), ("b", None), ("c", 1.0), ("d", 0.5)],
        }
    )
    found = compare(rows, "base", "trait")
    assert found is not None
    assert found.items == 2 and found.difference == pytest.approx(0.75, abs=1e-12)


def test_samples_of_an_item_are_averaged_first():
    rows = frame({"base": [("a", 0.0), ("b", 0.0)], "trait": [("a", 1.0), ("a", 0.0), ("a", 0.5), ("b", 1.0)]})
    found = compare(rows, "base", "trait")
    assert found is not None and found.items == 2
    assert found.difference == pytest.approx(0.75, abs=1e-12)


def test_clusters_come_from_the_rows():
    clusters = {"a": "x", "b": "x", "c": "y"}
    items = [("a", 0.1), ("b", 0.2), ("c", 0.3)]
    found = compare(frame({"base": items, "trait": items}, clusters), "base", "trait")
    assert found is not None and (found.items, found.clusters) == (3, 2)


@pytest.mark.parametrize(
    "scores",
    [
        {"base": [("a", 0.0)]},
        {"base": [("a", 0.0)], "trait": [("b", 1.0)]},
        {"base": [("a", 0.0)], "trait": [("a", None)]},
    ],
    ids=["arm missing", "no shared item", "nothing scored"],
)
def test_arms_without_shared_scored_items_are_not_compared(scores):
    assert compare(frame(scores), "base", "trait") is None


def test_arms_without_shared_items_are_compared_by_welch():
    one, two = NOISE[:20], NOISE[60:90] * 2 + 0.3
    rows = frame(
        {"base": [(f"a{n}", v) for n, v in enumerate(one)], "trait": [(f"b{n}", v) for n, v in enumerate(two)]}
    )
    found, wanted = compare_unpaired(rows, "base", "trait"), ttest_ind(two, one, equal_var=False)
    assert compare(rows, "base", "trait") is None and found is not None
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-9) and found.items == 50
    assert (found.low, found.high) == pytest.approx(tuple(wanted.confidence_interval()), rel=1e-9)


def test_welch_needs_two_clusters_on_each_side():
    assert compare_unpaired(frame({"base": [("a", 0.0), ("b", 1.0)], "trait": [("c", 0.0)]}), "base", "trait") is None


def test_equal_constants_on_both_sides_are_no_difference():
    rows = frame({"base": [("a", 0.5), ("b", 0.5)], "trait": [("c", 0.5), ("d", 0.5)]})
    found = compare_unpaired(rows, "base", "trait")
    assert found is not None and (found.difference, found.p) == (0, 1)


def test_items_that_one_arm_refused_leave_the_answered_comparison():
    rows = frame({"base": [("a", 0.0), ("b", 0.2), ("c", 0.4)], "trait": [("a", 1.0), ("b", 0.2), ("c", 0.4)]})
    rows["refused"] = (rows["arm"] == "trait") & (rows["item"] == "a")
    found = compare(answered_rows(rows), "base", "trait")
    assert found is not None and (found.items, found.difference) == (2, 0.0)


def test_q_values_equal_the_hand_computed_example():
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02], abs=1e-12)
    assert benjamini_hochberg([]) == []
