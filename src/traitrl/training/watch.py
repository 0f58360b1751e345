"""Watches a training run: writes metrics, moves the progress bar, and stops loudly where RL usually fails in
silence.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from traitrl.errors import GateError


@dataclass(frozen=True)
class StopRules:
    """When a run is stopped: shares averaged over the last `window` steps, after `grace` steps."""

    truncated: float = 0.95
    dead_groups: float = 0.9
    judge_failures: float = 0.2
    window: int = 5
    grace: int = 5


class Watch(TrainerCallback):
    """Logs each step and applies the stop rules."""

    def __init__(self, path: Path, rules: StopRules, advance: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.path = path
        self.rules = rules
        self.advance = advance
        self.recent: deque[dict[str, float]] = deque(maxlen=rules.window)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Drops logged steps that lie after the checkpoint a run resumes from."""
        if self.path.exists():
            kept = [line for line in self.path.read_text().split("\n") if _step_of(line) <= state.global_step]
            self.path.write_text("".join(line + "\n" for line in kept))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Writes one line of metrics and checks the rules."""
        if not logs or "reward" not in logs:
            return
        row = {"step": state.global_step, **logs}
        with self.path.open("a") as sink:
            sink.write(json.dumps(row) + "\n")
        if self.advance:
            self.advance(row)
        self.recent.append(logs)
        if state.global_step >= self.rules.grace and len(self.recent) == self.rules.window:
            self._check()

    def _mean(self, key: str) -> float:
        values = [row[key] for row in self.recent if row.get(key) is not None]
        return sum(values) / len(values) if values else 0.0

    def _check(self) -> None:
        if (share := self._mean("judge_failure_share")) > self.rules.judge_failures:
            raise GateError(
                f"The training judge failed on {share:.0%} of replies over the last {self.rules.window} steps.",
                "Check the judge (key, limits, network) and run the same command to resume.",
            )
        if (share := self._mean("completions/clipped_ratio")) > self.rules.truncated:
            raise GateError(
                f"{share:.0%} of replies hit the length cap, so they carry no reward to learn from.",
                "Raise training.max_tokens, or ask for shorter replies in training.system_prompt.",
            )
        if (share := self._mean("frac_reward_zero_std")) > self.rules.dead_groups:
            raise GateError(
                f"{share:.0%} of groups have no spread in reward, so nothing is learnt.",
                "Use easier or harder tasks, a larger training.group_size, or a higher training.temperature.",
            )


def _step_of(line: str) -> float:
    """Returns the step of a metrics line; infinity for a line that a kill left half-written."""
    try:
        return json.loads(line)["step"]
    except json.JSONDecodeError:
        return float("inf")
