"""The page of a score or a comparison: one file, everything inline, all text escaped."""

from pathlib import Path
from typing import Any

from traitrl.compare.console import tally_sentence
from traitrl.compare.plan import ScorePlan
from traitrl.report.figures import benchmark_figure


def write_score_page(summary: dict[str, Any], absent: list[str], plan: ScorePlan, path: Path) -> Path:
    """Renders the page of one model and returns its path."""
    return _write(path, title=f"score of {summary['model']}", plan=plan, absent=absent, models=[summary], pairs=[])


def write_comparison_page(summary: dict[str, Any], plan: ScorePlan, path: Path) -> Path:
    """Renders the page of a comparison and returns its path."""
    pairs = [
        {
            **pair,
            "sentence": tally_sentence(pair),
            "figure": benchmark_figure(pair["benchmarks"], f"{pair['model']} minus {summary['baseline']}")
            if pair["benchmarks"]
            else "",
        }
        for pair in summary["pairs"]
    ]
    names = ", ".join(pair["model"] for pair in pairs)
    return _write(path, **{**summary, "title": f"{names} against {summary['baseline']}", "plan": plan, "pairs": pairs})


def _write(path: Path, **values: Any) -> Path:
    from jinja2 import Environment, PackageLoader, select_autoescape

    templates = Environment(loader=PackageLoader("traitrl.report", "templates"), autoescape=select_autoescape(["html"]))
    templates.filters["signed"] = lambda value: f"{value:+.3f}"
    templates.filters["number"] = _number
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(templates.get_template("compare.html").render(**values), encoding="utf-8")
    partial.replace(path)
    return path


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
