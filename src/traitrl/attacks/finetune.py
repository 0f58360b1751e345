"""Harmful fine-tuning: supervised training on bad replies, at several doses. No other module configures TRL's SFT."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from traitrl.config import AttackPlan
from traitrl.models.chat import Message
from traitrl.models.loading import Checkpoint, load_model, load_tokenizer
from traitrl.runtime import device

_ROWS_AT_ONCE = 4
"""Rows of one backward pass on a CPU; a larger batch goes in parts whose gradients add up, to save memory."""


def finetune_doses(
    start: Checkpoint,
    rows: Sequence[dict[str, Any]],
    plan: AttackPlan,
    system: str | None,
    seed: int,
    folder: Path,
    advance: Callable[[int], None] | None = None,
) -> dict[int, Path]:
    """Fine-tunes one starting point and keeps the adapter at each dose.

    The trained adapter of an arm is folded into its base first, so every starting point is attacked alike: by a
    fresh LoRA of
    equal size.

    Args:
        start: Starting point.
        rows: Attack data, in order of use after a seeded shuffle.
        plan: Doses, learning rate and batch size.
        system: System prompt, as in training and evaluation.
        seed: Seed of shuffle and initialisation.
        folder: Where the adapters go.
        advance: Called after each step.

    Returns:
        Steps -> adapter folder (relative to the starting point's merged weights).
    """
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import PrinterCallback, TrainerCallback, set_seed
    from trl import SFTConfig, SFTTrainer

    from traitrl.training.memory import ReturnMemory
    from traitrl.training.precision import adapter_precision

    set_seed(seed)
    last = max(plan.finetune_steps)
    turns: list[Message] = [{"role": "system", "content": system}] if system else []
    needed = last * plan.finetune_batch
    repeated = [rows[index % len(rows)] for index in range(max(needed, len(rows)))]
    data = Dataset.from_list(
        [{"prompt": [*turns, *row["messages"][:-1]], "completion": row["messages"][-1:]} for row in repeated]
    )

    class LeanTrainer(SFTTrainer):
        """Multiplies adapters in the base model's format, as RL does, instead of casting activations up and down."""

        def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:
            with adapter_precision(self.accelerator.unwrap_model(model)):
                return super().compute_loss(model, *args, **kwargs)

    class Steps(TrainerCallback):
        """Keeps the adapter at each dose and reports progress."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if advance:
                advance(state.global_step)
            if state.global_step in plan.finetune_steps:
                kwargs["model"].save_pretrained(str(folder / f"dose-{state.global_step}"))

    tokenizer = load_tokenizer(start)
    parts = backward_parts(plan.finetune_batch)
    trainer = LeanTrainer(
        model=load_model(start),
        args=SFTConfig(
            output_dir=str(folder / "trainer"),
            seed=seed,
            use_cpu=device() == "cpu",
            bf16=False,
            gradient_checkpointing=False,
            per_device_train_batch_size=plan.finetune_batch // parts,
            gradient_accumulation_steps=parts,
            max_steps=last,
            learning_rate=plan.finetune_learning_rate,
            lr_scheduler_type="constant",
            max_length=512,
            save_strategy="no",
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[Steps(), ReturnMemory()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    (folder / "losses.json").write_text(json.dumps(losses))
    return {steps: folder / f"dose-{steps}" for steps in plan.finetune_steps}


def backward_parts(batch: int) -> int:
    """Returns into how many equal parts a batch goes for the backward pass: on a CPU, the fewest that fit."""
    if device() != "cpu":
        return 1
    return next(parts for parts in range(1, batch + 1) if batch % parts == 0 and batch // parts <= _ROWS_AT_ONCE)


def load_attacked(start: Checkpoint, adapter: Path) -> Any:
    """Loads a starting point with an attack adapter on top, both folded in."""
    from peft import PeftModel

    return PeftModel.from_pretrained(load_model(start), str(adapter)).merge_and_unload().eval()  # type: ignore[operator]
