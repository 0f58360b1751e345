import pytest
import torch
from peft import PeftModel

from tests.pipeline.tiny import save_tiny_model
from traitrl.errors import TraitrlError
from traitrl.judges.examples import load_labels
from traitrl.models.chat import prompt_ids, reply_ids
from traitrl.models.likelihood import Question, score_options
from traitrl.models.loading import Checkpoint, load_model, load_tokenizer
from traitrl.models.warm import merge_adapter
from traitrl.scenarios import Split, load_scenarios
from traitrl.training.warm_start import KINDS, WarmStart, plain_replies, train_warm_start

pytestmark = pytest.mark.pipeline
SETTINGS = WarmStart(epochs=2, learning_rate=2e-2, scenarios_per_step=4)


@pytest.fixture(scope="module")
def material():
    return plain_replies(load_labels(load_scenarios()))


@pytest.fixture(scope="module")
def warmed(tmp_path_factory, material):
    folder = tmp_path_factory.mktemp("warm")
    base = save_tiny_model(folder / "base")
    losses = []
    train_warm_start(
        Checkpoint(str(base)), material[:8], SETTINGS, folder / "adapter", "tiny", lambda *row: losses.append(row)
    )
    return base, folder / "adapter", losses


def test_every_scenario_brings_one_reply_of_each_kind_and_only_train_ones(material):
    assert len(material) >= 390
    assert all(len(replies) == len(KINDS) == 4 for _, replies in material)
    assert {scenario.split for scenario, _ in material} == {Split.TRAIN}


def test_the_loss_falls_and_progress_is_told(warmed):
    _, _, losses = warmed
    assert [(step, steps) for step, steps, _ in losses] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert losses[-1][2] < losses[0][2]


def test_the_merged_model_scores_as_base_with_adapter(warmed, material, tmp_path):
    base, adapter, _ = warmed
    merge_adapter(base, adapter, tmp_path / "merged")
    tokenizer = load_tokenizer(Checkpoint(str(tmp_path / "merged")))
    scenario, replies = material[0]
    question = [Question(prompt_ids(tokenizer, scenario.conversation), [reply_ids(tokenizer, replies[0])])]
    merged = score_options(load_model(Checkpoint(str(tmp_path / "merged")), torch.float32), question)
    wrapped = PeftModel.from_pretrained(load_model(Checkpoint(str(base)), torch.float32), str(adapter)).eval()
    assert merged[0][0] == pytest.approx(score_options(wrapped, question)[0][0], abs=1e-3)
    plain = score_options(load_model(Checkpoint(str(base)), torch.float32), question)
    assert merged[0][0] != pytest.approx(plain[0][0])


def test_other_splits_are_refused(material, tmp_path):
    stray = next(scenario for scenario in load_scenarios() if scenario.split is Split.EVAL)
    with pytest.raises(TraitrlError, match="outside TRAIN"):
        train_warm_start(Checkpoint("unused"), [(stray, ["a"] * 4)], SETTINGS, tmp_path, "tiny")
