"""JSON lines files, and JSON of figures. Split at newlines only: JSON strings may hold other line separators."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields (line number from 1, row) for each non-empty line.

    Raises:
        json.JSONDecodeError: When a line is not JSON.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            yield number, json.loads(line)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Returns all rows of a file."""
    return [row for _, row in read_lines(path)]


def write_rows(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Writes one JSON line per row, in one step."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    partial.replace(path)


def figures_json(figures: Any, indent: int | None = None) -> str:
    """Returns figures as JSON that every reader takes: what is not known (NaN, infinity) becomes null."""
    return json.dumps(_known(figures), indent=indent, ensure_ascii=False, allow_nan=False)


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _known(part) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_known(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return None if isinstance(value, float) and not math.isfinite(value) else value
