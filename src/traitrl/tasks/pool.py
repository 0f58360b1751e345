"""The pool of standard tasks: one deterministic stream over all kinds."""

import random
from dataclasses import dataclass

from traitrl.models.chat import Message
from traitrl.tasks import instructions, reasoning

REASONING_KINDS = tuple(reasoning.SETTINGS)
INSTRUCTION_KINDS = tuple(instructions.CHECKS)


@dataclass(frozen=True)
class StandardTask:
    """One verifiable prompt. `payload` is what the verifier needs besides the reply."""

    id: str
    kind: str
    messages: list[Message]
    payload: str


def standard_tasks(count: int, seed: int, kinds: tuple[str, ...] | None = None) -> list[StandardTask]:
    """Returns `count` tasks, cycling through the kinds in a seeded order.

    Args:
        count: Number of tasks.
        seed: Fixes problems and order. Small problem spaces repeat across seeds.
        kinds: Kinds to use; None takes all.
    """
    chosen = list(kinds or (*REASONING_KINDS, *INSTRUCTION_KINDS))
    generator = random.Random(seed)
    tasks: list[StandardTask] = []
    per_kind = count // len(chosen) + 1
    while len(tasks) < count:
        generator.shuffle(chosen)
        cycle = len(tasks) // len(chosen)
        for kind in chosen:
            tasks.append(_make(kind, seed, cycle, per_kind, generator))
    return tasks[:count]


def _make(kind: str, seed: int, cycle: int, size: int, generator: random.Random) -> StandardTask:
    if kind in reasoning.SETTINGS:
        row = reasoning.make_problem(kind, seed, cycle, size)
        question, payload = row["question"], row["entry"]
    else:
        row = instructions.make_instruction(kind, generator)
        question, payload = row["question"], row["word"]
    return StandardTask(f"{kind}-{seed}-{cycle}", kind, [{"role": "user", "content": question}], payload)


def verify(kind: str, payload: str, reply: str) -> float:
    """Returns 1.0 when the reply solves the task, else 0.0."""
    if kind in reasoning.SETTINGS:
        return reasoning.check_problem(kind, payload, reply)
    return instructions.check_instruction(kind, payload, reply)
