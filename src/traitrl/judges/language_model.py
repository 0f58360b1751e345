"""Judge behind any model API, through Inspect AI: one call per reply, a reason before each verdict, None on failure."""

import asyncio
import contextvars
import hashlib
import json
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from traitrl.errors import TraitrlError
from traitrl.judges.protocol import GradeRequest, Verdicts

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage

_LOGGER = logging.getLogger(__name__)
_CODE_FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)
# Servers of open models read these spellings as turn boundaries, which no fence survives.
_TURN_TOKEN = re.compile(r"<(?=\||/?s>|(?:start|end)_of_turn>)|\[(?=/?(?:INST|SYSTEM_PROMPT)\])")


@dataclass
class Usage:
    """What a judge has consumed: answers paid for, answers out of the cache, and the tokens of the paid ones."""

    calls: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class _Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    reason: str = Field(min_length=1)
    met: bool


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    verdicts: list[_Verdict]


def read_verdicts(answer: str, ids: Sequence[str]) -> Verdicts:
    """Reads a judge's answer, with or without a code fence around the JSON.

    Raises:
        ValueError: When it is not of the required form, or does not name each id exactly once.
    """
    text = answer.strip()
    fenced = _CODE_FENCE.fullmatch(text)
    verdicts = _Answer.model_validate_json(fenced.group(1) if fenced else text).verdicts
    if sorted(verdict.id for verdict in verdicts) != sorted(ids):
        raise ValueError("the answer does not name each criterion exactly once")
    return {verdict.id: float(verdict.met) for verdict in verdicts}


def fence_code(request: GradeRequest) -> str:
    """Returns the code in the tags around the material: as good as random to the reply, since it hashes the reply."""
    criteria = [[criterion.id, criterion.criterion] for criterion in request.rubric]
    material = json.dumps([list(request.conversation), criteria, request.reply])
    return hashlib.sha256(material.encode()).hexdigest()[:16]


def render_request(request: GradeRequest) -> str:
    """Returns the user message for one reply; points stay out of it, so that they cannot colour a verdict."""
    criteria = [{"id": criterion.id, "criterion": criterion.criterion} for criterion in request.rubric]
    return Template(_prompt("request")).substitute(
        code=fence_code(request),
        conversation=_TURN_TOKEN.sub(r"\g<0> ", json.dumps(list(request.conversation), ensure_ascii=False, indent=1)),
        reply=_TURN_TOKEN.sub(r"\g<0> ", request.reply),
        criteria="\n".join(json.dumps(criterion, ensure_ascii=False) for criterion in criteria),
        ids=_ids(request),
    )


def _ids(request: GradeRequest) -> str:
    return ", ".join(criterion.id for criterion in request.rubric)


@cache
def _prompt(name: str) -> str:
    return resources.files("traitrl.judges").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")


@cache
def shared_loop() -> asyncio.AbstractEventLoop:
    """One loop for all judges of the process: Inspect's connection limits are process-wide and bound to a loop."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="traitrl-judges", daemon=True).start()
    return loop


class LanguageModelJudge:
    """Grades with a language model of any Inspect provider. Verdicts are 0 or 1.

    `usage` counts calls and tokens. `failures` counts failed grades by cause: the stop reason, the error's class, or
    `unreadable` for an answer that was not of the required form twice.

    Args:
        name: `PROVIDER/NAME` of Inspect AI, for example `openai/gpt-5-mini`.
        role: What the judge is used for; roles never share cache entries.
        temperature: Sampling temperature; None leaves it to the provider, as some models demand.
        max_tokens: Limit of one answer, reasoning included; an answer that reaches it is a failure.
        max_connections: Calls under way at once. The first judge of a model and key sets it for the process.
        timeout: Seconds after which a call is not tried again; a single try gets half of them.
        use_cache: Whether answers are kept and reused, without expiry.
        base_url: Address of the API; None takes the provider's.
        api_key: Key of the API; None takes it from the provider's environment variable.

    Raises:
        TraitrlError: When Inspect cannot use the model, for want of its package or key or because it is unknown.
    """

    def __init__(
        self,
        name: str,
        *,
        role: str = "evaluation",
        temperature: float | None = 0.0,
        max_tokens: int = 4096,
        max_connections: int = 16,
        timeout: int = 240,
        use_cache: bool = True,
        base_url: str | None = None,
        api_key: str | None = None,
    ) -> None:
        from inspect_ai.model import CachePolicy, GenerateConfig, get_model

        self.name = name
        self.usage = Usage()
        self.failures: Counter[str] = Counter()
        prompts = {key: _prompt(key) for key in ("system", "request", "repair")}
        settings = {"temperature": temperature, "max_tokens": max_tokens}
        version = json.dumps([name, role, prompts, settings], sort_keys=True)
        self.protocol = f"{name}:{hashlib.sha256(version.encode()).hexdigest()[:12]}"
        self._cache = CachePolicy(expiry=None, per_epoch=False, scopes={"role": role}) if use_cache else False
        config = GenerateConfig(
            temperature=temperature,
            max_tokens=max_tokens,
            max_connections=max_connections,
            timeout=timeout,
            attempt_timeout=max(1, timeout // 2),
        )
        try:
            # Inspect's own memory of models would keep the key in its table.
            self._model = get_model(name, config=config, base_url=base_url, api_key=api_key, memoize=False)
        except Exception as error:
            # Not chained: a provider's error, or the frames behind it, may hold the key.
            raise TraitrlError(
                f"The judge {name} cannot be used: {plain_error(error, api_key)}",
                "Name a model of an Inspect AI provider, install the provider's package and set its key.",
            ) from None

    def __repr__(self) -> str:
        return f"LanguageModelJudge({self.protocol})"

    def grade(self, requests: Sequence[GradeRequest]) -> list[Verdicts | None]:
        """Grades all requests at once; blocks until the last is done, and may be called with or without a loop."""
        future = asyncio.run_coroutine_threadsafe(self._grade_all(requests), shared_loop())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def _grade_all(self, requests: Sequence[GradeRequest]) -> list[Verdicts | None]:
        # Empty contexts: settings, limits and transcript of an Inspect evaluation around the caller stay out.
        tasks = [asyncio.create_task(self._grade_one(item), context=contextvars.Context()) for item in requests]
        return await asyncio.gather(*tasks)

    async def _grade_one(self, request: GradeRequest) -> Verdicts | None:
        from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

        messages: list[ChatMessage] = [
            ChatMessageSystem(content=_prompt("system")),
            ChatMessageUser(content=render_request(request)),
        ]
        for _ in range(2):
            answer = await self._answer(messages)
            if answer is None:
                return None
            try:
                return read_verdicts(answer, [criterion.id for criterion in request.rubric])
            except ValueError:
                repair = Template(_prompt("repair")).substitute(ids=_ids(request))
                messages = [*messages, ChatMessageAssistant(content=answer), ChatMessageUser(content=repair)]
        return self._fail("unreadable")

    async def _answer(self, messages: "list[ChatMessage]") -> str | None:
        from inspect_ai.event import ModelEvent
        from inspect_ai.log import transcript

        try:
            output = await self._model.generate(messages, cache=self._cache)
        except Exception as error:
            # The class alone: messages may quote the request or the key. An error of retrying wraps its cause.
            return self._fail(type(error.__cause__ or error).__name__)
        # The context of this grade is its own, and so is the transcript.
        events = [event for event in transcript().events if isinstance(event, ModelEvent)]
        if events and events[-1].cache == "read":
            self.usage.cached += 1
        else:
            self.usage.calls += 1
            if spent := output.usage:
                prefix = (spent.input_tokens_cache_read or 0) + (spent.input_tokens_cache_write or 0)
                self.usage.input_tokens += spent.input_tokens + prefix
                self.usage.output_tokens += spent.output_tokens
        if output.empty:
            return self._fail("empty")
        # Some providers report "unknown" for a natural end; the strict parser finds what was cut off.
        if output.stop_reason in ("max_tokens", "model_length", "content_filter"):
            return self._fail(output.stop_reason)
        return output.completion

    def _fail(self, cause: str) -> None:
        if cause not in self.failures:
            _LOGGER.warning("%s failed on a reply: %s. More of this kind are only counted.", self.name, cause)
        self.failures[cause] += 1


def plain_error(error: Exception, api_key: str | None) -> str:
    """Returns an error's message in one line, with every key that the environment holds masked."""
    text = " ".join(re.sub(r"\[/?\w+\]", "", str(error)).split()).removeprefix("ERROR: ").rstrip(".") + "."
    keys = [value for name, value in os.environ.items() if re.search("KEY|TOKEN|SECRET", name) and len(value) > 7]
    for key in filter(None, [api_key, *keys]):
        text = text.replace(key, "***")
    return text
