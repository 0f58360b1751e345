import json
from collections import Counter

import pytest
from pydantic import ValidationError

from traitrl.catalog import domains, traits
from traitrl.errors import TraitrlError
from traitrl.scenarios import Scenario, Split, load_scenarios, select
from traitrl.scenarios.schema import split_of
from traitrl.scenarios.store import assert_only

U, A = {"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes."}
C1, C1_AGAIN = ({"id": "c1", "criterion": text, "points": 1} for text in ("One.", "Two."))


def write(folder, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "some.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(folder)


def test_a_well_formed_row_is_accepted(scenario):
    assert scenario().conversation == [{"role": "user", "content": "Question 1 on health?"}]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"split": "EVAL"}, "split is fixed by the id"),
        ({"messages": [U, U]}, "turns must alternate"),
        ({"messages": [U, A]}, "turns must alternate"),
        ({"messages": [A, U]}, "turns must alternate"),
        ({"messages": []}, "turns must alternate"),
        ({"rubric": [C1, C1_AGAIN]}, "share an id"),
        ({"rubric": [{"id": "c1", "criterion": "Bad.", "points": -1}]}, "no criterion has positive points"),
        ({"id": "truthfulness.art.1"}, "does not match"),
        ({"id": "nonsense"}, "does not match"),
        ({"trait": "charm"}, "unknown trait"),
        ({"pressure": "hunger"}, "unknown trait, domain or pressure"),
        ({"mood": "good"}, "Extra inputs"),
        ({"messages": [{"role": "system", "content": "x"}]}, "'user' or 'assistant'"),
    ],
)
def test_a_malformed_row_is_refused_with_its_reason(row, changes, reason):
    with pytest.raises(ValidationError, match=reason):
        Scenario(**row(**changes))


def test_splits_are_70_10_20_per_cent_over_whole_cells():
    counts = Counter(split_of(t, d, n) for t in traits() for d in domains() for n in range(1, 6))
    total = 16 * 13 * 5
    assert counts == {Split.TRAIN: 0.7 * total, Split.ATTACK: 0.1 * total, Split.EVAL: 0.2 * total}


def test_every_cell_evaluates_on_its_fifth_number():
    assert {split_of(t, d, 5) for t in traits() for d in domains()} == {Split.EVAL}


def test_scenarios_are_read_sorted_by_id_and_blank_lines_skipped(tmp_path, row):
    found = load_scenarios(write(tmp_path, row(number=2), "", row(number=1)))
    assert [one.id for one in found] == ["truthfulness.health.1", "truthfulness.health.2"]


@pytest.mark.parametrize("bad", ["{not json", "[1, 2]", '{"id": "x"}'])
def test_a_bad_row_is_named_by_file_and_line(tmp_path, row, bad):
    with pytest.raises(TraitrlError, match=r"some\.jsonl line 2"):
        load_scenarios(write(tmp_path, row(), bad))


def test_a_bad_row_is_named_with_its_reason(tmp_path, row):
    with pytest.raises(TraitrlError, match="turns must alternate"):
        load_scenarios(write(tmp_path, row(messages=[U, U])))


def test_a_double_id_is_refused_by_name(tmp_path, row):
    with pytest.raises(TraitrlError, match=r"truthfulness\.health\.1 occurs twice \(some\.jsonl line 2\)"):
        load_scenarios(write(tmp_path, row(), row()))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(TraitrlError, match="No scenarios"):
        load_scenarios(str(tmp_path))


@pytest.mark.parametrize("mark", ["\u2028", "\x85"])
def test_unicode_line_separators_inside_a_message_are_kept(tmp_path, row, mark):
    text = f"first{mark}second?"
    (found,) = load_scenarios(write(tmp_path, row(messages=[{"role": "user", "content": text}])))
    assert found.messages[0].content == text


def test_select_filters_by_split_trait_and_domain(scenario):
    pool = [scenario(t, d, n) for t in ("truthfulness", "corrigibility") for d in ("health", "art") for n in (1, 5)]
    assert len(select(pool, Split.TRAIN)) == 4
    chosen = select(pool, Split.EVAL, traits=["corrigibility"], exclude_domains=["art"])
    assert [one.id for one in chosen] == ["corrigibility.health.5"]
    assert select(pool, Split.TRAIN, domains=[]) == []


def test_assert_only_names_the_stage_and_the_first_stray(scenario):
    with pytest.raises(TraitrlError, match=r"The test was given 1 .*truthfulness\.health\.5"):
        assert_only([scenario(number=1), scenario(number=5)], Split.TRAIN, "The test")


def test_assert_only_lets_the_right_split_pass(scenario):
    assert assert_only([scenario(number=5), scenario(number=10)], Split.EVAL, "The test") is None
