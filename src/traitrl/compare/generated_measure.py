"""Measures a model, local or behind an API, on benchmarks that are answered in free text."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.evals.generative import grade_texts
from traitrl.evals.items import OpenItem
from traitrl.evals.judge_failures import assert_judged
from traitrl.evals.registry import Benchmark
from traitrl.evals.rows import ResultRow, write_rows
from traitrl.experiment.measure import Condition
from traitrl.jsonl import write_rows as write_lines
from traitrl.judges.protocol import Judge
from traitrl.judges.refusal import is_refusal

if TYPE_CHECKING:
    from traitrl.persist.speakers import Speaker, Spoken


def measure_generated(
    condition: Condition,
    speaker_at: "Callable[[float], Speaker]",
    chosen: Sequence[Benchmark],
    limit: int,
    judge: Judge | None,
    folder: Path,
    advance: Callable[[int, str], None],
) -> None:
    """Samples and grades replies; writes `rows.parquet` and `replies.jsonl`.

    No system prompt is put in front: benchmarks bring their own. What code grades has one right form and is answered
    greedily; what a judge grades is sampled at the measurement's temperature.

    Args:
        condition: Whose rows these are.
        speaker_at: Returns the model as a speaker at a temperature.
        chosen: Benchmarks whose data is here.
        limit: At most so many items of each.
        judge: Grades rubrics; None when all are graded by code.
        folder: Where the files go.
        advance: Gets the number of benchmarks done, and the name of the one that comes.

    Raises:
        TraitrlError: When the API failed on more than a tenth of the items of a benchmark, or the judge did.
    """
    rows: list[ResultRow] = []
    lines: list[dict[str, Any]] = []
    for place, benchmark in enumerate(chosen):
        advance(place, benchmark.name)
        items = benchmark.open_items(limit) or []
        temperature = 0.0 if benchmark.scoring == "rule" else condition.experiment.evaluation.temperature
        spoken = speaker_at(temperature).replies([item.messages for item in items], benchmark.name)
        scores = grade_texts(items, [None if reply is None else reply.text for reply in spoken], judge)
        came = [score for reply, score in zip(spoken, scores, strict=True) if reply is not None]
        assert_judged(judge.name if judge else "by code", came, benchmark.name)
        protocol = _protocol(benchmark, judge, condition, limit)
        for item, reply, score in zip(items, spoken, scores, strict=True):
            row = _row(condition, benchmark, item, reply, score, protocol)
            rows.append(row)
            lines.append(
                {"benchmark": benchmark.name, "item": item.id, "reply": None if reply is None else reply.text}
                | {"score": score, "refused": row.refused, "truncated": row.truncated, "tokens": row.tokens}
            )
    write_lines(lines, folder / "replies.jsonl")
    write_rows(rows, folder / "rows.parquet")


def _protocol(benchmark: Benchmark, judge: Judge | None, condition: Condition, limit: int) -> str:
    """Returns what two measurements must share to be compared: the grader, the length cap and the items."""
    grader = judge.protocol if judge is not None and benchmark.scoring == "rubric" else "code"
    return f"generated:{grader}:{condition.experiment.training.max_tokens}:{limit}"


def _row(
    condition: Condition,
    benchmark: Benchmark,
    item: OpenItem,
    reply: "Spoken | None",
    score: float | None,
    protocol: str,
) -> ResultRow:
    return condition.answer_row(
        benchmark,
        item,
        score=score,
        refused=reply is not None and (reply.declined or is_refusal(reply.text)),
        truncated=reply is not None and reply.truncated,
        tokens=0 if reply is None else reply.tokens,
        protocol=protocol,
    )
