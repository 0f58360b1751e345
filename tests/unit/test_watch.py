import json

import pytest
from transformers import TrainerState

from traitrl.errors import GateError
from traitrl.training.watch import StopRules, Watch

FINE = {"reward": 0.4, "completions/clipped_ratio": 0.1, "frac_reward_zero_std": 0.2, "judge_failure_share": 0.0}


def run(watch, logs, steps, start=1):
    for step in range(start, start + steps):
        watch.on_log(None, TrainerState(global_step=step), None, logs=dict(logs))


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path / "metrics.jsonl", StopRules())


def test_a_healthy_run_is_not_stopped_and_every_step_is_written(watch):
    run(watch, FINE, 12)
    rows = [json.loads(line) for line in watch.path.read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert rows[0]["reward"] == 0.4


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("completions/clipped_ratio", 0.96, "96% of replies hit the length cap.*max_tokens"),
        ("frac_reward_zero_std", 1.0, "100% of groups have no spread.*group_size"),
        ("judge_failure_share", 0.3, "judge failed on 30%.*resume"),
    ],
)
def test_each_rule_stops_after_the_grace_steps_and_names_the_remedy(watch, key, value, words):
    run(watch, FINE | {key: value}, 4)
    with pytest.raises(GateError, match=words):
        run(watch, FINE | {key: value}, 1, start=5)


@pytest.mark.parametrize(
    ("key", "limit"),
    [("completions/clipped_ratio", 0.95), ("frac_reward_zero_std", 0.9), ("judge_failure_share", 0.2)],
)
def test_a_share_below_its_limit_does_not_stop(watch, key, limit):
    run(watch, FINE | {key: limit - 0.01}, 8)
    assert len(watch.recent) == 5


def test_only_the_last_steps_count(watch):
    run(watch, FINE | {"completions/clipped_ratio": 1.0}, 4)
    run(watch, FINE | {"completions/clipped_ratio": 0.5}, 1, start=5)
    run(watch, FINE, 6, start=6)
    assert watch._mean("completions/clipped_ratio") == pytest.approx(0.1, abs=1e-12)


def test_nothing_stops_before_the_grace_steps_are_over(tmp_path):
    watch = Watch(tmp_path / "m.jsonl", StopRules(window=2, grace=6))
    run(watch, FINE | {"judge_failure_share": 1.0}, 5)
    assert len(watch.path.read_text().splitlines()) == 5
    with pytest.raises(GateError, match="over the last 2 steps"):
        run(watch, FINE | {"judge_failure_share": 1.0}, 1, start=6)


def test_logs_without_reward_are_ignored(watch):
    run(watch, {"train_runtime": 3.0}, 8)
    watch.on_log(None, TrainerState(global_step=9), None, logs=None)
    assert not watch.path.exists() and len(watch.recent) == 0


def test_steps_without_trait_prompts_do_not_dilute_judge_failures(watch):
    without = {key: value for key, value in FINE.items() if key != "judge_failure_share"}
    run(watch, without, 4)
    with pytest.raises(GateError, match="100% of replies"):
        run(watch, FINE | {"judge_failure_share": 1.0}, 1, start=5)


def test_resuming_drops_steps_after_the_checkpoint(watch):
    run(watch, FINE, 7)
    watch.on_train_begin(None, TrainerState(global_step=4), None)
    assert [json.loads(line)["step"] for line in watch.path.read_text().splitlines()] == [1, 2, 3, 4]


def test_resuming_survives_a_line_cut_by_a_kill(watch):
    run(watch, FINE, 3)
    with watch.path.open("a") as sink:
        sink.write('{"step": 4, "rewa')
    watch.on_train_begin(None, TrainerState(global_step=2), None)
    assert [json.loads(line)["step"] for line in watch.path.read_text().splitlines()] == [1, 2]


def test_progress_is_called_with_each_row(tmp_path):
    seen = []
    run(Watch(tmp_path / "m.jsonl", StopRules(), seen.append), FINE, 2)
    assert [row["step"] for row in seen] == [1, 2]
