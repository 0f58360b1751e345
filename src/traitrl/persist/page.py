"""The page of a lab run: one file, everything inline, opens offline, all text from models and files escaped."""

from pathlib import Path
from typing import Any

from traitrl.persist.figures import curve_figure, survival_figure
from traitrl.report.rendering import write_html

TITLES = {
    "trait_judge": "held-out trait score (evaluation judge)",
    "preference_margin": "preference margin (judge-free, nats per token)",
}


def write_page(numbers: dict[str, Any], folder: Path) -> Path:
    """Renders the page and returns its path."""
    figures = {
        measure: {
            attack["id"]: curve_figure(found["curves"], attack["id"], attack["unit"], TITLES[measure])
            for attack in numbers["attacks"]
            if any(row["attack"] == attack["id"] for row in found["curves"])
        }
        for measure, found in numbers["measures"].items()
    }
    return write_html(
        "persist.html",
        folder / "index.html",
        numbers=numbers,
        titles=TITLES,
        figures=figures,
        survival=[survival_figure(row["curves"]) for row in numbers["pressure"]],
    )
