"""One arm on the tiny model: it trains, its ledger adds up, and an interrupted run ends with the same adapter."""

import json
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from traitrl.config import Training
from traitrl.errors import GateError
from traitrl.models.chat import prompt_ids, reply_ids
from traitrl.models.likelihood import Question, score_options
from traitrl.models.loading import Checkpoint, load_model, load_tokenizer
from traitrl.scenarios import Split, load_scenarios, select
from traitrl.tasks import standard_tasks
from traitrl.training.grpo import ArmJob, train_arm
from traitrl.training.schedule import replace_with_scenarios, standard_rows
from traitrl.training.warm_examples import WarmExample

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
    # What a kill leaves that comes while a newer checkpoint is written.
    cut = tmp_path / "broken" / "trainer" / "checkpoint-3"
    cut.mkdir()
    (cut / "adapter_model.safetensors").write_bytes(b"half")
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


def test_a_step_in_parts_is_the_same_step(start, tmp_path, monkeypatch):
    from traitrl.training import grpo

    def metrics(name):
        train_arm(_job(start, tmp_path / name), VowelJudge(), load_scenarios())
        return [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]

    whole = metrics("whole")
    monkeypatch.setattr(grpo, "_TOKENS_AT_ONCE", 48)
    assert grpo.backward_parts(SETTINGS) == 2
    parts = metrics("parts")
    assert [row["step"] for row in parts] == [1, 2, 3, 4]
    # Later steps sample from weights that differ by rounding, so only the first is the same to the digit.
    for key in ("loss", "grad_norm", "entropy", "reward", "num_tokens"):
        assert parts[0][key] == pytest.approx(whole[0][key], rel=1e-3, abs=1e-5), key


def test_parts_hold_whole_groups_and_a_set_number_is_kept():
    from traitrl.training.grpo import backward_parts

    def settings(**changes):
        return Training(**{"prompts_per_step": 8, "group_size": 8, "max_tokens": 40, **changes})

    assert backward_parts(settings()) == 4  # 2,560 tokens at the cap; 3 parts would cut groups
    assert backward_parts(settings(max_tokens=16)) == 1
    assert backward_parts(settings(max_tokens=4000)) == 8
    assert backward_parts(settings(prompts_per_step=7)) == 7
    assert backward_parts(settings(accumulation=2)) == 2


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


def test_the_newest_whole_checkpoint_is_taken_and_broken_ones_go(tmp_path):
    from traitrl.training.grpo import newest_checkpoint

    assert newest_checkpoint(tmp_path / "none") is None
    for step, state in ((2, '{"global_step": 2}'), (10, '{"global_step": 10}'), (20, '{"glob'), (30, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "optimizer.pt").write_bytes(b"")
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-2"]


def test_of_two_written_replies_the_better_graded_one_is_learnt(start, tmp_path):
    def advantage(adapter):
        model, tokenizer = load_model(Checkpoint(start.base, adapter)), load_tokenizer(start)
        questions = [
            Question(prompt_ids(tokenizer, row.conversation), [reply_ids(tokenizer, reply) for reply in row.replies])
            for row in written
        ]
        return sum(better - worse for better, worse in score_options(model, questions)) / len(questions)

    job = _job(start, tmp_path / "mixed")
    written = [WarmExample(row.prompt, ["aeiou uoie", "xkcd qwrty"]) for row in job.rows if row.pool == "trait"]
    settings = SETTINGS.model_copy(update={"off_policy_replies": 2})
    ledger = train_arm(replace(job, settings=settings, written=written), VowelJudge(), load_scenarios())
    assert (ledger.completions, ledger.written_completions) == (32, 8)
    lengths = len(
        reply_ids(load_tokenizer(start), "aeiou uoie", end=True)
        + reply_ids(load_tokenizer(start), "xkcd qwrty", end=True)
    )
    assert ledger.trained_tokens - ledger.generated_tokens == 4 * lengths
    assert advantage(str(job.folder / "adapter")) > advantage(None) + 1


def test_groups_whose_sampled_replies_all_fail_are_dead_whatever_the_written_ones_earn(start, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "traitrl.training.rewards.is_valid", lambda text, *_, **__: text.replace(" ", "") == "aeiouuoie"
    )
    job = _job(start, tmp_path / "dead")
    written = [WarmExample(row.prompt, ["aeiou uoie"]) for row in job.rows if row.pool == "trait"]
    settings = SETTINGS.model_copy(update={"off_policy_replies": 1})
    train_arm(replace(job, settings=settings, written=written), VowelJudge(), load_scenarios())
    steps = [json.loads(line) for line in (job.folder / "metrics.jsonl").read_text().splitlines()]
    assert all(step["reward_std"] > 0 and step["frac_reward_zero_std"] == 1 for step in steps)


def test_an_adapter_of_the_bundled_model_names_it_as_a_user_would_not_by_a_folder_of_this_machine(start, tmp_path):
    job = _job(start, tmp_path / "named")
    settings = SETTINGS.model_copy(update={"steps": 1})
    train_arm(replace(job, settings=settings, base_name="bundled:warm"), VowelJudge(), load_scenarios())
    assert (
        json.loads((job.folder / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
        == "bundled:warm"
    )
    assert load_model(Checkpoint(start.base, str(job.folder / "adapter"))) is not None
