"""What rules that read nothing reach on the chosen benchmarks, whatever the model: measured once, kept, shared."""

import json
from pathlib import Path

from traitrl.compare.plan import ScorePlan
from traitrl.compare.steps import asked, declared, kept_step, load_evaluation_judge, slug
from traitrl.evals.generative import fixed_levels, fixed_replies
from traitrl.evals.likelihood import trivial_levels, trivial_scores
from traitrl.evals.registry import Benchmark
from traitrl.experiment.identity import judge_identity
from traitrl.experiment.steps import Step, StepStore
from traitrl.jsonl import figures_json

Levels = dict[str, float | None]
"""`chance` and the level of each rule; None where there is none."""

_LEVELS = "levels.json"


def trivial_table(plan: ScorePlan) -> dict[str, dict[str, Levels]]:
    """Returns, per benchmark and form of measurement, the levels of random choice and of rules that read nothing.

    Forms are `likelihood`, `multiple_choice` and `generated`. Fixed replies that were not graded yet are graded now.
    """
    found: dict[str, dict[str, Levels]] = {}
    for row in (row for family in plan.likelihood_benchmarks().values() for row in family):
        items = row.items(plan.items) or []
        found[row.name] = {
            "likelihood": {**trivial_levels(row.scoring, items)},
            "multiple_choice": {**trivial_scores(items)},
        }
    store = fixed_store(plan)
    for step in fixed_steps(plan):
        if not store.is_done(step):
            store.execute(step)
        levels: dict[str, Levels] = json.loads((store.path(step.id) / _LEVELS).read_text())
        found |= {name: {"generated": {"chance": None, **row}} for name, row in levels.items()}
    return found


def fixed_store(plan: ScorePlan) -> StepStore:
    """Returns where graded fixed replies are kept: beside the models, since they belong to none."""
    return StepStore(plan.folder / "fixed-replies" / "steps")


def fixed_steps(plan: ScorePlan) -> list[Step]:
    """Returns the steps that grade a fixed refusal and an echo, one per family of benchmarks on sampled replies."""
    return [_fixed_step(plan, *entry) for entry in plan.generated_benchmarks().items()]


def _fixed_step(plan: ScorePlan, family: str, chosen: list[Benchmark]) -> Step:
    judged = any(row.scoring == "rubric" for row in chosen)
    inputs = {**declared(chosen), "items": plan.items, "asked": asked(chosen, plan.items), "replies": fixed_replies()}
    inputs["judge"] = judge_identity(plan.judge) if judged else None

    def run(folder: Path) -> None:
        judge = load_evaluation_judge(plan.judge) if judged else None
        levels = {row.name: fixed_levels(row.open_items(plan.items) or [], judge) for row in chosen}
        (folder / _LEVELS).write_text(figures_json(levels))

    return kept_step(f"fixed-{slug(family)}", inputs, run)
