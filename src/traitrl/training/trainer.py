"""A thin layer on TRL's GRPOTrainer: its loss, optimiser, logging and checkpoints; our rollouts and log-probabilities.

Two things differ from stock, both for speed and neither in result: rollouts come from a merged copy of the policy,
and the
log-probabilities of a group are computed with its prompt run once. tests/pipeline/test_trainer_parity.py compares
losses and
gradients with stock TRL.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from trl import GRPOTrainer

from traitrl.models.chat import prompt_ids
from traitrl.models.generation import Sampling, sample_replies
from traitrl.models.prefix import Continuations, continuation_log_probabilities
from traitrl.training.actor import Actor
from traitrl.training.precision import adapter_precision


class SharedPromptTrainer(GRPOTrainer):
    """GRPO with each distinct prompt computed once per group, in the loss as in the rollout."""

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **_: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        prompts, continuations = input_ids[:, :-logits_to_keep], input_ids[:, -logits_to_keep:]
        mask, continuation_mask = attention_mask[:, :-logits_to_keep], attention_mask[:, -logits_to_keep:]
        # Rows arrive shuffled, so groups are found again by their prompts (mask and ids together: padding is an id
        # too).
        width = prompts.shape[1]
        distinct, owner = torch.unique(torch.cat([mask, prompts], dim=1), dim=0, return_inverse=True)
        batch = Continuations(distinct[:, width:], distinct[:, :width], owner, continuations, continuation_mask)
        with adapter_precision(model):
            log_probabilities, entropies = continuation_log_probabilities(model, batch, self.temperature)
        return log_probabilities, entropies if compute_entropy else None, None


def make_rollout(
    actor: Actor, system: str | None, sampling: Sampling, end_ids: Sequence[int], seed: int
) -> Callable[[list[Any], Any], dict[str, Any]]:
    """Returns TRL's `rollout_func`: samples from the merged actor, seeded by run seed and step."""

    def rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        group = trainer.num_generations
        tokenizer = trainer.processing_class
        actor.refresh(trainer.accelerator.unwrap_model(trainer.model))
        ids = [prompt_ids(tokenizer, prompt, system) for prompt in prompts]
        drawn = Sampling(sampling.max_tokens, sampling.temperature, seed * 1_000_003 + trainer.state.global_step)
        replies = sample_replies(actor.model, ids[::group], group, drawn, end_ids, batch_rows=len(prompts))
        return {"prompt_ids": ids, "completion_ids": replies, "logprobs": None}

    return rollout
