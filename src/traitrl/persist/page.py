"""The page of a lab run: one file, everything inline, opens offline, all text from models and files escaped."""

from pathlib import Path
from typing import Any

from traitrl.persist.figures import curve_figure, survival_figure
from traitrl.report.rendering import write_html

TITLES = {
    "trait_judge": "held-out trait score (evaluation judge)",
    "preference_margin": "preference margin (judge-free, nats per token)",
}
NARROW_TITLES = {
    **TITLES,
    "choice_accuracy": "benchmarks, share of right choices",
    "choice_margin": "benchmarks, right over wrong option (nats per byte)",
}
NARROW_AGAINST = {
    "clean": "the same model without it",
    "budget 0": "a fine-tune of the same length on good replies alone",
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
        narrow_titles=NARROW_TITLES,
        narrow_against=NARROW_AGAINST,
        figures=figures,
        survival=[survival_figure(row["curves"]) for row in numbers["pressure"]],
    )
