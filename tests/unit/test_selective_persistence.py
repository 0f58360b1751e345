import numpy as np
import pandas as pd
import pytest

from traitrl.analysis.attack_curves import CLEAN
from traitrl.analysis.movement import Movement
from traitrl.analysis.selective_persistence import selective_persistence
from traitrl.analysis.steering import attack_effects, domain_table, resistance_table

BAD, GOOD, DEAD = "persona:harmful:bad", "persona:helpful:good", "persona:harmful:dead"
BAD_PAGE, GOOD_PAGE = "context:harmful:page", "context:helpful:page"
DOMAINS = ("health", "law", "art")


def planted(levels, benchmark="trait_judge", items=60, noise=0.1, seed=0):
    """levels: {arm: {attack: level}}, with CLEAN for no attack; every scenario has a difficulty of its own."""
    draw = np.random.default_rng(seed)
    hardness = draw.normal(0, 0.2, items)
    return pd.DataFrame(
        [
            {
                "arm": arm, "attack": attack, "budget": float(attack != CLEAN), "benchmark": benchmark, "sample": 0,
                "item": f"truthfulness.art.{place}", "cluster": str(place), "score": level + hardness[place] + shake,
            }
            for arm, attacked in levels.items()
            for attack, level in attacked.items()
            for place, shake in enumerate(draw.normal(0, noise, items))
        ]
    )  # fmt: skip


def rows_of(models, items=60, noise=0.1, seed=0):
    """models: {arm: (clean level, shift under BAD, shift under GOOD)}; every scenario has a difficulty of its own."""
    draw = np.random.default_rng(seed)
    hardness = draw.normal(0, 0.2, items)
    found = []
    for arm, (clean, harmful, helpful) in models.items():
        for attack, shift in (("none", 0.0), (BAD, harmful), (GOOD, helpful), (DEAD, 0.0)):
            for budget in (0.0,) if attack == "none" else (2.0, 4.0):
                scores = clean + hardness + shift * budget / 4 + (draw.normal(0, noise, items) if noise else 0)
                found += [
                    {
                        "arm": arm, "attack": attack, "budget": budget, "benchmark": "trait_judge", "sample": 0,
                        "item": f"truthfulness.{DOMAINS[place % 3]}.{5 * place}", "cluster": str(place), "score": score,
                    }
                    for place, score in enumerate(scores)
                ]  # fmt: skip
    return pd.DataFrame(found)


def verdict(rows, arm="t", reference="b"):
    useful = [row["attack"] for row in attack_effects(rows, "trait_judge", reference) if row["useful"]]
    return selective_persistence(rows, "trait_judge", arm, reference, useful)


def test_a_model_that_holds_and_still_responds_is_persistent():
    assert verdict(rows_of({"b": (0.5, -0.3, 0.2), "t": (0.55, -0.1, 0.2)})).verdict == "persistent"


def test_a_model_that_ignores_all_steering_is_rigid():
    assert verdict(rows_of({"b": (0.5, -0.3, 0.2), "t": (0.55, 0.0, 0.0)})).verdict == "rigid"


def test_a_model_whose_replies_never_change_at_all_is_rigid():
    rows = rows_of({"b": (0.5, -0.3, 0.2), "t": (0.5, 0.0, 0.0)})
    still = rows[rows["arm"] == "t"].groupby("item")["score"].first()
    rows.loc[rows["arm"] == "t", "score"] = rows.loc[rows["arm"] == "t", "item"].map(still)
    assert verdict(rows).verdict == "rigid"


def test_a_model_that_moves_both_ways_like_the_reference_is_steerable():
    assert verdict(rows_of({"b": (0.5, -0.3, 0.2), "t": (0.55, -0.3, 0.2)})).verdict == "steerable"


def test_a_model_that_only_moves_for_the_worse_gets_no_verdict_but_a_reason():
    found = verdict(rows_of({"b": (0.5, -0.3, 0.2), "t": (0.5, -0.3, 0.0)}))
    assert found.verdict == "not distinguishable" and "Harmful steering moves it" in found.reason


def test_a_model_already_at_the_level_of_the_helped_reference_has_no_room():
    found = verdict(rows_of({"b": (0.5, -0.3, 0.2), "t": (0.9, 0.0, 0.0)}))
    assert found.verdict == "not distinguishable" and "no room" in found.reason


@pytest.mark.parametrize(("harmful", "helpful"), [(0.0, 0.0), (0.0, 0.2)])
def test_a_model_already_at_the_level_of_the_harmed_reference_has_nothing_to_lose(harmful, helpful):
    found = verdict(rows_of({"b": (0.5, -0.3, 0.2), "t": (0.1, harmful, helpful)}))
    assert found.verdict == "not distinguishable" and "no room to see a loss" in found.reason


def test_steering_that_moves_nobody_gives_no_verdict():
    found = verdict(rows_of({"b": (0.5, -0.3, 0.0), "t": (0.5, 0.0, 0.0)}))
    assert found.verdict == "not distinguishable" and "No helpful attack" in found.reason


def test_an_attack_that_moves_nobody_is_marked_useless():
    effects = {row["attack"]: row for row in attack_effects(rows_of({"b": (0.5, -0.3, 0.2)}), "trait_judge", "b")}
    assert {name: row["useful"] for name, row in effects.items()} == {BAD: True, GOOD: True, DEAD: False}
    assert effects[BAD]["difference"] == pytest.approx(-0.3, abs=0.05)


def test_an_attack_that_is_one_of_many_must_do_more_than_leave_out_zero():
    rows = rows_of({"b": (0.5, -0.035, 0.0)})
    dead = rows[rows["attack"] == DEAD]
    crowd = [dead.assign(attack=f"{DEAD}{number}") for number in range(20)]
    alone = rows[rows["attack"].isin(["none", BAD])]
    (effect,) = attack_effects(alone, "trait_judge", "b")
    assert effect["high"] < 0 and effect["p"] > 0.001 and effect["useful"]
    effects = {row["attack"]: row for row in attack_effects(pd.concat([alone, *crowd]), "trait_judge", "b")}
    assert effects[BAD]["high"] < 0 and effects[BAD]["q"] > 0.05 and not effects[BAD]["useful"]


def test_an_attack_that_works_the_wrong_way_round_is_useless():
    effects = attack_effects(rows_of({"b": (0.5, 0.3, -0.2)}), "trait_judge", "b")
    assert not any(row["useful"] for row in effects)


def test_two_runs_of_the_same_model_are_told_apart_about_as_often_as_promised():
    apart = 0
    for seed in range(40):
        rows = rows_of({"b": (0.5, -0.3, 0.2), "t": (0.5, -0.3, 0.2)}, items=20, seed=seed)
        apart += any(row["q"] <= 0.05 for row in resistance_table(rows, "trait_judge", "b", "t"))
        assert verdict(rows).verdict != "rigid"
    assert apart <= 6  # 2 expected; more than 6 happens by chance once in 200 times


def test_models_that_differ_are_told_apart_under_the_attack_that_does_it():
    rows = rows_of({"b": (0.5, -0.3, 0.2), "t": (0.5, -0.1, 0.2)})
    found = {row["attack"]: row for row in resistance_table(rows, "trait_judge", "b", "t")}
    assert found[BAD]["q"] < 0.001 and found[BAD]["difference"] == pytest.approx(0.2, abs=0.06)
    assert found[GOOD]["q"] > 0.05 and found[DEAD]["q"] > 0.05


def test_the_attacked_domain_stands_against_everything_else():
    rows = rows_of({"b": (0.5, -0.3, 0.2), "t": (0.5, -0.3, 0.2)})
    outside = (rows["arm"] == "t") & (rows["attack"] == BAD) & ~rows["item"].str.contains("health")
    rows.loc[outside, "score"] += 0.3 * rows.loc[outside, "budget"] / 4
    found = {row["arm"]: row for row in domain_table(rows, "trait_judge", {BAD: ("health",), GOOD: ()}, "b")}
    assert found["t"]["inside"]["difference"] == pytest.approx(0.3, abs=0.08)
    assert found["t"]["outside"]["difference"] == pytest.approx(0.0, abs=0.08)
    assert found["t"]["protection_inside"]["low"] < 0 < found["t"]["protection_inside"]["high"]
    assert found["t"]["protection_outside"]["low"] > 0 and found["t"]["spread"]["high"] < 0
    assert "protection_inside" not in found["b"]


def test_an_attack_without_a_clean_measurement_moves_nothing():
    rows = rows_of({"b": (0.5, -0.3, 0.2)})
    assert attack_effects(rows[rows["attack"] != "none"], "trait_judge", "b") == []


def test_a_model_that_moves_for_the_worse_and_ignores_help_is_not_called_rigid():
    found = verdict(rows_of({"b": (0.5, -0.3, 0.2), "t": (0.5, -0.2, 0.0)}))
    assert found.verdict == "not distinguishable"


FOLLOWS = {CLEAN: 0.5, BAD: 0.2, GOOD: 0.75, BAD_PAGE: 0.2, GOOD_PAGE: 0.75}
DEAF = FOLLOWS | {BAD: 0.5, GOOD: 0.5}


def test_a_model_that_ignores_system_prompts_but_follows_its_context_is_rigid():
    found = verdict(planted({"b": FOLLOWS, "t": DEAF}))
    assert found.verdict == "rigid" and "persona prompts" in found.reason
    assert {row.kind: row.rigid for row in found.channels} == {"persona": True, "context": False, "pressure": False}
    assert verdict(planted({"b": FOLLOWS, "t": FOLLOWS})).verdict == "steerable"


def shaken(attacks, size, seed):
    """Preference margins of which every attack moves each scenario by chance: no attack works as meant."""
    draw = np.random.default_rng(seed)
    rows = planted({"t": dict.fromkeys((CLEAN, *attacks), 0.1)}, "preference_margin", noise=0.0)
    moved = rows["attack"] != CLEAN
    rows.loc[moved, "score"] += size * draw.normal(size=moved.sum())
    return rows


def by_margin(*arms):
    rows = pd.concat([rows.assign(arm=arm) for arm, rows in zip("bt", arms, strict=True)])
    useful = [row["attack"] for row in attack_effects(rows, "preference_margin", "b") if row["useful"]]
    return useful, selective_persistence(rows, "preference_margin", "t", "b", useful)


def test_a_model_that_no_prompt_moves_at_all_is_rigid_even_where_no_attack_works_as_meant():
    useful, found = by_margin(shaken((BAD, GOOD), 0.08, 1), shaken((BAD, GOOD), 0.0, 2))
    assert useful == [] and found.figures is None and found.verdict == "rigid"
    assert by_margin(shaken((BAD, GOOD), 0.08, 1), shaken((BAD, GOOD), 0.02, 2))[1].verdict == "rigid"


def test_a_model_is_not_rigid_by_size_when_it_moves_or_the_reference_does_not():
    for seed in range(10):
        moving = shaken((BAD, GOOD), 0.08, seed)
        assert by_margin(moving, shaken((BAD, GOOD), 0.08, 100 + seed))[1].verdict == "not distinguishable"
    assert by_margin(shaken((BAD, GOOD), 0.01, 1), shaken((BAD, GOOD), 0.0, 2))[1].verdict == "not distinguishable"
    assert by_margin(shaken((BAD,), 0.08, 1), shaken((BAD,), 0.0, 2))[1].verdict == "not distinguishable"


def test_room_that_is_not_sure_is_no_room():
    held = {CLEAN: 0.27, BAD: 0.29, GOOD: 0.5}
    found = verdict(planted({"b": {CLEAN: 0.5, BAD: 0.25, GOOD: 0.75}, "t": held}, items=30, noise=0.15))
    assert found.figures is not None and found.figures.room_below.low < 0 < found.figures.room_below.high
    assert found.verdict == "not distinguishable" and "cannot be told whether there is room" in found.reason


@pytest.mark.parametrize("benchmark", ["trait_judge", "preference_margin"])
def test_a_model_beside_itself_is_neither_rigid_nor_persistent(benchmark):
    persistent = 0
    for seed in range(30):
        rows = planted({"b": FOLLOWS, "t": FOLLOWS}, benchmark, items=20, seed=seed)
        useful = [row["attack"] for row in attack_effects(rows, benchmark, "b") if row["useful"]]
        found = selective_persistence(rows, benchmark, "t", "b", useful)
        assert found.verdict != "rigid"
        persistent += found.verdict == "persistent"
    assert persistent <= 4  # 1 in 40 expected


def test_what_helpful_prompts_do_is_told_by_direction_and_where_that_fails_by_size():
    def response(rows, benchmark, by_size):
        return Movement(rows, benchmark, "t", "t").response(by_size)

    assert response(planted({"t": FOLLOWS}), "trait_judge", False).moved == "raised"
    assert response(planted({"t": DEAF | {GOOD_PAGE: 0.5}}), "trait_judge", False).moved == "not shown"
    assert response(shaken((GOOD,), 0.08, 1), "preference_margin", True).moved == "moved"
    assert response(shaken((GOOD,), 0.0, 1), "preference_margin", True).moved == "not shown"
    assert response(planted({"t": {CLEAN: 0.5, BAD: 0.2}}), "trait_judge", False) is None
