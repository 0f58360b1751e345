"""Inspect AI's way to local checkpoints, with or without adapter: `traitrl/NAME`, NAME as everywhere in traitrl.

The name that Inspect sees carries a hash of the weights, so neither its cache nor its logs can take one checkpoint for
another. Requests that come while the model is busy are decoded together by the project's own sampler.
"""

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)

from traitrl.errors import TraitrlError
from traitrl.models.batching import ROWS, Asked, Batcher
from traitrl.models.chat import Message

if TYPE_CHECKING:
    from inspect_ai.tool import ToolChoice, ToolInfo

    from traitrl.models.loading import Checkpoint

_MAX_TOKENS = 1024
_UNUSED = ("top_p", "top_k", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "num_choices")


class MissingGrader(ModelAPI):
    """Stands in for the grader of a task where nobody named one: answers nothing, and remembers that it was asked."""

    asked = False

    async def generate(
        self,
        input: "list[ChatMessage]",
        tools: "list[ToolInfo]",
        tool_choice: "ToolChoice",
        config: GenerateConfig,
    ) -> ModelOutput:
        """Refuses.

        Raises:
            TraitrlError: Always.
        """
        self.asked = True
        raise TraitrlError("The task asks for a grader.", "Give an API model with --judge PROVIDER/NAME.")


class LocalModel(ModelAPI):
    """A checkpoint on this machine.

    Temperature (1 by default, 0 is greedy), max_tokens, seed and stop_seqs are honoured. Batches of a kind draw from
    seeds of their own, so that epochs differ.

    Args:
        model_name: `bundled`, a folder, an adapter folder or a hub id; `NAME@HASH` also checks the weights.
        base_url: Unused.
        api_key: Unused.
        config: Settings of Inspect.

    Raises:
        TraitrlError: When there is no such model, or the weights are not those of the hash.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008
    ) -> None:
        from traitrl.models.identity import checkpoint_hash
        from traitrl.models.loading import resolve

        name, wanted = _split(model_name)
        self.checkpoint = resolve(name)
        identity = checkpoint_hash(self.checkpoint)[:12]
        if wanted not in (None, identity):
            raise TraitrlError(
                f"The weights of {name} have the hash {identity}, not {wanted}.",
                f"They have changed since; leave @{wanted} out to measure them as they are now.",
            )
        super().__init__(f"{name}@{identity}", config=config)
        self._batcher = Batcher(self._run)
        self._loaded: tuple[Any, Any] | None = None
        self._loading = threading.Lock()
        self._batches = 0
        self._files = _stamps(self.checkpoint)

    async def generate(
        self, input: list[ChatMessage], tools: "list[ToolInfo]", tool_choice: "ToolChoice", config: GenerateConfig
    ) -> ModelOutput:
        """Returns one reply.

        Raises:
            TraitrlError: When tools, or settings that the sampler does not have, are asked for.
        """
        unused = [name for name in _UNUSED if getattr(config, name) not in (None, False, 1)]
        if tools or unused:
            raise TraitrlError(
                f"traitrl/{self.model_name} cannot be given {', '.join(unused) if unused else 'tools'}.",
                "Leave that out, or use Inspect's provider hf/ for this task.",
            )
        _, tokenizer = await anyio.to_thread.run_sync(self._model)
        from traitrl.models.chat import prompt_ids
        from traitrl.models.loading import end_id

        prompt = prompt_ids(tokenizer, [_turn(message) for message in input])
        temperature = 1.0 if config.temperature is None else config.temperature
        asked = Asked(prompt, config.max_tokens or _MAX_TOKENS, temperature, config.seed or 0)
        ids = await self._batcher.ask(asked)
        text = str(tokenizer.decode(ids, skip_special_tokens=True)).strip()
        cut = min((place for stop in config.stop_seqs or () if (place := text.find(stop)) >= 0), default=None)
        whole = cut is not None or ids[-1] == end_id(tokenizer)
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(content=text[:cut], model=self.model_name, source="generate"),
                    stop_reason="stop" if whole else "max_tokens",
                )
            ],
            usage=ModelUsage(input_tokens=len(prompt), output_tokens=len(ids), total_tokens=len(prompt) + len(ids)),
        )

    def adopt(self, model: Any, tokenizer: Any) -> None:
        """Uses weights that are in memory already; they must be those of the checkpoint."""
        self._loaded = model, tokenizer

    def _model(self) -> tuple[Any, Any]:
        # Many requests come at once, each in a thread of its own; transformers cannot load twice at a time.
        with self._loading:
            if self._loaded is None:
                from traitrl.models.loading import load_model, load_tokenizer

                self._loaded = load_model(self.checkpoint), load_tokenizer(self.checkpoint)
            return self._loaded

    def _run(self, batch: Sequence[Asked]) -> list[list[int]]:
        from traitrl.models.generation import Sampling, sample_replies
        from traitrl.models.loading import end_id

        if _stamps(self.checkpoint) != self._files:
            raise TraitrlError(
                f"The files of traitrl/{self.model_name} have changed since it was made.",
                "Make the model anew with get_model(..., memoize=False), which takes the new weights and a new name.",
            )
        model, tokenizer = self._model()
        first = batch[0]
        sampling = Sampling(first.max_tokens, first.temperature, first.seed + self._batches)
        self._batches += 1
        return sample_replies(model, [asked.prompt for asked in batch], 1, sampling, [end_id(tokenizer)], ROWS)

    async def count_text_tokens(self, text: str) -> int:
        """Counts with the model's own tokenizer; the stock way asks the network for another one."""
        _, tokenizer = await anyio.to_thread.run_sync(self._model)
        return len(tokenizer(text)["input_ids"])

    def max_connections(self) -> int:
        """Returns the size of a batch."""
        return ROWS

    def max_tokens(self) -> int | None:
        """Returns the length cap of a reply when none is asked for."""
        return _MAX_TOKENS

    def collapse_user_messages(self) -> bool:
        """Chat templates want turns to alternate."""
        return True

    def collapse_assistant_messages(self) -> bool:
        """Chat templates want turns to alternate."""
        return True

    def connection_key(self) -> str:
        """Each checkpoint has a queue of its own."""
        return self.model_name

    def close(self) -> None:
        """Lets go of the weights."""
        self._loaded = None


def _split(model_name: str) -> tuple[str, str | None]:
    """Splits NAME@HASH into name and hash, None when there is no hash."""
    found = re.fullmatch(r"(.+)@([0-9a-f]{12})", model_name)
    return (found.group(1), found.group(2)) if found else (model_name, None)


def _stamps(checkpoint: "Checkpoint") -> list[tuple[str, int, int]]:
    """Returns name, size and time of the files of weights and settings; none of a hub model."""
    folders = [Path(place) for place in (checkpoint.base, checkpoint.adapter) if place is not None]
    files = [path for folder in folders for kind in ("*.safetensors", "*.json") for path in sorted(folder.glob(kind))]
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def _turn(message: ChatMessage) -> Message:
    return {"role": message.role, "content": message.text}
