"""Decoding: our sampler against stock `generate`, 32 replies at a time.

First both decode greedily in float32 and must give the same tokens. Then both sample replies to the same 32 prompts, in
turn, and reply tokens per second are compared (tokens after the end of a reply count for neither). Replies end where
the model ends them; `--full-length 1` lets none end before the cap, which takes away what dropping finished replies
brings. Every prompt is distinct, so nothing is gained by sharing prompts.

Run from the repository: python benchmarks/decoding.py [--model bundled] [--rows 32] [--tokens 64]
"""

from collections.abc import Sequence
from typing import Any

from side_by_side import in_turn, line, middle, must_equal, options

SYSTEM = "Answer in one or two short sentences."
BAR = 2.5


def prompts_of(tokenizer: Any, count: int) -> list[list[int]]:
    """Returns the token ids of distinct short training scenarios."""
    from traitrl.models.chat import prompt_ids
    from traitrl.scenarios import Split, load_scenarios, select

    scenarios = select(load_scenarios(), Split.TRAIN, max_words=45)
    chosen = [scenarios[index * len(scenarios) // count] for index in range(count)]
    return [prompt_ids(tokenizer, scenario.conversation, SYSTEM) for scenario in chosen]


def stock_replies(
    model: Any, prompts: Sequence[list[int]], tokens: int, temperature: float, end_ids: Sequence[int]
) -> list[list[int]]:
    """Returns the replies of stock `generate`, cut after the first end token."""
    import torch

    from traitrl.models.prefix import pad_rows

    ids, mask = pad_rows(prompts, 0, "left")
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    with torch.inference_mode():
        whole = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=tokens,
            eos_token_id=list(end_ids) or None,
            pad_token_id=0,
            **sampling,
        )
    replies: list[list[int]] = []
    for row in whole[:, ids.shape[1] :].tolist():
        ends = [place for place, token in enumerate(row) if token in end_ids]
        replies.append(row[: ends[0] + 1] if ends else row)
    return replies


def check_equality(base: str, prompts: Sequence[list[int]], end_ids: Sequence[int]) -> int:
    """Decodes greedily in float32 both ways and returns the number of equal tokens."""
    import torch

    from traitrl.models.generation import Sampling, sample_replies
    from traitrl.models.loading import Checkpoint, load_model

    model = load_model(Checkpoint(base), torch.float32)
    ours = sample_replies(model, prompts, 1, Sampling(12, 0), end_ids)
    stock = stock_replies(model, prompts, 12, 0, end_ids)
    must_equal("greedy replies", sum(one != two for one, two in zip(ours, stock, strict=True)), 0)
    return sum(map(len, ours))


def main(arguments: list[str] | None = None) -> int:
    from traitrl.runtime import compute_dtype, prepare_runtime

    prepare_runtime()
    parser = options(__doc__, model="bundled", rows=32, tokens=64, rounds=3, full_length=0)
    chosen = parser.parse_args(arguments)
    from traitrl.models.generation import Sampling, sample_replies
    from traitrl.models.loading import end_id, load_model, load_tokenizer, resolve

    checkpoint = resolve(chosen.model)
    tokenizer = load_tokenizer(checkpoint)
    prompts = prompts_of(tokenizer, chosen.rows)
    ends = [end_id(tokenizer)]
    equal = check_equality(checkpoint.base, prompts[:6], ends)
    model = load_model(checkpoint)
    if chosen.full_length:
        ends = []
        model.generation_config.eos_token_id = None
    tokens: dict[str, list[int]] = {"ours": [], "stock": []}

    def ours() -> None:
        seed = len(tokens["ours"])
        sampling = Sampling(chosen.tokens, 0.7, seed)
        tokens["ours"].append(sum(map(len, sample_replies(model, prompts, 1, sampling, ends, chosen.rows))))

    def stock() -> None:
        tokens["stock"].append(sum(map(len, stock_replies(model, prompts, chosen.tokens, 0.7, ends))))

    seconds = in_turn(chosen.rounds, {"ours": ours, "stock": stock})
    rates = {
        way: middle([count / second for count, second in zip(tokens[way][1:], seconds[way], strict=True)])
        for way in seconds
    }
    ratio = rates["ours"] / rates["stock"]
    holds = line(
        "decoding" + ("_full_length" if chosen.full_length else ""),
        ratio,
        BAR,
        ratio >= BAR,
        unit="reply tokens per second, ours over stock generate",
        model=chosen.model,
        dtype=str(compute_dtype()),
        rows=chosen.rows,
        cap=chosen.tokens,
        our_tokens_per_second=rates["ours"],
        stock_tokens_per_second=rates["stock"],
        our_tokens=tokens["ours"][1:],
        stock_tokens=tokens["stock"][1:],
        equal_greedy_tokens=equal,
    )
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
