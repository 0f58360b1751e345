"""Steps that remember: a step whose inputs have not changed since it finished is not run again."""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitrl.runtime import peak_memory_mb, release_memory, reset_peak_memory


@dataclass(frozen=True)
class Step:
    """One unit of work.

    `inputs` is everything its result depends on, as plain data; `run` gets the step's folder and writes its outputs
    there.
    """

    id: str
    stage: str
    inputs: dict[str, Any]
    run: Callable[[Path], None]


def inputs_hash(inputs: dict[str, Any]) -> str:
    """Returns a short hash of a step's inputs."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]


class StepStore:
    """The `steps/` folder of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step_id: str) -> Path:
        """Returns the folder of a step."""
        return self.folder / step_id

    def is_done(self, step: Step) -> bool:
        """True when the step finished with exactly these inputs."""
        record = self.path(step.id) / "step.json"
        return record.exists() and json.loads(record.read_text())["inputs"] == inputs_hash(step.inputs)

    def execute(self, step: Step) -> None:
        """Runs a step and records it.

        A half-done folder is kept for the step to resume from. One with other inputs is moved to `replaced/`, and comes
        back from there when its inputs are wanted again.
        """
        folder = self.path(step.id)
        wanted = inputs_hash(step.inputs)
        self._make_room(step.id, wanted)
        if self.is_done(step):
            return
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "inputs.json", json.dumps({"hash": wanted, "inputs": step.inputs}, indent=1, default=str))
        release_memory()
        reset_peak_memory()
        begun = time.perf_counter()
        step.run(folder)
        record = {
            "inputs": wanted,
            "stage": step.stage,
            "seconds": time.perf_counter() - begun,
            "peak_memory_mb": peak_memory_mb(),
        }
        _write(folder / "step.json", json.dumps(record))

    def _make_room(self, step_id: str, wanted: str) -> None:
        """Moves a folder that began with other inputs aside, and one that began with these back."""
        folder = self.path(step_id)
        if folder.exists():
            begun = _started_hash(folder / "inputs.json")
            if begun == wanted:
                return
            if begun is None:  # `inputs.json` is written first and whole, so nothing was finished here
                shutil.rmtree(folder)
            else:
                aside = self._aside(step_id, begun)
                aside.parent.mkdir(exist_ok=True)
                folder.rename(aside)
                # Not to stdout, where --json prints.
                print(f"{step_id}: its inputs changed; the old folder is now {aside}", file=sys.stderr)
        kept = self._aside(step_id, wanted)
        if kept.exists():
            kept.rename(folder)

    def _aside(self, step_id: str, inputs: str) -> Path:
        return self.folder / "replaced" / f"{step_id}-{inputs}"

    def records(self) -> dict[str, dict[str, Any]]:
        """Returns the record of every finished step."""
        return {path.parent.name: json.loads(path.read_text()) for path in sorted(self.folder.glob("*/step.json"))}


def _started_hash(path: Path) -> str | None:
    """Returns the hash that a step began with; None when it was never written in full."""
    try:
        return json.loads(path.read_text())["hash"]
    except (OSError, json.JSONDecodeError, KeyError):
        return None


def _write(path: Path, text: str) -> None:
    """Writes a file in one step, so that a kill leaves the old one or the new one."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    partial.replace(path)
