"""Measures an API model: held-out scenarios by sampled replies, benchmarks in multiple-choice form."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from traitrl.compare.remote import RemoteModel, RemoteReply
from traitrl.evals.choice import choice_messages, choice_protocol, choice_tokens, option_order, read_choice
from traitrl.evals.held_out import Reply
from traitrl.evals.items import Item
from traitrl.evals.registry import Benchmark
from traitrl.evals.rows import ResultRow, write_rows
from traitrl.experiment.measure import Condition, judged_rows
from traitrl.jsonl import write_rows as write_lines
from traitrl.judges.protocol import Judge
from traitrl.models.chat import Message
from traitrl.scenarios import Scenario, Split
from traitrl.scenarios.store import assert_only


def measure_held_out_remotely(
    condition: Condition, model: RemoteModel, scenarios: Sequence[Scenario], judge: Judge, folder: Path
) -> None:
    """Runs the held-out trait evaluation; writes `rows.parquet` and `replies.jsonl`.

    There is no preference margin: it needs likelihoods. Where the API failed, the row has no score.
    """
    assert_only(scenarios, Split.EVAL, "The held-out evaluation")
    training, evaluation, seed = (
        condition.experiment.training,
        condition.experiment.evaluation,
        condition.experiment.seed,
    )
    before: list[Message] = []
    if training.system_prompt:
        before.append({"role": "system", "content": training.system_prompt})
    conversations = [[*before, *scenario.conversation] for scenario in scenarios]
    rows: list[ResultRow] = []
    lines: list[dict[str, Any]] = []
    for sample in range(evaluation.samples):
        scope = f"score:{seed}:{sample}"
        answers = model.answers(conversations, training.max_tokens, evaluation.temperature, scope)
        came = [
            (answer, Reply(scenario, sample, answer.text, answer.tokens, answer.truncated))
            for scenario, answer in zip(scenarios, answers, strict=True)
            if answer is not None
        ]
        judged = [
            replace(row, refused=row.refused or answer.declined)
            for row, (answer, _) in zip(judged_rows(condition, [reply for _, reply in came], judge), came, strict=True)
        ]
        rows += judged
        rows += [
            _failed_row(condition, scenario, sample, judge.protocol)
            for scenario, answer in zip(scenarios, answers, strict=True)
            if answer is None
        ]
        lines += [
            {"scenario": reply.scenario.id, "sample": sample, "reply": reply.text, "score": row.score}
            | {"tokens": row.tokens, "truncated": row.truncated, "refused": row.refused}
            for (_, reply), row in zip(came, judged, strict=True)
        ]
    write_lines(lines, folder / "replies.jsonl")
    write_rows(rows, folder / "rows.parquet")


def _failed_row(condition: Condition, scenario: Scenario, sample: int, protocol: str) -> ResultRow:
    return condition.row(
        benchmark="trait_judge",
        family=f"trait: {scenario.trait}",
        item=scenario.id,
        cluster=scenario.id,
        sample=sample,
        score=None,
        refused=False,
        truncated=False,
        tokens=0,
        protocol=protocol,
    )


def measure_benchmarks_remotely(
    condition: Condition, model: RemoteModel, chosen: Sequence[Benchmark], limit: int, folder: Path
) -> None:
    """Asks for a letter on every item; writes `rows.parquet` and the answers as `answers.jsonl`.

    An answer without a single letter scores 0 and counts as refused, so that it stays in the comparison over all items
    and leaves the one over items that both models answered. Where the API failed, the row has no score.
    """
    seed, cap = condition.experiment.seed, choice_tokens(condition.experiment.training.max_tokens)
    rows: list[ResultRow] = []
    lines: list[dict[str, Any]] = []
    for benchmark in chosen:
        items = benchmark.items(limit) or []
        orders = [option_order(benchmark.name, item, seed) for item in items]
        asked = [choice_messages(item, order) for item, order in zip(items, orders, strict=True)]
        answers = model.answers(asked, cap, 0.0, f"choice:{seed}")
        for item, order, answer in zip(items, orders, answers, strict=True):
            rows.append(_choice_row(condition, benchmark, item, order, answer, choice_protocol(limit, seed)))
            text = answer.text if answer else None
            lines.append({"benchmark": benchmark.name, "item": item.id, "order": order, "answer": text})
    write_lines(lines, folder / "answers.jsonl")
    write_rows(rows, folder / "rows.parquet")


def _choice_row(
    condition: Condition,
    benchmark: Benchmark,
    item: Item,
    order: Sequence[int],
    answer: RemoteReply | None,
    protocol: str,
) -> ResultRow:
    letter = read_choice(answer.text, len(order)) if answer else None
    right = letter is not None and order[letter] == item.answer
    return condition.answer_row(
        benchmark,
        item,
        score=float(right) if answer else None,
        refused=answer is not None and letter is None,
        truncated=answer is not None and answer.truncated,
        tokens=answer.tokens if answer else 0,
        protocol=protocol,
    )
