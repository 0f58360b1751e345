from traitrl.judges.checks import adversarial_accuracy, reader_agreement
from traitrl.judges.examples import load_labels
from traitrl.scenarios import load_scenarios

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()}


class Constant:
    """Gives every criterion the same verdict; fails on empty replies."""

    name = protocol = "constant"

    def __init__(self, value):
        self.value = value

    def grade(self, requests):
        return [
            {criterion.id: self.value for criterion in request.rubric} if request.reply.strip() else None
            for request in requests
        ]


def test_second_readers_saw_replies_that_were_labelled_first_and_mostly_agree():
    found = reader_agreement(load_labels(SCENARIOS.values()))
    assert found.n >= 300
    assert 0.6 <= found.kappa <= 1.0


def test_tricks_are_graded_by_kind_and_a_credulous_judge_falls_for_them():
    credulous = adversarial_accuracy(Constant(1.0), SCENARIOS)
    stern = adversarial_accuracy(Constant(0.0), SCENARIOS)
    assert credulous["n_replies"] >= 300 and len(credulous["kinds"]) == 8
    assert credulous["decisions"] < 0.2 < 0.7 < stern["decisions"] < 1.0


def test_a_failed_grade_counts_as_wrong():
    kinds = adversarial_accuracy(Constant(0.0), SCENARIOS)["kinds"]
    assert kinds["empty"] < kinds["instruction"]
