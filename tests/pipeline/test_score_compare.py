"""Scoring and comparing tiny local models, and a model behind a local server."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from tests.support.openai_server import Answer, OpenAIServer
from traitrl.compare.identity import find_model
from traitrl.compare.page import write_comparison_page
from traitrl.compare.plan import ScorePlan
from traitrl.compare.run import find_models, score_models
from traitrl.compare.steps import ModelScorer
from traitrl.compare.summary import compare_summary
from traitrl.errors import TraitrlError
from traitrl.evals.registry import benchmarks
from traitrl.experiment.steps import inputs_hash

pytestmark = pytest.mark.pipeline

API = "openai/gpt-4o-test"
KEY = "sk-secret-0123456789"
HEALTH = {"confident_medicine", "leaning_on_ai"}


@pytest.fixture(autouse=True)
def _isolated(tmp_path, monkeypatch):
    from traitrl.judges import loading

    monkeypatch.setattr(loading, "load_judge", lambda name, role: VowelJudge())
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("TRAITRL_DATA", raising=False)


@pytest.fixture
def plan(tmp_path):
    return ScorePlan(
        domain="health", items=8, scenarios=4, max_tokens=6, system_prompt=None, folder=tmp_path / "scores"
    )


@pytest.fixture
def pair(tmp_path):
    return [str(save_tiny_model(tmp_path / name, seed)) for name, seed in (("base", 0), ("tuned", 1))]


def measured(path):
    """Returns what a step measured: its folder's name without the hash of the settings."""
    return path.parent.name.rpartition("-")[0]


def done(plan):
    return {path: path.stat().st_mtime_ns for path in plan.folder.rglob("step.json")}


def test_two_local_models_are_scored_compared_and_resumed(plan, pair):
    models = find_models(pair)
    rows = score_models(models, plan)
    assert set(rows["arm"]) == set(pair)
    assert set(rows["benchmark"]) == {"trait_judge", "preference_margin", "preference_accuracy"} | HEALTH
    assert rows[rows["benchmark"] == "trait_judge"]["item"].str.contains(".health.", regex=False).all()

    before = done(plan)
    again = score_models(models, plan)
    assert done(plan) == before and len(before) == 2 * 3
    pd.testing.assert_frame_equal(rows, again)

    summary = compare_summary(rows, pair, plan)
    (found,) = summary["pairs"]
    assert {row["name"] for row in found["benchmarks"]} == HEALTH and found["unlike"] == []
    assert found["tally"]["benchmarks"] == 2 and summary["effective"] is None
    json.dumps(summary)
    page = write_comparison_page(summary, plan, plan.folder / "page.html").read_text()
    assert "confident_medicine" in page and "<svg" in page and "src=" not in page and "minus" in page


def test_a_lost_step_alone_is_measured_again_with_the_same_numbers(plan, pair):
    models = find_models(pair[:1])
    rows = score_models(models, plan)
    before = done(plan)
    (record,) = [path for path in before if measured(path) == "held-out-health"]
    record.unlink()
    pd.testing.assert_frame_equal(rows, score_models(models, plan))
    changed = [path for path, when in done(plan).items() if before[path] != when]
    assert changed == [record]


def test_other_settings_and_other_weights_are_measured_anew(plan, pair):
    base, tuned = find_models(pair)
    assert base.folder_name != tuned.folder_name
    score_models([base], plan)
    before = done(plan)
    score_models([base], replace(plan, max_tokens=5))
    after = done(plan)
    assert {path: after[path] for path in before} == before
    assert [measured(path) for path in after if path not in before] == ["held-out-health"]


def test_plans_that_share_a_folder_keep_each_others_measurements(plan, pair):
    (model,) = find_models(pair[:1])
    first = score_models([model], plan)
    before = done(plan)
    named = replace(plan, domain=None, held_out=False, suite=None, names=("leaning_on_ai", "are_you_sure"))
    for other in (named, replace(plan, seed=1)):
        score_models([model], other)
    pd.testing.assert_frame_equal(first, score_models([model], plan))
    after = done(plan)
    assert {path: after[path] for path in before} == before and len(after) == len(before) + 2


def test_a_model_is_let_go_before_the_next_one_is_loaded(plan, pair, monkeypatch):
    import gc
    import weakref

    from traitrl.models import loading

    alive, load = [], loading.load_model

    def counted(checkpoint):
        gc.collect()
        alive.append(sum(model() is not None for model in known))
        model = load(checkpoint)
        known.append(weakref.ref(model))
        return model

    known: list = []
    monkeypatch.setattr(loading, "load_model", counted)
    score_models(find_models(pair), plan)
    assert alive == [0, 0]


def test_another_declaration_of_a_benchmark_or_another_judge_protocol_makes_other_steps(plan, monkeypatch):
    from traitrl.evals import registry
    from traitrl.judges import loading

    def keys():
        steps = ModelScorer(find_model(API), judged, lambda *_: None).steps()
        return {step.id.rpartition("-")[0]: inputs_hash(step.inputs) for step in steps}

    judged = replace(plan, judge="openai/judge")
    before = keys()
    changed = {name: row.model_copy(update={"scoring": "auroc"}) for name, row in benchmarks().items()}
    monkeypatch.setattr(registry, "benchmarks", lambda: changed)
    after = keys()
    assert {name for name in before if before[name] != after[name]} == set(before) - {"held-out-health"}
    judge = VowelJudge()
    judge.protocol = "another"
    monkeypatch.setattr(loading, "load_judge", lambda name, role: judge)
    assert {name for name, key in keys().items() if after[name] != key} == {"held-out-health"}


def test_the_same_weights_under_two_names_are_refused(pair, tmp_path):
    twin = str(save_tiny_model(tmp_path / "twin", 0))
    with pytest.raises(TraitrlError, match="are the same model"):
        find_models([pair[0], twin])


def right_letter(received):
    """Answers every benchmark item rightly, by reading the options; anything else with a sentence."""
    text = received.messages[-1]["content"]
    if "Answer with its letter" not in text:
        return Answer("Ask your doctor about the dose.")
    for name in HEALTH:
        for item in benchmarks()[name].items() or []:
            if item.messages[-1]["content"] in text and all(option in text for option in item.options):
                right = item.options[item.answer]
                return Answer(next(letter for letter in "AB" if f"\n{letter}) {right}" in text))
    raise AssertionError("an item that is not ours")


def test_an_api_model_gets_the_held_out_traits_and_lettered_benchmarks(plan, monkeypatch):
    with OpenAIServer(right_letter) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        model = find_model(API)
        rows = score_models([model], replace(plan, system_prompt="Be brief."))
        asked = [received.messages for received in server.received]
    assert set(rows["benchmark"]) == {"trait_judge"} | HEALTH
    chosen = rows[rows["benchmark"].isin(HEALTH)]
    assert (chosen["score"] == 1.0).all() and chosen["protocol"].str.startswith("multiple_choice:").all()
    judged = rows[rows["benchmark"] == "trait_judge"]
    assert len(judged) == 4 and judged["score"].notna().all() and (judged["tokens"] == 20).all()
    sampled = [messages for messages in asked if messages[0]["role"] == "system"]
    assert len(asked) == 4 + 2 * 8 and len(sampled) == 4 and sampled[0][0]["content"] == "Be brief."
    written = "".join(path.read_text() for path in plan.folder.rglob("*.json*"))
    assert KEY not in written


def test_refusals_score_zero_over_all_items_and_leave_the_answered_comparison(plan, monkeypatch):
    refusing = {"count": 0}

    def answer(received):
        if "Answer with its letter" in received.messages[-1]["content"]:
            refusing["count"] += 1
            if refusing["count"] % 2:
                return Answer("I'm sorry, but I can't help with that.")
        return right_letter(received)

    with OpenAIServer(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        rows = score_models([find_model(API)], plan)
    chosen = rows[rows["benchmark"].isin(HEALTH)]
    assert chosen["refused"].sum() == 8
    assert chosen[chosen["refused"]]["score"].eq(0).all() and chosen[~chosen["refused"]]["score"].eq(1).all()


def test_blank_answers_are_failures_and_the_message_names_the_length_cap(plan, monkeypatch):
    with OpenAIServer(lambda received: Answer(" \n", finish_reason="length")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        with pytest.raises(TraitrlError, match=r"failed on 4 of 4 requests \(empty 4 times\)") as problem:
            score_models([find_model(API)], plan)
    assert f"--max-tokens above {plan.max_tokens}" in problem.value.remedy


def test_an_interrupted_api_run_pays_for_no_answer_twice(plan, monkeypatch):
    plan = replace(plan, scenarios=4)
    broken = {"on": True}

    def answer(received):
        letters = "Answer with its letter" in received.messages[-1]["content"]
        if letters and broken["on"] and len(server.received) > 10:
            return Answer(status=400, error=f"no such thing {KEY}")
        return right_letter(received)

    with OpenAIServer(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        model = find_model(API)
        with pytest.raises(TraitrlError, match=r"failed on \d+ of 8 requests \(") as problem:
            score_models([model], plan)
        assert KEY not in str(problem.value)
        first = len(server.received)
        answered = sum("Answer with its letter" in received.messages[-1]["content"] for received in server.received)
        broken["on"] = False
        rows = score_models([model], plan)
        second = len(server.received) - first
    assert rows["score"].notna().all() and len(rows) == 4 + 16
    assert second < 16 and answered > 0


def test_local_likelihoods_and_api_letters_are_never_compared(plan, pair, monkeypatch):
    with OpenAIServer(right_letter) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        models = find_models([pair[0], API])
        summary = compare_summary(score_models(models, plan), [model.name for model in models], plan)
    (found,) = summary["pairs"]
    assert set(found["unlike"]) == HEALTH and found["benchmarks"] == []
    assert found["traits"][0]["trait"] == "all traits: trait_judge"
    write_comparison_page(summary, plan, plan.folder / "page.html")


def test_a_domain_without_families_keeps_its_scenarios(plan, pair):
    plan = replace(plan, domain="art")
    rows = score_models(find_models(pair), plan)
    assert set(rows["benchmark"]) == {"trait_judge", "preference_margin", "preference_accuracy"}
    (found,) = compare_summary(rows, pair, plan)["pairs"]
    assert found["benchmarks"] == [] and found["tally"]["sign_test_p"] == 1.0


def test_five_models_get_the_effective_number_and_shared_structure(plan, tmp_path):
    plan = replace(plan, scenarios=1, items=44, max_tokens=2)
    names = [str(save_tiny_model(tmp_path / f"m{seed}", seed)) for seed in range(5)]
    summary = compare_summary(score_models(find_models(names), plan), names, plan)
    assert summary["effective"]["models"] == 5 and 1 <= summary["effective"]["votes"] <= 2
    assert summary["structure"]["plain"]["models"] == 5
    assert np.isfinite(summary["structure"]["plain"]["spearman"]).all()
    assert summary["pairs"][0]["sign_test_p_effective"] is not None
    assert "independent votes" in write_comparison_page(summary, plan, tmp_path / "page.html").read_text()


@pytest.fixture
def command():
    import typer

    from traitrl.cli import compare

    app = typer.Typer()
    app.command("score")(compare.score)
    app.command("compare")(compare.compare)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def settings(plan):
    return "--domain", "health", "--items", "8", "--scenarios", "2", "--max-tokens", "4", "--folder", str(plan.folder)


def test_score_prints_a_table_and_machine_readable_figures(command, plan, pair):
    shown = command("score", "--model", pair[0], *settings(plan))
    assert shown.exit_code == 0, shown.output
    assert "confident_medicine" in shown.stdout and "all traits" in shown.stdout and "Page: " in shown.stdout
    found = json.loads(command("score", "--model", pair[0], "--json", *settings(plan)).stdout)
    assert {row["name"] for row in found["benchmarks"]} == HEALTH
    line = found["benchmarks"][0]
    assert {"level", "low", "high", "chance", "trivial", "signal", "form"} <= line.keys()
    assert set(line["trivial"]) == {"longest", "shortest", "first"}
    assert Path(found["page"]).read_text().startswith("<!doctype html>")


def test_compare_prints_wins_and_losses_by_name(command, plan, pair):
    shown = command("compare", "--baseline", pair[0], "--model", pair[1], *settings(plan))
    assert shown.exit_code == 0, shown.output
    assert "won" in shown.stdout and "Over items that both models answered" in " ".join(shown.stdout.split())
    found = json.loads(command("compare", "--baseline", pair[0], "--model", pair[1], "--json", *settings(plan)).stdout)
    assert found["pairs"][0]["model"] == pair[1]


def test_an_unknown_domain_is_named(tmp_path):
    with pytest.raises(TraitrlError, match="There is no domain helth"):
        ScorePlan(domain="helth", folder=tmp_path)
