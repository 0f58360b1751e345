"""Tasks of other packages by name, `inspect:NAME` and `lm_eval:NAME`: run by their own runners, put in our rows."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from traitrl.errors import TraitrlError
from traitrl.judges.loading import OFFLINE

FAMILY = "tasks of other packages"
"""Family of their rows: which score is the aligned one, and which tasks are independent, nobody has declared."""


@dataclass(frozen=True)
class ExternalScore:
    """One scored item of a task; `score` is None where the task's own scorer gave none."""

    item: str
    cluster: str
    sample: int
    score: float | None
    truncated: bool = False
    tokens: int = 0
    reply: str = ""


@dataclass(frozen=True)
class Subject:
    """The model under test. `local` loads its weights and tokenizer, None for a model behind an API."""

    name: str
    """As Inspect names it, `PROVIDER/NAME`."""
    local: Callable[[], tuple[Any, Any]] | None


@dataclass(frozen=True)
class Budget:
    """How much of a task is run, and by which grader where it asks for one."""

    items: int
    seed: int
    grader: str | None
    """`PROVIDER/NAME` of the grader; None where there is none, and tasks that ask for one stop."""


class _Run(Protocol):
    def __call__(self, name: str, subject: Subject, budget: Budget, folder: Path) -> list[ExternalScore]: ...


@dataclass(frozen=True)
class ExternalTask:
    """A task and its runner."""

    label: str
    """What the user typed: the name in our rows."""
    kind: str
    """`inspect` or `lm_eval`."""
    name: str
    version: str
    """Of the packages that run it, and a hash of its file if it is one."""
    run: _Run

    def grader(self, judge: str) -> str | None:
        """Returns the judge as this task's grader; None where it cannot be one: lm-eval has none, and an offline judge
        grades criteria and follows no instructions of others.
        """
        return judge if self.kind == "inspect" and judge not in OFFLINE else None

    def scores(self, subject: Subject, budget: Budget, folder: Path) -> list[ExternalScore]:
        """Runs the task; its own logs go to `folder`.

        Raises:
            TraitrlError: When the runner knows no such task, or it fails.
        """
        return self.run(self.name, subject, budget, folder)


def find_task(label: str) -> ExternalTask:
    """Finds the runner of a task.

    Args:
        label: `inspect:NAME` (of the package inspect-evals), `inspect:PACKAGE/NAME` (of any other), `lm_eval:NAME`, or
            `lm_eval:FILE.yaml`.

    Raises:
        TraitrlError: When the kind is unknown, its package is not installed, or there is no such file.
    """
    kind, _, name = label.partition(":")
    if kind not in _KINDS or not name:
        raise TraitrlError(f"There is no task {label}.", "Tasks are named inspect:NAME or lm_eval:NAME.")
    packages = ["inspect-ai", *([] if "/" in name else ["inspect-evals"])] if kind == "inspect" else ["lm-eval"]
    versions = [_versioned(package) for package in packages]
    if kind == "lm_eval" and name.endswith((".yaml", ".yml")):
        versions.append(_content(Path(name)))
    return ExternalTask(label, kind, name, " ".join(versions), _KINDS[kind])


def _content(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    except OSError as problem:
        raise TraitrlError(f"There is no file {file}.", "Check the path of the task.") from problem


def _versioned(package: str) -> str:
    try:
        return f"{package}={version(package)}"
    except PackageNotFoundError:
        raise TraitrlError(
            f"The package {package} is not installed.", f"Run `pip install 'traitrl[{package}]'`."
        ) from None


def _inspect(name: str, subject: Subject, budget: Budget, folder: Path) -> list[ExternalScore]:
    from traitrl.evals.inspect_runner import run_inspect_task

    return run_inspect_task(name, subject, budget, folder)


def _lm_eval(name: str, subject: Subject, budget: Budget, folder: Path) -> list[ExternalScore]:
    from traitrl.evals.lm_eval_runner import run_lm_eval_task

    return run_lm_eval_task(name, subject, budget)


_KINDS: dict[str, _Run] = {"inspect": _inspect, "lm_eval": _lm_eval}
