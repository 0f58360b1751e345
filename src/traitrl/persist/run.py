"""Runs the lab, or what is left of it, and writes its page and numbers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitrl.attacks.data_sets import assert_sets_disjoint
from traitrl.evals.items import spread
from traitrl.evals.rows import ResultTable, read_rows
from traitrl.experiment.progress import ProgressBar
from traitrl.experiment.runner import quiet_libraries
from traitrl.experiment.steps import Step, StepStore, inputs_hash
from traitrl.models.loading import Checkpoint
from traitrl.persist.numbers import collect_numbers
from traitrl.persist.page import write_page
from traitrl.persist.plan import PersistPlan
from traitrl.persist.steps import ModelAttacker
from traitrl.persist.subjects import Subject, Subjects
from traitrl.scenarios import Split, load_scenarios, select

_FEATURE_SCENARIOS = 24


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
    settings = _settings_hash(plan)
    stores = [StepStore(plan.folder / subject.model.folder_name / settings / "steps") for subject in subjects.all]
    with ProgressBar() as bar:
        work = [
            Work(subject, store, ModelAttacker(subject.model, plan, store, bar.within), _features(subject, subjects))
            for subject, store in zip(subjects.all, stores, strict=True)
        ]
        bar.start([step.id for row in work for step in row.pending()])
        for row in work:
            for step in row.pending():
                bar.begin(step.id)
                row.store.execute(step)
                bar.end(step.id)
            row.attacker.release()
    rows = _rows(work)
    features = {
        row.subject.label: json.loads((row.store.path("features") / "features.json").read_text())
        for row in work
        if row.features
    }
    attacks = [attack for attack in plan.chosen_attacks() if (rows["attack"] == attack.id).any()]
    numbers = collect_numbers(rows, attacks, subjects.reference, subjects.untrained, features)
    numbers["settings"] = _settings(plan)
    return _write(rows, numbers, plan.folder / "reports" / _report_name(subjects, plan))


def _features(subject: Subject, subjects: Subjects) -> list[Step]:
    """Returns the step that measures what is known of a trained local model before any attack."""
    untrained = next((row.model for row in subjects.all if row.label == subjects.untrained), None)
    if untrained is None or untrained.identity == subject.model.identity:
        return []
    checkpoints = (subject.model.checkpoint, untrained.checkpoint)
    if None in checkpoints:
        return []

    scenarios = spread(select(load_scenarios(), Split.ATTACK, max_words=100), _FEATURE_SCENARIOS)

    def run(folder: Path) -> None:
        from traitrl.persist.features import model_features

        trained, before = (checkpoint for checkpoint in checkpoints if isinstance(checkpoint, Checkpoint))
        (folder / "features.json").write_text(json.dumps(model_features(trained, before, scenarios)))

    inputs: dict[str, Any] = {
        "subject": subject.model.identity,
        "untrained": untrained.identity,
        "scenarios": inputs_hash({row.id: row.model_dump() for row in scenarios}),
        "version": 1,
    }
    return [Step("features", "evaluation", inputs, run)]


def _rows(work: list[Work]) -> ResultTable:
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
        "scenarios": [plan.scenarios, plan.focus, plan.focus_scenarios],
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
    partial.write_text(json.dumps(numbers, indent=1, ensure_ascii=False), encoding="utf-8")
    partial.replace(folder / "numbers.json")
    return write_page(numbers, folder)
