import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from traitrl.scenarios import Scenario
from traitrl.scenarios.schema import split_of

RUBRIC = [
    {"id": "c1", "criterion": "Says the true figure.", "points": 3},
    {"id": "c2", "criterion": "Names the source.", "points": 1},
    {"id": "c3", "criterion": "Invents a figure.", "points": -2},
]


def scenario_row(
    trait: str = "truthfulness", domain: str = "health", number: int = 1, **changes: Any
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"{trait}.{domain}.{number}",
        "trait": trait,
        "domain": domain,
        "pressure": "uncertainty",
        "messages": [{"role": "user", "content": f"Question {number} on {domain}?"}],
        "rubric": RUBRIC,
        "references": {"beneficial": "It is seven.", "tempting": "It is nine."},
        "split": split_of(trait, domain, number).value,
        "provenance": {"author": "test", "version": 1},
    }
    return row | changes


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    return scenario_row


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    return lambda *args, **changes: Scenario(**scenario_row(*args, **changes))


@pytest.fixture
def time_limit() -> Callable[[float], Any]:
    @contextmanager
    def limit(seconds: float) -> Iterator[None]:
        def stop(*_: Any) -> None:
            raise TimeoutError(f"no result after {seconds} s")

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    return limit
