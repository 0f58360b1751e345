"""What the warm start learns from: conversations with four plain replies each, of four kinds and of equal weight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from traitrl.errors import TraitrlError
from traitrl.jsonl import read_rows
from traitrl.judges.examples import LabelledReply, load_labels
from traitrl.models.chat import Message
from traitrl.scenarios import Scenario, Split
from traitrl.scenarios.duplicates import MAX_COSINE

if TYPE_CHECKING:
    import numpy as np

KINDS = ("good", "along", "vague", "tricky")
"""Right; goes along with the temptation; beside the point; not what it looks like."""


@dataclass(frozen=True)
class WarmExample:
    """A conversation that ends with the user's turn, and one reply of each kind."""

    conversation: list[Message]
    replies: list[str]


class _Replies(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    good: str
    along: str
    vague: str
    tricky: str


class WarmConversation(BaseModel):
    """One line of data/warm_conversations.jsonl: a short everyday message written for the warm start alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    trait: str
    domain: str
    message: str
    replies: _Replies

    @property
    def example(self) -> WarmExample:
        """What is learnt from it."""
        replies = [self.replies.good, self.replies.along, self.replies.vague, self.replies.tricky]
        return WarmExample([{"role": "user", "content": self.message}], replies)


def load_warm_conversations() -> list[WarmConversation]:
    """Returns the conversations that ship with the package."""
    path = Path(str(resources.files("traitrl.training").joinpath("data", "warm_conversations.jsonl")))
    return [WarmConversation.model_validate(row) for row in read_rows(path)]


def warm_scenarios(scenarios: Sequence[Scenario]) -> list[WarmExample]:
    """Returns the TRAIN scenarios that have shipped plain replies of every kind, with those replies."""
    return plain_replies(load_labels(scenarios))


def plain_replies(labels: Sequence[LabelledReply]) -> list[WarmExample]:
    """Returns the TRAIN scenarios that have a plain reply of each kind, with those replies."""
    sources = [f"written:{kind}" for kind in KINDS]
    found: dict[str, dict[str, str]] = {}
    scenarios: dict[str, Scenario] = {}
    for label in labels:
        if label.source in sources and label.scenario.split is Split.TRAIN:
            scenarios[label.scenario.id] = label.scenario
            found.setdefault(label.scenario.id, {})[label.source] = label.reply
    return [
        WarmExample(scenarios[name].conversation, [replies[source] for source in sources])
        for name, replies in sorted(found.items())
        if len(replies) == len(sources)
    ]


def assert_apart(
    conversations: Sequence[WarmConversation],
    scenarios: Sequence[Scenario],
    embed: Callable[[Sequence[str]], "np.ndarray"],
) -> None:
    """Stops when a conversation says nearly the same as a scenario that is held out from training.

    Args:
        conversations: What the warm start would learn from.
        scenarios: The whole set; those of TRAIN may be alike.
        embed: Sentence encoder, texts to unit vectors.

    Raises:
        TraitrlError: Naming the closest pair.
    """
    held_out = [scenario for scenario in scenarios if scenario.split is not Split.TRAIN]
    asked = [[turn.content for turn in scenario.messages if turn.role == "user"] for scenario in held_out]
    likeness = embed([row.message for row in conversations]) @ embed([" ".join(reversed(turns)) for turns in asked]).T
    if likeness.max() >= MAX_COSINE:
        row, column = divmod(int(likeness.argmax()), len(held_out))
        raise TraitrlError(
            f"{conversations[row].id} is nearly {held_out[column].id}, a held-out scenario ({likeness.max():.2f}).",
            "Rewrite or remove it: the warm model must not have seen what it is measured on.",
        )
