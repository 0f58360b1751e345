"""What Inspect AI finds under the entry point group `inspect_ai`: a task per benchmark, and the provider `traitrl/`.

Inspect loads this whenever it looks for an extension, so nothing heavy is imported before a task or model is made.
"""

from typing import TYPE_CHECKING

from inspect_ai import Task, task
from inspect_ai.model import modelapi

from traitrl.evals.registry import benchmarks

if TYPE_CHECKING:
    from inspect_ai.model import ModelAPI


@modelapi(name="traitrl")
def local_models() -> "type[ModelAPI]":
    """Local checkpoints: `traitrl/bundled`, `traitrl/FOLDER`, `traitrl/HUB_ID`."""
    from traitrl.models.inspect_provider import LocalModel

    return LocalModel


@modelapi(name="traitrl_missing")
def missing_models() -> "type[ModelAPI]":
    """Stands in for a model that nobody named."""
    from traitrl.models.inspect_provider import MissingGrader

    return MissingGrader


def _register_choices(name: str) -> None:
    @task(name=name)
    def choices(items: int | None = None, seed: int = 0) -> Task:  # pyright: ignore[reportUnusedFunction]
        from traitrl.evals.inspect_tasks import choice_task

        return choice_task(benchmarks()[name], items, seed)


def _register_replies(name: str) -> None:
    @task(name=name)
    def replies(items: int | None = None, judge: str = "offline:decoder") -> Task:  # pyright: ignore[reportUnusedFunction]
        from traitrl.evals.inspect_tasks import reply_task

        return reply_task(benchmarks()[name], items, judge)


for _benchmark in benchmarks().values():
    (_register_replies if _benchmark.is_generated else _register_choices)(_benchmark.name)
