"""Fetches data files of public benchmarks from their publishers: pinned content only, nothing replaced unasked."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from traitrl.errors import TraitrlError
from traitrl.evals.registry import Benchmark, DataFile

Outcome = Literal["fetched", "present", "changed", "unpinned", "no address", "failed"]


@dataclass(frozen=True)
class Fetched:
    """What became of one file."""

    path: str
    outcome: Outcome
    detail: str = ""


def fetch_benchmarks(
    chosen: Iterable[Benchmark], folder: Path, replace: bool = False, told: Callable[[Fetched], None] | None = None
) -> list[Fetched]:
    """Downloads every file of the chosen public benchmarks that is not yet in `folder`.

    One file that fails does not stop the others. A file arrives under its name only when its sha256 is the declared
    one.

    Args:
        chosen: Benchmarks; those that ship with the package are passed over.
        folder: Where files go, in the same layout as TRAITRL_DATA.
        replace: Also fetch anew what is there with another content.
        told: Called after each file.

    Returns:
        One result per file, in the order of the declarations.

    Raises:
        TraitrlError: When pooch is not installed.
    """
    pooch = _pooch()
    files = {file.path: file for row in chosen if row.source == "local" for file in row.files}
    results: list[Fetched] = []
    for file in files.values():
        results.append(_fetch(pooch, file, folder, replace))
        if told is not None:
            told(results[-1])
    return results


def _pooch() -> Any:
    try:
        import pooch  # type: ignore[import-not-found]
    except ImportError as problem:
        raise TraitrlError(
            "Fetching needs the package pooch, which is not installed.", "Run `pip install 'traitrl[fetch]'`."
        ) from problem
    pooch.get_logger().setLevel("WARNING")
    return pooch


def _fetch(pooch: Any, file: DataFile, folder: Path, replace: bool) -> Fetched:
    target = folder / file.path
    if file.sha256 is None:
        return Fetched(file.path, "unpinned", "no sha256 is declared, so a download could not be checked")
    if target.is_file():
        if _digest(target.read_bytes()) == file.sha256:
            return Fetched(file.path, "present")
        if not replace:
            return Fetched(file.path, "changed", "another content is there; --replace fetches the declared one")
    if file.url is None:
        return Fetched(file.path, "no address", "the publisher does not offer it as a single file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.member is None:
            _download(pooch, file.url, file.sha256, target)
        else:
            _extract(pooch, file, folder, target)
    # requests has a tree of errors of its own below OSError; a wrong sha256 is a ValueError.
    except (OSError, ValueError, zipfile.BadZipFile) as problem:
        return Fetched(file.path, "failed", str(problem).strip().split("\n")[0])
    return Fetched(file.path, "fetched")


def _download(pooch: Any, url: str, sha256: str, target: Path) -> None:
    pooch.retrieve(url=url, known_hash=f"sha256:{sha256}", fname=target.name, path=str(target.parent))


def _extract(pooch: Any, file: DataFile, folder: Path, target: Path) -> None:
    archive = folder / ".archives" / f"{file.archive_sha256}.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    _download(pooch, str(file.url), str(file.archive_sha256), archive)
    with zipfile.ZipFile(archive) as source:
        names = [name for name in source.namelist() if name == file.member or name.endswith(f"/{file.member}")]
        matching = (content for name in names if _digest(content := source.read(name)) == file.sha256)
        content = next(matching, None)
    if content is None:
        raise ValueError(f"the archive holds no {file.member} with the declared sha256")
    partial = target.with_name(f"{target.name}.partial")
    partial.write_bytes(content)
    partial.replace(target)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
