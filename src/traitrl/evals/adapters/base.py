"""What every reader is, and how the common file formats are opened."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.evals.items import Item, OpenItem

if TYPE_CHECKING:
    from traitrl.evals.benchmark import Benchmark

Reader = Callable[[Sequence[Path], "Benchmark"], list[Item]]
"""Takes the files in the order of the declaration."""
OpenReader = Callable[[Sequence[Path], "Benchmark"], list[OpenItem]]


def json_of(path: Path) -> Any:
    """Returns the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """Returns the rows of a table with a header."""
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source, delimiter=delimiter))


def shortened(text: str, limit: int = 400) -> str:
    """Returns the text cut to `limit` characters: long replies are compared by their beginnings."""
    return text.strip()[:limit]
