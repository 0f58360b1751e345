"""A run whose start is a LoRA adapter: arms are trained, and measured, on base + adapter + what RL added."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from traitrl.config import BEFORE, Experiment
from traitrl.errors import TraitrlError
from traitrl.experiment.plan import Plan
from traitrl.experiment.steps import StepStore
from traitrl.judges import loading
from traitrl.models.loading import load_model, load_tokenizer, resolve
from traitrl.runtime import compute_dtype
from traitrl.training import rewards, watch

pytestmark = pytest.mark.pipeline


def _save_adapter(base: Path, folder: Path) -> Path:
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    settings = LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
    )
    get_peft_model(model, settings).save_pretrained(folder)
    return folder


@pytest.fixture
def adapter(tmp_path):
    return _save_adapter(save_tiny_model(tmp_path / "base"), tmp_path / "adapter")


@pytest.fixture
def plan(tmp_path, adapter, monkeypatch):
    monkeypatch.setenv("TRAITRL_DTYPE", "float32")
    compute_dtype.cache_clear()
    monkeypatch.setattr(loading, "load_judge", lambda name, role: VowelJudge())
    # A random model never ends a reply.
    monkeypatch.setattr(rewards, "is_valid", lambda *_, **__: True)
    monkeypatch.setattr(watch.StopRules, "__init__", lambda self: None)
    for name, value in {"truncated": 2, "dead_groups": 2, "judge_failures": 2, "window": 2, "grace": 1}.items():
        monkeypatch.setattr(watch.StopRules, name, value, raising=False)
    experiment = Experiment(
        name="tiny",
        model=str(adapter),
        arms=[{"name": "baseline"}, {"name": "trait", "trait_share": 0.5, "max_words": 40}],
        training={
            "steps": 2, "prompts_per_step": 2, "group_size": 4, "max_tokens": 12, "system_prompt": None,
            "learning_rate": 1e-2,
        },
        evaluation={"benchmarks": ["swap_sides"]},
    )  # fmt: skip
    yield Plan(experiment, StepStore(tmp_path / "runs" / "steps"), lambda *_: None)
    compute_dtype.cache_clear()


def _weights(model):
    return {name: value.float() for name, value in model.state_dict().items()}


def _distance(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_arms_are_measured_on_what_they_were_trained_on(plan, adapter, tmp_path):
    folding, _, training = plan.training_steps()
    for step in (folding, training):
        plan.store.execute(step)
    before, _, arm = plan.subjects()
    assert before.name == BEFORE and arm.checkpoint.base == before.checkpoint.base

    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    started = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
    start = _weights(started)
    assert _distance(start, _weights(load_model(before.checkpoint))) < 1e-5
    assert _distance(start, _weights(load_model(resolve(str(tmp_path / "base"))))) > 1e-3

    trained = PeftModel.from_pretrained(started, str(arm.checkpoint.adapter))
    lora = [value for name, value in trained.state_dict().items() if "lora_B" in name]
    assert any(float(value.abs().max()) > 0 for value in lora)
    measured = _weights(load_model(arm.checkpoint))
    assert _distance(measured, _weights(trained.merge_and_unload())) < 1e-5
    assert load_tokenizer(arm.checkpoint).chat_template
    # The lab finds an arm by its adapter folder alone.
    assert resolve(str(arm.checkpoint.adapter)).base == arm.checkpoint.base


def test_a_start_without_adapter_is_used_where_it_is(plan, tmp_path):
    plain = Plan(plan.experiment.model_copy(update={"model": str(tmp_path / "base")}), plan.store, plan.progress)
    assert plain.start.base == str(tmp_path / "base")
    assert [step.id for step in plain.training_steps()] == ["train-baseline", "train-trait"]


def test_an_adapter_on_an_adapter_is_refused(adapter, tmp_path):
    upper = _save_adapter(tmp_path / "base", tmp_path / "upper")
    settings = json.loads((upper / "adapter_config.json").read_text())
    (upper / "adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": str(adapter)}))
    with pytest.raises(TraitrlError, match="itself an adapter"):
        resolve(str(upper))
