import pandas as pd
import pytest

from traitrl.config import BEFORE
from traitrl.experiment.gates import check_gates


def _rows(judged, margins):
    rows = [
        {"benchmark": benchmark, "arm": arm, "item": f"i{index}", "score": level + index * 1e-3}
        for benchmark, levels in (("trait_judge", judged), ("preference_margin", margins))
        for arm, level in levels.items()
        for index in range(12)
    ]
    return pd.DataFrame(rows).assign(cluster=lambda frame: frame["item"], attack="none", formula=0.15)


def _failed(judged, margins):
    frame = _rows(judged, margins)
    # Unequal gains per item, so that intervals have a width.
    frame.loc[frame["arm"] == "trait", "score"] += frame["item"].str[1:].astype(int) * 1e-3
    return [gate.name for gate in check_gates(frame, "baseline", "trait") if not gate.passed]


def test_a_gain_by_judge_and_margin_with_an_unmoved_control_passes():
    levels = {BEFORE: 0.1, "baseline": 0.1, "trait": 0.4}
    assert _failed(levels, levels) == []


def test_a_gain_that_only_the_judge_sees_is_named():
    judged = {BEFORE: 0.1, "baseline": 0.1, "trait": 0.4}
    assert _failed(judged, {BEFORE: 0.0, "baseline": 0.0, "trait": -0.2}) == ["gain without a judge"]


def test_a_model_without_headroom_is_named():
    levels = {BEFORE: 0.9, "baseline": 0.9, "trait": 0.95}
    assert _failed(levels, levels) == ["headroom"]


def test_a_baseline_that_gained_as_much_is_named():
    levels = {BEFORE: 0.1, "baseline": 0.5, "trait": 0.6}
    assert _failed(levels, levels) == ["control unmoved"]


def test_a_lead_that_is_only_the_baselines_loss_is_named():
    levels = {BEFORE: 0.4, "baseline": 0.1, "trait": 0.39}
    assert _failed(levels, levels) == ["gain over the start"]


def test_nothing_scored_is_a_failed_gate_and_no_crash():
    frame = _rows({BEFORE: 0.1}, {BEFORE: 0.0})
    assert [gate.passed for gate in check_gates(frame, "baseline", "trait")] == [False]


def test_a_policy_with_one_formula_for_everything_is_named():
    levels = {BEFORE: 0.1, "baseline": 0.1, "trait": 0.4}
    frame = _rows(levels, levels)
    frame.loc[frame["arm"] == "trait", "score"] += frame["item"].str[1:].astype(int) * 1e-3
    frame.loc[frame["arm"] == "trait", "formula"] = 0.9
    failed = [gate for gate in check_gates(frame, "baseline", "trait") if not gate.passed]
    assert [gate.name for gate in failed] == ["replies still vary"]
    assert "90 %" in failed[0].finding


def test_a_baseline_that_surely_gained_is_named_though_the_trait_arm_gained_more():
    levels = {BEFORE: 0.1, "baseline": 0.2, "trait": 0.5}
    assert _failed(levels, levels) == ["control unmoved"]


def test_a_baseline_that_may_have_gained_nothing_passes():
    frame = _rows(*[{BEFORE: 0.1, "baseline": 0.11, "trait": 0.4}] * 2)
    number = frame["item"].str[1:].astype(int)
    frame.loc[frame["arm"] == "baseline", "score"] += (number % 2 - 0.5) * 0.1
    frame.loc[frame["arm"] == "trait", "score"] += number * 1e-3
    assert [gate.name for gate in check_gates(frame, "baseline", "trait") if not gate.passed] == []


@pytest.mark.parametrize(
    ("before", "trait", "named"),
    [(0.5, 0.6, False), (0.5, 0.66, True), (0.1, 0.29, False), (0.1, 0.32, True), (0.2, 0.34, False)],
)
def test_sameness_counts_only_where_rl_added_it(before, trait, named):
    levels = {BEFORE: 0.1, "baseline": 0.1, "trait": 0.4}
    frame = _rows(levels, levels)
    frame.loc[frame["arm"] == "trait", "score"] += frame["item"].str[1:].astype(int) * 1e-3
    frame.loc[frame["arm"] == BEFORE, "formula"] = before
    frame.loc[frame["arm"] == "trait", "formula"] = trait
    failed = [gate.name for gate in check_gates(frame, "baseline", "trait") if not gate.passed]
    assert failed == (["replies still vary"] if named else [])
