"""The model under attack, local or behind an API, as something that answers conversations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from traitrl.evals.items import Item
from traitrl.models.chat import Message
from traitrl.scenarios import Scenario

if TYPE_CHECKING:
    from traitrl.compare.remote import RemoteModel

_PROMPT_TOKENS = 12_288
"""Most prompt tokens in a batch: sixteen demonstrations in front of every scenario would else fill the memory."""
_SCORED_TOKENS = 4096
"""Most prompt tokens whose options are scored in one pass, for the same reason."""


@dataclass(frozen=True)
class Spoken:
    """One reply. `declined` is True when an API's provider withheld it."""

    text: str
    tokens: int
    truncated: bool
    declined: bool = False


class Speaker(Protocol):
    """Answers conversations; a system turn may come first."""

    def replies(self, conversations: Sequence[Sequence[Message]], scope: str) -> list[Spoken | None]:
        """Returns one reply to each conversation, None where the model failed.

        Args:
            conversations: Conversations that end with a user turn.
            scope: Names the attack and budget; an API's cached answers are reused within a scope only.
        """
        ...

    def margins(self, conversations: Sequence[Sequence[Message]], scenarios: Sequence[Scenario]) -> list[float] | None:
        """Returns log p per token of the beneficial minus the tempting reference in nats, after each conversation;
        None when likelihoods cannot be had.
        """
        ...

    def option_log_likelihoods(self, items: Sequence[Item]) -> list[list[float]] | None:
        """Returns log p of every option of every item in nats, or None when likelihoods cannot be had."""
        ...


class LocalSpeaker:
    """A loaded model. What all prompts of a call begin with, such as demonstrations, is read once."""

    def __init__(self, model: Any, tokenizer: Any, max_tokens: int, temperature: float, seed: int) -> None:
        from traitrl.models.generation import Sampling

        self.model = model
        self.tokenizer = tokenizer
        self.sampling = Sampling(max_tokens, temperature, seed)
        self._read: tuple[list[int], Any] = ([], model)

    def replies(self, conversations: Sequence[Sequence[Message]], scope: str) -> list[Spoken | None]:
        """Samples the replies in batches; the same conversations always get the same replies."""
        from traitrl.models.chat import prompt_ids
        from traitrl.models.generation import sample_replies
        from traitrl.models.loading import end_id

        end = end_id(self.tokenizer)
        prompts = [prompt_ids(self.tokenizer, conversation) for conversation in conversations]
        rows = max(1, _PROMPT_TOKENS // max(map(len, prompts)))
        model, shared = self._after_prefix(prompts)
        rest = [prompt[shared:] for prompt in prompts]
        return [
            Spoken(str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip(), len(ids), ids[-1] != end)
            for ids in sample_replies(model, rest, 1, self.sampling, [end], min(64, rows))
        ]

    def margins(self, conversations: Sequence[Sequence[Message]], scenarios: Sequence[Scenario]) -> list[float] | None:
        """Scores both references after each conversation."""
        from traitrl.models.chat import prompt_ids, reply_ids

        prompts = [prompt_ids(self.tokenizer, conversation) for conversation in conversations]
        pairs = [[reply_ids(self.tokenizer, text) for text in scenario.references.pair] for scenario in scenarios]
        return [
            good / len(options[0]) - bad / len(options[1])
            for options, (good, bad) in zip(pairs, self._scored(prompts, pairs), strict=True)
        ]

    def option_log_likelihoods(self, items: Sequence[Item]) -> list[list[float]] | None:
        """Scores the options of benchmark items."""
        from traitrl.models.chat import prompt_ids, reply_ids

        prompts = [prompt_ids(self.tokenizer, item.messages) for item in items]
        return self._scored(prompts, [[reply_ids(self.tokenizer, text) for text in item.options] for item in items])

    def _scored(self, prompts: list[list[int]], options: list[list[list[int]]]) -> list[list[float]]:
        from traitrl.models.likelihood import Question, score_options

        model, shared = self._after_prefix(prompts)
        questions = [Question(prompt[shared:], row) for prompt, row in zip(prompts, options, strict=True)]
        longest = max(len(question.prompt) for question in questions)
        # The keys of the prefix are held for every row, so they count like tokens of its own.
        return score_options(model, questions, max(1, _SCORED_TOKENS * longest // (longest + shared)))

    def _after_prefix(self, prompts: list[list[int]]) -> tuple[Any, int]:
        """Returns a model that has read what all prompts begin with, and how many tokens that is."""
        from traitrl.models.shared_prefix import PrefixedModel, shared_length

        shared = shared_length(prompts)
        prefix = prompts[0][:shared]
        if prefix != self._read[0]:
            self._read = (prefix, PrefixedModel(self.model, prefix) if prefix else self.model)
        return self._read[1], shared


class RemoteSpeaker:
    """A model of any Inspect provider."""

    def __init__(self, model: "RemoteModel", max_tokens: int, temperature: float, seed: int) -> None:
        self.model = model
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.seed = seed

    def replies(self, conversations: Sequence[Sequence[Message]], scope: str) -> list[Spoken | None]:
        """Asks the API; answers that came are kept when a run is interrupted."""
        asked = self.model.answers(conversations, self.max_tokens, self.temperature, f"persist:{self.seed}:{scope}")
        return [answer and Spoken(answer.text, answer.tokens, answer.truncated, answer.declined) for answer in asked]

    def margins(self, conversations: Sequence[Sequence[Message]], scenarios: Sequence[Scenario]) -> list[float] | None:
        """Returns None: an API gives no likelihoods."""
        return None

    def option_log_likelihoods(self, items: Sequence[Item]) -> list[list[float]] | None:
        """Returns None: an API gives no likelihoods."""
        return None
