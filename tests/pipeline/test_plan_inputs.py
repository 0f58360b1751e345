"""What the steps of a plan depend on, what it measures, and what it refuses. Nothing is trained."""

import shutil

import pytest

from tests.pipeline.tiny import save_tiny_model
from traitrl.config import Experiment
from traitrl.errors import TraitrlError
from traitrl.evals.registry import benchmarks
from traitrl.experiment.plan import Plan
from traitrl.experiment.selection import attacked_scenarios, clean_scenarios
from traitrl.experiment.steps import StepStore, inputs_hash

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("start") / "model")


def _plan(model, tmp_path, **changes):
    settings = {
        "name": "tiny",
        "model": str(model),
        "arms": [{"name": "baseline"}, {"name": "trait", "trait_share": 0.5}],
        "training": {"steps": 2, "prompts_per_step": 2, "group_size": 2},
        "evaluation": {"benchmarks": ["swap_sides"], "held_out_scenarios": 50},
        "attacks": {"finetune_steps": [2, 4], "scenarios": 20},
    }
    for key, value in changes.items():
        settings[key] = {**settings[key], **value}
    return Plan(Experiment(**settings), StepStore(tmp_path / "steps"), lambda *_: None)


def _hashes(plan):
    steps = [*plan.training_steps(), *plan.clean_steps(), *plan.attack_steps()]
    return {step.id: inputs_hash(step.inputs) for step in steps}


def _changed(one, other):
    assert one.keys() == other.keys()
    return {name for name in one if one[name] != other[name]}


def test_other_weights_in_the_same_folder_change_every_step_and_another_place_none(model, tmp_path):
    place = tmp_path / "model"
    shutil.copytree(model, place)
    before = _hashes(_plan(place, tmp_path))
    moved = tmp_path / "elsewhere"
    shutil.copytree(model, moved)
    assert _changed(before, _hashes(_plan(moved, tmp_path))) == set()
    save_tiny_model(place, seed=1)
    assert _changed(before, _hashes(_plan(place, tmp_path))) == set(before)


def test_another_system_prompt_trains_the_fine_tunes_anew_that_of_the_start_too(model, tmp_path):
    one, other = (
        _hashes(_plan(model, tmp_path, training={"system_prompt": prompt})) for prompt in ("Be brief.", "Be kind.")
    )
    assert "finetune-before-RL" in _changed(one, other)


@pytest.mark.parametrize("changes", [{"finetune_steps": [2, 4, 8]}, {"finetune_batch": 4}])
def test_what_trains_a_fine_tune_anew_measures_each_of_its_doses_anew(model, tmp_path, changes):
    one, other = (_hashes(_plan(model, tmp_path, attacks=attacks)) for attacks in ({}, changes))
    changed = {name for name in one if one[name] != other[name]}
    assert changed == {name for name in one if name.startswith("finetune-")} and len(changed) == 9


def test_attacked_scenarios_are_drawn_from_the_clean_ones(model, tmp_path):
    experiment = _plan(model, tmp_path).experiment
    clean, attacked = clean_scenarios(experiment.evaluation), attacked_scenarios(experiment)
    assert (len(clean), len(attacked)) == (50, 20)
    assert {scenario.id for scenario in attacked} <= {scenario.id for scenario in clean}
    everything = _plan(model, tmp_path, attacks={"scenarios": None}).experiment
    assert attacked_scenarios(everything) == clean


def test_a_benchmark_on_generated_replies_is_refused_before_anything_runs(model, tmp_path):
    name = next(one.name for one in benchmarks().values() if one.is_generated)
    with pytest.raises(TraitrlError, match=rf"generated replies: {name}\. Take"):
        _plan(model, tmp_path, evaluation={"benchmarks": ["swap_sides", name]})


def test_a_limit_that_no_scenario_meets_is_refused_before_anything_runs(model, tmp_path):
    with pytest.raises(TraitrlError, match=r"at most 2 words.*evaluation\.max_words"):
        _plan(model, tmp_path, evaluation={"max_words": 2})
