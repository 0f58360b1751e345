import pytest
import torch
from peft import PeftModel
from sklearn.feature_extraction.text import HashingVectorizer

from tests.pipeline.tiny import save_tiny_model
from traitrl.errors import TraitrlError
from traitrl.judges.examples import load_labels
from traitrl.models.chat import prompt_ids, reply_ids
from traitrl.models.likelihood import Question, score_options
from traitrl.models.loading import Checkpoint, load_model, load_tokenizer
from traitrl.models.warm import merge_adapter
from traitrl.scenarios import Split, load_scenarios
from traitrl.training.warm_examples import KINDS, assert_apart, load_warm_conversations, plain_replies
from traitrl.training.warm_start import WarmStart, train_warm_start

pytestmark = pytest.mark.pipeline
SETTINGS = WarmStart(epochs=2, learning_rate=2e-2, conversations_per_step=4)


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


def test_every_scenario_brings_one_reply_of_each_kind_and_only_train_ones_do(material):
    assert len(material) >= 390
    assert all(len(example.replies) == len(KINDS) == 4 for example in material)
    held_out = [scenario.conversation for scenario in load_scenarios() if scenario.split is not Split.TRAIN]
    assert not [example for example in material if example.conversation in held_out]


def test_the_loss_falls_and_progress_is_told(warmed):
    _, _, losses = warmed
    assert [(step, steps) for step, steps, _ in losses] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert losses[-1][2] < losses[0][2]


def test_the_merged_model_scores_as_base_with_adapter(warmed, material, tmp_path):
    base, adapter, _ = warmed
    merge_adapter(base, adapter, tmp_path / "merged")
    tokenizer = load_tokenizer(Checkpoint(str(tmp_path / "merged")))
    example = material[0]
    question = [Question(prompt_ids(tokenizer, example.conversation), [reply_ids(tokenizer, example.replies[0])])]
    merged = score_options(load_model(Checkpoint(str(tmp_path / "merged")), torch.float32), question)
    wrapped = PeftModel.from_pretrained(load_model(Checkpoint(str(base)), torch.float32), str(adapter)).eval()
    assert merged[0][0] == pytest.approx(score_options(wrapped, question)[0][0], abs=1e-3)
    plain = score_options(load_model(Checkpoint(str(base)), torch.float32), question)
    assert merged[0][0] != pytest.approx(plain[0][0])


def test_a_conversation_that_repeats_a_held_out_scenario_is_named():
    conversation = load_warm_conversations()[0]
    held_out = next(row for row in load_scenarios() if row.split is Split.EVAL and len(row.messages) == 1)
    copy = conversation.model_copy(update={"message": held_out.messages[-1].content})

    def embed(texts):
        return HashingVectorizer(n_features=4096).transform(texts).toarray()

    assert_apart([conversation], [held_out], embed)
    with pytest.raises(TraitrlError, match=held_out.id):
        assert_apart([conversation, copy], [held_out], embed)
