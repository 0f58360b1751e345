"""Written replies in a group: they take the last places, and only those above their group push."""

from types import SimpleNamespace

import pytest
import torch
from peft import LoraConfig, get_peft_model
from pydantic import ValidationError

from tests.pipeline.tiny import save_tiny_model
from traitrl.config import Training
from traitrl.models.chat import reply_ids
from traitrl.models.generation import Sampling
from traitrl.models.loading import Checkpoint, load_model, load_tokenizer
from traitrl.training.actor import Actor
from traitrl.training.off_policy import OffPolicyReplies, mixed_advantages
from traitrl.training.trainer import make_rollout
from traitrl.training.warm_examples import WarmExample

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return Checkpoint(str(save_tiny_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture(scope="module")
def tokenizer(start):
    return load_tokenizer(start)


def _asked(text):
    return [{"role": "user", "content": text}]


def test_written_replies_are_found_by_conversation_and_cut_to_the_number_asked_for(tokenizer):
    written = OffPolicyReplies(tokenizer, [WarmExample(_asked("Why?"), ["No. " * 40, "Yes.", "No.", "So?"])], 2, 20)
    assert written.of(_asked("Why?")) == [reply_ids(tokenizer, reply, end=True) for reply in ("Yes.", "No.")]
    assert written.of(_asked("Who?")) == []


def test_rollouts_hold_written_replies_in_the_last_places_of_their_group_alone(tokenizer, start):
    written = OffPolicyReplies(tokenizer, [WarmExample(_asked("Why?"), ["No.", "Yes."])], 2, 40)
    model = load_model(start)
    rollout = make_rollout(Actor(model), None, Sampling(4), [-1], 0, written)
    lora = LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = SimpleNamespace(
        num_generations=4, processing_class=tokenizer, accelerator=SimpleNamespace(unwrap_model=lambda policy: policy),
        model=get_peft_model(model, lora), state=SimpleNamespace(global_step=0),
    )  # fmt: skip
    drawn = rollout([_asked("Who?")] * 4 + [_asked("Why?")] * 4, trainer)["completion_ids"]
    assert [len(ids) for ids in drawn[:6]] == [4] * 6
    assert drawn[6:] == written.of(_asked("Why?"))
    assert trainer.is_written == [False] * 6 + [True] * 2


def test_sampled_replies_are_compared_with_each_other_and_bad_written_ones_do_not_push():
    rewards = torch.tensor([[0.1, 0.2, 0.3, 0.9, 0.0], [0.1, 0.2, 0.3, 0.4, 0.5]])
    is_written = torch.tensor([[False, False, False, True, True], [False] * 5])
    whole = (rewards - rewards.mean(1, keepdim=True)) / rewards.std(1, keepdim=True)
    graded = torch.ones(10, dtype=torch.bool)
    mixed = mixed_advantages(whole.view(-1), is_written.view(-1), graded, 5, scale=True).view(2, 5)
    torch.testing.assert_close(mixed[0, :3], torch.tensor([-1.0, 0.0, 1.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(mixed[0, 3:], torch.stack([whole[0, 3], torch.tensor(0.0)]))
    torch.testing.assert_close(mixed[1], whole[1])
    centred = mixed_advantages(whole.view(-1), is_written.view(-1), graded, 5, scale=False).view(2, 5)
    torch.testing.assert_close(centred[0, :3], whole[0, :3] - whole[0, :3].mean())


def test_a_sampled_reply_without_a_grade_is_not_learnt_from():
    advantages = torch.tensor([-0.5, -0.3, 0.0, 1.2, 0.0, 0.0, 0.7, 0.1])
    is_written = torch.tensor([False, False, False, True] * 2)
    graded = torch.tensor([True, True, False, True, True, False, False, True])
    mixed = mixed_advantages(advantages, is_written, graded, 4, scale=True)
    torch.testing.assert_close(mixed[:4], torch.tensor([-(0.5**0.5), 0.5**0.5, 0.0, 1.2]), atol=2e-3, rtol=0)
    torch.testing.assert_close(mixed[4:], torch.tensor([0.0, 0.0, 0.0, 0.1]))


def test_two_replies_of_a_group_are_sampled_at_least():
    with pytest.raises(ValidationError, match="off_policy_replies"):
        Training(group_size=4, off_policy_replies=3)
