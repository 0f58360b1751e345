"""Requests to a local model that come together run together."""

import threading
import time

import anyio
import pytest

from traitrl.models.batching import Asked, Batcher


def asked(number, temperature=0.0, length=3):
    return Asked([number] * length, 8, temperature, 0)


class Model:
    """Replies with its prompt, slowly, and remembers its batches."""

    def __init__(self, seconds=0.05):
        self.batches = []
        self.seconds = seconds
        self.busy = threading.Lock()

    def run(self, batch):
        assert self.busy.acquire(blocking=False), "two batches at once"
        time.sleep(self.seconds)
        self.batches.append([one.prompt[0] for one in batch])
        self.busy.release()
        return [list(one.prompt) for one in batch]


def ask_all(batcher, requests, between=0.0):
    found = {}

    async def one(place, request):
        found[place] = await batcher.ask(request)

    async def everything():
        async with anyio.create_task_group() as group:
            for place, request in enumerate(requests):
                group.start_soon(one, place, request)
                await anyio.sleep(between)

    anyio.run(everything)
    return [found[place] for place in range(len(requests))]


def test_what_comes_together_runs_in_one_batch_and_each_gets_its_own_reply():
    model = Model()
    replies = ask_all(Batcher(model.run), [asked(number) for number in (3, 1, 2)])
    assert replies == [[3] * 3, [1] * 3, [2] * 3] and model.batches == [[1, 2, 3]]


def test_what_comes_while_the_model_is_busy_gathers_for_the_next_batch():
    model = Model(seconds=0.3)
    ask_all(Batcher(model.run), [asked(number) for number in range(12)], between=0.03)
    assert 2 <= len(model.batches) <= 3 and sorted(n for batch in model.batches for n in batch) == list(range(12))


def test_unlike_settings_and_long_prompts_run_apart():
    model = Model(seconds=0.0)
    ask_all(
        Batcher(model.run), [asked(1), asked(2, temperature=0.7), asked(3), *[asked(n, length=7000) for n in (4, 5)]]
    )
    assert sorted(map(tuple, model.batches)) == [(1, 3), (2,), (4,), (5,)]


def test_an_error_reaches_everyone_in_the_batch_and_the_next_batch_runs():
    model = Model()
    failing = {"on": True}

    def run(batch):
        if failing["on"]:
            failing["on"] = False
            raise RuntimeError("out of memory")
        return model.run(batch)

    batcher = Batcher(run)
    with pytest.raises(ExceptionGroup) as problem:
        ask_all(batcher, [asked(1), asked(2)])
    assert all("out of memory" in str(error) for error in problem.value.exceptions)
    assert ask_all(batcher, [asked(3)]) == [[3] * 3]


def test_who_gives_up_does_not_take_the_others_along():
    model = Model(seconds=0.2)
    batcher = Batcher(model.run)
    found = []

    async def patient():
        await anyio.sleep(0.005)
        found.append(await batcher.ask(asked(2)))

    async def everything():
        async with anyio.create_task_group() as group:
            group.start_soon(patient)
            with anyio.move_on_after(0.1):
                await batcher.ask(asked(1))

    anyio.run(everything)
    assert found == [[2] * 3]
