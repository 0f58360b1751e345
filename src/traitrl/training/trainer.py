"""A thin layer on TRL's GRPOTrainer: its loss, optimiser, logging and checkpoints; our rollouts and log-probabilities.

Two things differ from stock for speed and not in result: rollouts come from a merged copy of the policy, and the
log-probabilities of a group are computed with its prompt run once; tests/pipeline/test_trainer_parity.py compares
losses and gradients with stock TRL. A third changes the advantages, and only where a group holds written replies
(off_policy.py).
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch
from trl import GRPOTrainer
from trl.trainer.utils import split_tensor_dict

from traitrl.models.chat import prompt_ids
from traitrl.models.generation import Sampling, sample_replies
from traitrl.models.prefix import Continuations, continuation_log_probabilities
from traitrl.training.actor import Actor
from traitrl.training.off_policy import OffPolicyReplies, dead_share, mixed_advantages
from traitrl.training.precision import adapter_precision


class SharedPromptTrainer(GRPOTrainer):
    """GRPO with each distinct prompt computed once per group, in the loss as in the rollout."""

    is_written: Sequence[bool] = ()
    """Which replies of the last rollout were written and not sampled."""

    def _prepare_inputs(self, generation_batch: Any) -> dict[str, Any]:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        parts: list[dict[str, Any]] | None = self._buffered_inputs
        if not parts or parts is before or len(parts) == 1:
            return inputs
        self._buffered_inputs = whole_groups(parts)
        return self._buffered_inputs[self._step % len(parts)]

    def _calculate_rewards(self, *arguments: Any, **named: Any) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(*arguments, **named)
        self._is_graded = ~rewards.isnan().all(1)
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        scored: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if any(self.is_written):
            group = self.num_generations
            assert group is not None
            advantages: torch.Tensor = scored["advantages"]
            is_written = torch.tensor(self.is_written, device=advantages.device)
            scale = self.scale_rewards == "group"
            scored["advantages"] = mixed_advantages(advantages, is_written, self._is_graded, group, scale)
            self._log_written(scored["completion_mask"].sum(1)[is_written])
            dead = dead_share(advantages, is_written, self._is_graded, group)
            self._metrics["train"]["frac_reward_zero_std"][-1] = dead  # TRL's counts the spread of the written ones too
        return scored

    def _log_written(self, tokens: torch.Tensor) -> None:
        """Logs the written replies of a step, given their lengths, and takes them out of the share that was cut off."""
        metrics = self._metrics["train"]
        metrics["written/replies"].append(float(len(tokens)))
        metrics["written/tokens"].append(float(tokens.sum()))
        metrics["completions/clipped_ratio"][-1] *= len(self.is_written) / (len(self.is_written) - len(tokens))

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
        ids, prompt_mask, owner = distinct_prompts(prompts, mask)
        batch = Continuations(ids, prompt_mask, owner, continuations, continuation_mask)
        with adapter_precision(model):
            log_probabilities, entropies = continuation_log_probabilities(
                model, batch, self.temperature, compute_entropy
            )
        return log_probabilities, entropies, None


def distinct_prompts(ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Finds each prompt of a batch once; rows arrive shuffled, so groups are found again by their prompts.

    Args:
        ids: Left-padded prompts, shape (rows, P).
        mask: 1 at real tokens, shape of `ids`.

    Returns:
        Ids and mask of the distinct prompts, shortest first and padded to the longest of them, and the row of each
        given prompt among them, shape (rows,).
    """
    # Mask and ids together: padding is an id too. Sorted by mask first, so by length.
    distinct, owner = torch.unique(torch.cat([mask, ids], dim=1), dim=0, return_inverse=True)
    width = ids.shape[1]
    padding = width - int(mask.sum(1).max())
    return distinct[:, width + padding :], distinct[:, padding:width], owner


def whole_groups(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorts the replies of a step by prompt and splits them again into as many parts.

    TRL shuffles replies before it splits them, so every part would compute every prompt of the step. Sums over the
    step stay the same.

    Args:
        parts: TRL's parts of a step: tensors whose first dimension is the reply, or scalars of the whole step.
    """
    whole = {key: torch.cat([part[key] for part in parts]) if value.ndim else value for key, value in parts[0].items()}
    _, _, owner = distinct_prompts(whole["prompt_ids"], whole["prompt_mask"])
    order = owner.argsort(stable=True)
    ordered = {key: value[order] if value.ndim else value for key, value in whole.items()}
    return split_tensor_dict(ordered, len(parts))


def make_rollout(
    actor: Actor,
    system: str | None,
    sampling: Sampling,
    end_ids: Sequence[int],
    seed: int,
    written: OffPolicyReplies | None = None,
) -> Callable[[list[Any], Any], dict[str, Any]]:
    """Returns TRL's `rollout_func`: samples from the merged actor, seeded by run seed and step.

    With `written`, the last replies of a group are written ones.
    """

    def rollout(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        group = trainer.num_generations
        tokenizer = trainer.processing_class
        actor.refresh(trainer.accelerator.unwrap_model(trainer.model))
        ids = [prompt_ids(tokenizer, prompt, system) for prompt in prompts]
        drawn = Sampling(sampling.max_tokens, sampling.temperature, seed * 1_000_003 + trainer.state.global_step)
        others = [[] if written is None else written.of(prompt) for prompt in prompts[::group]]
        copies = [group - len(replies) for replies in others]
        sampled = iter(sample_replies(actor.model, ids[::group], copies, drawn, end_ids, batch_rows=len(prompts)))
        replies = [[*islice(sampled, count), *rest] for count, rest in zip(copies, others, strict=True)]
        trainer.is_written = [place >= count for count in copies for place in range(group)]
        return {
            "prompt_ids": ids,
            "completion_ids": [row for rows in replies for row in rows],
            "logprobs": None,
            "is_written": trainer.is_written,  # unknown to TRL, which hands it to the rewards
        }

    return rollout
