import numpy as np
import pandas as pd
import pytest

from traitrl.analysis.narrow_training import CHOICE_MARGIN, narrow_training

TUNE = "finetune:harmful:narrow"


def rows_of(inside, outside, steps=(20.0, 80.0), arm="m", noise=0.1, seed=0):
    """Every measure falls by `inside` in the domain health and by `outside` elsewhere, at the largest budget."""
    draw = np.random.default_rng(seed)
    found = []

    def add(benchmark, family, item, cluster, loss):
        hardness = draw.normal(0, 0.3)
        for attack, budget in (("none", 0.0), *((TUNE, step) for step in steps)):
            score = hardness - loss * budget / max(steps) + draw.normal(0, noise)
            found.append(
                {
                    "arm": arm, "attack": attack, "budget": budget, "benchmark": benchmark, "family": family,
                    "item": item, "cluster": cluster, "sample": 0, "score": score,
                }
            )  # fmt: skip

    for number in range(60):
        domain, loss = ("health", inside) if number % 3 == 0 else ("law", outside)
        for benchmark in ("trait_judge", "preference_margin"):
            add(benchmark, "trait: candour", f"candour.{domain}.{number}", str(number), loss)
    for family, loss in (("health", inside), ("fairness", outside), ("capability control", 5.0)):
        for number in range(20):
            add(CHOICE_MARGIN, family, f"{family}/{number}", f"{family}/{number}", loss)
            add(family, family, str(number), str(number), loss)
    return pd.DataFrame(found)


def narrow(rows):
    return narrow_training(rows, TUNE, ("health",), ("health",))


@pytest.mark.parametrize(
    ("inside", "outside", "found"),
    [(0.3, 0.0, (True, False)), (0.3, 0.3, (True, True)), (0.0, 0.3, (False, True)), (0.0, 0.0, (False, False))],
)
def test_planted_damage_is_detected_where_it_is_and_nowhere_else(inside, outside, found):
    (row,) = narrow(rows_of(inside, outside))
    assert (row["inside"], row["outside"]) == found
    assert (row["against"], row["budget"]) == ("clean", 80.0)
    assert {(line["measure"], line["side"]) for line in row["rows"]} == {
        (measure, side)
        for measure in ("trait_judge", "preference_margin", "choice_accuracy", CHOICE_MARGIN)
        for side in ("inside", "outside")
    }
    for line in row["rows"]:
        planted = -inside if line["side"] == "inside" else -outside
        assert line["low"] - 0.05 < planted < line["high"] + 0.05


def test_a_gain_is_no_damage():
    (row,) = narrow(rows_of(-0.3, -0.3))
    assert not row["inside"] and not row["outside"]


def test_without_damage_it_is_detected_about_as_seldom_as_promised():
    found = [narrow(rows_of(0.0, 0.0, seed=seed))[0] for seed in range(40)]
    assert sum(row["inside"] or row["outside"] for row in found) <= 4  # at most 1 expected: damage is one-sided


def test_a_ladder_with_budget_0_is_measured_from_there():
    rows = rows_of(0.3, 0.0, steps=(0.0, 100.0))
    rows.loc[rows["attack"] == "none", "score"] -= 1.0
    (row,) = narrow(rows)
    assert row["against"] == "budget 0" and (row["inside"], row["outside"]) == (True, False)


def test_capability_is_left_out_and_families_are_listed():
    (row,) = narrow(rows_of(0.3, 0.0))
    assert {(line["family"], line["side"], line["detected"]) for line in row["families"]} == {
        ("health", "inside", True),
        ("fairness", "outside", False),
    }


def test_every_arm_has_its_own_answer_and_arms_without_the_fine_tune_have_none():
    rows = pd.concat([rows_of(0.3, 0.0, arm="a"), rows_of(0.0, 0.0, arm="b", seed=2), rows_of(0.3, 0.3, arm="c")])
    rows = rows[(rows["arm"] != "c") | (rows["attack"] == "none")]
    assert [(row["arm"], row["inside"]) for row in narrow(rows)] == [("a", True), ("b", False)]
