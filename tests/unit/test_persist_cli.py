import json
import subprocess
import sys

import pytest

from traitrl.persist.subjects import read_run

CALL = """
import sys, typer
from traitrl.cli.persist import persist
from traitrl.errors import TraitrlError
app = typer.Typer(add_completion=False)
app.command("persist")(persist)
try:
    app({arguments!r}, standalone_mode=False)
except TraitrlError as problem:
    sys.exit(f"traitrl: {{problem}}")
finally:
    heavy = [name for name in ("torch", "transformers", "pandas", "scipy") if name in sys.modules]
    print("HEAVY", heavy, file=sys.stderr)
"""


def persist(*arguments):
    code = CALL.format(arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_help_has_an_example_and_imports_nothing_heavy():
    result = persist("--help")
    assert "Example: traitrl persist" in " ".join(result.stdout.split()) and "HEAVY []" in result.stderr


def test_attacks_are_listed_for_people_and_machines_without_a_model():
    rows = [json.loads(line) for line in persist("--list", "--json").stdout.splitlines()]
    lines = persist("--list").stdout.splitlines()
    assert len(rows) == len(lines) > 40
    assert {row["kind"] for row in rows} == {"persona", "context", "pressure", "finetune"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "bundled", "--attack", "bribery"], "There is no attack bribery."),
        (["--model", "./nowhere/at/all"], "is neither a model folder nor a hub id"),
        (["--run", "./nowhere"], "holds no run"),
        (["./nowhere.yaml"], "cannot be read"),
        (["--model", "./nowhere/at/all", "--max-words", "5"], "No held-out scenario is left"),
    ],
)
def test_a_wrong_name_is_told_before_anything_runs(arguments, sentence):
    result = persist(*arguments)
    assert result.returncode == 1 and sentence in result.stderr


def test_a_run_folder_names_arms_and_settings_and_guards_the_reward_judge(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "name: mine\nmodel: ./base\narms: [{name: baseline}, {name: trait, trait_share: 0.5}]\n"
        "judges: {training: 'offline:decoder', evaluation: 'offline:feature'}\n"
    )
    assert "The arm baseline" in persist("--run", str(tmp_path)).stderr
    for arm in ("baseline", "trait"):
        folder = tmp_path / "steps" / f"train-{arm}" / "adapter"
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text("{}")
    found = read_run(tmp_path)
    assert [name.split("=")[0] for name in found.models] == ["baseline", "trait"] and found.before == "./base"
    assert found.settings["judge"] == "offline:feature" and "max_words" not in found.settings
    result = persist("--run", str(tmp_path), "--judge", "offline:decoder")
    assert result.returncode == 1 and "offline:decoder gave the reward" in result.stderr
