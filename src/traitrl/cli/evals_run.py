"""traitrl evals run."""

from pathlib import Path
from typing import Annotated

import typer

from traitrl.cli.compare import (
    MODEL_HELP,
    FolderOption,
    ItemsOption,
    JsonOption,
    JudgeOption,
    PageOption,
    SeedOption,
    Suite,
    TaskOption,
    TokensOption,
    score_one,
    split_tasks,
)


def run(
    model: Annotated[str, typer.Option(help=MODEL_HELP)],
    suite: Annotated[
        Suite | None, typer.Option(help="Benchmarks to measure; default: the suite default, or none with --task.")
    ] = None,
    task: TaskOption = None,
    items: ItemsOption = 60,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Score by mutual information (PMI) what is scored per byte.")
    ] = False,
    max_tokens: TokensOption = 96,
    judge: JudgeOption = "offline:decoder",
    seed: SeedOption = 0,
    folder: FolderOption = Path("runs/scores"),
    page: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one model on a suite of benchmarks, and say on which of them its level means anything.

    Running it again resumes: each family of benchmarks is a step. Whatever `traitrl score` has measured under the same
    settings is not measured again; sampled replies need the same --max-tokens, which is 96 here and 160 there.

    Example: TRAITRL_DATA=./evaldata traitrl evals run --suite all --model bundled

    Example: traitrl evals run --model ./tuned --task stop_button --task lm_eval:arc_easy --task inspect:gpqa_diamond
    """
    from traitrl.compare.plan import ScorePlan

    chosen = suite or (None if task else Suite.DEFAULT)
    names, tasks = split_tasks(task or [])
    plan = ScorePlan(
        chosen.value if chosen else None,
        names,
        tasks,
        held_out=False,
        calibrated=calibrated,
        items=items,
        max_tokens=max_tokens,
        judge=judge,
        seed=seed,
        folder=folder,
    )
    score_one(model, plan, page, f"evals-{plan.suite or 'tasks'}.html", as_json)
