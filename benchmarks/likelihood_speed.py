"""Likelihood engine against lm-eval: items per second on the same tokens of the same model, in turn, in one run.

lm-eval gets its best batch size of those tried. First both score a few items in float32 and must agree to 1e-3 nats per
token. `likelihood_items` takes items of our own benchmarks as they are scored: chat prompts with two replies. The curve
takes prompts of rising length, each with four options of eight tokens.

Run from the repository: python benchmarks/likelihood_speed.py [--model bundled] [--items 24] [--rounds 2]
"""

from collections.abc import Sequence
from typing import Any

from side_by_side import in_turn, line, middle, must_equal, options

BAR = 2.0
LENGTHS = (16, 64, 192, 512)
BATCH_SIZES = (1, 4, 16)
OPTIONS, OPTION_TOKENS = 4, 8
BENCHMARKS = ("stop_button", "are_you_sure", "confident_medicine", "false_premises")


def benchmark_questions(tokenizer: Any, count: int) -> list[Any]:
    """Returns items of our own benchmarks as token ids."""
    from traitrl.evals.registry import chosen_benchmarks
    from traitrl.models.chat import prompt_ids, reply_ids
    from traitrl.models.likelihood import Question

    each = -(-count // len(BENCHMARKS))
    items = [item for benchmark in chosen_benchmarks(list(BENCHMARKS)) for item in benchmark.items(each) or []]
    return [
        Question(prompt_ids(tokenizer, item.messages), [reply_ids(tokenizer, text) for text in item.options])
        for item in items[:count]
    ]


def made_questions(tokenizer: Any, length: int, count: int) -> list[Any]:
    """Returns questions whose prompts have `length` tokens, cut out of scenarios; no two prompts are alike."""
    from traitrl.models.chat import reply_ids
    from traitrl.models.likelihood import Question
    from traitrl.scenarios import load_scenarios

    text = " ".join(message.content for scenario in load_scenarios() for message in scenario.messages)
    size = length + OPTIONS * OPTION_TOKENS
    ids = reply_ids(tokenizer, text[: 12 * size * count])
    found: list[Any] = []
    for start in range(0, count * size, size):
        rest = range(start + length, start + size, OPTION_TOKENS)
        choices = [ids[place : place + OPTION_TOKENS] for place in rest]
        found.append(Question(ids[start : start + length], choices))
    return found


def peer(model: Any, tokenizer: Any, batch_size: int) -> Any:
    """Returns lm-eval's own model class around the same weights."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size, device=str(model.device))


def by_peer(engine: Any, questions: Sequence[Any]) -> list[list[float]]:
    """Scores questions with lm-eval's engine."""
    requests = [
        (("", f"{place}-{number}"), list(question.prompt), list(option))
        for place, question in enumerate(questions)
        for number, option in enumerate(question.options)
    ]
    found = iter(engine._loglikelihood_tokens(requests, disable_tqdm=True))
    return [[next(found)[0] for _ in question.options] for question in questions]


def check_equality(base: str, tokenizer: Any, questions: Sequence[Any]) -> None:
    """Scores questions both ways in float32."""
    import torch

    from traitrl.models.likelihood import score_options
    from traitrl.models.loading import Checkpoint, load_model

    model = load_model(Checkpoint(base), torch.float32)
    ours, theirs = score_options(model, questions), by_peer(peer(model, tokenizer, 4), questions)
    differences = [
        abs(mine - other) / len(option)
        for question, row, peers in zip(questions, ours, theirs, strict=True)
        for option, mine, other in zip(question.options, row, peers, strict=True)
    ]
    must_equal("log-likelihoods per token", max(differences), 1e-3)


def compare(name: str, bar: float, model: Any, tokenizer: Any, questions: Sequence[Any], rounds: int) -> bool:
    """Times both ways on the same questions and prints the line."""
    from traitrl.models.likelihood import score_options

    peers = {size: peer(model, tokenizer, size) for size in BATCH_SIZES}
    ways = {"ours": lambda: score_options(model, questions)}
    for size, engine in peers.items():
        ways[f"batches of {size}"] = lambda engine=engine: by_peer(engine, questions)
    seconds = {way: middle(times) for way, times in in_turn(rounds, ways).items()}
    best = min((way for way in seconds if way != "ours"), key=lambda way: seconds[way])
    ratio = seconds[best] / seconds["ours"]
    return line(
        name,
        ratio,
        bar,
        ratio >= bar,
        items_per_second=len(questions) / seconds["ours"],
        lm_eval_items_per_second=len(questions) / seconds[best],
        lm_eval_best=best,
        prompt_tokens=sum(len(question.prompt) for question in questions) / len(questions),
    )


def main(arguments: list[str] | None = None) -> int:
    from traitrl.runtime import prepare_runtime

    prepare_runtime()
    parser = options(__doc__, model="bundled", items=24, rounds=2, longest=max(LENGTHS), dtype="")
    chosen = parser.parse_args(arguments)
    import torch

    from traitrl.models.loading import load_model, load_tokenizer, resolve

    checkpoint = resolve(chosen.model)
    tokenizer = load_tokenizer(checkpoint)
    own = benchmark_questions(tokenizer, chosen.items)
    check_equality(checkpoint.base, tokenizer, [*own[:4], *made_questions(tokenizer, 64, 2)])
    model = load_model(checkpoint, getattr(torch, chosen.dtype) if chosen.dtype else None)
    holds = [compare("likelihood_items", BAR, model, tokenizer, own, chosen.rounds)]
    for length in (length for length in LENGTHS if length <= chosen.longest):
        # As many prompt tokens in all at every length, so that none of them takes for ever.
        count = max(4, min(chosen.items, 2048 // length))
        questions = made_questions(tokenizer, length, count)
        holds.append(compare(f"likelihood_prompt_{length}", BAR, model, tokenizer, questions, chosen.rounds))
    return 0 if all(holds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
