"""Takes drafts through the stages that cost a call, several at once."""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from traitrl.judges.language_model import shared_loop
from traitrl.scenarios.generation.answers import STAGES, Answer, Conversation, read_answer
from traitrl.scenarios.generation.author import Author, CallFailed
from traitrl.scenarios.generation.plan import Brief
from traitrl.scenarios.generation.prompts import prompts_version, render_stage
from traitrl.scenarios.generation.state import Line, Lines, as_draft, next_stage

Record = Callable[[Line], None]


def write_drafts(
    wanted: Sequence[Brief], lines: Lines, taken: Sequence[str], author: Author, record: Record
) -> Counter[str]:
    """Takes every draft as far as it goes; `lines` grows, and `record` gets each new line at once.

    Args:
        wanted: The drafts.
        lines: What is finished already.
        taken: Situations that exist in the cell, before those of the drafts.
        author: The model.
        record: Keeps a line.

    Returns:
        How many drafts wait for another run, by the class of the error.
    """
    future = asyncio.run_coroutine_threadsafe(_all(wanted, lines, taken, author, record), shared_loop())
    try:
        failures = future.result()
    except BaseException:
        future.cancel()
        raise
    return Counter(failure for failure in failures if failure is not None)


async def _all(
    wanted: Sequence[Brief], lines: Lines, taken: Sequence[str], author: Author, record: Record
) -> list[str | None]:
    # Situations are thought of one after the other, so that each knows those before it; the rest runs side by side.
    one_by_one = asyncio.Lock()

    async def write(brief: Brief) -> str | None:
        stages = lines.setdefault(brief.number, {})
        try:
            while (stage := next_stage(stages)) in STAGES:
                if stage == "situation":
                    async with one_by_one:
                        await _advance(stage, brief, lines, taken, author, record)
                else:
                    await _advance(str(stage), brief, lines, taken, author, record)
        except CallFailed as failure:
            return str(failure)
        return None

    # Empty contexts: settings, limits and transcript of an Inspect evaluation around the caller stay out.
    tasks = [asyncio.create_task(write(brief), context=contextvars.Context()) for brief in wanted]
    try:
        return await asyncio.gather(*tasks)
    except Exception:
        for task in tasks:
            task.cancel()
        raise


async def _advance(
    stage: str, brief: Brief, lines: Lines, taken: Sequence[str], author: Author, record: Record
) -> None:
    stages = lines[brief.number]
    prompt = render_stage(stage, brief, as_draft(stages), [*taken, *premises(lines)])
    reply = await author.ask(prompt, partial(_read, stage, brief))
    line = Line(
        draft=brief.number,
        stage=stage,
        value=reply.value.model_dump(mode="json") if reply.value else None,
        reject=reply.reject,
        answer=reply.text if reply.reject else None,
        **vars(reply.spent),
        prompts=prompts_version(),
    )
    record(line)
    stages[stage] = line


def premises(lines: Lines) -> list[str]:
    """Returns the situations of all drafts so far, in the order of their numbers."""
    drafts = (as_draft(lines[number]) for number in sorted(lines))
    return [draft["situation"]["premise"] for draft in drafts if "situation" in draft]


def _read(stage: str, brief: Brief, text: str) -> Answer:
    answer = read_answer(STAGES[stage], text)
    if isinstance(answer, Conversation) and len(answer.messages) != brief.turns:
        raise ValueError(f"{len(answer.messages)} messages, not {brief.turns}")
    return answer
