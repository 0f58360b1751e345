"""Items whose prompts begin alike get the log-likelihoods that each would get alone."""

import pytest
import torch

from tests.pipeline.tiny import save_tiny_model
from traitrl.evals.items import Item, ask
from traitrl.evals.likelihood import neutral_log_likelihoods, option_log_likelihoods
from traitrl.models.loading import Checkpoint, load_model, load_tokenizer

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    checkpoint = Checkpoint(str(save_tiny_model(tmp_path_factory.mktemp("tiny"))))
    return load_model(checkpoint, torch.float32), load_tokenizer(checkpoint)


def items(*texts):
    return [Item(text, text, ask(text), ["Yes, of course.", "No."], 0) for text in texts]


@pytest.mark.parametrize(
    "texts",
    [
        ("Is this statement true: it rains?", "Is this statement true: snow is warm and red?"),
        ("Is this statement true: it rains?", "Is this statement true: it rains?"),
        ("Who?", "Is this statement true: it rains?"),
    ],
)
def test_each_item_scores_as_alone(tiny, texts):
    together = option_log_likelihoods(*tiny, items(*texts))
    alone = [option_log_likelihoods(*tiny, [item])[0] for item in items(*texts)]
    assert together == [pytest.approx(row, abs=1e-4) for row in alone]


def test_the_neutral_prompt_gives_an_option_one_value_everywhere(tiny):
    first, second = neutral_log_likelihoods(*tiny, items("Who?", "Where is it?"))
    assert first == second and first[0] != first[1]
