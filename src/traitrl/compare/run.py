"""Scores models, or what is left of it, and returns their rows."""

from collections.abc import Sequence
from pathlib import Path

from traitrl.compare.identity import ScoredModel, find_model
from traitrl.compare.plan import ScorePlan
from traitrl.compare.steps import ModelScorer
from traitrl.compare.trivial import fixed_steps, fixed_store
from traitrl.errors import TraitrlError
from traitrl.evals.rows import ResultTable, read_rows
from traitrl.experiment.progress import ProgressBar
from traitrl.experiment.steps import Step, StepStore


def find_models(names: Sequence[str]) -> list[ScoredModel]:
    """Resolves all models before anything is measured.

    Raises:
        TraitrlError: When a name is unknown, or two names mean the same weights: no difference could be found.
    """
    found: dict[str, ScoredModel] = {}
    for name in names:
        model = find_model(name)
        if model.identity in found:
            raise TraitrlError(
                f"{found[model.identity].name} and {name} are the same model.", "Name models that differ in weights."
            )
        found[model.identity] = model
    return list(found.values())


def score_models(models: Sequence[ScoredModel], plan: ScorePlan) -> ResultTable:
    """Measures models one after the other; whatever is already in their folders is not measured again.

    Args:
        models: What to score.
        plan: Settings.

    Returns:
        Result rows of all models; `arm` is the model's name.

    Raises:
        TraitrlError: When the plan selects neither a scenario nor a benchmark nor a task.
    """
    import pandas as pd

    tables: list[ResultTable] = []
    for model in models:
        store = StepStore(plan.folder / model.folder_name / "steps")
        bar = ProgressBar()
        scorer = ModelScorer(model, plan, bar.within)
        steps = scorer.steps()
        if not steps:
            raise TraitrlError("There is nothing to measure.", "Choose another domain or suite, or set TRAITRL_DATA.")
        _run_steps(store, steps, bar)
        scorer.release()
        files: list[Path] = [store.path(step.id) / "rows.parquet" for step in steps]
        tables.append(read_rows(files).assign(arm=model.name))
    _run_steps(fixed_store(plan), fixed_steps(plan), ProgressBar())
    return pd.concat(tables, ignore_index=True)


def _run_steps(store: StepStore, steps: list[Step], bar: ProgressBar) -> None:
    """Runs the steps that are not done, under one bar."""
    pending = [step for step in steps if not store.is_done(step)]
    if pending:
        from traitrl.experiment.runner import quiet_libraries

        quiet_libraries()
        with bar:
            bar.start([step.id for step in pending])
            for step in pending:
                bar.begin(step.id)
                store.execute(step)
                bar.end(step.id)
