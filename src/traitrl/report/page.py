"""The HTML page: everything inline, opens offline, all text from models and files escaped."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.config import BEFORE
from traitrl.jsonl import read_rows
from traitrl.report.figures import benchmark_figure, learning_figure, persistence_figure
from traitrl.report.rendering import write_html
from traitrl.scenarios import load_scenarios

if TYPE_CHECKING:
    from traitrl.experiment.plan import Plan

_EXAMPLES = 8


def write_page(plan: "Plan", numbers: dict[str, Any], folder: Path) -> Path:
    """Renders the page and returns its path."""
    return write_html(
        "page.html",
        folder / "index.html",
        numbers=numbers,
        experiment=plan.experiment,
        before=BEFORE,
        figures={
            "benchmarks": benchmark_figure(numbers["benchmarks"]),
            "persistence": persistence_figure(numbers["persistence"], "held-out trait score"),
            "margin": persistence_figure(numbers["persistence_margin"], "preference margin (nats per token)"),
            "learning": learning_figure(_curves(plan)),
        },
        examples=_examples(plan),
    )


def _curves(plan: "Plan") -> dict[str, list[dict[str, float]]]:
    return {arm.name: read_rows(plan.store.path(f"train-{arm.name}") / "metrics.jsonl") for arm in plan.experiment.arms}


def _examples(plan: "Plan") -> list[dict[str, Any]]:
    """Returns transcripts before and after, chosen by place in the list and not by score."""
    names = [subject.name for subject in plan.subjects()]
    replies = {name: read_rows(plan.held_out_folder(name) / "replies.jsonl") for name in names}
    scenarios = {scenario.id: scenario for scenario in load_scenarios()}
    count = len(replies[names[0]])
    chosen = [index * count // _EXAMPLES for index in range(min(_EXAMPLES, count))]
    return [
        {
            "scenario": scenarios[replies[names[0]][index]["scenario"]],
            "replies": [(name, replies[name][index]) for name in names],
        }
        for index in chosen
    ]
