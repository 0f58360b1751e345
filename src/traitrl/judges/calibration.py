"""Measures a judge on gold labels of scenarios that it never saw, beside the trivial judges.

Unseen are EVAL scenarios and, for an offline judge, those in the other judge's half. The trivial scores are cut where
their kappa is best on the remaining labels, so they get the same chance as a trained judge.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from traitrl.errors import TraitrlError
from traitrl.judges.agreement import agreement, best_threshold
from traitrl.judges.checks import adversarial_accuracy, reader_agreement
from traitrl.judges.examples import LabelledReply, decisions, load_labels
from traitrl.judges.loading import OFFLINE, learns_from, load_judge
from traitrl.judges.trivial import trivial_probabilities
from traitrl.scenarios import Split, load_scenarios


def source_group(source: str) -> str:
    """Returns `reference`, `written` or `policy`: where a labelled reply comes from."""
    return source.split(":", 1)[0]


PER_SOURCE = 700
"""Replies graded of each source at most, spread evenly: beyond that the figures move less than their error."""


def calibrate(judge_name: str, per_source: int = PER_SOURCE) -> dict[str, Any]:
    """Grades gold labels of scenarios that the judge never saw.

    Args:
        judge_name: The judge.
        per_source: Replies of each source (references, written, policy) at most.

    Returns:
        `sources` (agreement per source and judge), `kappa` and `balanced_accuracy` over all sources,
        `best_trivial_kappa`,
        `criteria_per_second`, `n_labels`, `n_policy_labels`, `failures`, `per_trait`, `annotator_kappa` (between two
        readers of the same replies), `adversarial_accuracy` and, in detail, `adversarial`.

    Raises:
        TraitrlError: When the judge failed on all replies.
    """
    labels = load_labels(load_scenarios())
    gold = _spread([label for label in labels if _unseen(judge_name, label)], per_source)
    learnt = _spread([label for label in labels if not _unseen(judge_name, label)], per_source // 2)
    judge = load_judge(judge_name, "audit")
    begun = time.perf_counter()
    verdicts = judge.grade([label.request for label in gold])
    seconds = time.perf_counter() - begun
    kept = [(label, verdict) for label, verdict in zip(gold, verdicts, strict=True) if verdict is not None]
    if not kept:
        raise TraitrlError(
            f"The judge {judge_name} failed on all {len(gold)} replies: there is nothing to measure it by.",
            "Check its key, limits and network, and run the command again.",
        )
    graded = [label for label, _ in kept]
    scores = {judge_name: [verdict[c.id] for label, verdict in kept for c in label.scenario.rubric]}
    cuts = {judge_name: 0.5}
    train_truth, train_scores = decisions(learnt), trivial_probabilities(learnt)
    for name, values in trivial_probabilities(graded).items():
        scores[name] = values
        cuts[name] = 0.5 if name.startswith("always") else best_threshold(train_truth, train_scores[name])
    sources = {
        group: _table(graded, scores, cuts, group) for group in sorted({source_group(label.source) for label in graded})
    }
    overall = _table(graded, scores, cuts, None)
    tricks = adversarial_accuracy(judge, {scenario.id: scenario for scenario in load_scenarios()})
    return {
        "judge": judge_name,
        "protocol": judge.protocol,
        "kappa": overall[judge_name]["kappa"],
        "balanced_accuracy": overall[judge_name]["balanced_accuracy"],
        "best_trivial_kappa": max(row["kappa"] for name, row in overall.items() if name != judge_name),
        "sources": {"all": overall, **sources},
        "per_trait": _per_trait(graded, scores[judge_name]),
        "criteria_per_second": len(scores[judge_name]) / seconds,
        "n_labels": len(decisions(graded)),
        "n_policy_labels": len(decisions([label for label in graded if source_group(label.source) == "policy"])),
        "annotator_kappa": reader_agreement(labels).kappa,
        "adversarial_accuracy": tricks["decisions"],
        "adversarial": tricks,
        "failures": len(gold) - len(graded),
    }


def _spread(labels: Sequence[LabelledReply], per_source: int) -> list[LabelledReply]:
    groups: dict[str, list[LabelledReply]] = defaultdict(list)
    for label in labels:
        groups[source_group(label.source)].append(label)
    return [
        group[index * len(group) // min(per_source, len(group))]
        for group in groups.values()
        for index in range(min(per_source, len(group)))
    ]


def _unseen(judge_name: str, label: LabelledReply) -> bool:
    if label.scenario.split is Split.EVAL:
        return True
    return judge_name in OFFLINE and not learns_from(judge_name, label.scenario)


def _table(
    labels: Sequence[LabelledReply], scores: dict[str, list[float]], cuts: dict[str, float], group: str | None
) -> dict[str, dict[str, float]]:
    keep = [group is None or source_group(label.source) == group for label in labels for _ in label.scenario.rubric]
    truth = [value for value, use in zip(decisions(labels), keep, strict=True) if use]
    return {
        name: agreement(truth, [v for v, use in zip(values, keep, strict=True) if use], cuts[name]).as_row()
        for name, values in scores.items()
    }


def _per_trait(labels: Sequence[LabelledReply], scores: Sequence[float]) -> dict[str, dict[str, float]]:
    truth: dict[str, list[bool]] = defaultdict(list)
    values: dict[str, list[float]] = defaultdict(list)
    stream = iter(scores)
    for label in labels:
        for criterion in label.scenario.rubric:
            truth[label.scenario.trait].append(label.met[criterion.id])
            values[label.scenario.trait].append(next(stream))
    return {trait: agreement(truth[trait], values[trait]).as_row() for trait in truth}
