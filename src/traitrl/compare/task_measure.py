"""Measures a model on a task of another package."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from traitrl.compare.identity import ScoredModel, api_identity
from traitrl.compare.plan import ScorePlan
from traitrl.evals.external import FAMILY, Budget, ExternalTask, Subject
from traitrl.evals.rows import write_rows
from traitrl.experiment.measure import Condition
from traitrl.jsonl import write_rows as write_lines
from traitrl.judges.refusal import is_refusal


def measure_task(
    condition: Condition,
    model: ScoredModel,
    local: Callable[[], tuple[Any, Any]],
    task: ExternalTask,
    plan: ScorePlan,
    folder: Path,
) -> None:
    """Runs a task by its own runner; writes `rows.parquet` and `scores.jsonl`.

    Args:
        condition: Whose rows these are.
        model: What to measure.
        local: Loads weights and tokenizer of a model that is not behind an API.
        task: What to run.
        plan: Items, seed and judge.
        folder: Where the files go, with the runner's own logs.
    """
    api = model.checkpoint is None
    subject = Subject(model.name if api else f"traitrl/{model.name.removeprefix('hf/')}", None if api else local)
    grader = task.grader(plan.judge)
    scores = task.scores(subject, Budget(plan.items, plan.seed, grader), folder)
    protocol = f"{task.kind}:{task.version}:{plan.items}:{plan.seed}:{api_identity(grader) if grader else 'no grader'}"
    rows = [
        condition.row(
            benchmark=task.label,
            family=FAMILY,
            item=score.item,
            cluster=score.cluster,
            sample=score.sample,
            score=score.score,
            refused=is_refusal(score.reply),
            truncated=score.truncated,
            tokens=score.tokens,
            protocol=protocol,
        )
        for score in scores
    ]
    write_lines([asdict(score) for score in scores], folder / "scores.jsonl")
    write_rows(rows, folder / "rows.parquet")
