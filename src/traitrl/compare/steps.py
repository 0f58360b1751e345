"""The steps of scoring one model: held-out scenarios by domain, benchmarks by family, tasks of other packages."""

import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.compare.identity import ScoredModel, api_identity
from traitrl.compare.plan import ScorePlan
from traitrl.evals.choice import choice_protocol, choice_tokens
from traitrl.evals.registry import Benchmark
from traitrl.experiment.identity import file_hash, judge_identity
from traitrl.experiment.steps import Step, inputs_hash
from traitrl.models.loading import Checkpoint
from traitrl.scenarios import Scenario

if TYPE_CHECKING:
    from traitrl.judges.protocol import Judge
    from traitrl.persist.speakers import Speaker

Progress = Callable[[str, int, int, str], None]
"""Gets step, units done, units in all and a note."""


class ModelScorer:
    """Builds the steps of one model. The model is loaded by the first step that needs it."""

    def __init__(self, model: ScoredModel, plan: ScorePlan, progress: Progress) -> None:
        self.model = model
        self.plan = plan
        self.progress = progress
        self._loaded: tuple[Any, Any] | None = None

    def steps(self) -> list[Step]:
        """Returns all steps, in order."""
        held_out = [self._held_out(*entry) for entry in self.plan.scenarios_by_domain().items() if entry[1]]
        benchmarks = [self._benchmarks(*entry) for entry in self.plan.likelihood_benchmarks().items()]
        generated = [self._generated(*entry) for entry in self.plan.generated_benchmarks().items()]
        return [*held_out, *benchmarks, *generated, *(self._task(name) for name in self.plan.tasks)]

    def release(self) -> None:
        """Lets go of the loaded model: the steps that were built here stay bound to it, and the next one needs room."""
        self._loaded = None

    def _held_out(self, domain: str, scenarios: list[Scenario]) -> Step:
        plan = self.plan
        inputs: dict[str, Any] = {
            "subject": self.model.identity,
            "scenarios": inputs_hash({row.id: row.model_dump() for row in scenarios}),
            "judge": self._judge,
            "decoding": [plan.samples, plan.max_tokens, plan.temperature, plan.system_prompt, plan.seed],
        }

        def run(folder: Path) -> None:
            judge = load_evaluation_judge(plan.judge)
            if self.model.checkpoint is None:
                from traitrl.compare.remote_measure import measure_held_out_remotely

                measure_held_out_remotely(self._condition, self._remote, scenarios, judge, folder)
                return
            from traitrl.experiment.measure import measure_held_out

            model, tokenizer = self._local()
            measure_held_out(self._condition, model, tokenizer, scenarios, judge, plan.system_prompt, folder)

        return kept_step(f"held-out-{domain}", inputs, run)

    def _benchmarks(self, family: str, chosen: list[Benchmark]) -> Step:
        plan, name = self.plan, f"benchmarks-{slug(family)}"
        inputs = {"subject": self.model.identity, **declared(chosen), "items": plan.items}
        if self.model.checkpoint is None:
            inputs["form"] = choice_protocol(plan.items, plan.seed)
            inputs["max_tokens"] = choice_tokens(plan.max_tokens)

        def run(folder: Path) -> None:
            if self.model.checkpoint is None:
                from traitrl.compare.remote_measure import measure_benchmarks_remotely

                measure_benchmarks_remotely(self._condition, self._remote, chosen, plan.items, folder)
                return
            from traitrl.experiment.measure import measure_benchmarks

            told = self._told(name, len(chosen))
            measure_benchmarks(self._condition, *self._local(), chosen, plan.items, folder, told)

        return kept_step(name, inputs, run)

    def _generated(self, family: str, chosen: list[Benchmark]) -> Step:
        plan, name = self.plan, f"generated-{slug(family)}"
        judged = any(row.scoring == "rubric" for row in chosen)
        inputs = {"subject": self.model.identity, **declared(chosen), "items": plan.items}
        inputs["asked"] = asked(chosen, plan.items)
        inputs["judge"] = self._judge if judged else None
        inputs["decoding"] = [plan.max_tokens, plan.temperature, plan.seed]

        def run(folder: Path) -> None:
            from traitrl.compare.generated_measure import measure_generated

            judge = load_evaluation_judge(plan.judge) if judged else None
            measure_generated(
                self._condition, self._speaker, chosen, plan.items, judge, folder, self._told(name, len(chosen))
            )

        return kept_step(name, inputs, run)

    def _task(self, task: str) -> Step:
        from traitrl.evals.external import find_task

        plan, runner = self.plan, find_task(task)
        grader = runner.grader(plan.judge)
        inputs: dict[str, Any] = {
            "subject": self.model.identity,
            "task": task,
            "items": plan.items,
            "seed": plan.seed,
            "runner": runner.version,
            "grader": grader and api_identity(grader),
        }

        def run(folder: Path) -> None:
            from traitrl.compare.task_measure import measure_task

            measure_task(self._condition, self.model, self._local, runner, plan, folder)

        return kept_step(f"task-{slug(task)}", inputs, run)

    def _told(self, step: str, total: int) -> Callable[[int, str], None]:
        return lambda done, note: self.progress(step, done, total, note)

    @cached_property
    def _judge(self) -> str:
        return judge_identity(self.plan.judge)

    @cached_property
    def _condition(self) -> Any:
        from traitrl.experiment.measure import Condition

        return Condition(self.plan.experiment(self.model.name), self.model.name, self.model.identity)

    def _local(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from traitrl.models.loading import load_model, load_tokenizer

            checkpoint = self.model.checkpoint
            assert isinstance(checkpoint, Checkpoint)
            self._loaded = load_model(checkpoint), load_tokenizer(checkpoint)
        return self._loaded

    @cached_property
    def _remote(self) -> Any:
        from traitrl.compare.remote import RemoteModel

        return RemoteModel(self.model.name)

    def _speaker(self, temperature: float) -> "Speaker":
        from traitrl.persist.speakers import LocalSpeaker, RemoteSpeaker

        plan = self.plan
        if self.model.checkpoint is None:
            return RemoteSpeaker(self._remote, plan.max_tokens, temperature, plan.seed)
        return LocalSpeaker(*self._local(), plan.max_tokens, temperature, plan.seed)


def kept_step(name: str, inputs: dict[str, Any], run: Callable[[Path], None]) -> Step:
    """Returns a step whose folder also bears a hash of its inputs, so that no measurement takes the place of another.

    One folder per model serves all plans: `score` and `evals run`, suites, single tasks, other judges and length caps.
    """
    return Step(f"{name}-{inputs_hash(inputs)[:8]}", "evaluation", inputs, run)


def load_evaluation_judge(name: str) -> "Judge":
    """Loads the judge of a plan."""
    from traitrl.judges.loading import load_judge

    return load_judge(name, "evaluation")


def declared(chosen: list[Benchmark]) -> dict[str, Any]:
    """Returns what identifies benchmarks in the inputs of a step: their declarations and the content of their files."""
    return {
        "data": {row.name: [file_hash(path) for path in row.paths() or ()] for row in chosen},
        "declared": {row.name: row.model_dump(mode="json") for row in chosen},
    }


def asked(chosen: list[Benchmark], limit: int) -> str:
    """Returns a hash of the items of benchmarks in free text: their criteria are partly ours, and stand in no file."""
    return inputs_hash({row.name: [asdict(item) for item in row.open_items(limit) or []] for row in chosen})


def slug(text: str) -> str:
    """Returns a text as a part of a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
