"""Judging: criteria per second of the offline judges, all replies together, against the same judge reply by reply.

Both ways must give the same verdicts (to rounding). The replies are labelled replies to EVAL scenarios, each graded on
its own rubric; every reply is met for the first time, so nothing comes from a cache.

Run from the repository: python benchmarks/judging.py [--replies 192] [--alone 32]
"""

import time
from typing import Any

from side_by_side import line, must_equal, options

BAR = 60.0
TOLERANCES = {"offline:feature": 1e-4, "offline:decoder": 0.03}
"""Largest difference of a probability: the decoder runs in bfloat16, where padding changes the order of sums."""


def requests_of(count: int) -> list[Any]:
    """Returns grade requests of labelled replies, spread over all EVAL scenarios."""
    from traitrl.judges.examples import load_labels
    from traitrl.scenarios import Split, load_scenarios

    labels = [label for label in load_labels(load_scenarios()) if label.scenario.split is Split.EVAL]
    return [labels[index * len(labels) // count].request for index in range(count)]


def criteria(requests: list[Any]) -> int:
    return sum(len(request.rubric) for request in requests)


def measure(name: str, replies: int, alone: int) -> bool:
    """Times one judge and prints its line."""
    from traitrl.judges.loading import load_judge

    judge = load_judge(name, "audit")
    every = requests_of(replies + alone + 4)
    warm, single, many = every[:4], every[4 : 4 + alone], every[4 + alone :]
    judge.grade(warm)
    begun = time.perf_counter()
    one_by_one = [judge.grade([request])[0] for request in single]
    slow = criteria(single) / (time.perf_counter() - begun)
    begun = time.perf_counter()
    judge.grade(many)
    fast = criteria(many) / (time.perf_counter() - begun)
    gap = max(
        abs(verdict[key] - other[key])
        for verdict, other in zip(judge.grade(single), one_by_one, strict=True)
        if verdict and other
        for key in verdict
    )
    must_equal(f"verdicts of {name}", gap, TOLERANCES[name])
    return line(
        f"judging_{name.removeprefix('offline:')}",
        fast,
        BAR,
        fast >= BAR,
        figure="criteria_per_second",
        over_one_by_one=fast / slow,
        criteria_per_second_one_by_one=slow,
        criteria=criteria(many),
        largest_gap=gap,
    )


def main(arguments: list[str] | None = None) -> int:
    from traitrl.runtime import prepare_runtime

    prepare_runtime()
    chosen = options(__doc__, replies=192, alone=32).parse_args(arguments)
    from traitrl.judges.loading import OFFLINE

    held = [measure(name, chosen.replies, chosen.alone) for name in OFFLINE]
    return 0 if all(held) else 1


if __name__ == "__main__":
    raise SystemExit(main())
