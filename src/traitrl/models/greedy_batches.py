"""Cuts an order of rows into batches that each cost at most so much."""

from collections.abc import Callable, Iterable, Iterator


def greedy_batches(order: Iterable[int], cost: Callable[[list[int]], int], limit: int) -> Iterator[list[int]]:
    """Yields consecutive rows, as many together as `limit` allows; a row that costs more alone comes alone.

    Args:
        order: Row numbers; sorted by length, batches pad least.
        cost: What a batch costs, such as its padded tokens; called with every batch and the row that would come next.
        limit: Highest cost of a batch.
    """
    batch: list[int] = []
    for row in order:
        if batch and cost([*batch, row]) > limit:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
