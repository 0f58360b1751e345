"""The state file: one line for each finished stage of each draft, written the moment it is paid for."""

import json
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from traitrl.errors import TraitrlError
from traitrl.scenarios.generation.answers import STAGES, Draft
from traitrl.scenarios.generation.plan import GenerationPlan

FILTER = "filter"
_ORDER = (*STAGES, FILTER)


class Line(BaseModel):
    """One finished stage of one draft: an answer, or the reason why the draft ends here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    draft: int
    stage: str
    value: dict[str, Any] | None = None
    """The answer; for the filter the `id` that the scenario got."""
    reject: str | None = None
    answer: str | None = None
    """What the model answered, where that could not be used."""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    prompts: str | None = None
    """Hash of the prompts that it was made with."""


Lines = dict[int, dict[str, Line]]
"""Draft number -> stage -> line."""


def read_state(plan: GenerationPlan) -> Lines:
    """Returns what is finished, up to the first gap of each draft; empty without a file.

    A line that a kill has cut off, or that has been damaged, counts as not done.

    Raises:
        TraitrlError: When the file belongs to another cell or model, or there is an output without a state.
    """
    if not plan.state.exists():
        if plan.out.exists():
            raise TraitrlError(f"{plan.out} exists already.", "Choose another --out.")
        return {}
    found: defaultdict[int, dict[str, Line]] = defaultdict(dict)
    for text in plan.state.read_bytes().split(b"\n"):
        try:
            row = json.loads(text)
            if "model" in row:
                _assert_same(row, plan)
                continue
            line = Line(**row)
            place = _ORDER.index(line.stage)
            if line.reject is None and line.stage in STAGES:
                STAGES[line.stage].model_validate_json(json.dumps(line.value))
        except (ValidationError, ValueError, TypeError):
            continue
        stages = found[line.draft]
        # What was built on an older answer of this stage is no longer wanted.
        for later in _ORDER[place:]:
            stages.pop(later, None)
        if all(_ORDER[before] in stages for before in range(place)) or line.reject is not None:
            stages[line.stage] = line
    return dict(found)


def _assert_same(header: dict[str, Any], plan: GenerationPlan) -> None:
    for name in ("trait", "domain", "model"):
        if header.get(name) != getattr(plan, name):
            raise TraitrlError(
                f"{plan.state} was begun with {name} {header.get(name)}, not {getattr(plan, name)}.",
                "Choose another --out, or go on as it was begun.",
            )


def append_line(plan: GenerationPlan, line: Line) -> None:
    """Adds a line, and before the first one the header.

    Raises:
        TraitrlError: When it cannot be written.
    """
    row = json.dumps(line.model_dump(exclude_none=True), ensure_ascii=False) + "\n"
    with writing(plan.state), plan.state.open("a+b") as file:
        if file.seek(0, 2) == 0:
            header = {"trait": plan.trait, "domain": plan.domain, "model": plan.model}
            row = json.dumps(header) + "\n" + row
        else:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                row = "\n" + row
        file.write(row.encode())


def rejection(stages: dict[str, Line]) -> Line | None:
    """Returns the line that ended a draft, if one did."""
    return next((line for line in stages.values() if line.reject is not None), None)


def next_stage(stages: dict[str, Line]) -> str | None:
    """Returns the stage that a draft needs next: None when it is rejected or through the filter."""
    if rejection(stages):
        return None
    return next((stage for stage in _ORDER if stage not in stages), None)


def as_draft(stages: dict[str, Line]) -> Draft:
    """Returns the answers so far."""
    return {stage: line.value for stage, line in stages.items() if stage in STAGES and line.value is not None}


@contextmanager
def locked(plan: GenerationPlan) -> Generator[None]:
    """Keeps a second command away from the same output.

    Raises:
        TraitrlError: When one is at work, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(str(plan.state) + ".lock", timeout=0)
    with writing(plan.out):
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            problem = f"Another command is writing {plan.out}."
            raise TraitrlError(problem, "Wait for it, or choose another --out.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Says which file could not be written.

    Raises:
        TraitrlError: In place of the system's error.
    """
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or problem
        raise TraitrlError(
            f"{path} cannot be written: {reason}.", "Make room or choose another --out; what is finished is kept."
        ) from problem
