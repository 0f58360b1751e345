"""Runs a plan step by step, with progress, gates and resume; then renders the report."""

import json
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import yaml

from traitrl.config import Experiment
from traitrl.errors import GateError
from traitrl.evals.rows import read_rows
from traitrl.experiment.gates import check_gates
from traitrl.experiment.plan import Plan
from traitrl.experiment.progress import ProgressBar
from traitrl.experiment.steps import Step, StepStore
from traitrl.report.numbers import collect_numbers
from traitrl.report.page import write_page


def run_experiment(experiment: Experiment) -> Path:
    """Runs an experiment, or what is left of it, and writes its report.

    Args:
        experiment: What to run. Its folder is `runs_folder / name`; running again resumes there.

    Returns:
        The path of `report/index.html`.

    Raises:
        GateError: When a gate fails; clean results and the report exist by then.
    """
    quiet_libraries()
    folder = Path(experiment.runs_folder) / experiment.name
    folder.mkdir(parents=True, exist_ok=True)
    store = StepStore(folder / "steps")
    (folder / "config.yaml").write_text(yaml.safe_dump(experiment.model_dump(), sort_keys=False))
    with ProgressBar() as bar:
        plan = Plan(experiment, store, bar.within)
        first = [*plan.training_steps(), *plan.clean_steps()]
        attacks = plan.attack_steps()
        bar.start([step.id for step in (*first, *attacks) if not store.is_done(step)])
        _execute(first, store, bar)
        _write_environment(folder)
        gates = check_gates(_rows(store, first), experiment.arms[0].name, experiment.arms[-1].name)
        failed = [gate for gate in gates if not gate.passed]
        if not failed or experiment.gates == "report":
            _execute(attacks, store, bar)
            done = [*first, *attacks]
        else:
            done = first
    report = _write_report(plan, done, folder)
    if failed and experiment.gates == "stop":
        raise GateError(
            f"Gate '{failed[0].name}' failed: {failed[0].finding} The attacks were not run; the report is {report}.",
            failed[0].remedy,
        )
    return report


def _execute(steps: list[Step], store: StepStore, bar: ProgressBar) -> None:
    for step in steps:
        if not store.is_done(step):
            bar.begin(step.id)
            store.execute(step)
            bar.end(step.id)


def _rows(store: StepStore, steps: list[Step]) -> Any:
    files = [store.path(step.id) / "rows.parquet" for step in steps]
    return read_rows([file for file in files if file.exists()])


def _write_environment(folder: Path) -> None:
    from traitrl.experiment.environment import environment

    path = folder / "environment.json"
    if not path.exists():
        path.write_text(json.dumps(environment(), indent=1))


def _write_report(plan: Plan, steps: list[Step], folder: Path) -> Path:
    begun = time.perf_counter()
    rows = _rows(plan.store, steps)
    results = folder / "results"
    results.mkdir(exist_ok=True)
    rows.to_parquet(results / "results.parquet", index=False)
    numbers = collect_numbers(plan, rows)
    numbers["seconds"]["report"] = time.perf_counter() - begun
    report = folder / "report"
    report.mkdir(exist_ok=True)
    (report / "numbers.json").write_text(json.dumps(numbers, indent=1, ensure_ascii=False))
    return write_page(plan, numbers, report)


def quiet_libraries() -> None:
    """Keeps library chatter out of the terminal; errors still come through."""
    import datasets

    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore")
    for name in ("transformers", "trl", "peft", "datasets", "accelerate", "torch"):
        logging.getLogger(name).setLevel(logging.ERROR)
