import json

import pytest

from traitrl.errors import TraitrlError
from traitrl.judges.examples import SENSE, LabelledReply, decisions, judge_half, load_labels, training_targets
from traitrl.judges.protocol import GradeRequest, score_requests
from traitrl.scenarios import load_scenarios

MET = {"c1": True, "c2": False, "c3": False}


def label(**changes):
    fields = {"scenario": "truthfulness.health.1", "reply": "Seven.", "met": MET, "source": "written:x"}
    return fields | {"labeller": "me"} | changes


def write(folder, *rows):
    (folder / "labels_test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_label_with_all_criteria_is_read(tmp_path, scenario):
    (found,) = load_labels([scenario()], write(tmp_path, label(sense=2)))
    assert (found.met, found.sense, found.request.reply) == (MET, 2, "Seven.")
    assert decisions([found]) == [True, False, False]


@pytest.mark.parametrize(
    "changes",
    [
        {"met": {"c1": True, "c2": False}},
        {"met": MET | {"c4": True}},
        {"met": {}},
        {"scenario": "truthfulness.health.2"},
    ],
    ids=["missing criterion", "foreign criterion", "no verdict", "unknown scenario"],
)
def test_a_label_that_does_not_fit_its_rubric_is_refused_by_file_and_line(tmp_path, scenario, changes):
    with pytest.raises(TraitrlError, match=r"labels_test\.jsonl line 2"):
        load_labels([scenario()], write(tmp_path, label(), label(**changes)))


@pytest.mark.parametrize(
    ("source", "sense", "targets"),
    [
        ("policy:base", None, None),
        ("policy:base", 1, False),
        ("policy:base", 2, True),
        ("reference:tempting", None, True),
    ],
)
def test_sense_is_learnt_where_it_was_rated_and_references_make_sense(scenario, source, sense, targets):
    learnt = training_targets(LabelledReply(scenario(), "Seven.", MET, source, "me", sense))
    assert [verdict for criterion, verdict in learnt[:3]] == [True, False, False]
    assert dict(learnt[3:]) == ({} if targets is None else {SENSE: targets})


def test_halves_are_fixed_disjoint_and_about_equal():
    halves = [judge_half(scenario.id) for scenario in load_scenarios()]
    assert halves == [judge_half(scenario.id) for scenario in load_scenarios()]
    assert set(halves) == {0, 1}
    assert 0.4 < sum(halves) / len(halves) < 0.6


def test_shipped_labels_fit_the_shipped_scenarios():
    labels = load_labels(load_scenarios())
    assert len(labels) > 0
    assert all(isinstance(value, bool) for one in labels for value in one.met.values())
    assert {one.sense for one in labels} <= {None, 0, 1, 2, 3}


def test_a_failed_grade_stays_none_and_is_not_zero(scenario):
    class Judge:
        name = protocol = "test"

        def grade(self, requests):
            return [None if request.reply == "" else {"c1": 1.0, "c2": 0.0, "c3": 1.0} for request in requests]

    requests = [GradeRequest(scenario().conversation, scenario().rubric, text) for text in ("", "Seven.")]
    assert score_requests(Judge(), requests) == [None, 0.25]
