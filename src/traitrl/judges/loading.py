"""From a judge's name to a judge."""

import json
from functools import cache
from importlib import resources
from pathlib import Path

from traitrl.errors import TraitrlError
from traitrl.judges.examples import judge_half
from traitrl.judges.protocol import Judge
from traitrl.scenarios import Scenario, Split

OFFLINE = ("offline:decoder", "offline:feature")


def adapter_folder(name: str) -> Path:
    """Returns the folder with the shipped weights of an offline judge."""
    return Path(str(resources.files("traitrl.judges").joinpath("weights", name.removeprefix("offline:"))))


def learns_from(name: str, scenario: Scenario) -> bool:
    """True when the named offline judge may learn from a scenario: its own half, and never EVAL."""
    return scenario.split is not Split.EVAL and judge_half(scenario.id) == OFFLINE.index(name)


@cache
def load_judge(name: str, role: str) -> Judge:
    """Loads a judge.

    Args:
        name: `offline:decoder`, `offline:feature`, or `PROVIDER/NAME` of any Inspect provider, for example
            `openai/gpt-5-mini`.
        role: training, evaluation or audit; roles never share cache entries.

    Raises:
        TraitrlError: When the name is of neither form, or the weights are missing.
    """
    if name in OFFLINE:
        folder = adapter_folder(name)
        if not (folder / "settings.json").exists():
            raise TraitrlError(
                f"The weights of {name} are missing.", "Reinstall traitrl, or run `traitrl judge train`."
            )
        settings = json.loads((folder / "settings.json").read_text())
        if name == "offline:feature":
            from traitrl.judges.feature import FeatureJudge
            from traitrl.models.warm import warm_policy

            if settings["start"] != warm_policy().name:
                raise TraitrlError(
                    f"{name} reads the states of another warm model than the one installed.",
                    f"Run `traitrl judge train {name}`, which takes about three minutes.",
                )
            return FeatureJudge(folder)
        from traitrl.judges.decoder import DecoderJudge

        return DecoderJudge(folder, settings["layers"])
    if "/" in name:
        from traitrl.judges.language_model import LanguageModelJudge

        return LanguageModelJudge(name, role=role)
    raise TraitrlError(
        f"There is no judge {name}.", f"Use {', '.join(OFFLINE)} or PROVIDER/NAME, e.g. openai/gpt-5-mini."
    )
