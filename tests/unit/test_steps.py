import json

import pytest

from traitrl.experiment.steps import Step, StepStore, inputs_hash


class Work:
    """Writes one line per run; fails while told to."""

    def __init__(self):
        self.runs = 0
        self.fail = False

    def __call__(self, folder):
        self.runs += 1
        with (folder / "out.txt").open("a") as sink:
            sink.write(f"run {self.runs}\n")
        if self.fail:
            raise RuntimeError("boom")


@pytest.fixture
def store(tmp_path):
    return StepStore(tmp_path / "steps")


@pytest.fixture
def work():
    return Work()


def run(store, step):
    if not store.is_done(step):
        store.execute(step)


def break_off(store, work, step):
    work.fail = True
    with pytest.raises(RuntimeError, match="boom"):
        run(store, step)
    work.fail = False


def test_a_finished_step_is_skipped(store, work):
    step = Step("a", "training", {"seed": 1}, work)
    run(store, step)
    run(store, Step("a", "training", {"seed": 1}, work))
    assert work.runs == 1 and store.is_done(step)


def test_changed_inputs_rerun_in_an_empty_folder(store, work):
    run(store, Step("a", "training", {"seed": 1}, work))
    changed = Step("a", "training", {"seed": 2}, work)
    assert not store.is_done(changed)
    run(store, changed)
    assert work.runs == 2
    assert (store.path("a") / "out.txt").read_text() == "run 2\n"


def test_finished_work_with_other_inputs_is_kept_and_comes_back_when_they_do(store, work, capsys):
    first, second = (Step("a", "training", {"seed": seed}, work) for seed in (1, 2))
    run(store, first)
    run(store, second)
    aside = store.folder / "replaced" / f"a-{inputs_hash(first.inputs)}"
    assert (aside / "out.txt").read_text() == "run 1\n"
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and str(aside) in said.err and said.out == ""
    assert store.records().keys() == {"a"}
    run(store, first)
    assert store.is_done(first) and work.runs == 2
    assert (store.path("a") / "out.txt").read_text() == "run 1\n" and not aside.exists()
    run(store, second)
    assert work.runs == 2 and (store.path("a") / "out.txt").read_text() == "run 2\n"


def test_half_done_work_is_resumed_after_other_inputs_had_their_turn(store, work):
    break_off(store, work, Step("a", "training", {"seed": 1}, work))
    run(store, Step("a", "training", {"seed": 2}, work))
    run(store, Step("a", "training", {"seed": 1}, work))
    assert (store.path("a") / "out.txt").read_text() == "run 1\nrun 3\n"


def test_a_failing_step_leaves_no_record_and_keeps_its_folder_to_resume_from(store, work):
    step = Step("a", "training", {"seed": 1}, work)
    break_off(store, work, step)
    assert not store.is_done(step) and store.records() == {}
    run(store, step)
    assert (store.path("a") / "out.txt").read_text() == "run 1\nrun 2\n"
    assert store.is_done(step)


def test_a_failed_step_with_other_inputs_starts_afresh(store, work):
    break_off(store, work, Step("a", "training", {"seed": 1}, work))
    run(store, Step("a", "training", {"seed": 2}, work))
    assert (store.path("a") / "out.txt").read_text() == "run 2\n"


def test_a_folder_of_unknown_origin_is_not_resumed_from(store, work):
    store.path("a").mkdir(parents=True)
    (store.path("a") / "out.txt").write_text("strange\n")
    run(store, Step("a", "training", {"seed": 1}, work))
    assert (store.path("a") / "out.txt").read_text() == "run 1\n"


def test_inputs_cut_by_a_kill_do_not_stop_the_next_run(store, work):
    store.path("a").mkdir(parents=True)
    (store.path("a") / "inputs.json").write_text("")
    run(store, Step("a", "training", {"seed": 1}, work))
    assert work.runs == 1


def test_the_record_says_stage_time_and_memory(store, work):
    run(store, Step("a", "training", {"seed": 1}, work))
    record = store.records()["a"]
    assert record["stage"] == "training" and record["inputs"] == inputs_hash({"seed": 1})
    assert record["seconds"] >= 0 and record["peak_memory_mb"] > 1
    assert json.loads((store.path("a") / "inputs.json").read_text())["inputs"] == {"seed": 1}


def test_the_hash_ignores_key_order_and_sees_every_value():
    assert inputs_hash({"a": 1, "b": {"c": 2}}) == inputs_hash({"b": {"c": 2}, "a": 1})
    assert inputs_hash({"a": 1}) != inputs_hash({"a": 2}) != inputs_hash({"b": 2})
    assert len(inputs_hash({})) == 16
