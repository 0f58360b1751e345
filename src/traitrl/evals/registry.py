"""The registry: one declaration per benchmark, and the way from a declaration to items or to "absent"."""

import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from traitrl.errors import TraitrlError
from traitrl.evals.items import Item


class Benchmark(BaseModel):
    """Declaration of one benchmark."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    family: str
    """Family of the article; `capability control` is kept out of the alignment count."""
    source: Literal["package", "local"]
    """`package` ships with traitrl; `local` is read from the folder in TRAITRL_DATA."""
    adapter: str
    """Name of a reader in adapters.py."""
    path: str
    scoring: Literal["per_byte", "auroc"]
    """How options become a score."""
    safe: Literal["matching", "not_matching"] | None = None
    """For files keyed by behaviour: which answer is the aligned one. Keys are not uniform, so it is always stated."""
    rule: str | None = None
    """Filter of some adapters."""
    licence: str = "CC-BY-4.0"

    @model_validator(mode="after")
    def _keyed(self) -> "Benchmark":
        if self.adapter.startswith("perez") and self.safe is None:
            raise ValueError(f"{self.name}: say which answer is safe; the keys of these files are not uniform")
        return self

    @property
    def is_control(self) -> bool:
        """True for capability controls."""
        return self.family == "capability control"

    def file(self) -> Path | None:
        """Returns the data file, or None when it is not on this machine."""
        if self.source == "package":
            return Path(str(resources.files("traitrl.evals").joinpath("data", self.path)))
        folder = os.environ.get("TRAITRL_DATA")
        path = Path(folder) / self.path if folder else None
        return path if path is not None and path.exists() else None

    def items(self, limit: int | None = None) -> list[Item] | None:
        """Returns the items, or None when the data is absent.

        Args:
            limit: At most so many, spread evenly over the file so that every part is represented.
        """
        from traitrl.evals.adapters import READERS

        path = self.file()
        if path is None:
            return None
        items = READERS[self.adapter](path, self)
        if limit is None or len(items) <= limit:
            return items
        return [items[index * len(items) // limit] for index in range(limit)]


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Returns all declared benchmarks by name."""
    text = resources.files("traitrl.evals").joinpath("registry.yaml").read_text(encoding="utf-8")
    rows = [Benchmark(**row) for row in yaml.safe_load(text)]
    return {row.name: row for row in rows}


def chosen_benchmarks(names: list[str] | Literal["default"]) -> list[Benchmark]:
    """Returns the named benchmarks, all for `default`.

    Raises:
        TraitrlError: When a name is unknown.
    """
    known = benchmarks()
    if names == "default":
        return list(known.values())
    for name in names:
        if name not in known:
            raise TraitrlError(f"There is no benchmark {name}.", "`traitrl evals list` prints all names.")
    return [known[name] for name in names]
