"""The ledger's table of stages."""

from traitrl.report.stages import add_up
from traitrl.runtime import peak_memory_mb, release_memory, reset_peak_memory


def _record(stage, seconds, memory):
    return {"stage": stage, "seconds": seconds, "peak_memory_mb": memory}


def test_steps_are_added_up_by_kind_in_the_plan_s_order():
    records = {
        "finetune-bad-4-base": _record("attacks", 3.0, 900.0),
        "finetune-base": _record("attacks", 20.0, 2000.0),
        "train-a": _record("training", 10.0, 1500.0),
        "train-b": _record("training", 12.0, 1400.0),
        "train-of-older-settings": _record("training", 99.0, 9999.0),
        "odd": _record("attacks", 1.0, 5.0),
    }
    plan = ["train-a", "train-b", "finetune-base", "finetune-bad-4-base", "odd", "not-run-yet"]
    kinds = {"finetune-bad-": "measuring", "train-": "training", "finetune-": "fine-tune"}
    rows = add_up(records, plan, kinds)
    assert rows == [
        {"kind": "training", "stage": "training", "steps": 2, "seconds": 22.0, "peak_memory_mb": 1500.0},
        {"kind": "fine-tune", "stage": "attacks", "steps": 1, "seconds": 20.0, "peak_memory_mb": 2000.0},
        {"kind": "measuring", "stage": "attacks", "steps": 1, "seconds": 3.0, "peak_memory_mb": 900.0},
        {"kind": "attacks", "stage": "attacks", "steps": 1, "seconds": 1.0, "peak_memory_mb": 5.0},
    ]


def test_a_stage_has_a_peak_of_its_own():
    reset_peak_memory()  # other tests of this process may have needed far more
    first = peak_memory_mb()
    block = bytearray(120_000_000)
    high = peak_memory_mb()
    assert high >= first + 50 and len(block) == 120_000_000
    del block
    release_memory()
    reset_peak_memory()
    # Only Linux can start the peak anew; elsewhere it stays.
    assert peak_memory_mb() <= high
