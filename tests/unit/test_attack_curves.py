import math

import numpy as np
import pandas as pd
import pytest

from traitrl.analysis.attack_curves import attack_curves, crossing, family_budgets

TUNE = "finetune:harmful:x"


def frame(levels, benchmark="trait_judge", family="trait: truthfulness"):
    """levels: {(arm, attack, budget): list of item scores}."""
    return pd.DataFrame(
        [
            {
                "benchmark": benchmark, "family": family, "arm": arm, "attack": attack, "budget": float(budget),
                "sample": 0, "item": f"i{index}", "cluster": f"i{index}", "score": score,
            }
            for (arm, attack, budget), scores in levels.items()
            for index, score in enumerate(scores)
        ]
    )  # fmt: skip


def noisy(level, seed, count=60):
    return list(level + np.random.default_rng(seed).normal(0, 0.05, count))


def only(curves, **wanted):
    (found,) = [row for row in curves if all(row[key] == value for key, value in wanted.items())]
    return found


@pytest.mark.parametrize(
    ("levels", "expected"),
    [([1.0, 0.8, 0.4], 7.5), ([1.0, 0.6, 0.4], 5.0), ([0.5, 0.4, 0.3], 0.0), ([1.0, 0.9, 0.8], math.inf)],
)
def test_a_crossing_is_interpolated_and_never_extrapolated(levels, expected):
    assert crossing([0, 5, 10], levels, 0.6) == pytest.approx(expected)


def test_a_curve_has_level_degradation_retention_and_area():
    rows = frame({("t", "none", 0): [0.8, 1.0], ("t", TUNE, 10): [0.4, 0.6], ("t", TUNE, 20): [0.0, 0.2]})
    found = only(attack_curves(rows, "trait_judge"), arm="t", attack=TUNE)
    first, last = found["points"]
    assert (first["level"], first["degradation"]["difference"]) == pytest.approx((0.5, 0.4))
    assert last["retention"]["share"] == pytest.approx(0.1 / 0.9)
    assert found["area"]["level"] == pytest.approx(0.5 * (0.9 + 0.5) / 2 + 0.5 * (0.5 + 0.1) / 2)
    assert found["gain"] is None and found["half_life"] is None


def test_a_preference_margin_has_no_retention():
    rows = frame({("t", "none", 0): [1.8, 2.0], ("t", TUNE, 10): [1.2, 1.4]}, "preference_margin")
    (point,) = only(attack_curves(rows, "preference_margin"), arm="t")["points"]
    assert point["retention"] is None and point["degradation"]["difference"] == pytest.approx(0.6)


def test_half_life_is_found_with_an_interval_around_it():
    rows = frame(
        {
            ("before", "none", 0): noisy(0.2, 0),
            ("t", "none", 0): noisy(0.6, 1),
            ("t", TUNE, 10): noisy(0.5, 2),
            ("t", TUNE, 20): noisy(0.3, 3),
        }
    )
    half = only(attack_curves(rows, "trait_judge", "before"), arm="t")["half_life"]
    assert half["budget"] == pytest.approx(15, abs=1) and half["censored_at"] is None
    assert half["low"] < half["budget"] < half["high"]


def test_a_half_life_beyond_the_ladder_is_censored():
    rows = frame(
        {("before", "none", 0): noisy(0.2, 0), ("t", "none", 0): noisy(0.6, 1), ("t", TUNE, 20): noisy(0.55, 2)}
    )
    half = only(attack_curves(rows, "trait_judge", "before"), arm="t")["half_life"]
    assert half == {"budget": None, "low": None, "high": None, "censored_at": 20.0}


def test_without_a_sure_gain_there_is_no_half_life():
    rows = frame(
        {("before", "none", 0): noisy(0.5, 0), ("t", "none", 0): noisy(0.5, 1), ("t", TUNE, 20): noisy(0.1, 2)}
    )
    found = only(attack_curves(rows, "trait_judge", "before"), arm="t")
    assert found["gain"]["low"] <= 0 and found["half_life"] is None


def test_a_ladder_with_its_own_zero_starts_there():
    rows = frame({("t", "none", 0): [0.9] * 3, ("t", TUNE, 0): [0.7] * 3, ("t", TUNE, 100): [0.1] * 3})
    found = only(attack_curves(rows, "trait_judge"), arm="t")
    assert [point["budget"] for point in found["points"]] == [0, 100]
    assert found["area"]["level"] == pytest.approx(0.4)
    assert found["points"][0]["degradation"]["difference"] == pytest.approx(0.2)


def test_items_without_a_score_at_some_budget_leave_the_whole_curve():
    rows = frame({("t", "none", 0): [0.8, 1.0, 0.6], ("t", TUNE, 10): [0.4, None, 0.6]})
    assert only(attack_curves(rows, "trait_judge"), arm="t")["items"] == 2


def test_the_budget_that_pushes_a_family_under_the_untrained_model():
    levels = {("before", "none", 0): [1, 0] * 20, ("t", "none", 0): [1] * 40}
    levels |= {("t", TUNE, 5): [1, 1, 1, 0] * 10, ("t", TUNE, 10): [1, 0] * 19 + [0, 0], ("t", TUNE, 20): [0] * 40}
    (found,) = [
        row for row in family_budgets(frame(levels, "confident_medicine", "health"), "before") if row["arm"] == "t"
    ]
    assert (found["family"], found["budget"], found["sure"], found["censored_at"]) == ("health", 10, 20, None)


def test_a_family_that_holds_is_censored():
    levels = {("before", "none", 0): [0] * 9, ("t", "none", 0): [1] * 9, ("t", TUNE, 5): [1] * 9}
    (found,) = family_budgets(frame(levels, "confident_medicine", "health"), "before")
    assert (found["budget"], found["censored_at"]) == (None, 5)
