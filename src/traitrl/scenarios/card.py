"""The data card: YAML header and text of a folder that Hugging Face `datasets` reads."""

from collections import Counter
from collections.abc import Sequence
from importlib import resources
from typing import Any

import yaml

from traitrl.scenarios.schema import Scenario, Split


def shipped_card() -> tuple[dict[str, Any], str]:
    """Returns header and text of the card of the scenarios that ship with the package."""
    text = resources.files("traitrl.scenarios").joinpath("data").joinpath("README.md").read_text(encoding="utf-8")
    _, header, body = text.split("---\n", 2)
    return yaml.safe_load(header), body.lstrip("\n")


def export_card(scenarios: Sequence[Scenario]) -> str:
    """Returns the card of an exported folder: one file per split, and the text on how the scenarios were made."""
    header, body = shipped_card()
    counts = Counter(scenario.split for scenario in scenarios)
    header["configs"] = [
        {
            "config_name": "default",
            "data_files": [
                {"split": split.lower(), "path": f"{split.lower()}.jsonl"} for split in Split if counts[split]
            ],
        }
    ]
    header.pop("dataset_info", None)
    parts = ", ".join(f"{split.lower()} {counts[split]}" for split in Split if counts[split])
    note = f"This folder was written by `traitrl scenarios export --format hf`: {len(scenarios)} scenarios ({parts}).\n"
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n{note}\n{body}"
