"""`traitrl evals run`: a suite on one model, with benchmarks on options, on sampled replies, and tasks of others."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from tests.support.openai_server import Answer, OpenAIServer
from traitrl.compare.generated_measure import measure_generated
from traitrl.compare.plan import ScorePlan
from traitrl.compare.run import find_models, score_models
from traitrl.errors import TraitrlError
from traitrl.evals.registry import Benchmark, DataFile
from traitrl.evals.rows import read_rows
from traitrl.experiment.measure import Condition

pytestmark = pytest.mark.pipeline

PUBLIC = Path(__file__).parents[1] / "data" / "public"
API = "openai/gpt-4o-test"
GRADED = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import model_graded_qa

@task
def graded():
    samples = [Sample(input="Why?", target="So."), Sample(input="How?", target="Thus.")]
    return Task(dataset=samples, scorer=model_graded_qa())
"""


@pytest.fixture(autouse=True)
def _isolated(tmp_path, monkeypatch):
    from traitrl.judges import loading

    monkeypatch.setattr(loading, "load_judge", lambda name, role: VowelJudge())
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    monkeypatch.delenv("TRAITRL_DATA", raising=False)


@pytest.fixture
def tiny(tmp_path):
    return str(save_tiny_model(tmp_path / "tiny"))


@pytest.fixture
def run(tmp_path):
    from traitrl.cli.evals import app

    whole = typer.Typer()
    whole.add_typer(app, name="evals")
    settings = ("--items", "8", "--max-tokens", "6", "--folder", str(tmp_path / "scores"))
    return lambda *arguments: CliRunner().invoke(whole, ["evals", "run", *arguments, *settings])


@pytest.fixture
def health_bench(tmp_path, monkeypatch):
    """HealthBench in its published format: two conversations that we wrote."""
    monkeypatch.setenv("TRAITRL_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "openai__healthbench"
    folder.mkdir(parents=True)
    shutil.copy(PUBLIC / "healthbench.jsonl", folder / "2025-05-07-06-14-12_oss_eval.jsonl")


def test_named_benchmarks_are_measured_shown_and_not_measured_again(run, tiny, tmp_path, health_bench):
    names = ("--task", "stop_button", "--task", "healthbench", "--task", "mask")
    shown = run("--model", tiny, *names)
    assert shown.exit_code == 0, shown.output
    assert "benchmarks-corrigibility-and-power-seeking-" in shown.stdout and "generated-health-" in shown.stdout
    text = " ".join(shown.stdout.split())
    assert "benchmarks carry signal for this model" in text and "never at hand" in text and "mask" in text
    assert "refusal" in text and "echo" in text and "longest" in text

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "scores").rglob("step.json")}
    found = json.loads(run("--model", tiny, *names, "--json").stdout)
    assert {path: path.stat().st_mtime_ns for path in before} == before and len(before) == 3
    choice, sampled = sorted(found["benchmarks"], key=lambda row: row["form"], reverse=True)
    assert (choice["name"], choice["form"], choice["chance"]) == ("stop_button", "likelihood", 0.5)
    assert (sampled["name"], sampled["form"], sampled["items"]) == ("healthbench", "generated", 2)
    assert set(sampled["trivial"]) == {"refusal", "echo"} and 0 < sampled["tokens"] <= 6
    assert list(found["absent"]) == ["mask"] and found["traits"] == []
    page = Path(found["page"]).read_text()
    assert "evaluation of" in page and "never at hand" in page and "<svg" in page and "src=" not in page


def test_a_family_that_is_done_is_kept_when_a_later_one_breaks(run, tiny, tmp_path, health_bench, monkeypatch):
    from traitrl.judges import loading

    class Broken(VowelJudge):
        def grade(self, requests):
            return [None for _ in requests]

    names = ("--task", "stop_button", "--task", "healthbench")
    monkeypatch.setattr(loading, "load_judge", lambda name, role: Broken())
    stopped = run("--model", tiny, *names)
    assert isinstance(stopped.exception, TraitrlError) and "failed on 2 of 2 replies" in str(stopped.exception)
    kept = [path.parent.name.rpartition("-")[0] for path in (tmp_path / "scores").rglob("step.json")]
    assert kept == ["benchmarks-corrigibility-and-power-seeking"]
    monkeypatch.setattr(loading, "load_judge", lambda name, role: VowelJudge())
    again = run("--model", tiny, *names)
    assert again.exit_code == 0 and "benchmarks-corrigibility" not in again.stdout


def test_an_interruption_says_how_to_go_on(run, tiny, monkeypatch):
    from traitrl.compare import run as compare_run

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare_run.StepStore, "execute", stop)
    stopped = run("--model", tiny, "--task", "stop_button")
    assert stopped.exit_code == 130 and "run the same command again to resume" in stopped.output


def test_pmi_is_another_measurement_of_the_same_items(run, tiny):
    plain = json.loads(run("--model", tiny, "--task", "stop_button", "--json").stdout)["benchmarks"]
    pmi = json.loads(run("--model", tiny, "--task", "stop_button", "--calibrated", "--json").stdout)["benchmarks"]
    assert plain[0]["protocol"] == "per_byte:8" and pmi[0]["protocol"] == "pmi:8"
    assert plain[0]["items"] == pmi[0]["items"] == 8


def test_nothing_to_measure_is_said(run, tiny):
    stopped = run("--model", tiny, "--task", "healthbench")
    assert isinstance(stopped.exception, TraitrlError) and "nothing to measure" in str(stopped.exception)


def test_an_api_model_gets_the_same_benchmarks(health_bench, tmp_path, monkeypatch):
    def answer(received):
        letters = "Answer with its letter" in received.messages[-1]["content"]
        return Answer("A") if letters else Answer("aaa" * 9, finish_reason="length")

    plan = ScorePlan(None, ("stop_button", "healthbench"), held_out=False, items=8, folder=tmp_path / "scores")
    with OpenAIServer(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        rows = score_models(find_models([API]), plan).set_index("benchmark")
        assert len(server.received) == 8 + 2
    assert rows.loc["stop_button", "protocol"].str.startswith("multiple_choice:").all()
    sampled = rows.loc["healthbench"]
    assert sampled["protocol"].str.startswith("generated:vowels:1:160:").all()
    assert sampled["truncated"].all() and (sampled["tokens"] == 20).all() and not sampled["refused"].any()


def test_code_grades_greedy_replies_and_every_reply_is_kept(tmp_path, monkeypatch):
    from traitrl.persist.speakers import Spoken

    monkeypatch.setenv("TRAITRL_DATA", str(tmp_path))
    rows = [{"question": f"{n} + {n}?", "answer": f"#### {2 * n}"} for n in range(1, 5)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fields = {"name": "sums", "family": "capability control", "source": "local", "scoring": "rule"}
    sums = Benchmark(adapter="gsm8k", files=(DataFile(path="sums.jsonl"),), **fields)
    temperatures = []

    class Adder:
        def replies(self, conversations, scope):
            numbers = [int(turns[-1]["content"].split()[0]) for turns in conversations]
            said = [Spoken(f"It is {2 * n}.", 5, False) for n in numbers]
            return [*said[:2], Spoken("I'm sorry, I can't help with that.", 9, False), None]

    def speaker(temperature):
        temperatures.append(temperature)
        return Adder()

    condition = Condition(ScorePlan(folder=tmp_path).experiment("m"), "m", "hash")
    (tmp_path / "step").mkdir()
    measure_generated(condition, speaker, [sums], 60, None, tmp_path / "step", lambda done, note: None)
    found = read_rows([tmp_path / "step" / "rows.parquet"])
    assert found["score"].tolist()[:3] == [1.0, 1.0, 0.0] and found["score"].isna().tolist()[3]
    assert found["refused"].tolist() == [False, False, True, False] and temperatures == [0.0]
    assert found["protocol"].unique().tolist() == ["generated:code:160:60"]
    lines = [json.loads(line) for line in (tmp_path / "step" / "replies.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "benchmark": "sums", "item": "0", "reply": "It is 2.", "score": 1.0, "refused": False, "truncated": False,
        "tokens": 5,
    }  # fmt: skip


def test_a_task_of_inspect_stands_in_the_same_table(run, tiny, tmp_path):
    found = json.loads(run("--model", tiny, "--task", "inspect:traitrl/stop_button", "--json").stdout)
    (line,) = found["benchmarks"]
    assert (line["name"], line["form"], line["items"]) == ("inspect:traitrl/stop_button", "inspect", 8)
    assert line["family"] == "tasks of other packages" and line["signal"] == "not known"
    assert 0 <= line["level"] <= 1 and line["tokens"] > 0
    assert list((tmp_path / "scores").rglob("*.eval"))


@pytest.fixture
def graded_task(tmp_path, monkeypatch):
    """A task that asks for the role `grader`, in a file of its own."""
    monkeypatch.chdir(tmp_path)
    Path("graded.py").write_text(GRADED)
    return "inspect:./graded.py"


def test_without_a_grader_a_task_that_asks_for_one_stops_and_names_the_remedy(run, tiny, graded_task):
    stopped = run("--model", tiny, "--task", graded_task)
    assert isinstance(stopped.exception, TraitrlError) and "asks for a grader" in str(stopped.exception)
    assert "--judge PROVIDER/NAME" in stopped.exception.remedy


def test_the_grader_grades_and_stands_in_protocol_and_inputs(tiny, tmp_path, graded_task, monkeypatch):
    plan = ScorePlan(None, (), (graded_task,), held_out=False, items=2, max_tokens=4, folder=tmp_path / "scores")
    models = find_models([tiny])
    with OpenAIServer([Answer("GRADE: C")]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        one, other = (score_models(models, replace(plan, judge=f"openai/{name}")) for name in ("gpt-4o-a", "gpt-4o-b"))
        assert {received.payload["model"] for received in server.received} == {"gpt-4o-a", "gpt-4o-b"}
    assert one["score"].eq(1).all() and other["score"].eq(1).all()
    (first,), (second,) = one["protocol"].unique(), other["protocol"].unique()
    assert "openai/gpt-4o-a@" in first and "openai/gpt-4o-b@" in second
    assert len(list((tmp_path / "scores").rglob("step.json"))) == 2


def test_an_unknown_task_of_inspect_is_named(run, tiny):
    stopped = run("--model", tiny, "--task", "inspect:traitrl/nonsense")
    assert isinstance(stopped.exception, TraitrlError)
    assert "could not run the task traitrl/nonsense" in str(stopped.exception)


@pytest.fixture
def yaml_task(tmp_path, monkeypatch):
    pytest.importorskip("lm_eval")
    source = Path(__file__).parents[2] / "benchmarks" / "lm_eval_tasks"
    (tmp_path / "mine").mkdir()
    text = (source / "facts.yaml").read_text().replace("facts.jsonl", str(tmp_path / "mine" / "facts.jsonl"))
    (tmp_path / "mine" / "facts.yaml").write_text(text)
    shutil.copy(source / "facts.jsonl", tmp_path / "mine")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    return f"lm_eval:{tmp_path / 'mine' / 'facts.yaml'}"


def test_a_task_of_lm_eval_stands_in_the_same_table(run, tiny, tmp_path, yaml_task):
    found = json.loads(run("--model", tiny, "--task", yaml_task, "--task", "stop_button", "--json").stdout)
    (line,) = [row for row in found["benchmarks"] if row["form"] == "lm_eval"]
    assert line["items"] == 8 and 0 <= line["level"] <= 1
    (scores,) = (tmp_path / "scores").rglob("scores.jsonl")
    rows = [json.loads(row) for row in scores.read_text().splitlines()]
    assert {row["score"] for row in rows} <= {0.0, 1.0} and rows[0]["item"] == "traitrl_facts-0"


def test_a_task_of_lm_eval_needs_likelihoods(run, yaml_task, monkeypatch):
    with OpenAIServer([Answer("A")]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        stopped = run("--model", API, "--task", yaml_task)
    assert isinstance(stopped.exception, TraitrlError) and "needs likelihoods" in str(stopped.exception)


def test_an_unknown_task_of_lm_eval_is_named(run, tiny):
    pytest.importorskip("lm_eval")
    stopped = run("--model", tiny, "--task", "lm_eval:nonsense_of_ours")
    assert isinstance(stopped.exception, TraitrlError) and "knows no task nonsense_of_ours" in str(stopped.exception)
