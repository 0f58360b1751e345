"""Measures one model: held-out traits, preference of references, benchmarks.

Turns replies and likelihoods into result rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.config import Experiment
from traitrl.evals.held_out import Reply, preference_margins, sample_scenarios
from traitrl.evals.items import Item, OpenItem
from traitrl.evals.judge_failures import assert_judged
from traitrl.evals.likelihood import benchmark_scores
from traitrl.evals.registry import Benchmark
from traitrl.evals.rows import ResultRow, write_rows
from traitrl.jsonl import write_rows as write_lines
from traitrl.judges.protocol import Judge, score_requests
from traitrl.models.generation import Sampling
from traitrl.scenarios import Scenario
from traitrl.training.variety import formula_shares

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Condition:
    """Which model, under which attack and budget, is being measured."""

    experiment: Experiment
    arm: str
    checkpoint: str
    attack: str = "none"
    budget: float = 0.0

    def row(self, **fields: Any) -> ResultRow:
        """Returns a result row of this condition."""
        return ResultRow(
            experiment=self.experiment.name,
            arm=self.arm,
            seed=self.experiment.seed,
            checkpoint=self.checkpoint,
            attack=self.attack,
            budget=self.budget,
            **fields,
        )

    def answer_row(self, benchmark: Benchmark, item: Item | OpenItem, **fields: Any) -> ResultRow:
        """Returns a result row of one answer to a benchmark item."""
        return self.row(
            benchmark=benchmark.name,
            family=benchmark.family,
            item=item.id,
            cluster=item.group,
            sample=0,
            **fields,
        )


def judged_rows(condition: Condition, replies: Sequence[Reply], judge: Judge) -> list[ResultRow]:
    """Grades replies with the evaluation judge; a failed grade stays None.

    Raises:
        TraitrlError: When the judge failed on more than a tenth of the replies.
    """
    scores = score_requests(judge, [reply.request for reply in replies])
    assert_judged(judge.name, scores)
    formulas = formula_shares([reply.text for reply in replies], [reply.scenario.id for reply in replies])
    return [
        condition.row(
            benchmark="trait_judge",
            family=f"trait: {reply.scenario.trait}",
            item=reply.scenario.id,
            cluster=reply.scenario.id,
            sample=reply.sample,
            score=score,
            refused=reply.refused,
            truncated=reply.truncated,
            tokens=reply.tokens,
            protocol=judge.protocol,
            formula=formula,
        )
        for reply, score, formula in zip(replies, scores, formulas, strict=True)
    ]


def margin_rows(condition: Condition, scenarios: Sequence[Scenario], margins: Sequence[float]) -> list[ResultRow]:
    """Turns preference margins into two benchmarks: the margin in nats per token, and whether it is positive."""
    return [
        condition.row(
            benchmark=name,
            family=f"trait: {scenario.trait}",
            item=scenario.id,
            cluster=scenario.id,
            sample=0,
            score=margin if name == "preference_margin" else float(margin > 0),
            refused=False,
            truncated=False,
            tokens=0,
            protocol="likelihood:per_token",
        )
        for name in ("preference_margin", "preference_accuracy")
        for scenario, margin in zip(scenarios, margins, strict=True)
    ]


def measure_held_out(
    condition: Condition,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    scenarios: Sequence[Scenario],
    judge: Judge,
    system: str | None,
    folder: Path,
    compared: Sequence[Scenario] | None = None,
) -> None:
    """Runs the held-out trait evaluation and writes `rows.parquet` and `replies.jsonl`.

    Replies are sampled to `scenarios`; the judge-free margin is taken on `compared`, by default the same.
    """
    compared = scenarios if compared is None else compared
    plan, training = condition.experiment.evaluation, condition.experiment.training
    sampling = Sampling(training.max_tokens, plan.temperature, condition.experiment.seed)
    replies = sample_scenarios(model, tokenizer, scenarios, system, sampling, plan.samples)
    rows = judged_rows(condition, replies, judge)
    rows += margin_rows(condition, compared, preference_margins(model, tokenizer, compared, system))
    lines = [
        {
            "scenario": reply.scenario.id,
            "sample": reply.sample,
            "reply": reply.text,
            "score": row.score,
            "tokens": reply.tokens,
            "truncated": reply.truncated,
            "refused": reply.refused,
        }
        for reply, row in zip(replies, rows, strict=False)
    ]
    write_lines(lines, folder / "replies.jsonl")
    write_rows(rows, folder / "rows.parquet")


def likelihood_rows(
    condition: Condition, benchmark: Benchmark, items: Sequence[Item], scores: Sequence[float], limit: int
) -> list[ResultRow]:
    """Turns the item scores of a likelihood benchmark into result rows; `limit` is part of their protocol."""
    return [
        condition.answer_row(
            benchmark,
            item,
            score=score,
            refused=False,
            truncated=False,
            tokens=0,
            protocol=f"likelihood:{benchmark.scoring}:{limit}",
        )
        for item, score in zip(items, scores, strict=True)
    ]


def measure_benchmarks(
    condition: Condition,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    chosen: Sequence[Benchmark],
    limit: int,
    folder: Path,
    advance: Callable[[int, str], None] | None = None,
) -> None:
    """Scores every benchmark whose data is here; writes `rows.parquet`.

    Args:
        condition: Whose rows these are.
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        chosen: Benchmarks; those whose data is not here leave no rows.
        limit: At most so many items of each.
        folder: Where the rows go.
        advance: Gets the number of benchmarks done, and the name of the one that comes.
    """
    rows: list[ResultRow] = []
    for place, benchmark in enumerate(chosen):
        if advance is not None:
            advance(place, benchmark.name)
        items = benchmark.items(limit)
        if items is None:
            continue
        scores = benchmark_scores(model, tokenizer, benchmark.scoring, items)
        rows += likelihood_rows(condition, benchmark, items, scores, limit)
    write_rows(rows, folder / "rows.parquet")
