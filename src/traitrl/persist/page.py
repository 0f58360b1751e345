"""The page of a lab run: one file, everything inline, opens offline, all text from models and files escaped."""

from functools import partial
from pathlib import Path
from typing import Any

from traitrl.persist.figures import curve_figure, survival_figure

TITLES = {
    "trait_judge": "held-out trait score (evaluation judge)",
    "preference_margin": "preference margin (judge-free, nats per token)",
}


def write_page(numbers: dict[str, Any], folder: Path) -> Path:
    """Renders the page and returns its path."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    templates = Environment(
        loader=PackageLoader("traitrl.persist", "templates"), autoescape=select_autoescape(["html"])
    )
    for name, form in (("signed", "+.3f"), ("number", ".3f"), ("budget", ".3g")):
        templates.filters[name] = partial(_written, form=form)
    figures = {
        measure: {
            attack["id"]: curve_figure(found["curves"], attack["id"], attack["unit"], TITLES[measure])
            for attack in numbers["attacks"]
            if any(row["attack"] == attack["id"] for row in found["curves"])
        }
        for measure, found in numbers["measures"].items()
    }
    page = templates.get_template("persist.html").render(
        numbers=numbers,
        titles=TITLES,
        figures=figures,
        survival=[survival_figure(row["curves"]) for row in numbers["pressure"]],
    )
    path = folder / "index.html"
    unfinished = folder / "index.html.partial"
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
    return path


def _written(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
