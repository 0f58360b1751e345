import sys
from pathlib import Path

import pytest

from traitrl.attacks import ladders
from traitrl.attacks.attack import KINDS, Attack, Change
from traitrl.attacks.data_sets import CANARY, assert_disjoint, good_rows, load_attack_rows, mixed_rows, sets
from traitrl.attacks.registry import attacks, choose_attacks
from traitrl.errors import TraitrlError
from traitrl.persist.plan import PersistPlan
from traitrl.scenarios import Split, load_scenarios
from traitrl.scenarios.duplicates import MAX_OVERLAP, signatures


def turn(role, content="x"):
    return {"role": role, "content": content}


@pytest.mark.parametrize("attack", attacks().values(), ids=lambda attack: attack.id)
def test_every_attack_has_a_ladder_whose_quick_part_lies_on_it(attack):
    assert attack.kind in KINDS and len(attack.budgets) >= 3
    assert set(attack.quick) <= set(attack.budgets)
    assert len({str(change.as_data()) for change in attack.ladder.values()}) == len(attack.ladder)
    assert len(attack.id.split(":")) == 3 and attack.unit


def test_every_kind_has_harmful_attacks_and_prompts_have_controls_too():
    found = {(attack.kind, attack.direction) for attack in attacks().values()}
    assert found == {(kind, "harmful") for kind in KINDS} | {(kind, "helpful") for kind in KINDS[:3]}
    quick = {(attack.kind, attack.direction) for attack in choose_attacks(KINDS, quick=True)}
    assert quick == found


def test_context_keeps_the_turns_alternating_and_grows_from_budget_to_budget():
    for attack in choose_attacks(["context"]):
        before = ()
        for budget in attack.budgets:
            turns = attack.ladder[budget].before
            assert turns[: len(before)] == before and len(turns) > len(before)
            assert [one["role"] for one in turns] == ["user", "assistant"] * (len(turns) // 2)
            before = turns


def test_demonstrations_have_the_promised_numbers():
    (attack,) = choose_attacks(["demonstrations_wrong_health_advice"])
    assert attack.budgets == (1, 2, 4, 8, 16)
    assert [len(attack.ladder[budget].before) // 2 for budget in attack.budgets] == [1, 2, 4, 8, 16]


def test_pressure_goes_up_to_six_turns_in_order():
    for attack in choose_attacks(["pressure"]):
        assert attack.budgets == (1, 2, 3, 4, 5, 6)
        assert attack.ladder[6].after[:2] == attack.ladder[2].after


def test_finetunes_have_steps_and_shares_on_three_data_sets():
    found = {attack.name: attack for attack in choose_attacks(["finetune"])}
    assert len(sets()) == 3 and set(found) == {row.name + end for row in sets() for end in ("", "_share")}
    assert found["reward_hacking"].budgets == (5, 10, 20, 40, 80)
    assert found["reward_hacking_share"].budgets == (0, 5, 25, 100)


def test_a_change_stands_in_front_but_after_a_system_turn():
    change = Change(before=(turn("user", "a"), turn("assistant", "b")))
    assert change.in_front([turn("user")]) == [*change.before, turn("user")]
    assert change.in_front([turn("system"), turn("user")]) == [turn("system"), *change.before, turn("user")]


def test_attacks_are_chosen_by_kind_and_name():
    assert {attack.kind for attack in choose_attacks(["persona"])} == {"persona"}
    assert [attack.name for attack in choose_attacks(["yes_man"], quick=True)] == ["yes_man"]
    assert choose_attacks(["smooth_liar"], quick=True)[0].budgets == (
        1,
        2,
        3,
        4,
    )  # by name, though not in the quick ladder
    with pytest.raises(TraitrlError, match="no attack bribery"):
        choose_attacks(["bribery"])


def test_a_new_attack_is_a_name_and_a_ladder():
    attack = Attack(
        "shout", "persona", "harmful", {1.0: Change(system="Shout."), 2.0: Change(system="SHOUT.")}, "loudness"
    )
    assert attack.id == "persona:harmful:shout" and attack.only([2.0]).budgets == (2.0,)


@pytest.mark.parametrize("row", sets(), ids=lambda row: row.name)
def test_shipped_data_sets_are_whole_marked_and_apart_from_all_scenarios(row):
    rows = load_attack_rows(row.name)
    assert len(rows) >= 300 and all(one["canary"] == CANARY for one in rows)
    assert_disjoint(rows, load_scenarios())


def test_shipped_data_sets_have_no_near_duplicate_among_scenarios():
    asked = [one["messages"][0]["content"] for row in sets() for one in load_attack_rows(row.name)]
    scenarios = [" ".join(turn.content for turn in scenario.messages) for scenario in load_scenarios()]
    words = signatures(asked + scenarios)
    for place in range(len(asked)):
        assert (words[len(asked) :] == words[place]).mean(1).max() < MAX_OVERLAP, asked[place]


def test_good_rows_come_from_attack_scenarios_only_and_are_marked():
    scenarios = {scenario.id: scenario for scenario in load_scenarios()}
    rows = good_rows()
    assert rows and {scenarios[row["id"]].split for row in rows} == {Split.ATTACK}
    assert all(row["canary"] == CANARY for row in rows)
    assert all(row["messages"][-1]["content"] == scenarios[row["id"]].references.beneficial for row in rows)
    assert_disjoint(rows, [scenario for scenario in scenarios.values() if scenario.split is not Split.ATTACK])


@pytest.mark.parametrize(("share", "bad"), [(0.0, 0), (0.05, 16), (0.25, 80), (1.0, 320)])
def test_the_share_of_bad_rows_is_exact_and_every_row_is_used(share, bad):
    wrong, good = ([{"id": f"{kind}{place}"} for place in range(count)] for kind, count in (("w", 300), ("g", 100)))
    rows = mixed_rows(wrong, good, share, 320, seed=3)
    assert len(rows) == 320 and sum(row["id"].startswith("w") for row in rows) == bad
    assert len({row["id"] for row in rows}) == min(bad, 300) + min(320 - bad, 100)
    assert rows == mixed_rows(wrong, good, share, 320, seed=3) != mixed_rows(wrong, good, share, 320, seed=4)


def test_a_share_outside_zero_to_one_is_refused():
    with pytest.raises(ValueError, match="outside"):
        mixed_rows([{}], [{}], 1.5, 4, 0)


def test_plans_know_their_scenarios_and_benchmarks():
    plan = PersistPlan.quickly(scenarios=10, focus_scenarios=0)
    chosen = plan.chosen_scenarios()
    focused = PersistPlan.quickly(scenarios=10, focus_scenarios=5).chosen_scenarios()
    assert {scenario.id for scenario in chosen} < {scenario.id for scenario in focused}
    assert sum(scenario.domain == "health" for scenario in focused) >= 5
    assert len(chosen) == 10 and {scenario.split for scenario in chosen} == {Split.EVAL}
    assert {benchmark.name for benchmark in plan.chosen_benchmarks()} == set(plan.benchmarks)
    with pytest.raises(TraitrlError, match="No attack is chosen"):
        PersistPlan.quickly(attacks=()).chosen_attacks()


def test_the_file_of_the_how_to_is_found_and_works(tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "add-an-attack.md"
    (tmp_path / "hurry.py").write_text(page.read_text().split("```python\n")[1].split("```")[0])
    monkeypatch.setattr(ladders, "__path__", [*ladders.__path__, str(tmp_path)])
    attacks.cache_clear()
    try:
        (attack,) = choose_attacks(["hurry"], quick=True)
    finally:
        attacks.cache_clear()
        sys.modules.pop("traitrl.attacks.ladders.hurry", None)
    assert attack.ladder[4.0].system == "Answer in at most 5 words."
