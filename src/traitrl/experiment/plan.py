"""The plan of an experiment: its steps in order, each with everything its result depends on."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from traitrl.attacks.data_sets import assert_disjoint, load_attack_rows
from traitrl.attacks.persona import persona
from traitrl.config import BEFORE, Arm, Experiment, slug
from traitrl.evals.registry import chosen_benchmarks
from traitrl.experiment.identity import file_hash, judge_identity, scenario_hash
from traitrl.experiment.selection import assert_measurable, attacked_scenarios, clean_scenarios, held_out_scenarios
from traitrl.experiment.start import start_checkpoint, start_steps
from traitrl.experiment.steps import Step, StepStore, inputs_hash
from traitrl.experiment.subjects import Subject
from traitrl.models.identity import checkpoint_hash
from traitrl.models.loading import BUNDLED, BUNDLED_WARM, Checkpoint, resolve
from traitrl.scenarios import Split, load_scenarios, select
from traitrl.tasks import standard_tasks
from traitrl.training.rewards import helpful_criteria
from traitrl.training.schedule import (
    ScheduleRow,
    differing_places,
    read_schedule,
    replace_with_scenarios,
    standard_rows,
    write_schedule,
)
from traitrl.training.warm_examples import WarmExample, warm_scenarios

Progress = Callable[[str, int, int, str], None]
"""Called with step id, done, total and a note."""


@dataclass
class Plan:
    """Builds the steps of one run."""

    experiment: Experiment
    store: StepStore
    progress: Progress

    def __post_init__(self) -> None:
        assert_measurable(self.experiment)

    @property
    def start(self) -> Checkpoint:
        """The model before RL, as every arm is trained and measured on it."""
        return start_checkpoint(self._named, self.store)

    @cached_property
    def _named(self) -> Checkpoint:
        return resolve(self.experiment.model)

    @cached_property
    def _start_hash(self) -> str:
        return checkpoint_hash(self._named)

    @cached_property
    def _written(self) -> list[WarmExample]:
        return warm_scenarios(load_scenarios())

    def schedule(self, arm: Arm) -> list[ScheduleRow]:
        """Returns an arm's schedule: the baseline's, with its share of rows replaced."""
        training, seed = self.experiment.training, self.experiment.seed
        count = training.steps * training.prompts_per_step
        baseline = standard_rows(standard_tasks(count, seed), training.prompts_per_step)
        if arm.trait_share == 0:
            return baseline
        scenarios = select(load_scenarios(), Split.TRAIN, arm.traits, arm.domains, arm.exclude_domains, arm.max_words)
        return replace_with_scenarios(baseline, scenarios, arm.trait_share, seed)

    def subjects(self) -> list[Subject]:
        """Returns the model before RL and one subject per arm."""
        before = Subject(BEFORE, self.start, inputs_hash({"start": self._start_hash}))
        arms = [
            Subject(
                arm.name,
                Checkpoint(self.start.base, str(self.store.path(f"train-{arm.name}") / "adapter")),
                inputs_hash(self.training_step(arm).inputs),
            )
            for arm in self.experiment.arms
        ]
        return [before, *arms]

    def held_out_folder(self, subject: str) -> Path:
        """Returns the folder of a subject's held-out evaluation without attack."""
        return self.store.path(f"held-out-{slug(subject)}")

    def training_steps(self) -> list[Step]:
        """Returns the folding of the start, where it is an adapter, and schedule and training of every arm."""
        folding = start_steps(self._named, self._start_hash)
        return [*folding, *(self.training_step(arm) for arm in self.experiment.arms)]

    def training_step(self, arm: Arm) -> Step:
        """Returns the training of one arm."""
        experiment = self.experiment
        inputs: dict[str, Any] = {
            "start": self._start_hash,
            "arm": arm.model_dump(exclude={"reward"}),
            "training": experiment.training.model_dump(),
            "judge": judge_identity(experiment.judges.training),
            "scenarios": scenario_hash(),
            "seed": experiment.seed,
        }
        # The generic reward is there to learn no trait, so its arms do not imitate replies that show one.
        mixed = experiment.training.off_policy_replies and arm.trait_share > 0 and arm.reward == "rubric"
        written = self._written if mixed else []
        if written:
            inputs["written"] = inputs_hash({"replies": [asdict(example) for example in written]})
        if arm.reward == "helpful":
            inputs["reward"] = [row.model_dump() for row in helpful_criteria()]

        def run(folder: Path) -> None:
            from traitrl.judges.loading import load_judge
            from traitrl.training.grpo import ArmJob, train_arm

            rows = self.schedule(arm)
            write_schedule(rows, folder / "schedule.jsonl")
            total = experiment.training.steps
            ledger = train_arm(
                ArmJob(
                    arm.name,
                    self.start,
                    rows,
                    experiment.training,
                    experiment.seed,
                    folder,
                    helpful=arm.reward == "helpful",
                    written=written,
                    base_name=experiment.model if experiment.model in (BUNDLED, BUNDLED_WARM) else None,
                ),
                load_judge(experiment.judges.training, "training"),
                load_scenarios(),
                lambda row: self.progress(f"train-{arm.name}", row["step"], total, f"reward {row['reward']:.2f}"),
            )
            (folder / "ledger.json").write_text(json.dumps(ledger.as_row(), indent=1))

        return Step(f"train-{arm.name}", "training", inputs, run)

    def replaced_rows(self, arm: Arm) -> tuple[int, int]:
        """Returns how many rows of an arm's written schedule differ from the baseline's, and how many rows
        there are.
        """
        baseline, other = (
            read_schedule(self.store.path(f"train-{name}") / "schedule.jsonl")
            for name in (self.experiment.arms[0].name, arm.name)
        )
        return len(differing_places(baseline, other)), len(baseline)

    def clean_steps(self) -> list[Step]:
        """Returns the measurements without attack, of every subject."""
        return [step for subject in self.subjects() for step in (self._held_out(subject), self._benchmarks(subject))]

    def attack_steps(self) -> list[Step]:
        """Returns persona attacks, fine-tunes and their measurements, of every subject."""
        steps: list[Step] = []
        for subject in self.subjects():
            steps += [self._persona(subject, name) for name in self.experiment.attacks.personas]
            steps.append(self._finetune(subject))
            steps += [self._dose(subject, dose) for dose in self.experiment.attacks.finetune_steps]
        return steps

    def _measurement(self, subject: Subject) -> dict[str, Any]:
        return {
            "subject": subject.identity,
            "plan": self.experiment.evaluation.model_dump(),
            "judge": judge_identity(self.experiment.judges.evaluation),
            "scenarios": scenario_hash(),
            "max_tokens": self.experiment.training.max_tokens,
            "system": self.experiment.training.system_prompt,
            "seed": self.experiment.seed,
        }

    def _held_out(self, subject: Subject, attack: str = "none", budget: float = 0.0, **inputs: Any) -> Step:
        name = (
            f"held-out-{slug(subject.name)}" if attack == "none" else f"{slug(attack)}-{budget:g}-{slug(subject.name)}"
        )
        clean = attack == "none"
        limit = self.experiment.evaluation.held_out_scenarios if clean else self.experiment.attacks.scenarios
        scenarios = clean_scenarios(self.experiment.evaluation) if clean else attacked_scenarios(self.experiment)
        # Nothing is sampled for the margin, so long conversations are no hindrance and every scenario counts.
        compared = held_out_scenarios() if clean and limit is None else scenarios

        def run(folder: Path) -> None:
            from traitrl.attacks.finetune import load_attacked
            from traitrl.experiment.measure import Condition, measure_held_out
            from traitrl.judges.loading import load_judge
            from traitrl.models.loading import load_model, load_tokenizer

            adapter = inputs.get("adapter")
            model = load_attacked(subject.checkpoint, Path(adapter)) if adapter else load_model(subject.checkpoint)
            measure_held_out(
                Condition(self.experiment, subject.name, subject.identity, attack, budget),
                model,
                load_tokenizer(subject.checkpoint),
                scenarios,
                load_judge(self.experiment.judges.evaluation, "evaluation"),
                inputs.get("system", self.experiment.training.system_prompt),
                folder,
                compared,
            )

        everything = {**self._measurement(subject), "attack": attack, "budget": budget, "limit": limit, **inputs}
        everything["compared"] = len(compared)
        everything.pop("adapter", None)
        return Step(name, "evaluation" if clean else "attacks", everything, run)

    def _benchmarks(self, subject: Subject) -> Step:
        plan = self.experiment.evaluation
        chosen = chosen_benchmarks(plan.benchmarks)
        present = {row.name: file_hash(path) for row in chosen if (path := row.file()) is not None}

        def run(folder: Path) -> None:
            from traitrl.experiment.measure import Condition, measure_benchmarks
            from traitrl.models.loading import load_model, load_tokenizer

            measure_benchmarks(
                Condition(self.experiment, subject.name, subject.identity),
                load_model(subject.checkpoint),
                load_tokenizer(subject.checkpoint),
                chosen,
                plan.items_per_benchmark,
                folder,
            )

        inputs = {"subject": subject.identity, "present": present, "items": plan.items_per_benchmark}
        return Step(f"benchmarks-{slug(subject.name)}", "evaluation", inputs, run)

    def _persona(self, subject: Subject, name: str) -> Step:
        role = persona(name)
        system = role.system_prompt(self.experiment.training.system_prompt)
        return self._held_out(subject, f"persona:{role.direction}:{name}", 1.0, system=system)

    def _finetune(self, subject: Subject) -> Step:
        plan = self.experiment.attacks
        training = self.experiment.training

        def run(folder: Path) -> None:
            from traitrl.attacks.finetune import finetune_doses

            rows = load_attack_rows(plan.finetune_data)
            assert_disjoint(rows, load_scenarios())
            finetune_doses(
                subject.checkpoint,
                rows,
                plan,
                training.system_prompt,
                self.experiment.seed,
                folder,
                lambda done: self.progress(f"finetune-{slug(subject.name)}", done, max(plan.finetune_steps), ""),
            )

        return Step(f"finetune-{slug(subject.name)}", "attacks", self._finetune_inputs(subject), run)

    def _finetune_inputs(self, subject: Subject) -> dict[str, Any]:
        plan = self.experiment.attacks
        return {
            "subject": subject.identity,
            "attacks": plan.model_dump(exclude={"personas", "scenarios"}),
            "data": inputs_hash({"rows": load_attack_rows(plan.finetune_data)}),
            "system": self.experiment.training.system_prompt,
            "seed": self.experiment.seed,
        }

    def _dose(self, subject: Subject, dose: int) -> Step:
        plan = self.experiment.attacks
        adapter = self.store.path(f"finetune-{slug(subject.name)}") / f"dose-{dose}"
        # The whole of them: the other doses too shape the adapter, through the length and the shuffle of the data.
        trained = self._finetune_inputs(subject)
        return self._held_out(
            subject, f"finetune:{plan.finetune_data}", float(dose), adapter=str(adapter), finetune=trained
        )
