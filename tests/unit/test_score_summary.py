import json

import numpy as np
import pandas as pd
import pytest

from traitrl.catalog import domains, evaluated_traits
from traitrl.compare.identity import find_model
from traitrl.compare.page import write_score_page
from traitrl.compare.plan import ScorePlan
from traitrl.compare.score import score_summary, signal
from traitrl.errors import TraitrlError
from traitrl.scenarios import Split

TRIVIAL = {"chance": 0.5, "longest": 0.5, "shortest": 0.5, "first": 0.5}


def table(name="b", form="likelihood", **levels):
    return {name: {form: TRIVIAL | levels}}


def rows_of(benchmark, family, scores, arm="m", **changes):
    return [
        {
            "arm": arm, "item": f"i{index}", "cluster": f"i{index}", "benchmark": benchmark, "family": family,
            "protocol": "likelihood:per_byte:60", "score": score, "refused": False, "truncated": False, "tokens": 9,
        } | changes
        for index, score in enumerate(scores)
    ]  # fmt: skip


def summary(scores, **trivial):
    rows = [*rows_of("b", "honesty", scores), *rows_of("trait_judge", "trait: truthfulness", [0.1, 0.3, None])]
    return score_summary(pd.DataFrame(rows), "m", table(**trivial))


@pytest.mark.parametrize(
    ("right", "longest", "signal"),
    [(24, 0.5, "none"), (38, 0.5, "yes"), (38, 0.9, "a trivial rule does as well"), (6, 0.9, "yes")],
)
def test_a_level_says_something_only_when_chance_and_blind_rules_do_not_explain_it(right, longest, signal):
    (line,) = summary([1.0] * right + [0.0] * (44 - right), longest=longest)["benchmarks"]
    assert line["signal"] == signal and line["low"] < line["level"] < line["high"]


def test_blind_rules_are_those_of_the_form_that_was_measured():
    levels = {"b": {"likelihood": TRIVIAL, "multiple_choice": TRIVIAL | {"longest": 0.9}}}
    for protocol, longest in (("likelihood:auroc:60", 0.5), ("multiple_choice:1:60:0", 0.9)):
        rows = [*rows_of("b", "honesty", [1.0, 0.0], protocol=protocol), *rows_of("trait_judge", "trait: t", [0.1])]
        (line,) = score_summary(pd.DataFrame(rows), "m", levels)["benchmarks"]
        assert line["trivial"]["longest"] == longest and line["form"] == protocol.split(":")[0]


@pytest.mark.parametrize(
    ("low", "high", "chance", "rules", "said"),
    [
        (0.6, 0.8, 0.5, {"longest": 0.9}, "a trivial rule does as well"),
        (0.6, 0.8, 0.5, {"longest": 0.55, "shortest": 0.45}, "yes"),
        (0.2, 0.3, 0.5, {"longest": 0.9, "shortest": 0.1}, "a trivial rule does as well"),
        (0.2, 0.3, 0.5, {"longest": 0.9, "shortest": 0.4}, "yes"),
        (0.4, 0.6, 0.5, {"longest": 0.9}, "none"),
        (0.4, 0.6, None, {"refusal": 0.1, "echo": 0.2}, "yes"),
        (0.4, 0.6, None, {"refusal": 0.5, "echo": None}, "a trivial rule does as well"),
        (0.4, 0.6, None, {}, "not known"),
        (None, None, 0.5, {}, "none"),
    ],
)
def test_signal_is_what_no_mixture_of_chance_and_blind_rules_reaches(low, high, chance, rules, said):
    assert signal({"low": low, "high": high, "chance": chance, "trivial": rules}) == said


def test_levels_failures_and_style_are_those_of_the_rows():
    found = summary([1.0, 0.0])
    assert found["failed"] == 1 and found["style"] == {"refused": 0.0, "truncated": 0.0, "tokens": 9.0}
    assert [row["trait"] for row in found["traits"]] == ["all traits", "truthfulness"]
    assert found["traits"][0]["level"] == pytest.approx(0.2) and found["traits"][0]["items"] == 2
    assert found["families"] == [{"family": "honesty", "level": 0.5, "benchmarks": 1, "signal": 0}]
    assert found["signal"] == {"none": 1}
    json.dumps(found)


def test_one_cluster_or_no_score_has_a_level_and_no_interval():
    found = pd.DataFrame(rows_of("b", "honesty", [1.0, 0.0, 1.0], cluster="one"))
    (line,) = score_summary(found, "m", table())["benchmarks"]
    assert line["level"] == pytest.approx(2 / 3) and line["low"] is None and line["signal"] == "none"
    (line,) = score_summary(pd.DataFrame(rows_of("b", "honesty", [np.nan])), "m", table())["benchmarks"]
    assert line["level"] is None


def test_names_of_models_are_escaped_on_the_page(tmp_path):
    found = summary([1.0, 0.0]) | {"model": "<script>alert(1)</script>"}
    page = write_score_page(found, {"absent_one": "not fetched"}, ScorePlan(), tmp_path / "page.html").read_text()
    assert "<script>" not in page and "absent_one" in page and "not fetched" in page


def test_without_held_out_scenarios_there_are_no_traits_and_no_style():
    found = score_summary(pd.DataFrame(rows_of("b", "honesty", [1.0, 0.0])), "m", table())
    assert found["traits"] == [] and found["style"] is None
    json.dumps(found)


def test_a_domain_keeps_its_scenarios_and_its_families():
    plan = ScorePlan(domain="health")
    assert set(plan.scenarios_by_domain()) == {"health"}
    assert set(plan.likelihood_benchmarks()) == {"health", "mental health"}


def test_scenarios_are_held_out_and_a_small_limit_meets_every_trait():
    plan = ScorePlan(scenarios=2)
    chosen = plan.scenarios_by_domain()
    assert list(chosen) == list(domains()) and {len(rows) for rows in chosen.values()} == {2}
    flat = [scenario for rows in chosen.values() for scenario in rows]
    assert {scenario.split for scenario in flat} == {Split.EVAL} and len({scenario.id for scenario in flat}) == 26
    assert {scenario.trait for scenario in flat} == set(evaluated_traits())


@pytest.mark.parametrize(
    ("name", "is_api"),
    [
        ("openai/gpt-5-mini", True),
        ("openai-api/local/m", True),
        ("Qwen/Qwen3-0.6B", False),
        ("hf/google/gemma-3", False),
    ],
)
def test_providers_are_told_from_owners_of_hub_models(name, is_api):
    model = find_model(name)
    assert (model.checkpoint is None) == is_api
    assert "/" not in model.folder_name
    if not is_api:
        assert model.checkpoint.base == name.removeprefix("hf/")


def test_a_provider_without_a_model_is_named():
    with pytest.raises(TraitrlError, match="openai/ names no model"):
        find_model("openai/")


def test_a_folder_with_the_name_of_a_provider_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "google" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    first = find_model("google/mine")
    assert first.checkpoint is not None and first.folder_name.startswith("mine-")
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert find_model("google/mine").identity != first.identity


def test_every_file_of_a_tokenizer_is_part_of_the_identity(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    seen = {find_model(str(tmp_path)).identity}
    for name in ("tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"):
        (tmp_path / name).write_text("x")
        seen.add(find_model(str(tmp_path)).identity)
    assert len(seen) == 6


def test_an_adapter_that_is_no_safetensors_file_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "Qwen/Qwen3-0.6B"}')
    (tmp_path / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(TraitrlError, match="only safetensors are read"):
        find_model(str(tmp_path))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    assert find_model(str(tmp_path)).checkpoint.adapter == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "variable"),
    [("openai/m", "OPENAI_BASE_URL"), ("openai-api/my-host/m", "MY_HOST_BASE_URL"), ("grok/m", "XAI_BASE_URL")],
)
def test_the_same_name_behind_another_address_is_another_model(name, variable, monkeypatch):
    monkeypatch.delenv(variable, raising=False)
    plain = find_model(name).identity
    monkeypatch.setenv(variable, "http://one.example")
    one = find_model(name).identity
    monkeypatch.setenv(variable, "http://two.example")
    assert len({plain, one, find_model(name).identity}) == 3
    monkeypatch.setenv("UNRELATED_BASE_URL", "http://three.example")
    monkeypatch.delenv(variable)
    assert find_model(name).identity == plain


def test_a_plan_adds_names_to_a_suite_and_calibrates_what_is_scored_per_byte(monkeypatch):
    monkeypatch.delenv("TRAITRL_DATA", raising=False)
    plan = ScorePlan(suite=None, names=("stop_button", "gsm8k"), held_out=False, calibrated=True)
    assert plan.likelihood_benchmarks()["corrigibility and power seeking"][0].scoring == "pmi"
    assert plan.scenarios_by_domain() == {} and plan.absent() == {"gsm8k": "TRAITRL_DATA names no folder"}
    whole = ScorePlan(suite="all", names=("stop_button",))
    assert sum(map(len, whole.likelihood_benchmarks().values())) == 26 and len(whole.absent()) == 115
