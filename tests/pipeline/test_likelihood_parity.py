"""Our log-likelihoods are those of lm-eval, task by task."""

import sys
from pathlib import Path

import pytest
import torch

from tests.pipeline.tiny import save_tiny_model
from traitrl.models.loading import Checkpoint, load_model, load_tokenizer

pytestmark = pytest.mark.pipeline
pytest.importorskip("lm_eval", reason="the extra lm-eval is not installed")


@pytest.fixture
def parity(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    import likelihood_parity

    yield likelihood_parity
    sys.modules.pop("likelihood_parity")


def test_every_log_likelihood_of_three_tasks_is_that_of_lm_eval(parity, tmp_path):
    checkpoint = Checkpoint(str(save_tiny_model(tmp_path / "tiny")))
    found = parity.gaps(load_model(checkpoint, torch.float32), load_tokenizer(checkpoint))
    assert {name: len(values) for name, values in found.items()} == {
        "traitrl_facts": 32,
        "traitrl_endings": 12,
        "traitrl_verdicts": 16,
    }
    assert max(max(values) for values in found.values()) < parity.BAR
