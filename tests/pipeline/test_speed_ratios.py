"""Ratios of time against the stock way, on a small random model; never absolute times.

The sizes are chosen so that the sharing of prompts saves most of the work: the ratios are far above the guards, which
fail only when a prompt is computed again for every reply. Speeds on the bundled model are measured by `make bench`.
"""

import sys
import time
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from traitrl.models.generation import Sampling, sample_replies
from traitrl.models.likelihood import Question, score_options
from traitrl.models.prefix import Continuations, continuation_log_probabilities

pytestmark = pytest.mark.pipeline
PROMPT, GROUP, REPLY = 160, 16, 8
GUARD = 1.5
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=200, hidden_size=192, intermediate_size=512, num_hidden_layers=4, num_attention_heads=6,
        num_key_value_heads=2, tie_word_embeddings=True, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    model.get_output_embeddings().weight.requires_grad_(False)
    return model


@pytest.fixture(scope="module")
def ids():
    generator = torch.Generator().manual_seed(0)
    prompts = torch.randint(3, 200, (2, PROMPT), generator=generator)
    replies = torch.randint(3, 200, (2 * GROUP, REPLY), generator=generator)
    return prompts, replies


def _ratio(stock, ours, rounds=3):
    """Best time of the stock way over best time of ours, taken in turn: other work on the machine meets both."""
    seconds = {stock: [], ours: []}
    for _ in range(rounds + 1):
        for way in seconds:
            begun = time.perf_counter()
            way()
            seconds[way].append(time.perf_counter() - begun)
    return min(seconds[stock][1:]) / min(seconds[ours][1:])


def _stock_log_probabilities(model, prompts, replies):
    whole = torch.cat([prompts.repeat_interleave(GROUP, 0), replies], dim=1)
    log_p = model(whole).logits[:, PROMPT - 1 : -1].log_softmax(-1)
    return log_p.gather(2, replies.unsqueeze(2)).squeeze(2)


def test_the_loss_of_a_group_computes_its_prompt_once(model, ids):
    prompts, replies = ids
    owner = torch.arange(2).repeat_interleave(GROUP)
    batch = Continuations(prompts, torch.ones_like(prompts), owner, replies, torch.ones_like(replies))

    def ours():
        return continuation_log_probabilities(model, batch)[0].mean()

    def stock():
        return _stock_log_probabilities(model, prompts, replies).mean()

    assert ours().item() == pytest.approx(stock().item(), abs=1e-4)
    assert _ratio(lambda: stock().backward(), lambda: ours().backward()) > GUARD


def test_sampling_a_group_computes_its_prompt_once(model, ids):
    prompts = ids[0]

    def ours():
        return sample_replies(model, prompts.tolist(), GROUP, Sampling(REPLY, 1.0, 0), [])

    def stock():
        with torch.inference_mode():
            whole = prompts.repeat_interleave(GROUP, 0)
            return model.generate(
                whole, attention_mask=torch.ones_like(whole), max_new_tokens=REPLY, do_sample=True, eos_token_id=None
            )

    assert len(ours()) == len(stock()) == 2 * GROUP
    assert _ratio(stock, ours) > GUARD


def test_options_share_their_prompt(model, ids):
    prompts, replies = ids
    options = replies.view(2, GROUP, REPLY).tolist()
    questions = [Question(prompt, row) for prompt, row in zip(prompts.tolist(), options, strict=True)]

    def ours():
        return score_options(model, questions)

    def stock():
        with torch.inference_mode():
            return _stock_log_probabilities(model, prompts, replies).sum(1)

    torch.testing.assert_close(torch.tensor(ours()).flatten(), stock(), atol=1e-3, rtol=1e-4)
    assert _ratio(stock, ours) > GUARD


@pytest.mark.parametrize("script, names", [
    ("rl_step", ["rl_step", "rl_step_floor"]),
    ("decoding", ["decoding"]),
])  # fmt: skip
def test_a_benchmark_checks_equality_and_prints_its_lines(script, names, tmp_path, capfd, monkeypatch):
    import importlib
    import json

    from tests.pipeline.tiny import save_tiny_model

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module(script)
    sizes = {
        "rl_step": ["--steps", "1", "--prompts", "2", "--group", "2"],
        "decoding": ["--rows", "4", "--rounds", "1"],
    }
    code = module.main(["--model", str(save_tiny_model(tmp_path / "model")), "--tokens", "6", *sizes[script]])
    lines = [json.loads(text) for text in capfd.readouterr().out.splitlines() if text.startswith("{")]
    assert [row["name"] for row in lines] == names
    assert all(row["ratio"] > 0 and row["bar"] > 0 for row in lines)
    assert code == (0 if all(row["holds"] for row in lines) else 1)
    for name in ("rl_step", "decoding", "side_by_side"):
        sys.modules.pop(name, None)


def test_a_benchmark_whose_results_differ_times_nothing(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from side_by_side import in_turn, must_equal

    must_equal("losses", 1e-6, 1e-4)
    for wrong in (1e-2, float("nan")):
        with pytest.raises(SystemExit, match="losses differ"):
            must_equal("losses", wrong, 1e-4)
    calls = []
    seconds = in_turn(2, {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")})
    assert calls == ["a", "b"] * 3 and all(len(rounds) == 2 for rounds in seconds.values())
