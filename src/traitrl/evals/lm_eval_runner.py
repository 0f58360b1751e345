"""Runs a task of lm-eval on a local model, by lm-eval's own runner, and reads the scores of its documents."""

import io
import logging
from collections.abc import Mapping
from contextlib import redirect_stderr
from importlib import import_module
from pathlib import Path
from typing import Any

from traitrl.errors import TraitrlError
from traitrl.evals.external import Budget, ExternalScore, Subject

_BATCH = 16


def run_lm_eval_task(name: str, subject: Subject, budget: Budget) -> list[ExternalScore]:
    """Runs a task or a group of tasks.

    Args:
        name: A task or group that lm-eval knows, or the path of a task's YAML file.
        subject: A local model.
        budget: At most so many documents of each task.

    Returns:
        One score per document, by the first metric of its task of which more is better.

    Raises:
        TraitrlError: When the model is behind an API, the task is unknown, or it has no such metric per document.
    """
    if subject.local is None:
        raise TraitrlError(
            f"lm_eval:{name} needs likelihoods, which {subject.name} does not give.",
            "Score a local checkpoint, or leave the task out.",
        )
    # An optional package with incomplete types.
    harness: Any = import_module("lm_eval")
    hugging_face: Any = import_module("lm_eval.models.huggingface").HFLM
    task_manager: Any = import_module("lm_eval.tasks").TaskManager
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    file = Path(name)
    is_file = file.suffix in (".yaml", ".yml")
    manager = task_manager(include_path=str(file.parent) if is_file else None, include_defaults=not is_file)
    task = _task_of(file) if is_file else name
    if task not in manager.all_tasks:
        raise TraitrlError(f"lm-eval knows no task {task}.", "`lm-eval ls tasks` names them.")
    model, tokenizer = subject.local()
    try:
        # Its many small progress bars would tear ours.
        with redirect_stderr(io.StringIO()):
            found: Any = harness.simple_evaluate(
                model=hugging_face(pretrained=model, tokenizer=tokenizer, batch_size=_BATCH, device=str(model.device)),
                tasks=[task],
                limit=budget.items,
                bootstrap_iters=0,
                task_manager=manager,
                random_seed=budget.seed,
                fewshot_random_seed=budget.seed,
            )
    except Exception as problem:
        raise TraitrlError(
            f"lm-eval could not run the task {task} ({' '.join(str(problem).split())[:200]}).",
            "Check what the task needs (data sets, packages, network) on its own pages.",
        ) from problem
    scores = [
        _score(part, sample, _metric(part, sample, found["higher_is_better"].get(part, {})))
        for part, samples in found["samples"].items()
        for sample in _first_filter(samples)
    ]
    if not scores:
        raise TraitrlError(f"lm_eval:{name} has no documents.", "Choose another task.")
    return scores


def _task_of(file: Path) -> str:
    import yaml

    # lm-eval's files may hold tags of its own; only the name is needed here.
    for line in file.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "task":
            return str(yaml.safe_load(value))
    raise TraitrlError(f"{file} names no task.", "Add a line `task: NAME`.")


def _first_filter(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns each document once; lm-eval lists it once for every filter of its answers."""
    first = samples[0].get("filter") if samples else None
    return [sample for sample in samples if sample.get("filter") == first]


def _metric(task: str, sample: Mapping[str, Any], higher: Mapping[str, bool]) -> str:
    for metric, better in higher.items():
        if better and isinstance(sample.get(metric), int | float):
            return metric
    raise TraitrlError(
        f"The task {task} has no metric per document of which more is better.", "Run it with lm-eval itself."
    )


def _score(task: str, sample: Mapping[str, Any], metric: str) -> ExternalScore:
    name = f"{task}-{sample['doc_id']}"
    return ExternalScore(item=name, cluster=name, sample=0, score=float(sample[metric]))
