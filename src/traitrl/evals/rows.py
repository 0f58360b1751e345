"""The results table: one row per scored item. Every statistic in the report is computed from these rows alone."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ResultTable = Any
"""A pandas DataFrame of result rows. pandas' own types do not survive a type checker, so the alias is open."""


@dataclass(frozen=True)
class ResultRow:
    """One scored item.

    `score` is higher for better; in [0, 1] except for `preference_margin` (nats per token) and rubric scores of
    single replies, which
    may be negative. `attack` is "none" and `budget` 0 for a clean measurement. `cluster` groups items that share a
    source.
    """

    experiment: str
    arm: str
    seed: int
    checkpoint: str
    attack: str
    budget: float
    benchmark: str
    family: str
    item: str
    cluster: str
    sample: int
    score: float | None
    refused: bool
    truncated: bool
    tokens: int
    protocol: str
    formula: float = math.nan
    """Of sampled replies: how common the reply's commonest sentence opening is among the replies to other items."""


def write_rows(rows: Iterable[ResultRow], path: Path) -> None:
    """Writes rows as parquet, in one step."""
    import pandas as pd

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    pd.DataFrame([asdict(row) for row in rows]).to_parquet(partial, index=False)
    partial.replace(path)


def read_rows(paths: Iterable[Path]) -> ResultTable:
    """Reads and joins result files."""
    import pandas as pd

    return pd.concat([pd.read_parquet(path) for path in sorted(paths)], ignore_index=True)
