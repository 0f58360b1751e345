"""The steps of scoring one model: held-out scenarios domain by domain, benchmarks family by family."""

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from traitrl.compare.choice import choice_protocol, choice_tokens
from traitrl.compare.identity import ScoredModel, judge_protocol
from traitrl.compare.plan import ScorePlan
from traitrl.evals.registry import Benchmark
from traitrl.experiment.identity import file_hash
from traitrl.experiment.steps import Step, inputs_hash
from traitrl.models.loading import Checkpoint
from traitrl.scenarios import Scenario


class ModelScorer:
    """Builds the steps of one model. The model is loaded by the first step that needs it."""

    def __init__(self, model: ScoredModel, plan: ScorePlan) -> None:
        self.model = model
        self.plan = plan

    def steps(self) -> list[Step]:
        """Returns all steps, in order."""
        held_out = [self._held_out(*entry) for entry in self.plan.scenarios_by_domain().items() if entry[1]]
        benchmarks = [self._benchmarks(*entry) for entry in self.plan.benchmarks_by_family().items()]
        return [*held_out, *benchmarks]

    def _held_out(self, domain: str, scenarios: list[Scenario]) -> Step:
        plan = self.plan
        inputs: dict[str, Any] = {
            "subject": self.model.identity,
            "scenarios": inputs_hash({row.id: row.model_dump() for row in scenarios}),
            "judge": self._judge,
            "decoding": [plan.samples, plan.max_tokens, plan.temperature, plan.system_prompt, plan.seed],
        }

        def run(folder: Path) -> None:
            from traitrl.judges.loading import load_judge

            judge = load_judge(plan.judge, "evaluation")
            if self.model.checkpoint is None:
                from traitrl.compare.remote_measure import measure_held_out_remotely

                measure_held_out_remotely(self._condition, self._remote, scenarios, judge, folder)
                return
            from traitrl.experiment.measure import measure_held_out

            model, tokenizer = self._local
            measure_held_out(self._condition, model, tokenizer, scenarios, judge, plan.system_prompt, folder)

        return Step(f"held-out-{domain}", "evaluation", inputs, run)

    def _benchmarks(self, family: str, chosen: list[Benchmark]) -> Step:
        plan = self.plan
        inputs: dict[str, Any] = {
            "subject": self.model.identity,
            "data": {row.name: [file_hash(path) for path in row.paths() or ()] for row in chosen},
            "declared": {row.name: row.model_dump(mode="json") for row in chosen},
            "items": plan.items,
        }
        if self.model.checkpoint is None:
            inputs["form"] = choice_protocol(plan.items, plan.seed)
            inputs["max_tokens"] = choice_tokens(plan.max_tokens)

        def run(folder: Path) -> None:
            if self.model.checkpoint is None:
                from traitrl.compare.remote_measure import measure_benchmarks_remotely

                measure_benchmarks_remotely(self._condition, self._remote, chosen, plan.items, folder)
                return
            from traitrl.experiment.measure import measure_benchmarks

            measure_benchmarks(self._condition, *self._local, chosen, plan.items, folder)

        return Step(f"benchmarks-{re.sub(r'[^a-z]+', '-', family)}", "evaluation", inputs, run)

    @cached_property
    def _judge(self) -> str:
        return judge_protocol(self.plan.judge)

    @cached_property
    def _condition(self) -> Any:
        from traitrl.experiment.measure import Condition

        return Condition(self.plan.experiment(self.model.name), self.model.name, self.model.identity)

    @cached_property
    def _local(self) -> tuple[Any, Any]:
        from traitrl.models.loading import load_model, load_tokenizer

        checkpoint = self.model.checkpoint
        assert isinstance(checkpoint, Checkpoint)
        return load_model(checkpoint), load_tokenizer(checkpoint)

    @cached_property
    def _remote(self) -> Any:
        from traitrl.compare.remote import RemoteModel

        return RemoteModel(self.model.name)
