"""What the speed benchmarks share: timing two ways in turn, and one JSON line for each bar."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def options(description: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """Returns a parser with one option per default, typed like it."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return parser


def in_turn(rounds: int, ways: Mapping[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Runs each way once unmeasured, then all of them in turn, so that a busy moment meets all alike.

    Returns:
        Seconds of every round, by way.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds + 1):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            if round_number:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def middle(values: Sequence[float]) -> float:
    """Returns the median."""
    return statistics.median(values)


def line(name: str, value: float, bar: float, holds: bool, figure: str = "ratio", **details: Any) -> bool:
    """Prints one JSON line and returns whether the bar holds.

    Args:
        name: Of the benchmark.
        value: What was measured.
        bar: What it must reach.
        holds: Whether it does.
        figure: What `value` and `bar` are.
        **details: Further figures.
    """
    rounded = {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in details.items()}
    print(
        json.dumps({"name": name, "figure": figure, figure: round(value, 3), "bar": bar, "holds": holds, **rounded}),
        flush=True,
    )
    return holds


def must_equal(what: str, difference: float, tolerance: float) -> None:
    """Stops the benchmark when results differ: a faster way to another result is worth nothing."""
    if not difference <= tolerance:
        sys.exit(f"{what} differ by {difference:.2e}, more than {tolerance:.0e}: nothing was timed.")
