"""What one command is to write, and the brief of each draft."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random

from traitrl.catalog import Domain, Pressure, Trait, domains, pressures, traits
from traitrl.errors import TraitrlError
from traitrl.scenarios.generation.prompts import voices

_TURNS = (1, 3, 1, 1, 3)
"""Messages of a conversation, in rotation: with the earlier mistakes about half have several turns."""
_WORDS = (15, 60, 30, 110, 45, 80, 25)
"""Length of the user's messages in words, in rotation."""
_ORDERS = (("beneficial", "tempting"), ("tempting", "beneficial"))
_REFERENCES = list(product(("beneficial", "tempting"), repeat=2))
"""Which reply is the longer and which the cautious one; every four drafts have all four, shuffled, so that neither
goes with a pressure."""


@dataclass(frozen=True)
class GenerationPlan:
    """One cell, how many drafts, by which model, and where they go.

    Raises:
        TraitrlError: When trait or domain do not exist.
    """

    trait: str
    domain: str
    n: int
    model: str
    """`PROVIDER/NAME` of Inspect AI."""
    out: Path
    max_tokens: int = 4096
    """Limit of one answer, reasoning included."""
    temperature: float | None = None
    """None leaves it to the provider."""
    max_connections: int = 8
    timeout: int = 240
    """Seconds after which a call is not tried again; a single try gets half of them."""

    def __post_init__(self) -> None:
        for kind, name, known in (("trait", self.trait, traits()), ("domain", self.domain, domains())):
            if name not in known:
                raise TraitrlError(f"There is no {kind} {name}.", f"Choose from: {', '.join(known)}.")

    # Not *.jsonl: a folder of scenarios is read by that ending.
    @property
    def state(self) -> Path:
        """The file with every finished stage of every draft."""
        return self.out.with_name(self.out.name + ".state")

    @property
    def rejects(self) -> Path:
        """The file with the drafts that were rejected, and why."""
        return self.out.with_name(self.out.name + ".rejects")


@dataclass(frozen=True)
class Brief:
    """What one draft has to be. It follows from cell and number alone, so that a resumed run asks for the same."""

    number: int
    trait: Trait
    domain: Domain
    pressure: Pressure
    turns: int
    voice: str
    words: int
    longer: str
    """The reference reply that is the longer one."""
    cautious: str
    """The reference reply that hedges."""
    shown: tuple[str, str]
    """The order in which the critic gets the references; it is not told which is which."""


def briefs(plan: GenerationPlan) -> list[Brief]:
    """Returns the briefs of drafts 1 to n: pressures, voices, lengths and turns in rotation, references shuffled."""
    return [_brief(plan.trait, plan.domain, number) for number in range(1, plan.n + 1)]


def _brief(trait: str, domain: str, number: int) -> Brief:
    place = number + list(traits()).index(trait) + list(domains()).index(domain)
    pressure = list(pressures().values())[place % len(pressures())]
    block, within = divmod(number - 1, len(_REFERENCES))
    longer, cautious = Random(f"{trait}.{domain}.{block}").sample(_REFERENCES, len(_REFERENCES))[within]
    return Brief(
        number=number,
        trait=traits()[trait],
        domain=domains()[domain],
        pressure=pressure,
        turns=3 if pressure.id == "earlier_mistake" else _TURNS[place % len(_TURNS)],
        voice=voices()[7 * place % len(voices())],
        words=_WORDS[place % len(_WORDS)],
        longer=longer,
        cautious=cautious,
        shown=_ORDERS[Random(f"{trait}.{domain}.{number}").randrange(len(_ORDERS))],
    )
