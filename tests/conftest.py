"""What every test gets."""

import gc

import pytest


@pytest.fixture(autouse=True)
def _imports_stay():
    """Takes what is alive before a test out of garbage collection: half a million objects of imported libraries.

    Every step of a run collects garbage, which took a quarter of a second each time because of them.
    """
    gc.collect()
    gc.freeze()
