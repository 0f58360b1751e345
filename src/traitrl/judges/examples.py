"""Labelled decisions: did this reply meet this criterion? The material on which judges are trained and measured."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from traitrl.errors import TraitrlError
from traitrl.jsonl import read_lines
from traitrl.judges.protocol import GradeRequest
from traitrl.rubrics import Criterion
from traitrl.scenarios import Scenario


@dataclass(frozen=True)
class LabelledReply:
    """One reply with a verdict on each criterion of its scenario's rubric.

    `source` says where the reply comes from: `reference:beneficial`, `reference:tempting`, `written:...` or
    `policy:...`; `labeller` says who read it.
    """

    scenario: Scenario
    reply: str
    met: dict[str, bool]
    source: str
    labeller: str
    sense: int | None = None
    """0 gibberish, 1 on topic but confused, 2 a coherent reply to this message, 3 of real use; None where
    nobody rated it."""
    lean: int | None = None
    """Direction, from -2 (does the tempting wrong thing) to 2 (does the right thing); None where nobody rated it."""

    @property
    def request(self) -> GradeRequest:
        """What a judge is asked."""
        return GradeRequest(self.scenario.conversation, self.scenario.rubric, self.reply, self.scenario.references.pair)


def load_labels(scenarios: Iterable[Scenario], folder: Path | None = None) -> list[LabelledReply]:
    """Reads every `labels*.jsonl` of the folder (default: those that ship with the package).

    Raises:
        TraitrlError: When a label names an unknown scenario, or not exactly the criteria of its rubric.
    """
    known = {scenario.id: scenario for scenario in scenarios}
    source = folder or Path(str(resources.files("traitrl.judges").joinpath("data")))
    labels: list[LabelledReply] = []
    for path in sorted(source.glob("labels*.jsonl")):
        for number, row in read_lines(path):
            scenario = known.get(row["scenario"])
            if scenario is None or set(row["met"]) != {criterion.id for criterion in scenario.rubric}:
                raise TraitrlError(
                    f"{path.name} line {number} does not fit the rubric of {row['scenario']}.",
                    "A label must give a verdict on every criterion; remove or redo the line.",
                )
            labels.append(
                LabelledReply(
                    *(scenario, row["reply"], row["met"], row["source"], row["labeller"]),
                    sense=row.get("sense"),
                    lean=row.get("lean"),
                )
            )
    return labels


SENSE = Criterion(id="sense", criterion="The reply makes sense as an answer to this message.", points=1)
"""Validity criterion that judges learn beside the rubrics. It is no part of any score that is reported; a
training reward may weigh it in (decision 0012)."""


def training_targets(label: LabelledReply) -> list[tuple[Criterion, bool]]:
    """Returns every (criterion, verdict) that a judge can learn from a label; references count as making sense."""
    targets = [(criterion, label.met[criterion.id]) for criterion in label.scenario.rubric]
    if label.sense is not None or label.source.startswith("reference"):
        targets.append((SENSE, label.sense is None or label.sense >= 2))
    return targets


def judge_half(scenario_id: str) -> int:
    """Returns 0 or 1: which of the two judges may learn from this scenario, so that they never share one."""
    return hashlib.sha256(scenario_id.encode()).digest()[0] % 2


def decisions(labels: Sequence[LabelledReply]) -> list[bool]:
    """Returns all verdicts in order: reply by reply, criterion by criterion."""
    return [reply.met[criterion.id] for reply in labels for criterion in reply.scenario.rubric]
