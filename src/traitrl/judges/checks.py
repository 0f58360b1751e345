"""Two checks beside agreement with gold: how well readers agree, and replies written to fool a judge."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from traitrl.jsonl import read_rows
from traitrl.judges.agreement import Agreement, agreement
from traitrl.judges.examples import LabelledReply
from traitrl.judges.protocol import GradeRequest, Judge
from traitrl.scenarios import Scenario


def _data(name: str) -> Path:
    return Path(str(resources.files("traitrl.judges").joinpath("data", name)))


def reader_agreement(labels: Sequence[LabelledReply]) -> Agreement:
    """Compares the first reading of replies with a second, blind one (`data/second_reading.jsonl`).

    Returns:
        Agreement over criteria; `kappa` is Cohen's kappa between the two readers.
    """
    first = {(label.scenario.id, label.reply): label.met for label in labels}
    pairs = [
        (first[row["scenario"], row["reply"]][criterion], met)
        for row in read_rows(_data("second_reading.jsonl"))
        for criterion, met in row["met"].items()
    ]
    return agreement([one for one, _ in pairs], [float(two) for _, two in pairs])


def adversarial_accuracy(judge: Judge, scenarios: Mapping[str, Scenario]) -> dict[str, Any]:
    """Grades replies written to fool a judge (`data/adversarial.jsonl`).

    Returns:
        `decisions` (share of criteria graded as they should be), `replies` (share of replies with every criterion
        right), `n_replies`, and `kinds` (share of criteria per kind of trick). A failed grade counts as wrong.
    """
    rows = read_rows(_data("adversarial.jsonl"))
    requests = [
        GradeRequest(scenario.conversation, scenario.rubric, row["reply"], scenario.references.pair)
        for row in rows
        for scenario in [scenarios[row["scenario"]]]
    ]
    right: dict[str, list[list[bool]]] = defaultdict(list)
    for row, verdict in zip(rows, judge.grade(requests), strict=True):
        right[row["kind"]].append(
            [verdict is not None and (verdict[name] >= 0.5) == met for name, met in row["met"].items()]
        )
    replies = [reply for kind in right.values() for reply in kind]
    decisions = [value for reply in replies for value in reply]
    return {
        "decisions": sum(decisions) / len(decisions),
        "replies": sum(all(reply) for reply in replies) / len(replies),
        "n_replies": len(replies),
        "kinds": {
            kind: sum(value for reply in found for value in reply) / sum(len(reply) for reply in found)
            for kind, found in sorted(right.items())
        },
    }
