import pandas as pd
import pytest

from traitrl.analysis.persistence import gap_table, persistence_table


def frame(levels):
    """levels: {(arm, attack, budget): list of item scores}."""
    return pd.DataFrame(
        [
            {
                "benchmark": "trait_judge", "arm": arm, "attack": attack, "budget": budget, "sample": 0,
                "item": f"i{index}", "cluster": f"i{index}", "score": score,
            }
            for (arm, attack, budget), scores in levels.items()
            for index, score in enumerate(scores)
        ]
    )  # fmt: skip


def line(rows, **wanted):
    (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return found


def test_degradation_is_paired_and_retention_the_ratio_of_levels():
    rows = frame({("t", "none", 0): [0.6, 0.8], ("t", "finetune:x", 5): [0.2, 0.5]})
    found = line(persistence_table(rows, "trait_judge"), attack="finetune:x")
    assert found["level"] == pytest.approx(0.35, abs=1e-12)
    assert found["degradation"] == pytest.approx(0.35, abs=1e-12)
    assert found["retention"] == pytest.approx(0.5, abs=1e-12)
    assert found["low"] <= found["degradation"] <= found["high"] and found["items"] == 2


def test_only_items_measured_under_both_conditions_count():
    rows = frame({("t", "none", 0): [0.4, 0.8, 1.0], ("t", "finetune:x", 5): [0.2, None, 0.5]})
    found = line(persistence_table(rows, "trait_judge"), attack="finetune:x")
    assert found["items"] == 2
    assert found["degradation"] == pytest.approx((0.2 + 0.5) / 2, abs=1e-12)


@pytest.mark.parametrize(("clean", "retention"), [(0.04, None), (-0.5, None), (0.05, 1.0)])
def test_retention_is_none_under_a_small_clean_level(clean, retention):
    rows = frame({("t", "none", 0): [clean] * 3, ("t", "finetune:x", 5): [clean] * 3})
    assert line(persistence_table(rows, "trait_judge"), attack="finetune:x")["retention"] == retention


def test_retention_clips_levels_after_averaging_and_keeps_the_raw_level():
    rows = frame({("t", "none", 0): [0.5, 0.5], ("t", "persona:x", 1): [-0.5, 0.1]})
    found = line(persistence_table(rows, "trait_judge"), attack="persona:x")
    assert found["retention"] == 0.0 and found["level"] == pytest.approx(-0.2, abs=1e-12)


def test_the_clean_point_itself_has_no_degradation():
    found = line(persistence_table(frame({("t", "none", 0): [0.2, 0.9]}), "trait_judge"), attack="none")
    assert (found["degradation"], found["retention"], found["budget"]) == (0, 1, 0)


def test_every_arm_attack_and_budget_has_a_line():
    levels = {(arm, "none", 0): [0.5] * 2 for arm in "bt"}
    levels |= {(arm, "finetune:x", dose): [0.4] * 2 for arm in "bt" for dose in (5, 10)}
    found = persistence_table(frame(levels), "trait_judge")
    assert sorted((row["arm"], row["budget"]) for row in found) == [(a, b) for a in "bt" for b in (0, 5, 10)]


def test_an_attack_without_a_clean_measurement_has_no_line():
    rows = frame({("t", "none", 0): [0.5, 0.4, None], ("t", "finetune:x", 5): [None, None, 0.5]})
    assert [row["attack"] for row in persistence_table(rows, "trait_judge")] == ["none"]


def test_the_gap_is_the_lead_of_the_trait_arm_under_each_attack():
    levels = {
        ("b", "none", 0): [0.1, 0.3], ("t", "none", 0): [0.5, 0.7],
        ("b", "finetune:x", 5): [0.1, 0.3], ("t", "finetune:x", 5): [0.2, 0.4],
        ("b", "persona:y", 1): [0.1, 0.1],
    }  # fmt: skip
    found = gap_table(frame(levels), "trait_judge", "b", "t")
    assert {row["attack"] for row in found} == {"none", "finetune:x"}
    assert line(found, attack="none")["difference"] == pytest.approx(0.4, abs=1e-12)
    assert line(found, attack="finetune:x")["difference"] == pytest.approx(0.1, abs=1e-12)


def test_arms_without_a_shared_item_have_no_gap():
    rows = frame({("b", "none", 0): [0.5, None], ("t", "none", 0): [None, 0.5]})
    assert gap_table(rows, "trait_judge", "b", "t") == []


def test_without_attack_level_and_lead_are_over_the_attacked_items():
    levels = {
        ("b", "none", 0): [0.1, 0.3, 0.9, 0.7], ("t", "none", 0): [0.5, 0.7, 0.9, 0.7],
        ("b", "finetune:x", 5): [0.1, 0.3], ("t", "finetune:x", 5): [0.2, None],
    }  # fmt: skip
    rows = frame(levels)
    start = line(persistence_table(rows, "trait_judge"), arm="t", attack="none")
    assert start["level"] == pytest.approx(0.6, abs=1e-12) and start["items"] == 2
    lead = line(gap_table(rows, "trait_judge", "b", "t"), attack="none")
    assert lead["difference"] == pytest.approx(0.4, abs=1e-12) and lead["items"] == 2


def test_without_any_attack_all_items_count():
    assert line(persistence_table(frame({("t", "none", 0): [0.2, 0.9, 0.4]}), "trait_judge"))["items"] == 3
