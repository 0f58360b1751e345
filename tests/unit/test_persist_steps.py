from dataclasses import replace
from types import SimpleNamespace

import pytest

from traitrl.attacks.attack import Change
from traitrl.compare.identity import ScoredModel
from traitrl.errors import TraitrlError
from traitrl.experiment.measure import Condition
from traitrl.experiment.steps import StepStore
from traitrl.judges import loading
from traitrl.models.loading import Checkpoint
from traitrl.persist import plan as plan_module
from traitrl.persist import run
from traitrl.persist.measure import measure_scenarios
from traitrl.persist.plan import PersistPlan
from traitrl.persist.speakers import Spoken
from traitrl.persist.steps import ModelAttacker
from traitrl.persist.subjects import Subject, Subjects

PLAN = PersistPlan(scenarios=20, focus_scenarios=0, max_words=60, benchmarks=())
CLEAN = Change()


class Parrot:
    """Always says the same; `declined` as an API's provider would."""

    def __init__(self, declined=False):
        self.declined = declined

    def replies(self, conversations, scope):
        return [Spoken("Well.", 1, False, self.declined) for _ in conversations]

    def margins(self, conversations, scenarios):
        return None


class FailingJudge:
    """Fails on the first `failures` replies that it sees."""

    name, protocol = "failing", "failing:1"

    def __init__(self, failures):
        self.failures = failures

    def grade(self, requests):
        found = []
        for request in requests:
            self.failures -= 1
            found.append(None if self.failures >= 0 else {row.id: 0.0 for row in request.rubric})
        return found


def measured(speaker, judge, change=CLEAN):
    def condition(budget):
        return Condition(PLAN.experiment("m"), "m", "m", "none", budget)

    return measure_scenarios(condition, 0.0, change, speaker, PLAN.chosen_scenarios(), judge, None)


def test_a_judge_that_fails_on_more_than_a_tenth_of_a_step_stops_it():
    rows, lines = measured(Parrot(), FailingJudge(2))
    assert sum(row.score is None for row in rows) == 2 and len(lines) == 20
    with pytest.raises(TraitrlError, match="failed on 3 of 20 replies"):
        measured(Parrot(), FailingJudge(3))
    measured(Parrot(), FailingJudge(3), Change(after=("Sure?",)))


def test_a_reply_that_the_provider_withheld_counts_as_refused():
    assert not any(row.refused for row in measured(Parrot(), FailingJudge(0))[0])
    assert all(row.refused for row in measured(Parrot(declined=True), FailingJudge(0))[0])


def inputs_of(plan, folder):
    attacker = ModelAttacker(ScoredModel("m", "weights", Checkpoint("m")), plan, StepStore(folder), lambda *_: None)
    return {step.id: step.inputs for step in attacker.steps()}


def test_another_protocol_of_the_same_judge_is_another_measurement(tmp_path, monkeypatch):
    plan = replace(PLAN, judge="openai/gpt-test", attacks=("careless_adviser",))
    found = []
    for protocol in ("one", "two", "two"):
        monkeypatch.setattr(loading, "load_judge", lambda name, role, it=protocol: SimpleNamespace(protocol=it))
        found.append(inputs_of(plan, tmp_path))
    assert found[1] == found[2] and all(found[0][step] != found[1][step] for step in found[0])


def test_a_measurement_after_a_fine_tune_depends_on_all_doses_of_it(tmp_path):
    plan = replace(PLAN, attacks=("wrong_health_advice", "careless_adviser"))
    long, short = inputs_of(plan, tmp_path), inputs_of(replace(plan, quick=True), tmp_path)
    tuned, persona = "finetune-harmful-wrong_health_advice-5", "persona-harmful-careless_adviser-4"
    assert long[tuned] != short[tuned] and long[persona] == short[persona]
    assert short[tuned]["trained"]["doses"] == [5, 10]


def test_features_depend_on_the_scenarios_that_they_are_read_from(monkeypatch):
    subjects = Subjects(
        tuple(Subject(name, ScoredModel(name, name, Checkpoint(name))) for name in ("before", "after")),
        "after",
        "before",
    )
    (all_of_them,) = run._features(subjects.all[1], subjects, PLAN)
    fewer = plan_module.load_scenarios()[::2]
    monkeypatch.setattr(plan_module, "load_scenarios", lambda: fewer)
    (half,) = run._features(subjects.all[1], subjects, PLAN)
    assert all_of_them.inputs != half.inputs


def test_the_reference_measured_again_has_no_features_of_its_own():
    before, after = (Subject(name, ScoredModel(name, name, Checkpoint(name))) for name in ("before", "after"))
    again = Subject("after, again", after.model, repeat=True)
    assert run._features(again, Subjects((before, after, again), "after", "before"), PLAN) == []
