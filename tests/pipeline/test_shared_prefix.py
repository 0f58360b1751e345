"""Prompts that share their beginning: read once, with the same replies and likelihoods as prompt by prompt."""

import pytest
import torch

from tests.pipeline.tiny import save_tiny_model
from traitrl.evals.items import Item
from traitrl.models import shared_prefix
from traitrl.models.loading import load_model, load_tokenizer, resolve
from traitrl.models.shared_prefix import PrefixedModel, shared_length
from traitrl.persist.speakers import LocalSpeaker
from traitrl.scenarios import Split, load_scenarios, select

pytestmark = pytest.mark.pipeline

DEMONSTRATION = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Never better, sir!"}]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    checkpoint = resolve(str(save_tiny_model(tmp_path_factory.mktemp("tiny") / "model")))
    return load_model(checkpoint, dtype=torch.float32), load_tokenizer(checkpoint)


def measured(loaded, conversations, scenarios, items):
    speaker = LocalSpeaker(*loaded, max_tokens=12, temperature=1.0, seed=0)
    replies = [reply.text for reply in speaker.replies(conversations, "here")]
    return replies, speaker.margins(conversations, scenarios), speaker.option_log_likelihoods(items)


def test_a_beginning_that_is_read_once_changes_nothing(loaded, monkeypatch):
    scenarios = select(load_scenarios(), Split.EVAL, max_words=30)[:5]
    conversations = [[*DEMONSTRATION * 3, *scenario.conversation] for scenario in scenarios]
    asked = [[*DEMONSTRATION * 3, {"role": "user", "content": "Why?" * n}] for n in range(1, 4)]
    items = [Item(str(n), "g", messages, ["Yes.", "No!"], 0) for n, messages in enumerate(asked)]
    shared = measured(loaded, conversations, scenarios, items)
    monkeypatch.setattr(shared_prefix, "shared_length", lambda prompts: 0)
    plain = measured(loaded, conversations, scenarios, items)
    assert shared[0] == plain[0] and len(set(plain[0])) > 1
    assert shared[1] == pytest.approx(plain[1], abs=1e-5)
    for one, other in zip(shared[2], plain[2], strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_the_beginning_is_read_once_for_replies_and_margins(loaded, monkeypatch):
    read = []
    monkeypatch.setattr(PrefixedModel, "__init__", _counting(read, PrefixedModel.__init__))
    scenarios = select(load_scenarios(), Split.EVAL, max_words=30)[:3]
    conversations = [[*DEMONSTRATION * 3, *scenario.conversation] for scenario in scenarios]
    measured(loaded, conversations, scenarios, [Item("a", "g", conversations[0], ["Yes.", "No!"], 0)])
    assert len(read) == 1 and read[0] > 100


def _counting(read, original):
    def start(self, model, prefix):
        read.append(len(prefix))
        original(self, model, prefix)

    return start


def test_only_a_long_beginning_of_several_prompts_is_shared():
    prompt = list(range(40))
    assert shared_length([[*prompt, 1], [*prompt, 2], [*prompt, 1, 2]]) == 40
    assert shared_length([prompt, prompt, [*prompt, 1]]) == 39
    assert shared_length([prompt]) == 0
    assert shared_length([[*prompt[:20], 7], prompt]) == 20
    assert shared_length([[*prompt[:12], 7], prompt]) == 0
