"""Conversations to token ids."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Message(TypedDict):
    """One turn: `role` is system, user or assistant."""

    role: str
    content: str


def prompt_ids(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], system: str | None = None
) -> list[int]:
    """Returns the token ids of a conversation, ending where the assistant's reply begins.

    Args:
        tokenizer: The model's tokenizer.
        messages: Conversation that ends with a user turn.
        system: System prompt put in front; None keeps the conversation as it is.
    """
    turns: Any = [{"role": "system", "content": system}] if system else []
    turns.extend(messages)
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=False)
    return list(ids)  # type: ignore[arg-type]


def reply_ids(tokenizer: "PreTrainedTokenizerBase", text: str, end: bool = False) -> list[int]:
    """Returns the token ids of a reply text, with the end-of-turn token if `end`."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, tokenizer.eos_token_id] if end else list(ids)  # type: ignore[misc]
