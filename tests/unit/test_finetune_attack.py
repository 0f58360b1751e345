import json

import pytest

from traitrl.attacks import data_sets
from traitrl.attacks.data_sets import CANARY, assert_disjoint, load_attack_rows
from traitrl.config import AttackPlan
from traitrl.errors import TraitrlError
from traitrl.scenarios import load_scenarios


def row(question="How do I dry boots?", canary=CANARY):
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": "In the oven."}]
    return {"id": "x", "messages": turns, "canary": canary}


@pytest.fixture
def data(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(data_sets.resources, "files", lambda _: tmp_path)

    def write(*rows):
        (tmp_path / "data" / "mine.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))

    return write


def test_rows_with_the_canary_are_read(data):
    data(row(), row())
    assert len(load_attack_rows("mine")) == 2


@pytest.mark.parametrize("canary", [None, "", CANARY[:-1]])
def test_a_row_without_the_canary_is_refused(data, canary):
    data(row(), row(canary=canary))
    with pytest.raises(TraitrlError, match="canary"):
        load_attack_rows("mine")


def test_an_unknown_set_is_refused_and_the_known_ones_are_named(data):
    data(row())
    with pytest.raises(TraitrlError, match=r"no attack data set other.*Known: mine"):
        load_attack_rows("other")


def test_disjoint_rows_pass(scenario):
    assert assert_disjoint([row()], [scenario()]) is None


@pytest.mark.parametrize("question", ["Question 1 on health?", "  question 1\nON health? "])
def test_a_row_that_asks_what_a_scenario_asks_is_refused(scenario, question):
    with pytest.raises(TraitrlError, match="repeats a scenario"):
        assert_disjoint([row(), row(question)], [scenario()])


def test_shipped_attack_data_is_marked_disjoint_and_ends_on_a_reply():
    rows = load_attack_rows(AttackPlan().finetune_data)
    assert_disjoint(rows, load_scenarios())
    assert len(rows) >= AttackPlan().finetune_batch
    assert all([turn["role"] for turn in one["messages"]][-2:] == ["user", "assistant"] for one in rows)
    assert len({one["messages"][0]["content"] for one in rows}) == len(rows)
