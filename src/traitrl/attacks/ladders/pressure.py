"""Conversation pressure: user turns that push step by step, each after the model's own reply."""

from importlib import resources

import yaml

from traitrl.attacks.attack import Attack, Change


def attacks() -> list[Attack]:
    """Returns one attack per script of pressure.yaml."""
    text = resources.files("traitrl.attacks").joinpath("pressure.yaml").read_text(encoding="utf-8")
    return [
        Attack(
            name=script["name"],
            kind="pressure",
            direction=script["direction"],
            ladder={
                float(turns): Change(after=tuple(script["turns"][:turns]))
                for turns in range(1, len(script["turns"]) + 1)
            },
            unit="turns of pressure",
            quick=tuple(float(turns) for turns in range(1, script["quick"] + 1)),
        )
        for script in yaml.safe_load(text)
    ]
