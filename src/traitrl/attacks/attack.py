"""What every attack is: a ladder of budgets, and what the model meets at each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from traitrl.models.chat import Message

Kind = Literal["persona", "context", "pressure", "finetune"]
Direction = Literal["harmful", "helpful"]
KINDS: tuple[Kind, ...] = ("persona", "context", "pressure", "finetune")


@dataclass(frozen=True)
class FineTune:
    """A fine-tune before the measurement."""

    data: str
    """Name of an attack data set in attacks/data."""
    steps: int
    share: float = 1.0
    """Share of rows from the data set; the rest are beneficial references of ATTACK scenarios."""


@dataclass(frozen=True)
class Change:
    """What an attack changes about a measurement; what it leaves at its default stays as in the clean one."""

    system: str | None = None
    """Put in front of the usual system prompt."""
    before: tuple[Message, ...] = ()
    """Messages in front of the conversation."""
    after: tuple[str, ...] = ()
    """User turns that follow the model's own replies, one after the other."""
    training: FineTune | None = None

    def in_front(self, conversation: Sequence[Message]) -> list[Message]:
        """Returns a conversation with this change's messages in front, after a system turn where there is one."""
        head = 1 if conversation and conversation[0]["role"] == "system" else 0
        return [*conversation[:head], *self.before, *conversation[head:]]

    def as_data(self) -> dict[str, Any]:
        """Returns the change as plain data, for hashing."""
        return asdict(self)


@dataclass(frozen=True)
class Attack:
    """A way to make the model behave worse, or as a control better, in measured doses."""

    name: str
    kind: Kind
    direction: Direction
    ladder: Mapping[float, Change]
    """Budget -> change. Budget 0 is the clean measurement and needs no entry."""
    unit: str
    """What the budget counts, for the axis of a figure."""
    quick: tuple[float, ...] = ()
    """Budgets of the quick ladder; none keeps the attack out of it."""
    domains: tuple[str, ...] = ()
    """Domains of the catalog at which it aims."""
    families: tuple[str, ...] = ()
    """Families of benchmarks that belong to these domains."""

    @property
    def id(self) -> str:
        """Name in the results table: kind, direction and name."""
        return f"{self.kind}:{self.direction}:{self.name}"

    @property
    def budgets(self) -> tuple[float, ...]:
        """Budgets, ascending."""
        return tuple(sorted(self.ladder))

    def only(self, budgets: Sequence[float]) -> "Attack":
        """Returns the attack at some of its budgets."""
        return replace(self, ladder={budget: self.ladder[budget] for budget in budgets})
