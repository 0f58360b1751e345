"""Collects requests for replies that come one by one, and runs those that are alike together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

ROWS = 64
"""Most replies decoded together."""
_GATHER = 0.02
"""Seconds that a request waits for others that come with it."""
_PROMPT_TOKENS = 12_288
"""Most prompt tokens in a batch, so that long prompts do not fill the memory."""


@dataclass(frozen=True)
class Asked:
    """A prompt as token ids, and how the reply is drawn."""

    prompt: Sequence[int]
    max_tokens: int
    temperature: float
    seed: int

    @property
    def kind(self) -> tuple[int, float, int]:
        """Requests of one kind can be decoded together."""
        return self.max_tokens, self.temperature, self.seed


@dataclass
class _Waiting:
    asked: Asked
    reply: list[int] | None = None
    error: Exception | None = None


@dataclass
class Batcher:
    """Runs requests of one kind together; while one batch runs, the next one gathers.

    Args:
        run: Gets requests of one kind and returns the token ids of each reply. Called in a worker thread.
    """

    run: Callable[[Sequence[Asked]], list[list[int]]]
    _queue: list[_Waiting] = field(default_factory=list[_Waiting])
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def ask(self, asked: Asked) -> list[int]:
        """Returns the token ids of the reply.

        Raises:
            Exception: Whatever `run` raised on the batch.
        """
        own = _Waiting(asked)
        self._queue.append(own)
        await anyio.sleep(_GATHER)
        async with self._lock:
            if own.reply is None and own.error is None:
                batch = self._take(own)
                await anyio.to_thread.run_sync(self._answer, batch)
        if own.error is not None:
            raise own.error
        assert own.reply is not None
        return own.reply

    def _take(self, first: _Waiting) -> list[_Waiting]:
        """Takes requests like the first one out of the queue, as many as one batch holds."""
        batch, widest = [first], len(first.asked.prompt)
        for waiting in self._queue:
            wider = max(widest, len(waiting.asked.prompt))
            fits = len(batch) < ROWS and (len(batch) + 1) * wider <= _PROMPT_TOKENS
            if waiting is not first and waiting.asked.kind == first.asked.kind and fits:
                batch.append(waiting)
                widest = wider
        self._queue = [waiting for waiting in self._queue if waiting not in batch]
        return batch

    def _answer(self, batch: list[_Waiting]) -> None:
        """Fills in the replies here, in the thread, so that they are kept when the one who waits is cancelled."""
        try:
            # Sorted, so that the same requests draw the same replies in whatever order they came.
            batch.sort(key=lambda waiting: tuple(waiting.asked.prompt))
            for waiting, reply in zip(batch, self.run([waiting.asked for waiting in batch]), strict=True):
                waiting.reply = reply
        except Exception as error:
            for waiting in batch:
                waiting.error = error
