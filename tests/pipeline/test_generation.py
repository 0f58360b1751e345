"""Sampling and scoring agree with the stock model."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.pipeline.tiny import save_tiny_model
from traitrl.models.generation import Sampling, sample_replies
from traitrl.models.likelihood import Question, score_options

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = save_tiny_model(tmp_path_factory.mktemp("tiny"))
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def test_greedy_replies_equal_stock_generate(model):
    prompts = [[5, 6, 7, 8], [9, 10], [11, 12, 13, 14, 15, 16]]
    ours = sample_replies(model, prompts, 1, Sampling(max_tokens=10, temperature=0), [2])
    for prompt, reply in zip(prompts, ours, strict=True):
        stock = model.generate(torch.tensor([prompt]), max_new_tokens=10, do_sample=False)[0, len(prompt) :]
        assert reply == stock.tolist()[: len(reply)]
        assert len(reply) == 10 or reply[-1] == 2


def test_sampling_depends_on_the_seed_alone(model):
    prompts = [[5, 6, 7], [8, 9]]
    one, two, other = (sample_replies(model, prompts, 3, Sampling(12, 1.0, seed), [2]) for seed in (1, 1, 2))
    assert one == two
    assert one != other
    assert len(one) == 6


def test_sampled_tokens_follow_the_model(model):
    replies = sample_replies(model, [[5, 6, 7]], 4000, Sampling(1, 1.0, 0), [2], batch_rows=4000)
    counts = torch.bincount(torch.tensor([reply[0] for reply in replies]), minlength=model.config.vocab_size)
    with torch.no_grad():
        expected = model(torch.tensor([[5, 6, 7]])).logits[0, -1].softmax(-1)
    assert (counts / 4000 - expected).abs().max() < 0.02  # over 6 standard errors at p = 0.03


def test_option_scores_equal_the_plain_forward_pass(model):
    questions = [Question([5, 6, 7, 8], [[9, 10], [11]]), Question([12, 13], [[14, 15, 16], [17, 18]])]
    scores = score_options(model, questions)
    for question, values in zip(questions, scores, strict=True):
        for option, value in zip(question.options, values, strict=True):
            ids = torch.tensor([[*question.prompt, *option]])
            with torch.no_grad():
                log_p = model(ids).logits[0].log_softmax(-1)
            start = len(question.prompt) - 1
            expected = sum(log_p[start + index, token].item() for index, token in enumerate(option))
            assert value == pytest.approx(expected, abs=1e-4)


def test_gradient_of_chosen_log_probability_equals_autograd():
    from traitrl.models.head import head_log_probabilities

    torch.manual_seed(0)
    head = torch.nn.Linear(16, 50, bias=False).requires_grad_(False)
    hidden, ids = torch.randn(600, 16), torch.randint(0, 50, (600,))
    weights = torch.randn(600)
    ours, plain = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    (head_log_probabilities(ours, head, ids, 0.7)[0] * weights).sum().backward()
    log_p = (head(plain) / 0.7).log_softmax(-1).gather(1, ids[:, None]).squeeze(1)
    (log_p * weights).sum().backward()
    torch.testing.assert_close(ours.grad, plain.grad, atol=1e-5, rtol=1e-4)


def test_a_trainable_head_is_refused():
    from traitrl.models.head import head_log_probabilities

    with pytest.raises(ValueError, match="frozen"):
        head_log_probabilities(torch.randn(2, 4), torch.nn.Linear(4, 5, bias=False), torch.tensor([0, 1]))
