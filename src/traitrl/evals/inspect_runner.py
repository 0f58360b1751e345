"""Runs a task of Inspect AI on one model, by Inspect's own runner, and reads the scores of its samples."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.errors import TraitrlError
from traitrl.evals.external import Budget, ExternalScore, Subject
from traitrl.judges.language_model import plain_error

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import Model

_CONNECTIONS = 64
_MOST_FAILURES = 0.1
_CUT = ("max_tokens", "model_length")


def run_inspect_task(name: str, subject: Subject, budget: Budget, folder: Path) -> list[ExternalScore]:
    """Runs a task.

    Args:
        name: `PACKAGE/NAME`, or the name of a task of inspect-evals.
        subject: The model; a local one is served by our own provider.
        budget: At most so many samples, and the grader of tasks that ask for one.
        folder: Inspect's logs go to `folder/logs`.

    Returns:
        One score per sample and epoch, from the task's first scorer.

    Raises:
        TraitrlError: When there is no such task, it did not finish, or it asks for a grader that the budget lacks.
    """
    task = name if "/" in name else f"inspect_evals/{name}"
    log = _finished(task, subject, budget, str(folder / "logs"))
    scores = [_score(sample, _first_scorer(log)) for sample in log.samples or []]
    if not any(score.score is not None for score in scores):
        raise TraitrlError(f"The task {task} scored no sample as a number.", f"Its log is in {folder / 'logs'}.")
    return scores


def _finished(task: str, subject: Subject, budget: Budget, logs: str) -> "EvalLog":
    from inspect_ai import eval as run_eval
    from inspect_ai.model import get_model

    from traitrl.models.inspect_provider import MissingGrader

    try:
        # Where the role is not filled, Inspect takes the model under test.
        grader = get_model(budget.grader or "traitrl_missing/grader", memoize=False)
        (log,) = run_eval(
            task,
            model=_model(subject),
            model_roles={"grader": grader},
            limit=budget.items,
            seed=None if subject.local is None else budget.seed,
            fail_on_error=_MOST_FAILURES,
            max_connections=_CONNECTIONS,
            display="none",
            log_dir=logs,
        )
    except TraitrlError:
        raise
    except Exception as problem:
        # Not chained: a provider's error, or the frames behind it, may hold the key.
        raise TraitrlError(
            f"Inspect AI could not run the task {task}: {plain_error(problem, None)}",
            "Check the task's name and what it needs (packages, data, keys) on its own pages.",
        ) from None
    if isinstance(grader.api, MissingGrader) and grader.api.asked:
        raise TraitrlError(
            f"The task {task} asks for a grader, and an offline judge cannot be one.",
            "Give an API model with --judge PROVIDER/NAME: without it the model under test would grade itself.",
        )
    if log.status != "success":
        cause = (log.error.message if log.error else log.status).strip().splitlines()[-1]
        raise TraitrlError(f"The task {task} did not finish ({cause}).", f"Its log is in {logs}.")
    return log


def _model(subject: Subject) -> "Model":
    from inspect_ai.model import get_model

    model = get_model(subject.name, memoize=False)
    if subject.local is not None:
        from traitrl.models.inspect_provider import LocalModel

        assert isinstance(model.api, LocalModel)
        model.api.adopt(*subject.local())
    return model


def _first_scorer(log: "EvalLog") -> str | None:
    return log.results.scores[0].scorer if log.results and log.results.scores else None


def _score(sample: "EvalSample", scorer: str | None) -> ExternalScore:
    scores = sample.scores or {}
    found = scores.get(scorer or "") or next(iter(scores.values()), None)
    return ExternalScore(
        item=str(sample.id),
        cluster=str(sample.metadata.get("group", sample.id)),
        sample=sample.epoch - 1,
        score=None if found is None else _number(found.value),
        truncated=sample.output.stop_reason in _CUT,
        tokens=sample.output.usage.output_tokens if sample.output.usage else 0,
        reply=sample.output.completion,
    )


def _number(value: Any) -> float | None:
    """Returns a score's value as a number: of several values the first, None where it says nothing."""
    from inspect_ai.scorer import value_to_float

    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return None
    number = value_to_float()(value)
    return None if math.isnan(number) else number
