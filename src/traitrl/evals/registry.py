"""The registry: all declared benchmarks, and the suites."""

from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from traitrl.errors import TraitrlError
from traitrl.evals.benchmark import FAMILIES, Benchmark, DataFile

__all__ = ["FAMILIES", "Benchmark", "DataFile", "benchmarks", "chosen_benchmarks", "public_benchmarks"]


def _declarations(name: str) -> Any:
    folder = resources.files("traitrl.evals").joinpath("declarations")
    return yaml.safe_load(folder.joinpath(name).read_text(encoding="utf-8"))


def _public_sources() -> list[dict[str, Any]]:
    folder = resources.files("traitrl.evals").joinpath("declarations", "public")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return [source for name in names for source in _declarations(f"public/{name}")]


def _own() -> list[Benchmark]:
    shared: dict[str, Any] = {"source": "package", "adapter": "own", "scoring": "per_byte", "count": 44, "chance": 0.5}
    rows: list[dict[str, Any]] = _declarations("own.yaml")
    return [Benchmark.model_validate({**shared, "files": [{"path": f"{row['name']}.jsonl"}], **row}) for row in rows]


def public_benchmarks(sources: list[dict[str, Any]]) -> list[Benchmark]:
    """Turns sources (a repository each, with its benchmarks) into declarations.

    A source has `folder`, `licence`, `repository`, `revision`, and optionally `raw` (address of the repository's files
    at that revision) or `archive` with `archive_sha256` (address of an archive that holds them). A benchmark's `files`
    map paths inside the folder to sha256; a path that starts with another source's folder and a colon is taken from
    there.
    """
    folders = {source["folder"]: source for source in sources}
    found: list[Benchmark] = []
    for source in sources:
        for row in source["benchmarks"]:
            files = tuple(_data_file(source, folders, path, digest) for path, digest in row["files"].items())
            shared = {key: source[key] for key in ("repository", "revision", "licence")}
            found.append(Benchmark.model_validate({"source": "local", **shared, **row, "files": files}))
    return found


def _data_file(source: dict[str, Any], folders: dict[str, Any], path: str, digest: str | None) -> DataFile:
    other, colon, inner = path.partition(":")
    origin, inside = (folders[other], inner) if colon else (source, path)
    path = f"{origin['folder']}/{inside}"
    if "archive" in origin:
        pinned = origin["archive_sha256"]
        return DataFile(path=path, sha256=digest, url=origin["archive"], member=inside, archive_sha256=pinned)
    return DataFile(path=path, sha256=digest, url=f"{origin['raw']}{inside}" if "raw" in origin else None)


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Returns all declared benchmarks by name."""
    rows = [*_own(), *public_benchmarks(_public_sources())]
    named = {row.name: row for row in rows}
    if len(named) != len(rows):
        raise ValueError("a benchmark is declared twice")
    return named


def chosen_benchmarks(names: list[str] | Literal["default", "all"], generated: bool = False) -> list[Benchmark]:
    """Returns the named benchmarks, or those of a suite.

    Args:
        names: Names, or a suite: `default` is the short list of suites.yaml, `all` every declared benchmark.
        generated: Whether `all` holds the benchmarks that are scored on sampled replies. An experiment leaves them out:
            they cost more than its attacks.

    Raises:
        TraitrlError: When a name is unknown.
    """
    known = benchmarks()
    if names == "all":
        return [row for row in known.values() if generated or not row.is_generated]
    wanted = _declarations("suites.yaml")["default"] if names == "default" else names
    for name in wanted:
        if name not in known:
            raise TraitrlError(f"There is no benchmark {name}.", "`traitrl evals list` prints all names.")
    return [known[name] for name in wanted]
