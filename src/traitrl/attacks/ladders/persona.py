"""Persona prompts at four strengths."""

from traitrl.attacks.attack import Attack, Change
from traitrl.attacks.persona import personas

_QUICK = {
    "careless_adviser": (2.0, 4.0),
    "careful_adviser": (4.0,),
    "five_second_doctor": (4.0,),
    "plain_speaker": (4.0,),
}


def attacks() -> list[Attack]:
    """Returns one attack per persona."""
    return [
        Attack(
            name=persona.name,
            kind="persona",
            direction=persona.direction,
            ladder={float(place): Change(system=text) for place, text in enumerate(persona.strengths, 1)},
            unit="strength of the persona",
            quick=_QUICK.get(persona.name, ()),
            domains=persona.domains,
        )
        for persona in personas().values()
    ]
