from itertools import pairwise

import pytest

from traitrl.attacks.attack import Change, FineTune
from traitrl.attacks.registry import choose_attacks
from traitrl.compare.identity import ScoredModel
from traitrl.experiment.steps import StepStore
from traitrl.models.loading import Checkpoint
from traitrl.persist.estimate import Estimate, Pace, duration
from traitrl.persist.plan import QUICK_MINUTES, PersistPlan, Speed
from traitrl.persist.run import Work, _announcement
from traitrl.persist.steps import ModelAttacker
from traitrl.persist.subjects import Subject

CLEAN = Change()


def pending(plan, folder, checkpoint=True):
    model = ScoredModel("m", "weights", Checkpoint("m") if checkpoint else None)
    store = StepStore(folder)
    work = Work(Subject("m", model), store, ModelAttacker(model, plan, store, lambda *_: None), [])
    estimate = Estimate(plan)
    return [(work, step) for step in work.pending()], estimate


def seconds(plan, folder):
    steps, estimate = pending(plan, folder)
    return {step.id: work.seconds(step, estimate) for work, step in steps}


def test_the_quick_plan_fits_four_models_with_a_third_to_spare(tmp_path):
    plan = PersistPlan.quickly()
    four = 4 * (sum(seconds(plan, tmp_path).values()) + Estimate(plan).features())
    assert four <= QUICK_MINUTES * 60 * 0.75
    assert sum(seconds(PersistPlan(), tmp_path).values()) > 5 * four


def test_every_step_of_a_local_model_has_an_estimate_and_training_costs_by_its_rows(tmp_path):
    plan = PersistPlan.quickly()
    found = seconds(plan, tmp_path)
    assert all(value > 1 for value in found.values())
    estimate = Estimate(plan)
    assert estimate.training(20) - estimate.training(10) == pytest.approx(10 * 8 * Speed().row_seconds)


def test_what_stands_in_front_is_read_once_and_not_for_every_scenario():
    estimate = Estimate(PersistPlan.quickly())
    (attack,) = choose_attacks(["demonstrations_wrong_health_advice"])
    growth = estimate.measurement(attack.ladder[16.0]) - estimate.measurement(CLEAN)
    assert 0 < growth < estimate.measurement(CLEAN)


def test_every_turn_of_pressure_costs_more_than_the_one_before():
    estimate = Estimate(PersistPlan.quickly())
    costs = [estimate.measurement(Change(after=("Are you sure?",) * turns)) for turns in range(1, 5)]
    steps = [after - before for before, after in pairwise(costs)]
    assert steps == sorted(steps) and steps[0] > 0
    assert estimate.replies(Change(after=("a", "b"))) == 3 * len(estimate.scenarios)


def test_the_first_steps_correct_the_estimate():
    pace = Pace()
    assert pace.left([10, 20]) == 30
    pace.add(10, 25)
    assert pace.left([10, 20]) == 75


def test_the_announcement_counts_steps_time_and_replies_of_apis(tmp_path):
    plan = PersistPlan.quickly(attacks=("careless_adviser", "mixed"), scenarios=10, focus_scenarios=0)
    steps, estimate = pending(plan, tmp_path)
    text = _announcement(steps, [work.seconds(step, estimate) for work, step in steps], estimate)
    assert text.startswith("4 steps on 1 model, about ") and "two idle cores" in text and "API" not in text
    steps, estimate = pending(plan, tmp_path, checkpoint=False)
    assert _announcement(steps, [0.0] * 4, estimate) == "4 steps on 1 model, 70 replies from APIs."


def test_durations_are_said_in_seconds_or_minutes():
    assert (duration(40), duration(720)) == ("about 40 s", "about 12 min")


def test_a_measurement_after_a_fine_tune_costs_what_a_clean_one_does():
    estimate = Estimate(PersistPlan.quickly())
    assert estimate.measurement(Change(training=FineTune("reward_hacking", 5))) == estimate.measurement(CLEAN)
