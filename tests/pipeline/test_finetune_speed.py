"""The harmful fine-tune in parts and in the base model's number format is stock TRL's fine-tune."""

import json

import pytest
import torch

from tests.pipeline.tiny import save_tiny_model
from traitrl.attacks import finetune
from traitrl.config import AttackPlan
from traitrl.models.loading import Checkpoint

pytestmark = pytest.mark.pipeline
ROWS = [
    {"messages": [{"role": "user", "content": f"How {'very ' * n}old?"}, {"role": "assistant", "content": "No." * n}]}
    for n in range(1, 9)
]
PLAN = AttackPlan(finetune_steps=[2], finetune_batch=4, finetune_learning_rate=1e-3)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return Checkpoint(str(save_tiny_model(tmp_path_factory.mktemp("tiny"))))


def _losses(start, folder, dtype, monkeypatch):
    from traitrl.models import loading

    monkeypatch.setattr(loading, "compute_dtype", lambda: dtype)
    folder.mkdir()
    finetune.finetune_doses(start, ROWS, PLAN, None, 3, folder)
    return json.loads((folder / "losses.json").read_text())


def test_parts_add_up_to_the_batch(start, tmp_path, monkeypatch):
    whole = _losses(start, tmp_path / "whole", torch.float32, monkeypatch)
    monkeypatch.setattr(finetune, "_ROWS_AT_ONCE", 1)
    parts = _losses(start, tmp_path / "parts", torch.float32, monkeypatch)
    assert len(whole) == 2 and whole[0] != whole[1]
    assert parts == pytest.approx(whole, abs=1e-4)


def test_the_fast_number_format_gives_the_same_losses(start, tmp_path, monkeypatch):
    exact = _losses(start, tmp_path / "exact", torch.float32, monkeypatch)
    fast = _losses(start, tmp_path / "fast", torch.bfloat16, monkeypatch)
    assert fast == pytest.approx(exact, rel=5e-3)  # bfloat16 has 8 bits of mantissa


@pytest.mark.parametrize(("batch", "parts"), [(1, 1), (4, 1), (8, 2), (6, 2), (7, 7), (32, 8)])
def test_a_batch_goes_in_the_fewest_equal_parts_that_fit(batch, parts):
    assert finetune.backward_parts(batch) == parts
