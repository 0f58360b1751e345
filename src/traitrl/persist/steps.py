"""The steps of attacking one model, each remembered: whatever was measured before is not measured again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from traitrl.attacks.attack import Attack, Change, FineTune
from traitrl.compare.identity import ScoredModel
from traitrl.experiment.identity import file_hash, judge_identity
from traitrl.experiment.steps import Step, StepStore, inputs_hash
from traitrl.models.loading import Checkpoint
from traitrl.persist.plan import PersistPlan
from traitrl.persist.speakers import LocalSpeaker, RemoteSpeaker, Speaker

Progress = Callable[[str, int, int, str], None]
"""Called with step id, done, total and a note."""


class ModelAttacker:
    """Builds the steps of one model. The model is loaded by the first step that needs it."""

    def __init__(self, model: ScoredModel, plan: PersistPlan, store: StepStore, progress: Progress) -> None:
        self.model = model
        self.plan = plan
        self.store = store
        self.progress = progress
        self.changes: dict[str, Change] = {}
        """What every measuring step changes, by the id of the step."""
        self.trainings: dict[str, int] = {}
        """Steps of every fine-tune, by the id of the step that makes it."""
        self._loaded: Speaker | None = None

    def steps(self) -> list[Step]:
        """Returns the clean measurement, then that of every attack and budget; fine-tunes come last.

        API models get no fine-tunes.
        """
        found = [self._measurement("clean", "none", 0.0, Change())]
        attacks = self.plan.chosen_attacks()
        for attack in (row for row in attacks if row.kind != "finetune"):
            if attack.kind == "pressure":
                longest = attack.budgets[-1]
                found.append(self._measurement(_slug(attack.id), attack.id, longest, attack.ladder[longest]))
            else:
                found += [self._one(attack, budget) for budget in attack.budgets]
        if self.model.checkpoint is not None:
            for attack in (row for row in attacks if row.kind == "finetune"):
                found += self._trainings(attack)
                found += [self._one(attack, budget) for budget in attack.budgets]
        return found

    def release(self) -> None:
        """Lets go of the loaded model."""
        self._loaded = None

    def _one(self, attack: Attack, budget: float) -> Step:
        change = attack.ladder[budget]
        trained = self._training_inputs(attack, change.training) if change.training else None
        return self._measurement(f"{_slug(attack.id)}-{budget:g}", attack.id, budget, change, trained)

    def _measurement(
        self, name: str, attack: str, budget: float, change: Change, trained: dict[str, Any] | None = None
    ) -> Step:
        plan = self.plan
        self.changes[name] = change
        scenarios = plan.chosen_scenarios()
        benchmarks = plan.chosen_benchmarks() if self.model.checkpoint is not None and not change.after else []
        inputs: dict[str, Any] = {
            "subject": self.model.identity,
            "change": change.as_data(),
            "scenarios": inputs_hash({row.id: row.model_dump() for row in scenarios}),
            "judge": judge_identity(plan.judge),
            "decoding": [plan.max_tokens, plan.temperature, plan.system_prompt, plan.seed],
            "benchmarks": {row.name: [file_hash(path) for path in row.paths() or ()] for row in benchmarks},
            "items": plan.items,
            # 3: rows hold `formula`.
            "version": 3,
        }
        if trained is not None:
            inputs["trained"] = trained

        def run(folder: Path) -> None:
            from traitrl.evals.rows import write_rows
            from traitrl.experiment.measure import Condition
            from traitrl.jsonl import write_rows as write_lines
            from traitrl.judges.loading import load_judge
            from traitrl.persist.measure import measure_benchmarks, measure_scenarios

            def condition(at: float) -> Condition:
                experiment = plan.experiment(self.model.name)
                return Condition(experiment, self.model.name, self.model.identity, attack, at)

            speaker = self._speaker(attack, change.training)
            judge = load_judge(plan.judge, "evaluation")
            rows, lines = measure_scenarios(condition, budget, change, speaker, scenarios, judge, plan.system_prompt)
            rows += measure_benchmarks(condition(budget), change, speaker, benchmarks, plan.items)
            write_lines(lines, folder / "replies.jsonl")
            write_rows(rows, folder / "rows.parquet")

        return Step(name, "evaluation" if attack == "none" else "attacks", inputs, run)

    def _trainings(self, attack: Attack) -> list[Step]:
        """Returns one fine-tune per share of bad rows; it leaves an adapter at each of its numbers of steps."""
        by_share: dict[float, list[FineTune]] = {}
        for change in attack.ladder.values():
            assert change.training is not None
            by_share.setdefault(change.training.share, []).append(change.training)
        return [self._training(attack, doses) for doses in by_share.values()]

    def _training(self, attack: Attack, doses: list[FineTune]) -> Step:
        longest = max(doses, key=lambda dose: dose.steps)
        counts = sorted(dose.steps for dose in doses)
        name = _training_name(attack.id, longest)
        self.trainings[name] = longest.steps

        def run(folder: Path) -> None:
            from traitrl.attacks.data_sets import assert_disjoint, good_rows, load_attack_rows, mixed_rows
            from traitrl.attacks.finetune import finetune_doses
            from traitrl.scenarios import load_scenarios

            self._loaded = None
            settings = self.plan.finetune.model_copy(update={"finetune_steps": counts})
            bad = load_attack_rows(longest.data)
            assert_disjoint(bad, load_scenarios())
            count = longest.steps * settings.finetune_batch
            rows = mixed_rows(bad, good_rows(), longest.share, count, self.plan.seed)
            assert isinstance(self.model.checkpoint, Checkpoint)
            finetune_doses(
                self.model.checkpoint,
                rows,
                settings,
                self.plan.system_prompt,
                self.plan.seed,
                folder,
                lambda done: self.progress(name, done, longest.steps, ""),
            )

        return Step(name, "attacks", self._training_inputs(attack, longest), run)

    def _training_inputs(self, attack: Attack, training: FineTune) -> dict[str, Any]:
        """Returns what a fine-tune depends on; the rows that it draws depend on the longest of its doses."""
        from traitrl.attacks.data_sets import good_rows, load_attack_rows

        settings = self.plan.finetune
        rungs = (change.training for change in attack.ladder.values())
        return {
            "doses": sorted(rung.steps for rung in rungs if rung is not None and rung.share == training.share),
            "subject": self.model.identity,
            "share": training.share,
            "data": inputs_hash({"bad": load_attack_rows(training.data), "good": good_rows()}),
            "settings": [settings.finetune_learning_rate, settings.finetune_batch],
            "system": self.plan.system_prompt,
            "seed": self.plan.seed,
        }

    def _speaker(self, attack: str, training: FineTune | None) -> Speaker:
        plan = self.plan
        decoding = (plan.max_tokens, plan.temperature, plan.seed)
        if self.model.checkpoint is None:
            if self._loaded is None:
                from traitrl.compare.remote import RemoteModel

                self._loaded = RemoteSpeaker(RemoteModel(self.model.name), *decoding)
            return self._loaded
        from traitrl.models.loading import load_model, load_tokenizer

        tokenizer = load_tokenizer(self.model.checkpoint)
        if training is not None:
            from traitrl.attacks.finetune import load_attacked

            self._loaded = None
            adapter = self.store.path(_training_name(attack, training)) / f"dose-{training.steps}"
            return LocalSpeaker(load_attacked(self.model.checkpoint, adapter), tokenizer, *decoding)
        if self._loaded is None:
            self._loaded = LocalSpeaker(load_model(self.model.checkpoint), tokenizer, *decoding)
        return self._loaded


def _training_name(attack: str, training: FineTune) -> str:
    return f"train-{_slug(attack)}-{100 * training.share:g}"


def _slug(name: str) -> str:
    return name.replace(":", "-")
