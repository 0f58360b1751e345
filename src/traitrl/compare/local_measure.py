"""Measures a local model on benchmarks by likelihood, telling how far it is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from traitrl.evals.likelihood import benchmark_scores
from traitrl.evals.registry import Benchmark
from traitrl.evals.rows import ResultRow, write_rows
from traitrl.experiment.measure import Condition, likelihood_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def measure_benchmarks(
    condition: Condition,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    chosen: Sequence[Benchmark],
    limit: int,
    folder: Path,
    advance: Callable[[int, str], None],
) -> None:
    """Scores benchmarks and writes `rows.parquet`.

    Args:
        condition: Whose rows these are.
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        chosen: Benchmarks whose data is here.
        limit: At most so many items of each.
        folder: Where the rows go.
        advance: Gets the number of benchmarks done, and the name of the one that comes.
    """
    rows: list[ResultRow] = []
    for place, benchmark in enumerate(chosen):
        advance(place, benchmark.name)
        items = benchmark.items(limit) or []
        scores = benchmark_scores(model, tokenizer, benchmark.scoring, items)
        rows += likelihood_rows(condition, benchmark, items, scores, limit)
    write_rows(rows, folder / "rows.parquet")
