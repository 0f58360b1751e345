"""One RL step, from rollout to optimiser step, against stock TRL and against the machine's arithmetic.

The same model, LoRA, seed, prompts, reward and number of completions for both trainers, in one run; completion tokens
per second are compared. Before that, log-probabilities, loss and gradients of both are checked on one batch in float32.
The floor is the time that the step's multiplications take at the highest matrix-multiply rate measured on this machine,
each prompt computed once per group.

Run from the repository: python benchmarks/rl_step.py [--model bundled] [--steps 3] [--full-length 1]
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from side_by_side import line, middle, must_equal, options

SYSTEM = "Answer in one or two short sentences."
RANK = 16
SPEED_BAR, FLOOR_BAR = 3.0, 2.0


@dataclass(frozen=True)
class Shape:
    """One step: distinct prompts, completions of each, and the length cap."""

    prompts: int
    group: int
    tokens: int

    @property
    def completions(self) -> int:
        return self.prompts * self.group


def vowels(completions: list[Any], **_: Any) -> list[float]:
    """A reward that costs nothing and has spread."""
    texts = [reply[-1]["content"] for reply in completions]
    return [sum(letter in "aeiou" for letter in text) / max(1, len(text)) for text in texts]


def build(ours: bool, base: str, dtype: Any, shape: Shape, steps: int, full_length: bool, folder: Path) -> Any:
    """Returns our trainer or the stock one; everything but the class, the rollout and number formats is equal.

    Stock TRL gets the fastest of its number formats: weights in bfloat16 under autocast (`bf16=True`).
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, PrinterCallback, set_seed
    from trl import GRPOConfig, GRPOTrainer

    from traitrl.models.generation import Sampling
    from traitrl.models.loading import Checkpoint, end_id, load_tokenizer
    from traitrl.scenarios import Split, load_scenarios, select
    from traitrl.training.actor import Actor
    from traitrl.training.trainer import SharedPromptTrainer, make_rollout

    set_seed(0)
    tokenizer = load_tokenizer(Checkpoint(base))
    tokenizer.padding_side = "left"
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    scenarios = select(load_scenarios(), Split.TRAIN, max_words=45)
    chosen = [scenarios[index * len(scenarios) // (steps * shape.prompts)] for index in range(steps * shape.prompts)]
    prompts = [[{"role": "system", "content": SYSTEM}, *scenario.conversation] for scenario in chosen]
    ends = [] if full_length else [end_id(tokenizer)]
    settings: dict[str, Any] = {}
    if ours:
        actor = Actor(model)
        settings["rollout_func"] = make_rollout(actor, None, Sampling(shape.tokens, 0.7), ends, 0)
    trainer = (SharedPromptTrainer if ours else GRPOTrainer)(
        model=model,
        reward_funcs=[vowels],
        args=GRPOConfig(
            output_dir=str(folder / ("ours" if ours else "stock")),
            seed=0,
            use_cpu=True,
            bf16=not ours and dtype == torch.bfloat16,
            gradient_checkpointing=False,
            per_device_train_batch_size=shape.completions,
            num_generations=shape.group,
            max_completion_length=shape.tokens,
            generation_kwargs={"min_new_tokens": shape.tokens} if full_length else None,
            temperature=0.7,
            max_steps=steps,
            learning_rate=1e-5,
            beta=0.0,
            shuffle_dataset=False,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts]),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        **settings,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def check_equality(base: str, folder: Path) -> dict[str, float]:
    """Compares log-probabilities, loss and gradients of both trainers on one small batch in float32."""
    import torch

    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(10, 90, (2, 20), generator=generator).repeat_interleave(2, 0)
    completions = torch.randint(10, 90, (4, 10), generator=generator)
    batch = {
        "prompt_ids": ids,
        "prompt_mask": torch.ones_like(ids),
        "completion_ids": completions,
        "completion_mask": torch.ones_like(completions),
        "advantages": torch.tensor([1.0, -0.5, 0.3, -1.2]),
        "num_items_in_batch": torch.tensor(completions.numel()),
    }
    found: list[tuple[torch.Tensor, float, torch.Tensor]] = []
    for ours in (True, False):
        trainer = build(ours, base, torch.float32, Shape(2, 2, 10), 1, False, folder)
        weights = torch.Generator().manual_seed(1)
        trained = [parameter for parameter in trainer.model.parameters() if parameter.requires_grad]
        for parameter in trained:  # a fresh adapter is the identity and has no gradient in one half
            parameter.data = torch.randn(parameter.shape, generator=weights) * 0.02
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = 1
        whole = torch.cat([ids, completions], dim=1)
        chosen = trainer._get_per_token_logps_and_entropies(trainer.model, whole, torch.ones_like(whole), 10)[0]
        loss = trainer._compute_loss(trainer.model, batch)
        loss.backward()
        gradient = torch.cat([parameter.grad.flatten() for parameter in trained])
        found.append((chosen.detach(), loss.item(), gradient))
    (ours_log, ours_loss, ours_gradient), (stock_log, stock_loss, stock_gradient) = found
    gaps = {
        "log_probability_gap": (ours_log - stock_log).abs().max().item(),
        "loss_gap": abs(ours_loss - stock_loss),
        "gradient_gap": ((ours_gradient - stock_gradient).norm() / stock_gradient.norm()).item(),
    }
    must_equal("log-probabilities (nats)", gaps["log_probability_gap"], 1e-3)
    must_equal("losses", gaps["loss_gap"], 1e-4)
    must_equal("gradients (relative)", gaps["gradient_gap"], 1e-3)
    return gaps


def timed_steps(trainer: Any) -> list[dict[str, float]]:
    """Trains; returns seconds, completion tokens and prompt tokens of each step but the first, which warms up."""
    from transformers import TrainerCallback

    rows: list[dict[str, float]] = []

    class Stopwatch(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            self.begun = time.perf_counter()

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            rows.append({"seconds": time.perf_counter() - self.begun})

    trainer.add_callback(Stopwatch())
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "completions/mean_length" in entry]
    completions, seen = trainer.args.per_device_train_batch_size, 0.0
    for row, entry in zip(rows, logs, strict=True):
        row["tokens"] = entry["completions/mean_length"] * completions
        # TRL counts a prompt once per completion.
        row["prompt_tokens"] = (entry["num_tokens"] - seen - row["tokens"]) / trainer.num_generations
        seen = entry["num_tokens"]
    return rows[1:]


def peak_rate(dtype: Any) -> float:
    """Returns the highest rate of large matrix products on this machine, in operations per second."""
    import torch

    best = 0.0
    for rows, inner, columns in ((4096, 576, 1536), (3072, 1536, 1536), (2048, 2048, 2048), (3072, 3072, 3072)):
        left, right = torch.randn(rows, inner).to(dtype), torch.randn(inner, columns).to(dtype)
        left @ right
        for _ in range(6):
            begun = time.perf_counter()
            left @ right
            best = max(best, 2 * rows * inner * columns / (time.perf_counter() - begun))
    return best


def step_operations(model: Any, prompt_tokens: float, tokens: float, context: float) -> float:
    """Counts the operations of one step, each prompt computed once per group.

    Sampling passes every token forward once. The loss passes them forward again and back: through frozen weights a
    gradient costs as much as the forward pass, through adapters twice as much.

    Args:
        model: The policy without adapter.
        prompt_tokens: Tokens of the distinct prompts.
        tokens: Tokens of all completions.
        context: Mean number of tokens that a token attends to.
    """
    from torch.nn import Linear

    layers = [module for name, module in model.named_modules() if isinstance(module, Linear) and name != "lm_head"]
    weights = sum(layer.weight.numel() for layer in layers)
    adapters = sum(RANK * (layer.in_features + layer.out_features) for layer in layers)
    config = model.config
    head = config.vocab_size * config.hidden_size
    attention = 2 * config.num_hidden_layers * config.hidden_size * context
    every = prompt_tokens + tokens
    sampling = 2 * (weights + attention) * every + 2 * head * tokens
    forward = 2 * (weights + adapters + attention) * every + 2 * head * tokens
    backward = 2 * (weights + 2 * adapters + 2 * attention) * every + 2 * head * tokens
    return sampling + forward + backward


def main(arguments: list[str] | None = None) -> int:
    from traitrl.runtime import compute_dtype, prepare_runtime

    prepare_runtime()
    parser = options(__doc__, model="bundled", steps=3, prompts=4, group=8, tokens=48, full_length=0)
    chosen = parser.parse_args(arguments)
    from traitrl.experiment.runner import quiet_libraries
    from traitrl.models.loading import resolve

    quiet_libraries()
    base, dtype = resolve(chosen.model).base, compute_dtype()
    shape, full = Shape(chosen.prompts, chosen.group, chosen.tokens), bool(chosen.full_length)
    with tempfile.TemporaryDirectory() as scratch:
        gaps = check_equality(base, Path(scratch))
        peak = peak_rate(dtype)
        ours, stock = (
            timed_steps(build(is_ours, base, dtype, shape, chosen.steps + 1, full, Path(scratch)))
            for is_ours in (True, False)
        )
        from transformers import AutoModelForCausalLM

        plain = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    our_rate, stock_rate = (middle([row["tokens"] / row["seconds"] for row in rows]) for rows in (ours, stock))
    floors = [
        step_operations(
            plain, row["prompt_tokens"], row["tokens"], row["prompt_tokens"] / shape.prompts + chosen.tokens / 2
        )
        / peak
        for row in ours
    ]
    over_floor = middle([row["seconds"] / floor for row, floor in zip(ours, floors, strict=True)])
    shared = {"model": chosen.model, "dtype": str(dtype), "completions": shape.completions, "cap": chosen.tokens}
    ratio = our_rate / stock_rate
    fast = line(
        "rl_step" + ("_full_length" if full else ""),
        ratio,
        SPEED_BAR,
        ratio >= SPEED_BAR,
        unit="completion tokens per second, ours over stock TRL",
        **shared,
        our_tokens_per_second=our_rate,
        stock_tokens_per_second=stock_rate,
        our_seconds=middle([row["seconds"] for row in ours]),
        stock_seconds=middle([row["seconds"] for row in stock]),
        our_tokens=middle([row["tokens"] for row in ours]),
        stock_tokens=middle([row["tokens"] for row in stock]),
        **gaps,
    )
    near = line(
        "rl_step_floor" + ("_full_length" if full else ""),
        over_floor,
        FLOOR_BAR,
        over_floor <= FLOOR_BAR,
        unit="seconds of our step over seconds of its multiplications at the machine's peak; lower is better",
        **shared,
        peak_gflops=peak / 1e9,
        floor_seconds=middle(floors),
        our_seconds=middle([row["seconds"] for row in ours]),
    )
    return 0 if fast and near else 1


if __name__ == "__main__":
    raise SystemExit(main())
