"""Runs one arm: a schedule of prompts, a judge, and GRPO with LoRA. The only module that configures TRL's GRPO."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitrl.config import Training
from traitrl.jsonl import read_rows
from traitrl.judges import Judge
from traitrl.models.loading import Checkpoint, end_id, load_model, load_tokenizer, name_base
from traitrl.runtime import device
from traitrl.scenarios import Scenario
from traitrl.training.ledger import Ledger
from traitrl.training.schedule import ScheduleRow
from traitrl.training.warm_examples import WarmExample

_TOKENS_AT_ONCE = 1024
"""Reply tokens (at the length cap) of one backward pass on a CPU. Their activations take about 0.9 GB in a 135M model,
and larger passes are no faster."""


@dataclass(frozen=True)
class ArmJob:
    """Everything that defines the training of one arm."""

    name: str
    start: Checkpoint
    rows: Sequence[ScheduleRow]
    settings: Training
    seed: int
    folder: Path
    helpful: bool = False
    """Grade scenarios by the generic criteria in place of their rubrics."""
    written: Sequence[WarmExample] = ()
    """Written replies for `training.off_policy_replies`."""
    base_name: str | None = None
    """What the adapter calls its base, where that should not be a folder of this machine: `bundled:warm`."""


def train_arm(
    job: ArmJob,
    judge: Judge,
    scenarios: Sequence[Scenario],
    advance: Callable[[dict[str, Any]], None] | None = None,
) -> Ledger:
    """Trains one arm and leaves its adapter in `job.folder / "adapter"`.

    An interrupted run resumes from its last checkpoint and ends with the same adapter as an unbroken one.

    Args:
        job: The arm.
        judge: Training judge; its probabilities are the trait reward.
        scenarios: The scenarios that the schedule names.
        advance: Called with each step's metrics.

    Returns:
        What the arm consumed.
    """
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import set_seed
    from trl import GRPOConfig

    from traitrl.models.generation import Sampling
    from traitrl.training.actor import Actor
    from traitrl.training.memory import ReturnMemory
    from traitrl.training.off_policy import OffPolicyReplies
    from traitrl.training.rewards import StandardReward, TraitReward, helpful_criteria
    from traitrl.training.trainer import SharedPromptTrainer, make_rollout
    from traitrl.training.watch import StopRules, Watch

    started = time.perf_counter()
    settings = job.settings
    set_seed(job.seed)
    tokenizer = load_tokenizer(job.start)
    tokenizer.padding_side = "left"
    base = load_model(job.start)
    actor = Actor(base)
    end_ids = [end_id(tokenizer)]
    criteria = helpful_criteria() if job.helpful else None
    trait_reward = TraitReward(
        judge,
        {scenario.id: scenario for scenario in scenarios},
        end_ids,
        criteria,
        settings.sense_weight,
        settings.formula_penalty,
    )
    completions = settings.prompts_per_step * settings.group_size
    parts = backward_parts(settings)
    arguments = GRPOConfig(
        output_dir=str(job.folder / "trainer"),
        seed=job.seed,
        use_cpu=device() == "cpu",
        bf16=False,
        fp16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=completions // parts,
        gradient_accumulation_steps=parts,
        num_generations=settings.group_size,
        max_completion_length=settings.max_tokens,
        temperature=settings.temperature,
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.learning_rate_schedule,
        warmup_steps=settings.warmup_steps,
        max_grad_norm=settings.max_grad_norm,
        beta=settings.kl_weight,
        use_bias_correction_kl=False,
        loss_type=settings.loss_type,
        scale_rewards=settings.scale_rewards,
        shuffle_dataset=False,
        log_completions=True,
        num_completions_to_print=0,
        logging_steps=1,
        save_steps=settings.save_every,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = SharedPromptTrainer(
        model=base,
        reward_funcs=[trait_reward, StandardReward(end_ids)],  # pyright: ignore[reportArgumentType]
        args=arguments,
        train_dataset=Dataset.from_list([_dataset_row(row) for row in job.rows]),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=settings.lora_rank,
            lora_alpha=settings.lora_alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        rollout_func=make_rollout(
            actor,
            settings.system_prompt,
            Sampling(settings.max_tokens, settings.temperature),
            end_ids,
            job.seed,
            OffPolicyReplies(tokenizer, job.written, settings.off_policy_replies, settings.max_tokens),
        ),
        callbacks=[Watch(job.folder / "metrics.jsonl", StopRules(), advance), ReturnMemory()],
    )
    _remove_console_printer(trainer)
    checkpoint = newest_checkpoint(job.folder / "trainer")
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    trainer.save_model(str(job.folder / "adapter"))
    if job.base_name is not None:
        name_base(job.folder / "adapter", job.base_name)
    return _ledger(job, time.perf_counter() - started)


def backward_parts(settings: Training) -> int:
    """Returns into how many equal parts of whole groups a step's replies go for the backward pass.

    `training.accumulation` where it is set above 1; else, on a CPU, the fewest parts of at most `_TOKENS_AT_ONCE`
    tokens. The parts' gradients add up to that of the whole step.
    """
    if settings.accumulation > 1 or device() != "cpu":
        return settings.accumulation
    prompts, tokens = settings.prompts_per_step, settings.group_size * settings.max_tokens
    return next(
        parts
        for parts in range(1, prompts + 1)
        if prompts % parts == 0 and (parts == prompts or prompts // parts * tokens <= _TOKENS_AT_ONCE)
    )


def newest_checkpoint(folder: Path) -> Path | None:
    """Returns the checkpoint with the most steps that was written to its end, and removes those that were not.

    `trainer_state.json` is the last file of a checkpoint, so one without it was cut short by a kill.
    """
    whole: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        try:
            whole[int(json.loads((path / "trainer_state.json").read_text())["global_step"])] = path
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(path)
    return whole[max(whole)] if whole else None


def _dataset_row(row: ScheduleRow) -> dict[str, Any]:
    return {"prompt": row.prompt, "pool": row.pool, "item": row.item, "kind": row.kind, "payload": row.payload}


def _remove_console_printer(trainer: Any) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _ledger(job: ArmJob, seconds: float) -> Ledger:
    """Adds up the arm from its per-step metrics, which survive a resume."""
    settings = job.settings
    ledger = Ledger(job.name, optimizer_steps=settings.steps, seconds=seconds)
    ledger.count_schedule(job.rows)
    steps = read_rows(job.folder / "metrics.jsonl")
    per_step = settings.prompts_per_step * settings.group_size
    ledger.completions = per_step * len(steps)
    ledger.written_completions = round(sum(step.get("written/replies", 0.0) for step in steps))
    ledger.trained_tokens = round(sum(step["completions/mean_length"] * per_step for step in steps))
    ledger.generated_tokens = ledger.trained_tokens - round(sum(step.get("written/tokens", 0.0) for step in steps))
    total_tokens = int(steps[-1]["num_tokens"])
    ledger.prompt_tokens = (total_tokens - ledger.trained_tokens) // settings.group_size
    ledger.judge_calls = sum(row.pool == "trait" for row in job.rows) * settings.group_size
    return ledger
