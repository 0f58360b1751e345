"""A model behind any API, through Inspect AI: retries, limits and the cache of answers are Inspect's."""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from traitrl.errors import TraitrlError
from traitrl.judges.language_model import plain_error, shared_loop
from traitrl.models.chat import Message

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage

_MOST_FAILURES = 0.1
_EMPTY = "empty"


@dataclass(frozen=True)
class RemoteReply:
    """One answer of the model. `declined` is True when the provider withheld it."""

    text: str
    tokens: int
    truncated: bool
    declined: bool = False


class RemoteModel:
    """Asks a model of any Inspect provider.

    Answers are cached without expiry, so that an interrupted measurement pays for no answer twice.

    Args:
        name: `PROVIDER/NAME`; the key comes from the provider's environment variable.
        max_connections: Calls under way at once.
        timeout: Seconds after which a call is not tried again.

    Raises:
        TraitrlError: When Inspect cannot use the model.
    """

    def __init__(self, name: str, max_connections: int = 8, timeout: int = 120) -> None:
        from inspect_ai.model import GenerateConfig, get_model

        self.name = name
        config = GenerateConfig(max_connections=max_connections, timeout=timeout, attempt_timeout=max(1, timeout // 2))
        try:
            self._model = get_model(name, config=config, memoize=False)
        except Exception as error:
            # Not chained: a provider's error, or the frames behind it, may hold the key.
            raise TraitrlError(
                f"The model {name} cannot be used: {plain_error(error, None)}",
                "Name a model of an Inspect AI provider, install the provider's package and set its key.",
            ) from None

    def answers(
        self, conversations: Sequence[Sequence[Message]], max_tokens: int, temperature: float, scope: str
    ) -> list[RemoteReply | None]:
        """Asks for one answer to each conversation.

        Args:
            conversations: Conversations that end with a user turn; a system turn may come first.
            max_tokens: Length cap of an answer, reasoning included.
            temperature: Sampling temperature.
            scope: Answers are reused within a scope only; repeated samples of a prompt need scopes of their own.

        Returns:
            Answers in order, None where the API failed or gave an answer without text that it did not decline.

        Raises:
            TraitrlError: When more than a tenth failed.
        """
        task = self._all(conversations, max_tokens, temperature, scope)
        future = asyncio.run_coroutine_threadsafe(task, shared_loop())
        try:
            found = future.result()
        except BaseException:
            future.cancel()
            raise
        failures = Counter(answer for answer in found if isinstance(answer, str))
        if failures.total() > _MOST_FAILURES * len(found):
            causes = ", ".join(f"{cause} {count} times" for cause, count in failures.most_common())
            remedy = "Check key, limits and network, and run the command again: answers that came are kept."
            if failures[_EMPTY]:
                remedy += f" Empty answers: set --max-tokens above {max_tokens}; reasoning counts towards it."
            raise TraitrlError(
                f"{self.name} failed on {failures.total()} of {len(found)} requests ({causes}).",
                remedy,
            )
        return [None if isinstance(answer, str) else answer for answer in found]

    async def _all(
        self, conversations: Sequence[Sequence[Message]], max_tokens: int, temperature: float, scope: str
    ) -> list[RemoteReply | str]:
        # Empty contexts: settings, limits and transcript of an Inspect evaluation around the caller stay out.
        tasks = [
            asyncio.create_task(self._one(turns, max_tokens, temperature, scope), context=contextvars.Context())
            for turns in conversations
        ]
        return await asyncio.gather(*tasks)

    async def _one(
        self, conversation: Sequence[Message], max_tokens: int, temperature: float, scope: str
    ) -> RemoteReply | str:
        """Returns the answer, or the class of the error: messages may quote the request or the key."""
        from inspect_ai.model import CachePolicy, GenerateConfig

        try:
            output = await self._model.generate(
                _turns(conversation),
                config=GenerateConfig(max_tokens=max_tokens, temperature=temperature),
                cache=CachePolicy(expiry=None, per_epoch=False, scopes={"traitrl": scope}),
            )
        except Exception as error:
            return type(error.__cause__ or error).__name__
        declined = output.stop_reason == "content_filter"
        text = output.completion.strip()
        if not text and not declined:
            return _EMPTY
        return RemoteReply(
            text=text,
            tokens=output.usage.output_tokens if output.usage else 0,
            truncated=output.stop_reason in ("max_tokens", "model_length"),
            declined=declined,
        )


def _turns(conversation: Sequence[Message]) -> "list[ChatMessage]":
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    return [kinds[turn["role"]](content=turn["content"]) for turn in conversation]
