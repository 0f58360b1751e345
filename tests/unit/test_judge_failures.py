"""A judge that is down stops a measurement before anything is written: a finished step is never graded again."""

import pytest

from tests.pipeline.tiny import VowelJudge
from traitrl.compare.remote import RemoteReply
from traitrl.compare.remote_measure import measure_held_out_remotely
from traitrl.config import Arm, Experiment
from traitrl.errors import TraitrlError
from traitrl.evals.held_out import Reply
from traitrl.experiment import measure
from traitrl.scenarios import Split, load_scenarios, select

SCENARIOS = select(load_scenarios(), Split.EVAL)[:10]
CONDITION = measure.Condition(Experiment(name="x", arms=[Arm(name="b")], training={"system_prompt": None}), "b", "id")


class FailingJudge(VowelJudge):
    """Fails on the first replies of each call."""

    def __init__(self, failures):
        self.failures = failures

    def grade(self, requests):
        return [None] * self.failures + super().grade(requests)[self.failures :]


@pytest.fixture
def held_out(monkeypatch, tmp_path):
    replies = [Reply(scenario, 0, "a reply", 2, False) for scenario in SCENARIOS]
    monkeypatch.setattr(measure, "sample_scenarios", lambda *_: replies)
    monkeypatch.setattr(measure, "preference_margins", lambda *_: [0.0] * len(SCENARIOS))
    return lambda judge: measure.measure_held_out(CONDITION, None, None, SCENARIOS, judge, None, tmp_path)


def test_more_than_a_tenth_of_failures_stop_a_run_before_rows_are_written(held_out, tmp_path):
    with pytest.raises(TraitrlError, match="vowels failed on 2 of 10 replies"):
        held_out(FailingJudge(2))
    assert not list(tmp_path.iterdir())


def test_a_tenth_is_counted_as_missing(held_out, tmp_path):
    from traitrl.evals.rows import read_rows

    held_out(FailingJudge(1))
    rows = read_rows([tmp_path / "rows.parquet"])
    assert rows[rows["benchmark"] == "trait_judge"]["score"].isna().sum() == 1


def test_the_measurement_of_an_api_model_stops_too(tmp_path):
    class Model:
        def answers(self, conversations, *_):
            return [RemoteReply(text="a reply", tokens=2, truncated=False) for _ in conversations]

    with pytest.raises(TraitrlError, match="failed on 10 of 10 replies"):
        measure_held_out_remotely(CONDITION, Model(), SCENARIOS, FailingJudge(10), tmp_path)
    assert not list(tmp_path.iterdir())
