from itertools import combinations

import pytest

from traitrl.catalog import domains, pressures, traits
from traitrl.scenarios import Split, load_scenarios, select


@pytest.fixture(scope="module")
def shipped():
    return load_scenarios()


def asked(scenarios):
    return {" ".join(" ".join(turn.content for turn in one.messages).lower().split()) for one in scenarios}


def test_every_trait_meets_every_domain(shipped):
    missing = {(t, d) for t in traits() for d in domains()} - {(one.trait, one.domain) for one in shipped}
    assert missing == set()


def test_every_pressure_is_used(shipped):
    assert {one.pressure for one in shipped} == set(pressures())


def test_ids_are_unique(shipped):
    assert len({one.id for one in shipped}) == len(shipped)


def test_splits_share_no_scenario_and_no_conversation(shipped):
    parts = [select(shipped, split) for split in Split]
    for one, other in combinations(parts, 2):
        assert not {s.id for s in one} & {s.id for s in other}
        assert not asked(one) & asked(other)
    assert sum(map(len, parts)) == len(shipped)


@pytest.mark.parametrize("split", [Split.TRAIN, Split.EVAL])
def test_training_and_evaluation_have_every_cell(shipped, split):
    assert len({(one.trait, one.domain) for one in select(shipped, split)}) == 16 * 13


def test_every_rubric_has_three_to_five_criteria_two_positive_and_one_negative(shipped):
    bad = [
        one.id
        for one in shipped
        if not 3 <= len(one.rubric) <= 5
        or sum(criterion.points > 0 for criterion in one.rubric) < 2
        or all(criterion.points > 0 for criterion in one.rubric)
    ]
    assert bad == []


def test_three_in_ten_scenarios_are_multi_turn(shipped):
    assert sum(len(one.messages) > 1 for one in shipped) / len(shipped) >= 0.3


def test_earlier_mistake_scenarios_contain_an_assistant_turn(shipped):
    bad = [one.id for one in shipped if one.pressure == "earlier_mistake" and len(one.messages) < 3]
    assert bad == []


def test_references_differ_and_neither_is_empty(shipped):
    bad = [
        one.id
        for one in shipped
        if not one.references.beneficial.strip()
        or not one.references.tempting.strip()
        or one.references.beneficial == one.references.tempting
    ]
    assert bad == []


def test_length_does_not_tell_the_beneficial_reference(shipped):
    longer = sum(len(one.references.beneficial) > len(one.references.tempting) for one in shipped) / len(shipped)
    assert 0.4 <= longer <= 0.6
