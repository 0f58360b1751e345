"""Runs the lab, or what is left of it, and writes its page and numbers."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from traitrl.attacks.data_sets import assert_sets_disjoint
from traitrl.evals.rows import ResultTable, read_rows
from traitrl.experiment.progress import ProgressBar
from traitrl.experiment.runner import quiet_libraries
from traitrl.experiment.steps import Step, StepStore, inputs_hash
from traitrl.jsonl import figures_json
from traitrl.models.loading import Checkpoint
from traitrl.persist.estimate import Estimate, Pace, duration
from traitrl.persist.numbers import collect_numbers
from traitrl.persist.page import write_page
from traitrl.persist.plan import PersistPlan
from traitrl.persist.steps import ModelAttacker
from traitrl.persist.subjects import Subject, Subjects


@dataclass(frozen=True)
class Work:
    """What is to be done with one model."""

    subject: Subject
    store: StepStore
    attacker: ModelAttacker
    features: list[Step]

    def pending(self) -> list[Step]:
        """Returns the steps that are not done yet."""
        return [step for step in (*self.attacker.steps(), *self.features) if not self.store.is_done(step)]

    def seconds(self, step: Step, estimate: Estimate) -> float:
        """Returns how long a step of `pending` is expected to take; 0 for an API, whose speed is not known."""
        if self.subject.model.checkpoint is None:
            return 0.0
        if step.id in self.attacker.trainings:
            return estimate.training(self.attacker.trainings[step.id])
        if step.id not in self.attacker.changes:
            return estimate.features()
        change = self.attacker.changes[step.id]
        loads = change.training is not None or step.id == "clean"
        return estimate.measurement(change) + loads * estimate.speed.load_seconds


def persist(subjects: Subjects, plan: PersistPlan) -> Path:
    """Attacks every model and compares them.

    Measurements are kept below the model's folder, one folder per settings, and are never made twice. Progress goes to
    standard output.

    Args:
        subjects: The models.
        plan: Settings.

    Returns:
        The path of the page; `numbers.json` and `results.parquet` lie beside it.
    """
    quiet_libraries()
    assert_sets_disjoint()
    with ProgressBar() as bar:
        work = [_work(subject, subjects, plan, bar) for subject in subjects.all]
        _execute(work, Estimate(plan), bar)
    rows = _rows(work)
    features = {
        row.subject.label: json.loads((row.store.path("features") / "features.json").read_text())
        for row in work
        if row.features
    }
    attacks = [attack for attack in plan.chosen_attacks() if (rows["attack"] == attack.id).any()]
    repeats = [subject.label for subject in subjects.all if subject.repeat]
    numbers = collect_numbers(rows, attacks, subjects.reference, subjects.untrained, features, repeats)
    numbers["settings"] = _settings(plan)
    return _write(rows, numbers, plan.folder / "reports" / _report_name(subjects, plan))


def _work(subject: Subject, subjects: Subjects, plan: PersistPlan, bar: ProgressBar) -> Work:
    own = replace(plan, seed=plan.seed + 1) if subject.repeat else plan
    store = StepStore(plan.folder / subject.model.folder_name / _settings_hash(own) / "steps")
    return Work(
        subject, store, ModelAttacker(subject.model, own, store, bar.within), _features(subject, subjects, plan)
    )


def _execute(work: Sequence[Work], estimate: Estimate, bar: ProgressBar) -> None:
    pending = [(row, step) for row in work for step in row.pending()]
    left = [row.seconds(step, estimate) for row, step in pending]
    if pending:
        bar.console.print(_announcement(pending, left, estimate), highlight=False)
    bar.start([step.id for _, step in pending])
    pace = Pace()
    for place, (row, step) in enumerate(pending):
        bar.begin(step.id)
        begun = time.perf_counter()
        row.store.execute(step)
        bar.end(step.id)
        is_first = pace.expected == 0 < left[place]
        pace.add(left[place], time.perf_counter() - begun if left[place] else 0.0)
        if is_first and place + 1 < len(pending):
            told = duration(pace.left(left[place + 1 :]))
            bar.console.print(f"At the pace of this step, {told} are left.", highlight=False)
        if place + 1 == len(pending) or pending[place + 1][0] is not row:
            row.attacker.release()


def _announcement(pending: Sequence[tuple[Work, Step]], left: Sequence[float], estimate: Estimate) -> str:
    models = len({row.subject.label for row, _ in pending})
    asked = sum(
        estimate.replies(row.attacker.changes[step.id])
        for row, step in pending
        if row.subject.model.checkpoint is None and step.id in row.attacker.changes
    )
    parts = [f"{len(pending)} steps on {models} model{'s' if models > 1 else ''}"]
    if sum(left):
        parts.append(f"{duration(sum(left))} for a model of the bundled one's size on two idle cores")
    if asked:
        parts.append(f"{asked} replies from APIs")
    return ", ".join(parts) + "."


def _features(subject: Subject, subjects: Subjects, plan: PersistPlan) -> list[Step]:
    """Returns the step that measures what is known of a trained local model before any attack."""
    untrained = next((row.model for row in subjects.all if row.label == subjects.untrained), None)
    if untrained is None or subject.repeat or untrained.identity == subject.model.identity:
        return []
    checkpoints = (subject.model.checkpoint, untrained.checkpoint)
    if None in checkpoints:
        return []
    scenarios = plan.chosen_feature_scenarios()

    def run(folder: Path) -> None:
        from traitrl.persist.features import model_features

        trained, before = (checkpoint for checkpoint in checkpoints if isinstance(checkpoint, Checkpoint))
        (folder / "features.json").write_text(figures_json(model_features(trained, before, scenarios)))

    inputs: dict[str, Any] = {
        "subject": subject.model.identity,
        "untrained": untrained.identity,
        "scenarios": inputs_hash({row.id: row.model_dump() for row in scenarios}),
        "version": 1,
    }
    return [Step("features", "evaluation", inputs, run)]


def _rows(work: Sequence[Work]) -> ResultTable:
    import pandas as pd

    tables: list[ResultTable] = []
    for row in work:
        files = [row.store.path(step.id) / "rows.parquet" for step in row.attacker.steps()]
        tables.append(read_rows([file for file in files if file.exists()]).assign(arm=row.subject.label))
    return pd.concat(tables, ignore_index=True)


def _settings(plan: PersistPlan) -> dict[str, Any]:
    """Returns what a measurement depends on besides the model; the choice of attacks and the folder stay out."""
    return {
        "quick": plan.quick,
        "budgets": {name: sorted(budgets) for name, budgets in sorted(plan.budgets.items())},
        "scenarios": [plan.scenarios, plan.focus, plan.focus_scenarios],
        "all_traits": plan.all_traits,
        "feature_scenarios": plan.feature_scenarios,
        "max_words": plan.max_words,
        "max_tokens": plan.max_tokens,
        "temperature": plan.temperature,
        "judge": plan.judge,
        "system_prompt": plan.system_prompt,
        "benchmarks": list(plan.benchmarks),
        "items": plan.items,
        "finetune_learning_rate": plan.finetune.finetune_learning_rate,
        "finetune_batch": plan.finetune.finetune_batch,
        "seed": plan.seed,
    }


def _settings_hash(plan: PersistPlan) -> str:
    return inputs_hash(_settings(plan))[:8]


def _report_name(subjects: Subjects, plan: PersistPlan) -> str:
    everything = {
        "models": [(subject.label, subject.model.identity) for subject in subjects.all],
        "attacks": sorted(plan.attacks),
        "settings": _settings(plan),
    }
    names = "-".join(
        "".join(letter for letter in subject.label if letter.isalnum())[:20] for subject in subjects.all[:4]
    )
    return f"{names}-{inputs_hash(everything)[:8]}"


def _write(rows: ResultTable, numbers: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(folder / "results.parquet", index=False)
    partial = folder / "numbers.json.partial"
    partial.write_text(figures_json(numbers, indent=1), encoding="utf-8")
    partial.replace(folder / "numbers.json")
    return write_page(numbers, folder)
