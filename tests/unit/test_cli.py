import json
import subprocess
import sys
import time

import pytest

CALL = "import sys; sys.argv = ['traitrl', *{arguments!r}]; from traitrl.cli.main import main; main()"
IMPORTED = (
    "import atexit, sys; atexit.register(lambda: print('HEAVY', [name for name in "
    "('torch', 'transformers', 'trl', 'scipy', 'pandas', 'sklearn') if name in sys.modules], file=sys.stderr)); "
)


def traitrl(*arguments, before=""):
    code = before + CALL.format(arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_help_takes_under_three_seconds():
    seconds = []
    for _ in range(2):
        begun = time.perf_counter()
        assert traitrl("--help").returncode == 0
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 3.0


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["judge", "--help"], ["evals", "list", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    result = traitrl(*arguments, before=IMPORTED)
    assert result.returncode == 0 and "Usage" in result.stdout
    assert "HEAVY []" in result.stderr


def test_help_names_every_verb():
    text = traitrl("--help").stdout
    assert all(verb in text for verb in ("run", "scenarios", "judge", "evals", "tasks"))


def test_a_mendable_error_is_one_line_and_exit_code_1():
    result = traitrl("scenarios", "show", "truthfulness.health.999")
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("traitrl: There is no scenario truthfulness.health.999.")
    assert len(result.stderr.splitlines()) == 1


def test_scenarios_are_listed_as_json_lines_of_the_wanted_cell():
    result = traitrl("scenarios", "list", "--trait", "corrigibility", "--domain", "health", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows and {(row["trait"], row["domain"]) for row in rows} == {("corrigibility", "health")}


def test_benchmarks_are_listed_with_their_presence(monkeypatch):
    monkeypatch.delenv("TRAITRL_DATA", raising=False)
    rows = [json.loads(line) for line in traitrl("evals", "list", "--json").stdout.splitlines()]
    assert {row["present"] for row in rows if row["source"] == "package"} == {True}
    assert {row["present"] for row in rows if row["source"] == "local"} == {False}


def test_an_override_without_equals_sign_is_a_usage_error(tmp_path):
    result = traitrl("run", str(tmp_path / "x.yaml"), "training.steps")
    assert result.returncode == 2 and "key=value" in result.stderr


def test_an_unknown_command_is_a_usage_error():
    assert traitrl("dance").returncode == 2


def test_an_interrupted_run_says_how_to_resume():
    stop = "import traitrl.config as c\ndef stop(*_):\n    raise KeyboardInterrupt\nc.load_experiment = stop\n"
    result = traitrl("run", "x.yaml", before=stop)
    assert result.returncode == 130
    assert "run the same command again to resume" in result.stderr
