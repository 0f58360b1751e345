"""What a declaration of a benchmark says, and the way from it to items, to "absent" or to "changed"."""

import hashlib
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from traitrl.errors import TraitrlError
from traitrl.evals.items import Item, OpenItem, spread

FAMILIES = (
    "deception",
    "honesty and truthfulness",
    "sycophancy",
    "reward hacking",
    "health",
    "mental health",
    "harmful advice",
    "specification compliance",
    "corrigibility and power seeking",
    "fairness",
    "human welfare and ethics",
    "calibration and abstention",
    "metacognition",
    "over-refusal",
    "emergent misalignment",
    "capability control",
)

Status = Literal["present", "absent", "changed"]


class DataFile(BaseModel):
    """One file of a benchmark."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    """Below the package's data folder, or below the folder in TRAITRL_DATA."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """None: the publisher's file was not at hand when the benchmark was declared, so a copy cannot be checked."""
    url: str | None = None
    """Where the publisher has it; None when it cannot be fetched as a file."""
    member: str | None = None
    """Ending of the file's name inside the archive, when `url` is one."""
    archive_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class Benchmark(BaseModel):
    """Declaration of one benchmark."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    family: str
    """Family of the article; `capability control` is kept out of the alignment count."""
    source: Literal["package", "local"]
    """`package` ships with traitrl; `local` is read from the folder in TRAITRL_DATA."""
    adapter: str
    """Name of a reader in adapters/."""
    files: tuple[DataFile, ...]
    scoring: Literal["per_byte", "pmi", "auroc", "rubric", "rule"]
    """`per_byte`, `pmi` and `auroc` by likelihood; `rubric` (a judge) and `rule` (code) on generated replies."""
    count: int | None = None
    """Items after reading; None when the file has never been at hand."""
    chance: float | None = None
    """Score of random choice; None for generated replies."""
    safe: Literal["matching", "not_matching"] | None = None
    """For files keyed by behaviour: which answer is the aligned one. Keys are not uniform, so it is always stated."""
    part: str | None = None
    """Which part of the files, for adapters that serve several benchmarks."""
    licence: str = "CC-BY-4.0"
    repository: str | None = None
    revision: str | None = None
    constant_key: bool = False
    """One and the same behaviour is right in every item: the score also rewards a habit."""
    variant_of: str | None = None
    """Another benchmark on the same behaviour or the same questions; never counted as an independent one."""
    note: str | None = None

    @model_validator(mode="after")
    def _sound(self) -> "Benchmark":
        if self.family not in FAMILIES:
            raise ValueError(f"{self.name}: there is no family {self.family}")
        if self.adapter.startswith("perez") and self.safe is None:
            raise ValueError(f"{self.name}: say which answer is safe; the keys of these files are not uniform")
        return self

    @property
    def is_control(self) -> bool:
        """True for capability controls."""
        return self.family == "capability control"

    @property
    def is_generated(self) -> bool:
        """True when replies must be sampled and graded; False when likelihoods suffice."""
        return self.scoring in ("rubric", "rule")

    @property
    def is_independent(self) -> bool:
        """True when it counts as an alignment benchmark of its own."""
        return not self.is_control and self.variant_of is None

    def paths(self) -> list[Path] | None:
        """Returns the places of all files, or None when no data folder is named; the files need not exist."""
        if self.source == "package":
            folder = Path(str(resources.files("traitrl.evals").joinpath("data")))
        elif os.environ.get("TRAITRL_DATA"):
            folder = Path(os.environ["TRAITRL_DATA"])
        else:
            return None
        return [folder / file.path for file in self.files]

    def changed_files(self) -> list[str]:
        """Returns the paths of files that are here with another content than the declared one."""
        return [
            file.path
            for file, path in zip(self.files, self.paths() or (), strict=False)
            if file.sha256 is not None and path.is_file() and _digest(path) != file.sha256
        ]

    def status(self) -> Status:
        """Returns whether all files are here with the declared content."""
        paths = self.paths()
        if paths is None or not all(path.is_file() for path in paths):
            return "absent"
        return "changed" if self.changed_files() else "present"

    def obstacle(self) -> str | None:
        """Returns why the benchmark cannot be scored here, as a phrase; None when all its data is present."""
        status = self.status()
        if status == "present":
            return None
        if status == "changed":
            return f"another content than declared: {', '.join(self.changed_files())}"
        paths = self.paths()
        if paths is None:
            return "TRAITRL_DATA names no folder"
        missing = [file for file, path in zip(self.files, paths, strict=True) if not path.is_file()]
        if any(file.sha256 is None for file in missing):
            return "never at hand when declared, so it cannot be fetched and checked: put the publisher's file there"
        if any(file.url is None for file in missing):
            return "the publisher offers it inside a package only: put the file there"
        return "not fetched yet: traitrl evals fetch"

    def file(self) -> Path | None:
        """Returns the first data file, or None when a file is not on this machine.

        Raises:
            TraitrlError: When a file is here with another content than the declared one.
        """
        paths = self.paths()
        status = self.status()
        if paths is None or status == "absent":
            return None
        if status == "changed":
            raise TraitrlError(
                f"The data of benchmark {self.name} is not the declared version: {', '.join(self.changed_files())} has"
                " another sha256.",
                "Put the declared revision there (`traitrl evals fetch --replace`), or leave this benchmark out.",
            )
        return paths[0]

    def items(self, limit: int | None = None) -> list[Item] | None:
        """Returns the items of a likelihood benchmark, or None when the data is absent.

        Args:
            limit: At most so many, spread evenly over the files so that every part is represented.

        Raises:
            TraitrlError: When the data is not the declared version, or replies must be generated.
        """
        from traitrl.evals.adapters import READERS

        if self.is_generated:
            raise TraitrlError(
                f"{self.name} is scored on generated replies, not by likelihood.", "Leave it out of this measurement."
            )
        paths = self._usable()
        return None if paths is None else spread(READERS[self.adapter](paths, self), limit)

    def open_items(self, limit: int | None = None) -> list[OpenItem] | None:
        """Returns the items of a generated benchmark, or None when the data is absent.

        Raises:
            TraitrlError: When the data is not the declared version, or the benchmark is scored by likelihood.
        """
        from traitrl.evals.adapters import OPEN_READERS

        if not self.is_generated:
            raise TraitrlError(f"{self.name} is scored by likelihood.", "Take its options instead.")
        paths = self._usable()
        return None if paths is None else spread(OPEN_READERS[self.adapter](paths, self), limit)

    def _usable(self) -> list[Path] | None:
        return self.paths() if self.file() is not None else None


@cache
def _digest_at(path: Path, _size: int, _modified: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(path: Path) -> str:
    state = path.stat()
    return _digest_at(path, state.st_size, state.st_mtime_ns)
