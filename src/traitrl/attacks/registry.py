"""All attacks. Every module of ladders/ contributes those that its function `attacks` returns."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from traitrl.attacks import ladders
from traitrl.attacks.attack import KINDS, Attack
from traitrl.errors import TraitrlError


@cache
def attacks() -> dict[str, Attack]:
    """Returns all attacks by id.

    Raises:
        ValueError: When two share an id.
    """
    found: dict[str, Attack] = {}
    for module in sorted(iter_modules(ladders.__path__), key=lambda module: module.name):
        for attack in import_module(f"{ladders.__name__}.{module.name}").attacks():
            if attack.id in found:
                raise ValueError(f"two attacks are called {attack.id}")
            found[attack.id] = attack
    return found


def choose_attacks(wanted: Sequence[str], quick: bool = False) -> list[Attack]:
    """Returns attacks by kind or name.

    Args:
        wanted: Kinds (persona, context, pressure, finetune) or names of attacks.
        quick: Only the attacks and budgets of the quick ladder; an attack that is wanted by name stays in.

    Raises:
        TraitrlError: When a word is neither.
    """
    known = attacks().values()
    for word in wanted:
        if word not in KINDS and not any(word in (attack.name, attack.id) for attack in known):
            raise TraitrlError(
                f"There is no attack {word}.",
                f"Give kinds ({', '.join(KINDS)}) or names; `traitrl persist --list` prints all.",
            )
    chosen: list[Attack] = []
    for attack in known:
        by_name = attack.name in wanted or attack.id in wanted
        if not by_name and (attack.kind not in wanted or (quick and not attack.quick)):
            continue
        chosen.append(attack.only(attack.quick) if quick and attack.quick else attack)
    return chosen
