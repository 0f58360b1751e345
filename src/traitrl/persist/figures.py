"""Figures of the lab as inline SVG."""

from typing import Any

from traitrl.report.figures import as_svg, new_figure


def curve_figure(curves: list[dict[str, Any]], attack: str, unit: str, label: str) -> str:
    """Returns level against budget under one attack, one line per model with its 95 % interval."""
    figure, axes = new_figure(4.4, 2.6)
    for row in (row for row in curves if row["attack"] == attack):
        points = [(point["budget"], point["level"], point["low"], point["high"]) for point in row["points"]]
        if points[0][0] > 0:
            points.insert(0, (0.0, *(row["clean"][key] for key in ("level", "low", "high"))))
        budgets, levels, lows, highs = zip(*points, strict=True)
        (line,) = axes.plot(budgets, levels, "o-", label=_plain(row["arm"]), markersize=3.5, linewidth=1.3)
        axes.fill_between(budgets, lows, highs, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set_xlabel(unit, fontsize=8)
    axes.set_ylabel(label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, frameon=False)
    return as_svg(figure)


def survival_figure(curves: list[dict[str, Any]]) -> str:
    """Returns the share of scenarios in which each model still holds, by turn of pressure."""
    figure, axes = new_figure(4.4, 2.6)
    for row in (row for row in curves if row["turns"]):
        turns = [point["turn"] for point in row["turns"]]
        (line,) = axes.step(
            turns, [point["share"] for point in row["turns"]], where="post", label=_plain(row["arm"]), linewidth=1.3
        )
        bounds = ([point[key] for point in row["turns"]] for key in ("low", "high"))
        axes.fill_between(turns, *bounds, step="post", color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("turns of pressure", fontsize=8)
    axes.set_ylabel("share that still holds", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, frameon=False)
    return as_svg(figure)


def _plain(label: str) -> str:
    """Keeps matplotlib from reading a label as a formula, or hiding it."""
    return label.replace("$", r"\$").lstrip("_")
