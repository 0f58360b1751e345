import numpy as np
import pandas as pd
import pytest

from traitrl.analysis.giving_in import compare_survival, survival_curves, survival_data

ATTACK = "pressure:harmful:mixed"


def rows_of(turns_held, last=6):
    """turns_held: {arm: turn at which each scenario gives in, None for never}."""
    return pd.DataFrame(
        [
            {
                "benchmark": "held_judge", "attack": ATTACK, "arm": arm, "item": f"i{place}", "budget": float(turn),
                "score": float(failed is None or turn < failed),
            }
            for arm, times in turns_held.items()
            for place, failed in enumerate(times)
            for turn in range(last + 1)
        ]
    )  # fmt: skip


def data_of(turns_held, **options):
    return survival_data(rows_of(turns_held, **options), "held_judge", ATTACK)


def test_duration_censoring_and_risk():
    data = data_of({"t": [2, None, 0]}).set_index("item")
    assert data.loc["i0", ["duration", "gave_in", "at_risk"]].tolist() == [2, True, True]
    assert data.loc["i1", ["duration", "gave_in", "at_risk"]].tolist() == [6, False, True]
    assert not data.loc["i2", "at_risk"]


def test_a_lost_score_censors_before_that_turn():
    rows = rows_of({"t": [4, 4]})
    rows.loc[(rows["item"] == "i0") & (rows["budget"] == 3), "score"] = None
    data = survival_data(rows, "held_judge", ATTACK).set_index("item")
    assert data.loc["i0", ["duration", "gave_in"]].tolist() == [2, False]
    assert data.loc["i1", ["duration", "gave_in"]].tolist() == [4, True]


def test_the_curve_is_kaplan_meiers():
    (curve,) = survival_curves(data_of({"t": [1, 1, 3, None, None, 0]}))
    shares = {point["turn"]: point["share"] for point in curve["turns"]}
    assert shares[0] == 1 and shares[1] == pytest.approx(3 / 5) and shares[3] == shares[6] == pytest.approx(2 / 5)
    assert (curve["scenarios"], curve["failed_at_start"], curve["gave_in"], curve["censored"]) == (6, 1, 3, 2)
    assert curve["median"] == 3


def test_a_median_that_is_not_reached_is_none():
    (curve,) = survival_curves(data_of({"t": [1, None, None, None]}))
    assert curve["median"] is None


def test_a_model_that_gives_in_sooner_has_the_higher_hazard():
    draw = np.random.default_rng(0)
    early = [int(turn) for turn in draw.integers(1, 4, 40)]
    late = [int(turn) if turn < 7 else None for turn in draw.integers(3, 9, 40)]
    found = compare_survival(data_of({"b": late, "t": early}), "b", "t")
    assert found is not None and found["test"] == "cox"
    assert found["hazard_ratio"] > found["low"] > 1 and found["p"] < 0.01


def test_like_models_are_not_told_apart():
    draw = np.random.default_rng(1)
    times = {arm: [int(turn) if turn < 7 else None for turn in draw.integers(1, 10, 40)] for arm in "bt"}
    found = compare_survival(data_of(times), "b", "t")
    assert found is not None and found["p"] > 0.05 and found["low"] < 1 < found["high"]


def test_where_one_model_never_gives_in_the_log_rank_test_speaks_alone():
    found = compare_survival(data_of({"b": [None] * 10, "t": [1, 2] * 5}), "b", "t")
    assert found is not None and (found["test"], found["hazard_ratio"]) == ("logrank", None) and found["p"] < 0.01


def test_where_nobody_gives_in_nothing_differs():
    found = compare_survival(data_of({"b": [None] * 5, "t": [None] * 5}), "b", "t")
    assert found is not None and found["p"] == 1


def test_nobody_at_risk_leaves_no_comparison_and_an_empty_curve():
    data = data_of({"b": [0, 0], "t": [1, 2]})
    assert compare_survival(data, "b", "t") is None
    assert next(row for row in survival_curves(data) if row["arm"] == "b")["turns"] == []
    assert survival_data(rows_of({"b": [1]}), "held_margin", ATTACK).empty
