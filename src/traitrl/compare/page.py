"""The page of a score or a comparison: one file, everything inline, all text escaped."""

from pathlib import Path
from typing import Any

from traitrl.compare.console import signal_sentence, tally_sentence
from traitrl.compare.plan import ScorePlan
from traitrl.report.figures import benchmark_figure
from traitrl.report.rendering import write_html


def write_score_page(summary: dict[str, Any], absent: dict[str, str], plan: ScorePlan, path: Path) -> Path:
    """Renders the page of one model and returns its path."""
    return write_html(
        "compare.html",
        path,
        title=f"{'score' if plan.held_out else 'evaluation'} of {summary['model']}",
        plan=plan,
        absent=absent,
        models=[_with_tables(summary)],
        pairs=[],
    )


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
    return write_html(
        "compare.html",
        path,
        **{**summary, "title": f"{names} against {summary['baseline']}", "plan": plan, "pairs": pairs}
        | {"models": [_with_tables(model) for model in summary["models"]]},
    )


def _with_tables(summary: dict[str, Any]) -> dict[str, Any]:
    """Returns a model's figures with its benchmarks in tables of one kind each, by the trivial rules beside them."""
    lines = summary["benchmarks"]
    kinds = dict.fromkeys(tuple(line["trivial"]) for line in lines)
    tables = [(rules, [line for line in lines if tuple(line["trivial"]) == rules]) for rules in kinds]
    return {**summary, "tables": tables, "sentence": signal_sentence(summary)}
