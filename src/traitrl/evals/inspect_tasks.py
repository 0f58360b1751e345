"""Benchmarks as Inspect AI tasks, for any model of any provider.

Benchmarks that are scored by likelihood are asked as multiple choice, and say so in their metadata: the two forms are
never compared with each other.
"""

import math
from collections.abc import Sequence
from typing import Any

import anyio
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    NOANSWER,
    Score,
    Scorer,
    Target,
    accuracy,
    mean,
    scorer,
    stderr,
)
from inspect_ai.solver import TaskState, generate

from traitrl.errors import TraitrlError
from traitrl.evals.choice import choice_messages, option_order, read_choice
from traitrl.evals.generative import grade_texts
from traitrl.evals.items import OpenItem
from traitrl.evals.registry import Benchmark, benchmarks
from traitrl.judges.loading import OFFLINE, load_judge
from traitrl.judges.refusal import is_refusal
from traitrl.models.chat import Message

_CALLS = 40
"""Graders at work at once when the judge is behind an API, which has limits of its own."""
_TURNS = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


def choice_task(benchmark: Benchmark, items: int | None, seed: int) -> Task:
    """Returns a benchmark with options as lettered questions.

    Args:
        benchmark: One that is scored by likelihood.
        items: At most so many, spread over the file; None takes all.
        seed: Fixes the order of the options of every item.

    Raises:
        TraitrlError: When its data is absent or changed.
    """
    found = benchmark.items(items)
    if found is None:
        raise _absent(benchmark)
    samples: list[Sample] = []
    for item in found:
        order = option_order(benchmark.name, item, seed)
        samples.append(
            Sample(
                id=item.id,
                input=_turns(choice_messages(item, order)),
                target=chr(ord("A") + order.index(item.answer)),
                metadata={"group": item.group, "order": order},
            )
        )
    metadata = {**_metadata(benchmark), "form": "multiple choice", "likelihood_scoring": benchmark.scoring}
    return _task(benchmark, samples, chosen_letter(), metadata, temperature=0.0)


def reply_task(benchmark: Benchmark, items: int | None, judge: str) -> Task:
    """Returns a benchmark that is answered in free text.

    Args:
        benchmark: One that is scored by code or on a rubric.
        items: At most so many, spread over the file; None takes all.
        judge: Grades rubrics: offline:decoder, offline:feature, or PROVIDER/NAME.

    Raises:
        TraitrlError: When its data is absent or changed.
    """
    found = benchmark.open_items(items)
    if found is None:
        raise _absent(benchmark)
    samples = [Sample(id=item.id, input=_turns(item.messages), metadata={"group": item.group}) for item in found]
    metadata = {**_metadata(benchmark), "form": "free text", "scoring": benchmark.scoring}
    if benchmark.scoring == "rule":
        return _task(benchmark, samples, graded_reply(benchmark.name, None), metadata, temperature=0.0)
    return _task(benchmark, samples, graded_reply(benchmark.name, judge), {**metadata, "judge": judge})


def _task(
    benchmark: Benchmark,
    samples: list[Sample],
    by: Scorer,
    metadata: dict[str, Any],
    temperature: float | None = None,
) -> Task:
    return Task(
        dataset=MemoryDataset(samples, name=benchmark.name),
        solver=generate(),
        scorer=by,
        config=GenerateConfig(temperature=temperature),
        metadata=metadata,
        version=1,
    )


@scorer(metrics=[accuracy(), stderr(cluster="group")])
def chosen_letter() -> Scorer:
    """Reads the letter that the model chose; an answer without a single letter counts as none, and is worth nothing."""

    async def score(state: TaskState, target: Target) -> Score:
        place = read_choice(state.output.completion, len(state.metadata["order"]))
        letter = None if place is None else chr(ord("A") + place)
        right = letter == target.text
        return Score(value=NOANSWER if letter is None else CORRECT if right else INCORRECT, answer=letter)

    return score


@scorer(metrics=[mean(), stderr(cluster="group")])
def graded_reply(benchmark: str, judge: str | None) -> Scorer:
    """Grades a reply by code or by the judge; a failed grade leaves the sample out.

    Args:
        benchmark: Name of the benchmark that the samples come from.
        judge: Grades rubrics; None when all is graded by code.
    """
    known = {item.id: item for item in benchmarks()[benchmark].open_items() or []}
    # An offline judge uses all cores already.
    limiter = anyio.CapacityLimiter(1 if judge in (None, *OFFLINE) else _CALLS)

    async def score(state: TaskState, target: Target) -> Score:
        text = state.output.completion
        item = known[str(state.sample_id)]
        (value,) = await anyio.to_thread.run_sync(_grade, item, text, judge, limiter=limiter)
        truncated = state.output.stop_reason in ("max_tokens", "model_length")
        metadata = {"refused": is_refusal(text), "truncated": truncated}
        return Score(value=math.nan if value is None else value, answer=text, metadata=metadata)

    return score


def _grade(item: OpenItem, text: str, judge: str | None) -> list[float | None]:
    return grade_texts([item], [text], None if judge is None else load_judge(judge, "evaluation"))


def _turns(messages: Sequence[Message]) -> list[ChatMessage]:
    return [_TURNS[turn["role"]](content=turn["content"]) for turn in messages]


def _metadata(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "family": benchmark.family,
        "licence": benchmark.licence,
        "source": benchmark.repository or "traitrl",
        "revision": benchmark.revision,
        "chance": benchmark.chance,
    }


def _absent(benchmark: Benchmark) -> TraitrlError:
    return TraitrlError(
        f"The data of {benchmark.name} is not on this machine ({benchmark.obstacle()}).",
        "Set TRAITRL_DATA to a folder with the public files; `traitrl evals fetch` fills it.",
    )
