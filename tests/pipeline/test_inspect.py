"""Our benchmarks as Inspect tasks for any model, and our Inspect provider for local checkpoints."""

import asyncio
import os
import subprocess
import sys
import time

import pytest
from inspect_ai import eval as run_eval
from inspect_ai.model import CachePolicy, ChatMessageUser, GenerateConfig, get_model
from inspect_ai.tool import ToolInfo

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from tests.support.openai_server import Answer, OpenAIServer
from traitrl.errors import TraitrlError
from traitrl.evals.registry import benchmarks

pytestmark = pytest.mark.pipeline

OWN = [name for name, row in benchmarks().items() if row.source == "package"]


@pytest.fixture(autouse=True)
def _isolated(tmp_path, monkeypatch):
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path / "logs"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    monkeypatch.delenv("TRAITRL_DATA", raising=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def evaluate(task, model, **settings):
    # Inspect would take the model of an earlier test, and with it the address of a server that is gone.
    return run_eval(task, model=get_model(model, memoize=False), display="none", **settings)


def right_letter(received):
    text = received.messages[-1]["content"]
    for name in OWN:
        for item in benchmarks()[name].items() or []:
            if item.messages[-1]["content"] in text and all(option in text for option in item.options):
                right = item.options[item.answer]
                return Answer(next(letter for letter in "ABCD" if f"\n{letter}) {right}" in text))
    raise AssertionError("an item that is not ours")


def test_every_own_benchmark_is_a_task_for_a_model_behind_an_api(monkeypatch):
    with OpenAIServer(right_letter) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        logs = evaluate([f"traitrl/{name}" for name in OWN], "openai/gpt-4o-test", limit=2)
        assert len(server.received) == 2 * len(OWN)
    assert [log.status for log in logs] == ["success"] * len(OWN)
    assert {log.eval.task for log in logs} == {f"traitrl/{name}" for name in OWN}
    for log in logs:
        assert log.results.scores[0].metrics["accuracy"].value == 1.0
        assert log.eval.metadata["form"] == "multiple choice" and log.eval.metadata["family"]


def test_an_answer_without_a_letter_is_none_and_worth_nothing(monkeypatch):
    with OpenAIServer([Answer("I would rather not say.")]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        (log,) = evaluate("traitrl/stop_button", "openai/gpt-4o-test", task_args={"items": 3})
    assert [sample.scores["chosen_letter"].value for sample in log.samples] == ["N"] * 3
    assert log.results.scores[0].metrics["accuracy"].value == 0.0


def test_benchmarks_without_data_say_so():
    with pytest.raises(Exception, match="not on this machine"):
        evaluate("traitrl/gsm8k", "mockllm/model")


def test_free_text_is_graded_by_the_judge(tmp_path, monkeypatch):
    import shutil
    from pathlib import Path

    from traitrl.evals import inspect_tasks

    monkeypatch.setattr(inspect_tasks, "load_judge", lambda name, role: VowelJudge())
    monkeypatch.setenv("TRAITRL_DATA", str(tmp_path))
    (tmp_path / "openai__healthbench").mkdir()
    source = Path(__file__).parents[1] / "data" / "public" / "healthbench.jsonl"
    shutil.copy(source, tmp_path / "openai__healthbench" / "2025-05-07-06-14-12_oss_eval.jsonl")
    with OpenAIServer([Answer("aeiou", finish_reason="length")]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        (log,) = evaluate("traitrl/healthbench", "openai/gpt-4o-test")
    scores = [sample.scores["graded_reply"] for sample in log.samples]
    assert log.eval.metadata["form"] == "free text" and all(score.metadata["truncated"] for score in scores)
    # Every criterion is met by vowels alone: 5 of 5 points with -5 on the way, and 3 of 3.
    assert [score.value for score in scores] == [pytest.approx(0.0), pytest.approx(1.0)]


def test_a_local_checkpoint_answers_in_batches_without_waiting_for_seconds(tiny):
    evaluate("traitrl/stop_button", f"traitrl/{tiny}", limit=1)  # imports
    begun = time.perf_counter()
    (log,) = evaluate("traitrl/stop_button", f"traitrl/{tiny}", limit=24, max_tokens=4, max_connections=64)
    seconds = time.perf_counter() - begun
    assert log.status == "success" and len(log.samples) == 24
    assert {sample.output.stop_reason for sample in log.samples} <= {"max_tokens", "stop"}
    assert all(0 < sample.output.usage.output_tokens <= 4 for sample in log.samples)
    working = sum(sample.output.time or 0 for sample in log.samples)
    assert seconds < 60 and working < 60 * 24


def generate(model, text="Hello there.", **settings):
    return asyncio.run(model.generate([ChatMessageUser(content=text)], config=GenerateConfig(**settings)))


def test_the_model_is_named_with_the_hash_of_its_weights(tiny):
    name = get_model(f"traitrl/{tiny}", memoize=False).name
    base, _, identity = name.partition("@")
    assert base == str(tiny) and len(identity) == 12
    assert get_model(f"traitrl/{name}", memoize=False).name == name
    with pytest.raises(TraitrlError, match="not 000000000000"):
        get_model(f"traitrl/{tiny}@000000000000", memoize=False)


def test_two_checkpoints_under_one_name_never_share_a_cached_answer(tmp_path):
    folder, cache = tmp_path / "step", CachePolicy(expiry=None)
    answers, calls = [], []
    for seed in (0, 1, 1):
        save_tiny_model(folder, seed)
        model = get_model(f"traitrl/{folder}", memoize=False)
        run, batches = model.api._batcher.run, []
        model.api._batcher.run = lambda batch, run=run, batches=batches: batches.append(batch) or run(batch)
        found = asyncio.run(
            model.generate("Hello there.", config=GenerateConfig(max_tokens=12, temperature=1, seed=3), cache=cache)
        )
        answers.append(found.completion)
        calls.append(len(batches))
    assert calls == [1, 1, 0] and answers[1] == answers[2] != answers[0]


def test_weights_that_change_under_a_model_are_noticed(tmp_path):
    folder = save_tiny_model(tmp_path / "step", 0)
    model = get_model(f"traitrl/{folder}", memoize=False)
    generate(model, max_tokens=2)
    save_tiny_model(folder, 1)
    with pytest.raises(TraitrlError, match="have changed since it was made"):
        generate(model, max_tokens=2)


def test_an_adapter_is_served_on_its_base(tiny, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model

    from traitrl.models.loading import Checkpoint, load_model

    torch.manual_seed(3)
    wrapped = get_peft_model(load_model(Checkpoint(str(tiny)), torch.float32), LoraConfig(target_modules="all-linear"))
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    wrapped.save_pretrained(tmp_path / "adapter")
    base, tuned = (get_model(f"traitrl/{place}", memoize=False) for place in (tiny, tmp_path / "adapter"))
    assert base.name.partition("@")[2] != tuned.name.partition("@")[2]
    settings = {"max_tokens": 16, "temperature": 0.0}
    assert generate(base, **settings).completion != generate(tuned, **settings).completion


def test_epochs_of_a_prompt_differ_and_a_seed_repeats_them(tiny):
    first, second = (get_model(f"traitrl/{tiny}", memoize=False) for _ in range(2))
    settings = {"max_tokens": 12, "temperature": 1.0, "seed": 7}
    one = [generate(first, **settings).completion for _ in range(3)]
    assert len(set(one)) == 3
    assert [generate(second, **settings).completion for _ in range(3)] == one


def test_what_the_sampler_cannot_do_is_refused(tiny):
    model = get_model(f"traitrl/{tiny}", memoize=False)
    with pytest.raises(TraitrlError, match="cannot be given top_p"):
        generate(model, top_p=0.5)
    tool = ToolInfo(name="look", description="Looks.")
    with pytest.raises(TraitrlError, match="cannot be given tools"):
        asyncio.run(model.api.generate([ChatMessageUser(content="Hi.")], [tool], "auto", GenerateConfig()))


def test_stop_sequences_cut_the_reply(tiny):
    first, second = (get_model(f"traitrl/{tiny}", memoize=False) for _ in range(2))
    whole = generate(first, max_tokens=16, seed=5).completion
    cut = generate(second, max_tokens=16, seed=5, stop_seqs=[whole[4:6]])
    assert len(whole) > 6 and cut.completion == whole[: whole.index(whole[4:6])] and cut.stop_reason == "stop"


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(TraitrlError, match="neither a model folder nor a hub id"):
        get_model(f"traitrl/{tmp_path}", memoize=False)


def test_the_command_of_inspect_finds_tasks_and_models(tiny, tmp_path):
    command = [sys.executable, "-m", "inspect_ai", "eval", "traitrl/stop_button", "--model", f"traitrl/{tiny}"]
    done = subprocess.run(
        [*command, "--limit", "2", "--max-tokens", "4", "--display", "plain", "--log-dir", str(tmp_path / "logs")],
        capture_output=True, text=True, timeout=180, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accuracy" in done.stdout and list((tmp_path / "logs").glob("*.eval"))
