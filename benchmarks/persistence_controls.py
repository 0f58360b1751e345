"""Checks the persistence lab on models whose answer is known, and prints one JSON line for each.

A copy whose chat template drops the system prompt ignores personas whatever they say, and must be called rigid although
it follows its context like the original. The original, measured again under another seed, must not be told apart from
itself. And the helpful controls must move it.

Progress goes to standard error; exit code 1 when one does not hold.

Run from the repository: python benchmarks/persistence_controls.py [--model bundled:warm] [--scenarios 40]
"""

import argparse
import json
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from traitrl.attacks.registry import choose_attacks
from traitrl.models.loading import load_model, load_tokenizer, resolve
from traitrl.persist.plan import PersistPlan
from traitrl.persist.run import persist
from traitrl.persist.subjects import find_subjects

ATTACKS = ("persona", "context")
DROP_SYSTEM = "{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}"


def save_deaf_copy(model: str, folder: Path) -> Path:
    """Saves a copy of a model whose chat template drops every system turn; an adapter is folded in."""
    checkpoint = resolve(model)
    if folder.exists():
        shutil.rmtree(folder)
    tokenizer = load_tokenizer(checkpoint)
    tokenizer.chat_template = DROP_SYSTEM + str(tokenizer.chat_template)
    load_model(checkpoint).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def verdicts_of(numbers: dict[str, Any], arm: str) -> dict[str, str]:
    """Returns the verdict on one arm by each measure."""
    return {
        measure: row["verdict"]
        for measure, found in numbers["measures"].items()
        for row in found["verdicts"]
        if row["arm"] == arm
    }


def control_lines(numbers: dict[str, Any], original: str, deaf: str, again: str) -> list[dict[str, Any]]:
    """Returns name, value, bar and whether it holds, for each control."""
    rigid, twin = verdicts_of(numbers, deaf), verdicts_of(numbers, again)
    smallest = {
        measure: min(row["q"] for pair in found["pairs"] if pair["arm"] == again for row in pair["attacks"])
        for measure, found in numbers["measures"].items()
    }
    moved = {
        measure: {row["arm"]: row["moved"] for row in found["helpful"]}
        for measure, found in numbers["measures"].items()
    }
    return [
        {
            "name": "a model that ignores system prompts is called rigid",
            "value": rigid,
            "bar": "rigid by at least one measure, persistent by none",
            "holds": "rigid" in rigid.values() and "persistent" not in rigid.values(),
        },
        {
            "name": "a model is not told apart from itself under another seed",
            "value": {"smallest q": smallest, "verdicts": twin},
            "bar": "every q above 0.05, neither rigid nor persistent",
            "holds": min(smallest.values()) > 0.05 and not {"rigid", "persistent"} & set(twin.values()),
        },
        {
            "name": "helpful prompts move the model that is not rigid",
            "value": moved,
            "bar": f"{original} raised or moved, by at least one measure",
            "holds": any(found.get(original, "not shown") != "not shown" for found in moved.values()),
        },
    ]


def run_controls(model: str, folder: Path, scenarios: int, seed: int, **settings: Any) -> list[dict[str, Any]]:
    """Makes the deaf copy, runs the lab on original, copy and original again, and returns the controls' lines."""
    deaf = save_deaf_copy(model, folder / "deaf")
    names = [attack.name for attack in choose_attacks(ATTACKS, quick=True)]
    plan = PersistPlan.quickly(
        **{
            "attacks": tuple(names),
            "scenarios": scenarios,
            "focus_scenarios": 0,
            "benchmarks": (),
            "system_prompt": "Answer in one or two short sentences.",
            "temperature": 0.4,
            "seed": seed,
            "folder": folder / "persist",
            **settings,
        }
    )
    page = persist(find_subjects([f"original={model}", f"deaf={deaf}"], repeat=True), plan)
    numbers = json.loads((page.parent / "numbers.json").read_text(encoding="utf-8"))
    return control_lines(numbers, "original", "deaf", "original, again")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled:warm")
    parser.add_argument("--folder", type=Path, default=Path("runs") / "persistence_controls")
    parser.add_argument("--scenarios", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with redirect_stdout(sys.stderr):
        lines = run_controls(options.model, options.folder, options.scenarios, options.seed)
    for line in lines:
        print(json.dumps(line))
    return 0 if all(line["holds"] for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
