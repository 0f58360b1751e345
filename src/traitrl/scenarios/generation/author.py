"""The model that writes, through Inspect AI: one call per stage, one more for an unusable form."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from traitrl.errors import TraitrlError
from traitrl.judges.language_model import plain_error
from traitrl.judges.refusal import is_refusal
from traitrl.scenarios.generation.answers import Answer
from traitrl.scenarios.generation.plan import GenerationPlan
from traitrl.scenarios.generation.prompts import prompt_text, render_repair

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, ModelOutput

PATIENCE = 5
"""After so many calls in a row that brought nothing usable, nothing more is asked: it would only cost."""
_LONGEST_KEPT = 2000


class CallFailed(Exception):
    """No answer came; the draft stays as it is, and the next run asks again. The text is the class of the error."""


@dataclass
class Spent:
    """Answers that came, and their tokens."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, output: "ModelOutput") -> None:
        """Counts one answer."""
        self.calls += 1
        if usage := output.usage:
            prefix = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
            self.input_tokens += usage.input_tokens + prefix
            self.output_tokens += usage.output_tokens


@dataclass
class Reply:
    """What came of one stage: an answer, or why there is none; and what it cost."""

    value: Answer | None = None
    reject: str | None = None
    text: str | None = None
    """The unusable answer."""
    spent: Spent = field(default_factory=Spent)


class Author:
    """Asks a model of any Inspect provider; `spent` counts every answer that came.

    Raises:
        TraitrlError: When Inspect cannot use the model.
    """

    def __init__(self, plan: GenerationPlan) -> None:
        from inspect_ai.model import GenerateConfig, get_model

        config = GenerateConfig(
            max_tokens=plan.max_tokens,
            temperature=plan.temperature,
            max_connections=plan.max_connections,
            timeout=plan.timeout,
            attempt_timeout=max(1, plan.timeout // 2),
        )
        try:
            # Inspect's own memory of models would keep the key in its table.
            self._model = get_model(plan.model, config=config, memoize=False)
        except Exception as error:
            # Not chained: a provider's error, or the frames behind it, may hold the key.
            raise TraitrlError(
                f"The model {plan.model} cannot be used: {plain_error(error, None)}",
                "Name a model of an Inspect AI provider, install the provider's package and set its key.",
            ) from None
        self.spent = Spent()
        self._fruitless = 0

    async def ask(self, prompt: str, read: Callable[[str], Answer]) -> Reply:
        """Returns what came of one stage.

        Args:
            prompt: The user message.
            read: Reads an answer; its ValueError says what is wrong, and goes back to the model once.

        Raises:
            CallFailed: When no answer came, or too many calls in a row brought nothing.
        """
        from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

        messages: list[ChatMessage] = [
            ChatMessageSystem(content=prompt_text("system")),
            ChatMessageUser(content=prompt),
        ]
        reply = Reply()
        problem = ""
        for _ in range(2):
            output = await self._call(messages, reply)
            text = output.completion
            if unusable := _unusable(output):
                return self._rejected(reply, unusable, text)
            try:
                reply.value = read(text)
            except ValueError as error:
                problem = str(error)
                repair = ChatMessageUser(content=render_repair(problem))
                messages = [*messages, ChatMessageAssistant(content=text), repair]
                reply.text = text
            else:
                self._fruitless = 0
                return reply
        text = reply.text or ""
        reason = "the model refused" if is_refusal(text) else f"not of the required form twice ({problem})"
        return self._rejected(reply, reason, text)

    async def _call(self, messages: "list[ChatMessage]", reply: Reply) -> "ModelOutput":
        if self._fruitless >= PATIENCE:
            raise CallFailed("not asked any more")
        try:
            output = await self._model.generate(messages)
        except Exception as error:
            self._fruitless += 1
            # The class alone: messages may quote the request or the key. An error of retrying wraps its cause.
            raise CallFailed(type(error.__cause__ or error).__name__) from None
        reply.spent.add(output)
        self.spent.add(output)
        return output

    def _rejected(self, reply: Reply, reason: str, text: str) -> Reply:
        self._fruitless += 1
        reply.reject = reason
        # A lone surrogate in an answer must not keep it from being written down.
        reply.text = text[:_LONGEST_KEPT].encode("utf-8", "replace").decode()
        return reply


def _unusable(output: "ModelOutput") -> str | None:
    if output.stop_reason == "content_filter":
        return "the provider withheld the answer (content_filter)"
    if output.stop_reason in ("max_tokens", "model_length"):
        return f"cut off ({output.stop_reason}); a higher --max-tokens gives later drafts more room"
    return "empty answer" if output.empty or not output.completion.strip() else None
