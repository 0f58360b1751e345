"""A lab run as a file: which models are attacked, how far, and on what it is measured. Typos fail."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from traitrl.errors import TraitrlError
from traitrl.persist.plan import PersistPlan

_SETTINGS = {field.name for field in fields(PersistPlan)} - {"folder"}


@dataclass(frozen=True)
class LabFile:
    """What a lab file says."""

    models: list[str]
    """Each as NAME or LABEL=NAME; the first one is the reference."""
    before: str | None
    """The model before training."""
    repeat: bool
    """Measures the reference once more under another seed."""
    settings: dict[str, Any]
    """Keys of `PersistPlan` that the file names, with their values."""


def read_lab_file(path: Path) -> LabFile:
    """Reads a lab file: `models`, `before`, `repeat`, and any setting of `PersistPlan` but its folder.

    Raises:
        TraitrlError: When the file cannot be read, or a key or value is wrong; names the key.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise TraitrlError(
            f"{path} cannot be read.", "Give a lab file, e.g. experiments/emergent_misalignment.yaml."
        ) from problem
    except yaml.YAMLError as problem:
        raise TraitrlError(f"{path} is not valid YAML ({problem}).", "Mend the file.") from problem
    if not isinstance(data, dict) or not data.get("models"):
        raise TraitrlError(
            f"{path} is not a lab file: it names no models.",
            "experiments/emergent_misalignment.yaml shows the shape; experiments with arms go to `traitrl run`.",
        )
    said: dict[str, Any] = dict(data)  # pyright: ignore[reportUnknownArgumentType]
    head = {name: said.pop(name) for name in ("models", "before", "repeat") if name in said}
    for name in said:
        if name not in _SETTINGS:
            raise TraitrlError(f"{path}: there is no key {name}.", f"Known: {', '.join(sorted(_SETTINGS))}.")
    try:
        plan = TypeAdapter(PersistPlan).validate_python(said)
        return TypeAdapter(LabFile).validate_python(
            {"before": None, "repeat": False, **head, "settings": {name: getattr(plan, name) for name in said}}
        )
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TraitrlError(
            f"{path}: {where}: {first['msg']}.", "src/traitrl/persist/plan.py says what each key takes."
        ) from problem
