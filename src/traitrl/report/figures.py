"""Figures as inline SVG."""

import io
from typing import Any


def _svg(figure: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def new_figure(width: float, height: float) -> tuple[Any, Any]:
    """Returns a figure and its axes, width and height in inches, drawn without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "traitrl"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(width, height))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def benchmark_figure(table: list[dict[str, Any]], compared: str = "trait arm minus baseline") -> str:
    """Returns a forest plot: difference with interval per benchmark, filled where q <= 0.05."""
    figure, axes = new_figure(7.5, 0.28 * len(table) + 1)
    for place, row in enumerate(reversed(table)):
        colour = "#1b7f5c" if row["difference"] > 0 else "#b5473c"
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.5)
        axes.plot(
            row["difference"],
            place,
            "o",
            color=colour,
            markerfacecolor=colour if row["q"] <= 0.05 else "white",
            markersize=6,
        )
    axes.axvline(0, color="#555", linewidth=0.8)
    axes.set_yticks(range(len(table)), [f"{row['name']}" for row in reversed(table)], fontsize=8)
    axes.set_xlabel(f"{compared} (score, 95 % interval; filled: q <= 0.05)", fontsize=8)
    return as_svg(figure)


def persistence_figure(table: list[dict[str, Any]], label: str) -> str:
    """Returns level against the dose of the harmful fine-tune, one line per starting point."""
    figure, axes = new_figure(6, 3.2)
    arms = list(dict.fromkeys(row["arm"] for row in table))
    for arm in arms:
        points = sorted(
            (row["budget"], row["level"])
            for row in table
            if row["arm"] == arm and (row["attack"] == "none" or row["attack"].startswith("finetune"))
        )
        axes.plot([budget for budget, _ in points], [level for _, level in points], "o-", label=arm, markersize=4)
    axes.set_xlabel("harmful fine-tuning steps", fontsize=8)
    axes.set_ylabel(label, fontsize=8)
    axes.legend(fontsize=8, frameon=False)
    return as_svg(figure)


def learning_figure(curves: dict[str, list[dict[str, float]]]) -> str:
    """Returns reward per step of each arm, by pool."""
    figure, axes = new_figure(6, 3.2)
    for arm, steps in curves.items():
        for pool, style in (("trait", "-"), ("standard", "--")):
            key = f"rewards/{pool}/mean"
            points = [
                (row["step"], row[key]) for row in steps if row.get(key) == row.get(key) and row.get(key) is not None
            ]
            if points:
                axes.plot([x for x, _ in points], [y for _, y in points], style, label=f"{arm}: {pool}", linewidth=1.3)
    axes.set_xlabel("step", fontsize=8)
    axes.set_ylabel("reward", fontsize=8)
    axes.legend(fontsize=8, frameon=False)
    return as_svg(figure)


def as_svg(figure: Any) -> str:
    """Closes a figure and returns it as inline SVG."""
    from matplotlib import pyplot

    text = _svg(figure)
    pyplot.close(figure)
    return text
