"""Parity with lm-eval: the same log-likelihoods for three tasks in lm-eval's own format, in float32.

lm-eval runs the tasks of lm_eval_tasks/ with its own runner and its own way of turning text into tokens. Our engine
then scores the same contexts and continuations, turned into tokens by our own code, and every log-likelihood is
compared per token.

Run from the repository: python benchmarks/likelihood_parity.py [--model bundled]
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from side_by_side import options

TASKS = Path(__file__).parent / "lm_eval_tasks"
BAR = 1e-3
"""Nats per token."""


@dataclass(frozen=True)
class Scored:
    """What lm-eval found for one document: the context, and each continuation with its log-likelihood in nats."""

    task: str
    context: str
    continuations: list[str]
    log_likelihoods: list[float]


def tasks() -> list[dict[str, Any]]:
    """Returns the tasks, their data files named in full."""
    import yaml

    found: list[dict[str, Any]] = []
    for path in sorted(TASKS.glob("*.yaml")):
        task = yaml.safe_load(path.read_text(encoding="utf-8"))
        files = task["dataset_kwargs"]["data_files"]
        task["dataset_kwargs"]["data_files"] = {split: str(TASKS / name) for split, name in files.items()}
        found.append(task)
    return found


def scored_by_lm_eval(model: Any, tokenizer: Any, batch_size: int = 4) -> Iterator[Scored]:
    """Runs the tasks with lm-eval."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    # Without its thousands of own tasks, whose files take it a while to read.
    manager = TaskManager(include_defaults=False)
    peer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size, device=str(model.device))
    for task in tasks():
        found = lm_eval.simple_evaluate(model=peer, tasks=[task], bootstrap_iters=0, task_manager=manager)
        for document in found["samples"][task["task"]]:
            contexts, continuations = zip(*document["arguments"], strict=True)
            values = [answers[0][0] for answers in document["resps"]]
            yield Scored(task["task"], contexts[0], list(continuations), values)


def gaps(model: Any, tokenizer: Any) -> dict[str, list[float]]:
    """Returns, for every task, how far each log-likelihood of ours is from lm-eval's, in nats per token."""
    from traitrl.models.chat import reply_ids
    from traitrl.models.likelihood import Question, score_options

    documents = list(scored_by_lm_eval(model, tokenizer))
    questions = [
        Question(reply_ids(tokenizer, row.context), [reply_ids(tokenizer, text) for text in row.continuations])
        for row in documents
    ]
    found: dict[str, list[float]] = {}
    for row, question, ours in zip(documents, questions, score_options(model, questions), strict=True):
        for mine, theirs, ids in zip(ours, row.log_likelihoods, question.options, strict=True):
            found.setdefault(row.task, []).append(abs(mine - theirs) / len(ids))
    return found


def main(arguments: list[str] | None = None) -> int:
    import torch

    from traitrl.runtime import prepare_runtime

    prepare_runtime()
    chosen = options(__doc__, model="bundled").parse_args(arguments)
    from traitrl.models.loading import load_model, load_tokenizer, resolve

    checkpoint = resolve(chosen.model)
    found = gaps(load_model(checkpoint, torch.float32), load_tokenizer(checkpoint))
    for name, values in found.items():
        row = {"name": f"parity_{name}", "gap": max(values), "bar": BAR, "holds": max(values) <= BAR}
        print(json.dumps({**row, "log_likelihoods": len(values)}), flush=True)
    return 0 if all(max(values) <= BAR for values in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
