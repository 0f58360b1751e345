"""An arm with `reward: helpful` on the tiny model: the same prompts as the trait arm, graded on generic criteria."""

import pytest

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from traitrl.config import Arm, Experiment
from traitrl.experiment.plan import Plan
from traitrl.experiment.steps import StepStore
from traitrl.judges import loading
from traitrl.training import watch
from traitrl.training.rewards import helpful_criteria

pytestmark = pytest.mark.pipeline

TRAIT = {"trait_share": 0.5, "max_words": 40}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    # A random model never ends a reply.
    monkeypatch.setattr(watch.StopRules, "__init__", lambda self: None)
    for name, value in {"truncated": 2, "dead_groups": 2, "judge_failures": 2, "window": 2, "grace": 1}.items():
        monkeypatch.setattr(watch.StopRules, name, value, raising=False)
    experiment = Experiment(
        name="tiny",
        model=str(save_tiny_model(tmp_path / "model")),
        arms=[{"name": "baseline"}, {"name": "helpful", "reward": "helpful", **TRAIT}, {"name": "trait", **TRAIT}],
        training={"steps": 2, "prompts_per_step": 2, "group_size": 2, "max_tokens": 6, "system_prompt": None},
    )
    return Plan(experiment, StepStore(tmp_path / "steps"), lambda *_: None)


def test_both_arms_see_the_same_prompts_and_their_judge_sees_other_criteria(plan, monkeypatch):
    asked = {}

    class Recorder(VowelJudge):
        def grade(self, requests):
            asked[current] += requests
            return super().grade(requests)

    monkeypatch.setattr(loading, "load_judge", lambda name, role: Recorder())
    for arm in plan.experiment.arms[1:]:
        current = arm.name
        asked[current] = []
        plan.store.execute(plan.training_step(arm))
    helpful, trait = asked["helpful"], asked["trait"]
    assert len(helpful) == len(trait) == 4
    assert [list(row.conversation) for row in helpful] == [list(row.conversation) for row in trait]
    assert all(tuple(row.rubric) == helpful_criteria() and row.references is None for row in helpful)
    assert not any(tuple(row.rubric) == helpful_criteria() or row.references is None for row in trait)
    assert (plan.store.path("train-helpful") / "adapter" / "adapter_config.json").exists()


def test_the_reward_is_part_of_what_a_training_depends_on(plan):
    one, other = (
        plan.training_step(Arm(name="trait", reward=reward, **TRAIT)).inputs for reward in ("rubric", "helpful")
    )
    assert one != other and "reward" not in one and "reward" not in one["arm"]
