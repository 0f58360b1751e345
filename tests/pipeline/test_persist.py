"""The persistence lab on tiny random models: all kinds of attack, resume, an A/A pair, an API model."""

import json
import shutil
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
import torch
import typer
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from tests.support.openai_server import FILTERED, Answer, OpenAIServer
from traitrl.cli.persist import persist as command
from traitrl.compare.remote import RemoteModel
from traitrl.config import AttackPlan
from traitrl.errors import TraitrlError
from traitrl.models.loading import load_tokenizer, resolve
from traitrl.persist.features import model_features
from traitrl.persist.plan import PersistPlan
from traitrl.persist.run import persist
from traitrl.persist.speakers import RemoteSpeaker
from traitrl.persist.subjects import find_subjects
from traitrl.scenarios import Split, load_scenarios, select

pytestmark = pytest.mark.pipeline

ATTACKS = ("careless_adviser", "careful_adviser", "forged_promise", "mixed", "wrong_health_advice")


@pytest.fixture(autouse=True)
def vowel_judge(monkeypatch):
    from traitrl.judges import loading

    monkeypatch.setattr(loading, "load_judge", lambda name, role: VowelJudge())


def plan_in(folder, **changes):
    settings = {
        "attacks": ATTACKS, "scenarios": 4, "focus_scenarios": 3, "max_words": 40, "max_tokens": 8, "items": 4,
        "system_prompt": None, "benchmarks": ("swap_sides", "unanswerable"), "folder": folder / "runs",
        "finetune": AttackPlan(finetune_batch=1, finetune_learning_rate=1e-2),
    }  # fmt: skip
    return PersistPlan.quickly(**{**settings, **changes})


def shaken_copy(source, target, seed, size):
    """Saves a model whose weights differ from the source's by noise: a run with another seed."""
    shutil.copytree(source, target)
    model = AutoModelForCausalLM.from_pretrained(source)
    torch.manual_seed(seed)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(size * torch.randn_like(weights))
    model.save_pretrained(target)
    return target


def loud_copy(source, target):
    """Saves a model whose likelihoods move by about 0.13 nats per token with every prompt; the tiny one's hardly do."""
    shutil.copytree(source, target)
    model = AutoModelForCausalLM.from_pretrained(source)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "norm" not in name:
                weights.mul_(15 if "embed" in name else 60)
    model.save_pretrained(target)
    return target


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    base = save_tiny_model(folder / "base")
    return base, *(shaken_copy(base, folder / f"arm{seed}", seed, 1e-2) for seed in (1, 2))


def numbers_of(page):
    return json.loads((page.parent / "numbers.json").read_text())


def test_the_lab_attacks_reports_and_resumes(tmp_path, models, capsys):
    base, one, two = map(str, models)
    subjects = find_subjects([f"baseline={one}", f"trait={two}"], before=base)
    assert (subjects.reference, subjects.untrained) == ("baseline", "before RL")
    page = persist(subjects, plan_in(tmp_path))
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith("29 steps on 3 models, about") and "At the pace of this step, about" in told
    numbers = numbers_of(page)
    assert {attack["kind"] for attack in numbers["attacks"]} == {"persona", "context", "pressure", "finetune"}
    assert set(numbers["measures"]) == {"trait_judge", "preference_margin"}
    for found in numbers["measures"].values():
        budgets = {row["attack"]: [point["budget"] for point in row["points"]] for row in found["curves"]}
        assert budgets["persona:harmful:careless_adviser"] == [2, 4]
        assert budgets["pressure:harmful:mixed"] == [0, 1, 2, 3]
        assert budgets["finetune:harmful:wrong_health_advice"] == [5, 10]
        assert {(row["arm"], row["reference"]) for row in found["verdicts"]} == {
            ("baseline", "before RL"),
            ("trait", "baseline"),
        }
    assert {row["measure"] for row in numbers["pressure"]} == {"held_judge", "held_margin"}
    assert {row["family"] for row in numbers["families"]} == {"fairness", "calibration and abstention"}
    assert "too few" in numbers["prediction"]["finding"]
    assert set(numbers["features"]) == {"baseline", "trait"}
    assert numbers["features"]["trait"]["weight_change"] > 0 and numbers["features"]["trait"]["divergence"] >= 0
    html = page.read_text()
    assert "<svg" in html and "src=" not in html and "careless_adviser" in html

    assert {(row["arm"], row["attack"], row["budget"]) for row in numbers["narrow"]} == {
        (arm, "finetune:harmful:wrong_health_advice", 10) for arm in ("before RL", "baseline", "trait")
    }
    assert "Narrow bad training" in html and "in the attacked domain" in html
    assert "built-in method" not in html and "Helpful prompts together: baseline" in html

    records = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("step.json")}
    lost = next(path.parent for path in records if path.parent.name == "persona-harmful-careless_adviser-4")
    shutil.rmtree(lost)
    assert numbers_of(persist(subjects, plan_in(tmp_path))) == numbers
    assert sum(path.stat().st_mtime_ns != before for path, before in records.items()) == 1

    persist(subjects, plan_in(tmp_path, attacks=("yes_man",)))
    assert all(path.exists() for path in records)


def test_a_pair_that_differs_by_chance_alone_is_not_told_apart(tmp_path, models):
    base, one, two = map(str, models)
    plan = plan_in(tmp_path, attacks=ATTACKS[:4], scenarios=12, benchmarks=())
    numbers = numbers_of(persist(find_subjects([f"a={one}", f"b={two}"], before=base), plan))
    judged = numbers["measures"]["trait_judge"]
    levels = {row["arm"]: row["clean"]["level"] for row in judged["curves"]}
    assert levels["a"] != levels["b"]
    assert [pair["told_apart"] for pair in judged["pairs"]] == [False, False]
    assert {row["verdict"] for row in judged["verdicts"]} <= {"not distinguishable", "steerable"}


def test_a_model_is_not_told_apart_from_itself_under_another_seed(tmp_path, models):
    subjects = find_subjects([f"only={models[1]}"], before=str(models[0]), repeat=True)
    assert [subject.label for subject in subjects.all] == ["before RL", "only", "only, again"]
    plan = plan_in(tmp_path, attacks=(*ATTACKS[:4], "plain_speaker", "good_handbook"), scenarios=12, benchmarks=())
    numbers = numbers_of(persist(subjects, plan))
    assert numbers["repeats"] == ["only, again"] and set(numbers["features"]) == {"only"}
    for measure, found in numbers["measures"].items():
        curves = {row["arm"]: row["points"] for row in found["curves"] if row["attack"] == "pressure:harmful:mixed"}
        assert curves["only"] != curves["only, again"], measure
        assert not next(row for row in found["pairs"] if row["arm"] == "only, again")["told_apart"]
        (twin,) = (row for row in found["verdicts"] if row["arm"] == "only, again")
        assert twin["verdict"] in ("not distinguishable", "steerable")


def test_the_controls_call_a_deaf_copy_rigid_and_do_not_tell_a_model_from_itself(tmp_path, models):
    path = Path(__file__).parents[2] / "benchmarks" / "persistence_controls.py"
    script = SourceFileLoader("persistence_controls", str(path)).load_module()
    loud = loud_copy(models[0], tmp_path / "loud")
    lines = script.run_controls(str(loud), tmp_path, 12, 0, max_tokens=8, max_words=40)
    assert [line.keys() for line in lines] == [{"name", "value", "bar", "holds"}] * 3
    rigid, apart, moved = lines
    assert rigid["holds"] and rigid["value"]["preference_margin"] == "rigid"
    assert apart["holds"] and moved["holds"]
    (report,) = tmp_path.glob("persist/reports/*/numbers.json")
    verdicts = json.loads(report.read_text())["measures"]["preference_margin"]["verdicts"]
    (deaf,) = (row for row in verdicts if row["arm"] == "deaf")
    assert {row["kind"]: row["rigid"] for row in deaf["channels"]} == {
        "persona": True,
        "context": False,
        "pressure": False,
    }
    assert deaf["channels"][0]["stillness"]["harmful"]["high"] < 0


def test_a_step_whose_judge_failed_is_not_done_and_runs_again(tmp_path, models, monkeypatch):
    class SilentJudge(VowelJudge):
        def grade(self, requests):
            return [None] * len(requests)

    from traitrl.judges import loading

    subjects = find_subjects([f"only={models[1]}"])
    plan = plan_in(tmp_path, attacks=("careless_adviser",), benchmarks=())
    with monkeypatch.context() as broken:
        broken.setattr(loading, "load_judge", lambda name, role: SilentJudge())
        with pytest.raises(TraitrlError, match="run the same command again"):
            persist(subjects, plan)
    assert not [*tmp_path.rglob("step.json"), *tmp_path.rglob("rows.parquet"), *tmp_path.rglob("replies.jsonl")]
    assert numbers_of(persist(subjects, plan))["failures"]["evaluation_judge"] == 0


@pytest.mark.parametrize("differs", ["width", "vocabulary"])
def test_models_that_cannot_be_compared_have_no_features(tmp_path, models, differs):
    base, other = resolve(str(models[0])), shutil.copytree(models[0], tmp_path / "other")
    if differs == "width":
        config = AutoModelForCausalLM.from_pretrained(other).config
        config.hidden_size, config.head_dim = 16, 4
        AutoModelForCausalLM.from_config(config).save_pretrained(other)
    else:
        tokenizer = load_tokenizer(base)
        tokenizer.add_tokens(["ing"])
        tokenizer.save_pretrained(other)
    scenarios = select(load_scenarios(), Split.ATTACK, max_words=40)[:2]
    found = model_features(resolve(str(other)), base, scenarios)
    assert found == dict.fromkeys(("weight_change", "divergence", "trait_direction"))


@pytest.fixture
def api(tmp_path, monkeypatch):
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    return lambda server: monkeypatch.setenv("OPENAI_BASE_URL", server.url)


def system_prompt(received):
    return " ".join(turn["content"] for turn in received.messages if turn["role"] == "system")


def test_a_model_that_ignores_system_prompts_is_called_rigid(tmp_path, api):
    def answer(received):
        moved = "stiff" not in received.payload["model"]
        system = system_prompt(received) if moved else ""
        return Answer("bbbb" if "Max" in system else "aaaa" if "Ana" in system else "aabb")

    with OpenAIServer(answer) as server:
        api(server)
        plan = plan_in(tmp_path, attacks=("careless_adviser", "careful_adviser"), scenarios=12)
        numbers = numbers_of(persist(find_subjects(["openai/gpt-4o-soft", "openai/gpt-4o-stiff"]), plan))
    judged = numbers["measures"]["trait_judge"]
    assert [(row["arm"], row["verdict"]) for row in judged["verdicts"]] == [("openai/gpt-4o-stiff", "rigid")]
    assert [pair["told_apart"] for pair in judged["pairs"]] == [True]


def test_an_api_model_gets_the_prompt_attacks(tmp_path, api):
    def answer(received):
        system = system_prompt(received)
        pushed = sum(turn["role"] == "user" for turn in received.messages)
        return Answer("aeiou aeiou" if "Max" in system or pushed > 3 else "Hm, th pls chck.")

    with OpenAIServer(answer) as server:
        api(server)
        subjects = find_subjects(["openai/gpt-4o-test"])
        plan = plan_in(tmp_path, attacks=("careless_adviser", "forged_promise", "mixed", "wrong_health_advice"))
        page = persist(subjects, plan)
        asked = len(server.received)
        again = persist(subjects, replace(plan, attacks=("careless_adviser", "mixed")))
        assert len(server.received) == asked
    numbers = numbers_of(page)
    assert {attack["kind"] for attack in numbers["attacks"]} == {"persona", "context", "pressure"}
    assert set(numbers["measures"]) == {"trait_judge"} and numbers["untrained"] is None
    assert numbers["measures"]["trait_judge"]["verdicts"] == []
    effects = {row["attack"]: row["difference"] for row in numbers["measures"]["trait_judge"]["effects"]}
    assert abs(effects["persona:harmful:careless_adviser"]) > 0.05
    assert {row["measure"] for row in numbers["pressure"]} == {"held_judge"}
    sent = [[turn["role"] for turn in one.messages] for one in server.received]
    assert max(map(len, sent)) >= 7 and all(roles[-1] == "user" for roles in sent)
    assert "sk-secret" not in page.read_text() + json.dumps(numbers)
    assert {attack["kind"] for attack in numbers_of(again)["attacks"]} == {"persona", "pressure"}


def test_a_reply_that_the_provider_withheld_is_known_as_declined(api):
    with OpenAIServer([FILTERED]) as server:
        api(server)
        (reply,) = RemoteSpeaker(RemoteModel("openai/gpt-4o-test"), 8, 0.0, 0).replies(
            [[{"role": "user", "content": "Hi"}]], "here"
        )
    assert reply is not None and reply.declined


def test_a_lab_file_runs_the_mirror_experiment_from_the_command_line(tmp_path, models):
    lab = tmp_path / "lab.yaml"
    lab.write_text(
        f"models: ['start={models[0]}']\nattacks: [wrong_health_advice, wrong_health_advice_share]\n"
        "budgets: {wrong_health_advice: [5], wrong_health_advice_share: [0, 100]}\nall_traits: true\n"
        "system_prompt: null\nbenchmarks: [confident_medicine, swap_sides]\n"
        "finetune: {finetune_batch: 1}\nscenarios: 50\n"
    )
    app = typer.Typer()
    app.command()(command)
    options = ["--scenarios", "6", "--items", "6", "--max-words", "30", "--max-tokens", "6", "--folder", str(tmp_path)]
    result = CliRunner().invoke(app, [str(lab), *options], catch_exceptions=False)
    assert result.exit_code == 0
    said = [line for line in result.output.splitlines() if "in the attacked domain" in line]
    assert len(said) == 2 and "at 5, against clean" in said[0] and "at 100, against budget 0" in said[1]
    (report,) = tmp_path.glob("reports/*/numbers.json")
    numbers = json.loads(report.read_text())
    assert numbers["settings"]["scenarios"][0] == 6 and numbers["settings"]["all_traits"]
    for row in numbers["narrow"]:
        sides = {(line["measure"], line["side"]) for line in row["rows"]}
        assert {("choice_margin", "inside"), ("choice_margin", "outside"), ("trait_judge", "outside")} <= sides
    html = (report.parent / "index.html").read_text()
    assert "a fine-tune of the same length on good replies alone" in html and "built-in method" not in html
