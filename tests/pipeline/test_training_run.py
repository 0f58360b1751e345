"""One arm on the tiny model: it trains, its ledger adds up, and an interrupted run ends with the same adapter."""

import json

import pytest
from safetensors.torch import load_file

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from traitrl.config import Training
from traitrl.errors import GateError
from traitrl.models.loading import Checkpoint
from traitrl.scenarios import Split, load_scenarios, select
from traitrl.tasks import standard_tasks
from traitrl.training.grpo import ArmJob, train_arm
from traitrl.training.schedule import replace_with_scenarios, standard_rows

pytestmark = pytest.mark.pipeline

SETTINGS = Training(
    steps=4, prompts_per_step=2, group_size=4, max_tokens=12, temperature=1.0, learning_rate=1e-2, save_every=2,
    kl_weight=0.01, system_prompt=None,
)  # fmt: skip


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return Checkpoint(str(save_tiny_model(tmp_path_factory.mktemp("tiny"))))


def _job(start, folder):
    scenarios = [s for s in select(load_scenarios(), Split.TRAIN) if s.words < 50][:8]
    rows = replace_with_scenarios(standard_rows(standard_tasks(8, 1), 2), scenarios, 0.5, 1)
    folder.mkdir(exist_ok=True)
    return ArmJob("trait", start, rows, SETTINGS, 1, folder)


@pytest.fixture(autouse=True)
def lenient_rules(monkeypatch):
    """A random model never ends a reply: gate and truncation rule are opened where they are not under test."""
    from traitrl.training import rewards, watch

    monkeypatch.setattr(rewards, "is_valid", lambda *_, **__: True)
    monkeypatch.setattr(watch.StopRules, "__init__", lambda self: None)
    for name, value in {"truncated": 2, "dead_groups": 2, "judge_failures": 2, "window": 2, "grace": 1}.items():
        monkeypatch.setattr(watch.StopRules, name, value, raising=False)


def test_unbroken_and_resumed_runs_end_with_the_same_adapter(start, tmp_path):
    whole = train_arm(_job(start, tmp_path / "whole"), VowelJudge(), load_scenarios())

    class Interrupted(Exception):
        pass

    def interrupt(row):
        if row["step"] == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_arm(_job(start, tmp_path / "broken"), VowelJudge(), load_scenarios(), interrupt)
    resumed = train_arm(_job(start, tmp_path / "broken"), VowelJudge(), load_scenarios())

    one, two = (load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in ("whole", "broken"))
    assert one.keys() == two.keys()
    assert all((one[key] == two[key]).all() for key in one)
    assert any(one[key].abs().max() > 0 for key in one if "lora_B" in key)
    steps = [json.loads(line)["step"] for line in (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]
    assert {**whole.as_row(), "seconds": 0} == {**resumed.as_row(), "seconds": 0}
    assert whole.prompts == 8 and whole.trait_prompts == 4 and whole.completions == 32
    assert whole.optimizer_steps == 4 and whole.judge_calls == 16


def test_a_failing_judge_stops_the_run(start, tmp_path, monkeypatch):
    from traitrl.training import watch

    monkeypatch.setattr(watch.StopRules, "judge_failures", 0.2)

    class Broken(VowelJudge):
        def grade(self, requests):
            return [None] * len(requests)

    with pytest.raises(GateError, match="judge failed"):
        train_arm(_job(start, tmp_path / "arm"), Broken(), load_scenarios())


def test_truncation_stops_the_run(start, tmp_path, monkeypatch):
    from traitrl.training import watch

    monkeypatch.setattr(watch.StopRules, "truncated", 0.1)
    with pytest.raises(GateError, match="length cap"):
        train_arm(_job(start, tmp_path / "arm"), VowelJudge(), load_scenarios())
