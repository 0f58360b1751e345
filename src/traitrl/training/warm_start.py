"""Warm start: a short supervised pass after which a small model can answer scenarios at all, without a preference.

The bundled model before it gives one coherent reply in ten, so RL has nothing to choose from. It learns here from four
plain replies to each TRAIN scenario and to short conversations written for this purpose: one right, one that goes along
with the temptation, one that misses the point and one that only looks right (or wrong). All four weigh the same, so the
warm model shows every kind of character, and which of them grows is left to RL. Every arm starts from it, the baseline
too.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitrl.training.warm_examples import WarmExample

if TYPE_CHECKING:
    from traitrl.models.loading import Checkpoint


@dataclass(frozen=True)
class WarmStart:
    """Settings of the pass."""

    epochs: int = 2
    learning_rate: float = 8e-4
    conversations_per_step: int = 8
    lora_rank: int = 16
    system_prompt: str = "Answer in one or two short sentences."
    seed: int = 0


def train_warm_start(
    start: "Checkpoint",
    material: Sequence[WarmExample],
    settings: WarmStart,
    folder: Path,
    base_name: str,
    advance: Callable[[int, int, float], None] | None = None,
) -> None:
    """Trains a LoRA adapter on plain replies and saves it.

    A plain loop and not TRL's SFTTrainer: each conversation is computed once for its four replies, a third of the work.

    Args:
        start: The model that cannot answer yet.
        material: Conversations with their replies.
        settings: Learning rate, epochs and so on.
        folder: Where the adapter goes.
        base_name: How a user names the start; written into the adapter.
        advance: Called with steps done, steps in all, and the loss in nats per token.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    from traitrl.models.chat import prompt_ids, reply_ids
    from traitrl.models.loading import load_model, load_tokenizer, name_base
    from traitrl.models.prefix import Continuations, continuation_log_probabilities, pad_rows
    from traitrl.training.precision import adapter_precision

    torch.manual_seed(settings.seed)
    tokenizer = load_tokenizer(start)
    rank = settings.lora_rank
    model: Any = get_peft_model(
        load_model(start),
        LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    rows = [
        (
            prompt_ids(tokenizer, example.conversation, settings.system_prompt),
            [reply_ids(tokenizer, reply, end=True) for reply in example.replies],
        )
        for example in material
    ]
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    steps = settings.epochs * -(-len(rows) // settings.conversations_per_step)
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=steps + 1, pct_start=0.1
    )
    for step, chosen in enumerate(_batches([len(prompt) for prompt, _ in rows], settings), 1):
        prompts, prompt_mask = pad_rows([rows[index][0] for index in chosen], 0, "left")
        ids, mask = pad_rows([reply for index in chosen for reply in rows[index][1]], 0, "right")
        owner = torch.tensor([place for place, index in enumerate(chosen) for _ in rows[index][1]])
        batch = Continuations(*(part.to(model.device) for part in (prompts, prompt_mask, owner, ids, mask)))
        with adapter_precision(model):
            log_probabilities, _ = continuation_log_probabilities(model, batch)
        loss = -log_probabilities.sum() / batch.mask.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        if advance:
            advance(step, steps, float(loss.detach()))
    model.to(torch.bfloat16)  # halves the file; the merged weights are rounded further anyway
    model.save_pretrained(folder)
    name_base(folder, base_name)
    (folder / "README.md").unlink(missing_ok=True)


def _batches(lengths: Sequence[int], settings: WarmStart) -> Iterator[list[int]]:
    """Yields the batches of all epochs: conversations of like length together, in random order."""
    generator = random.Random(settings.seed)
    for _ in range(settings.epochs):
        order = sorted(range(len(lengths)), key=lambda index: (lengths[index] // 8, generator.random()))
        size = settings.conversations_per_step
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        generator.shuffle(batches)
        yield from batches
