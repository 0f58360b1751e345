"""The whole experiment on the tiny model: report, numbers, resume, and a gate that stops."""

import json
import shutil

import pytest

from tests.pipeline.tiny import VowelJudge, save_tiny_model
from traitrl.config import Experiment
from traitrl.errors import GateError
from traitrl.experiment.runner import run_experiment

pytestmark = pytest.mark.pipeline


@pytest.fixture(autouse=True)
def vowel_judges(monkeypatch):
    from traitrl.judges import loading

    monkeypatch.setattr(loading, "load_judge", lambda name, role: VowelJudge())


def _experiment(tmp_path, **changes):
    model = tmp_path / "model"
    if not model.exists():
        save_tiny_model(model)
    settings = {
        "name": "tiny",
        "model": str(model),
        "runs_folder": str(tmp_path / "runs"),
        "gates": "report",
        "arms": [{"name": "baseline"}, {"name": "trait", "trait_share": 0.5, "max_words": 40}],
        "training": {
            "steps": 2, "prompts_per_step": 2, "group_size": 2, "max_tokens": 8, "learning_rate": 1e-2, "save_every": 1,
            "system_prompt": None,
        },
        "evaluation": {
            "held_out_scenarios": 6, "max_words": 50, "items_per_benchmark": 6,
            "benchmarks": ["swap_sides", "unanswerable"],
        },
        "attacks": {"finetune_steps": [1, 2], "finetune_batch": 2, "scenarios": 4},
    }  # fmt: skip
    return Experiment(**{**settings, **changes})


def test_a_run_reports_resumes_and_returns_at_once(tmp_path):
    report = run_experiment(_experiment(tmp_path))
    numbers = json.loads((report.parent / "numbers.json").read_text())
    assert {"difference", "low", "high"} <= numbers["install"]["evaluation_judge"].keys()
    assert {"difference", "low", "high"} <= numbers["install"]["preference_margin"].keys()
    assert [row["name"] for row in numbers["benchmarks"]] and "q" in numbers["benchmarks"][0]
    assert {row["arm"] for row in numbers["persistence"]} == {"before RL", "baseline", "trait"}
    attacks = {(row["attack"].split(":")[0], row["budget"]) for row in numbers["persistence"]}
    assert attacks == {("none", 0.0), ("persona", 1.0), ("finetune", 1.0), ("finetune", 2.0)}
    assert numbers["replaced_rows"] == {"changed": 2, "total": 4}
    assert all("tokens" in sentence for sentence in numbers["ledger_mismatches"])  # prompts differ in length
    assert numbers["seconds"].keys() >= {"training", "evaluation", "attacks", "report"}
    page = report.read_text()
    assert "higher than the paper" in page and "<svg" in page and "src=" not in page

    steps = tmp_path / "runs" / "tiny" / "steps"
    before = {path: path.stat().st_mtime_ns for path in steps.glob("*/step.json")}
    shutil.rmtree(steps / "held-out-trait")
    again = json.loads((run_experiment(_experiment(tmp_path)).parent / "numbers.json").read_text())
    stages = {row["kind"]: row for row in numbers["stages"]}
    assert {kind: row["steps"] for kind, row in stages.items()} == {
        "training": 2, "held-out traits": 3, "benchmarks": 3, "personas": 6, "harmful fine-tune": 3,
        "measuring the fine-tuned": 6,
    }  # fmt: skip
    assert all(row["seconds"] > 0 and row["peak_memory_mb"] > 1 for row in stages.values())
    assert "measuring the fine-tuned" in page
    for volatile in ("seconds", "peak_memory_mb", "stages"):
        again.pop(volatile), numbers.pop(volatile)
    assert again == numbers
    unchanged = {path for path in before if path.stat().st_mtime_ns == before[path]}
    assert len(unchanged) == len(before) - 1


def test_a_failed_gate_stops_before_the_attacks(tmp_path):
    with pytest.raises(GateError, match="Gate '"):
        run_experiment(_experiment(tmp_path, gates="stop"))
    folder = tmp_path / "runs" / "tiny"
    assert (folder / "report" / "index.html").exists()
    assert not list((folder / "steps").glob("persona*"))
