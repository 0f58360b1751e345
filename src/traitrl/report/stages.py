"""Where the hours and the memory went: the steps of a run, added up by kind."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traitrl.experiment.plan import Plan

_KINDS = {
    "start": "folding in the start's adapter",
    "train-": "training",
    "held-out-": "held-out traits",
    "benchmarks-": "benchmarks",
    "persona-": "personas",
    "finetune-": "harmful fine-tune",
}
"""Step ids begin with one of these."""


def stage_table(plan: "Plan") -> list[dict[str, Any]]:
    """Returns one row per kind of step of a run's plan; see `add_up`."""
    steps = [*plan.training_steps(), *plan.clean_steps(), *plan.attack_steps()]
    doses = {f"finetune-{plan.experiment.attacks.finetune_data}-": "measuring the fine-tuned"}
    return add_up(plan.store.records(), [step.id for step in steps], {**doses, **_KINDS})


def add_up(
    records: Mapping[str, Mapping[str, Any]], steps: Sequence[str], kinds: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Adds up the records of finished steps by kind.

    Args:
        records: Step id -> its record: `stage`, `seconds`, `peak_memory_mb`. Steps that the plan does not name, left
            over from other settings, are not counted.
        steps: Ids of the plan's steps, in order.
        kinds: Beginning of an id -> kind; the first that fits counts. Other steps go under their stage's name.

    Returns:
        Rows of kind, stage, number of finished steps, seconds in all, and the highest peak memory of one step in
        megabytes.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name in steps:
        record = records.get(name)
        if record is None:
            continue
        kind = next((kind for start, kind in kinds.items() if name.startswith(start)), record["stage"])
        empty = {"kind": kind, "stage": record["stage"], "steps": 0, "seconds": 0.0, "peak_memory_mb": 0.0}
        row = rows.setdefault(kind, empty)
        row["steps"] += 1
        row["seconds"] += record["seconds"]
        row["peak_memory_mb"] = max(row["peak_memory_mb"], record["peak_memory_mb"])
    return list(rows.values())
