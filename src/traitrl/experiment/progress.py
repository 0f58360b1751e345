"""One bar over the whole run with an estimate of the time left, and a line for each finished step."""

import time
from typing import Any

# Rough relative cost of each kind of step, from the quickstart on two cores; it only shapes the estimate.
_WEIGHTS = {"train": 12.0, "finetune": 4.0, "benchmarks": 2.0}


class ProgressBar:
    """Shows the steps of a run with rich; plain lines when the output is not a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.console = Console()
        self.bar = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=self.console,
            speed_estimate_period=600,
        )
        self.task: Any = None
        self.done = 0.0
        self.begun = 0.0

    def __enter__(self) -> "ProgressBar":
        self.bar.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        self.bar.__exit__(*problem)

    def start(self, steps: list[str]) -> None:
        """Sets the steps that remain."""
        self.task = self.bar.add_task("starting", total=sum(_weight(step) for step in steps) or 1.0)

    def begin(self, step: str) -> None:
        """Marks a step as begun."""
        self.begun = time.perf_counter()
        self.bar.update(self.task, description=step)

    def within(self, step: str, done: int, total: int, note: str) -> None:
        """Moves the bar inside a step."""
        self.bar.update(
            self.task, completed=self.done + _weight(step) * done / total, description=f"{step} {done}/{total} {note}"
        )
        if not self.console.is_terminal and done % 10 == 0:
            self.console.print(f"  {step} {done}/{total} {note}", highlight=False)

    def end(self, step: str) -> None:
        """Marks a step as done and prints its time."""
        self.done += _weight(step)
        self.bar.update(self.task, completed=self.done)
        self.console.print(f"{step}: {time.perf_counter() - self.begun:.0f} s", highlight=False)


def _weight(step: str) -> float:
    parts = step.split("-")
    return 1.0 if parts[-1].isdigit() else _WEIGHTS.get(parts[0], 1.0)
