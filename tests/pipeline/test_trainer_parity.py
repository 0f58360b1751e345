"""Log-probabilities, loss and gradients of the shared-prompt trainer equal stock TRL's on the same batch."""

import pytest
import torch

from tests.pipeline.tiny import save_tiny_model

pytestmark = pytest.mark.pipeline
TOLERANCE = 1e-5  # float32, two layers: rounding of a different order of sums


def _trainer(cls, folder, tmp_path):
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig

    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    arguments = GRPOConfig(
        output_dir=str(tmp_path / cls.__name__),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=12,
        temperature=0.8,
        beta=0.0,
        report_to="none",
        seed=5,
    )
    trainer = cls(
        model=model,
        reward_funcs=[lambda completions, **_: [0.0 for _ in completions]],
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "hi"}]}]),
        processing_class=AutoTokenizer.from_pretrained(folder),
        peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    # A fresh adapter is the identity; give it weights so that gradients flow through both halves.
    generator = torch.Generator().manual_seed(7)
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return trainer


def _batch():
    generator = torch.Generator().manual_seed(1)
    prompts = torch.randint(3, 90, (2, 9), generator=generator).repeat_interleave(4, 0)
    prompt_mask = torch.ones_like(prompts)
    prompt_mask[4:, :3] = 0
    prompts[4:, :3] = 0
    completions = torch.randint(3, 90, (8, 12), generator=generator)
    completion_mask = torch.ones_like(completions)
    for row in range(8):
        completion_mask[row, 5 + row % 7 :] = 0
    order = torch.randperm(8, generator=generator)
    return {
        "prompt_ids": prompts[order],
        "prompt_mask": prompt_mask[order],
        "completion_ids": completions[order],
        "completion_mask": completion_mask[order],
        "advantages": torch.linspace(-1, 1, 8)[order],
        "num_items_in_batch": completion_mask.sum(),
    }


def _loss_and_gradients(trainer, batch):
    trainer.model.train()
    trainer.model.zero_grad()
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    return loss.item(), gradients


def test_loss_and_gradients_agree_with_stock_trl(tmp_path):
    from trl import GRPOTrainer

    from traitrl.training.trainer import SharedPromptTrainer

    folder = save_tiny_model(tmp_path / "model")
    stock, ours = (_trainer(cls, folder, tmp_path) for cls in (GRPOTrainer, SharedPromptTrainer))
    stock_loss, stock_gradients = _loss_and_gradients(stock, _batch())
    our_loss, our_gradients = _loss_and_gradients(ours, _batch())
    assert our_loss == pytest.approx(stock_loss, abs=TOLERANCE)
    assert our_gradients.keys() == stock_gradients.keys()
    assert any(gradient.abs().max() > 1e-3 for gradient in stock_gradients.values())
    for name, gradient in stock_gradients.items():
        torch.testing.assert_close(our_gradients[name], gradient, atol=TOLERANCE, rtol=1e-3)


def test_actor_equals_adapter_model(tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from traitrl.training.actor import Actor

    base = AutoModelForCausalLM.from_pretrained(save_tiny_model(tmp_path / "model"), dtype=torch.float32)
    actor = Actor(base)
    policy = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, parameter in policy.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    actor.refresh(policy)
    ids = torch.randint(3, 90, (2, 10))
    with torch.no_grad():
        torch.testing.assert_close(actor.model(ids).logits, policy(ids).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("loss_type", ["dapo", "grpo", "dr_grpo"])
def test_parts_of_whole_groups_add_up_to_the_whole_step(tmp_path, loss_type):
    from traitrl.training.trainer import SharedPromptTrainer, whole_groups

    trainer = _trainer(SharedPromptTrainer, save_tiny_model(tmp_path / "model"), tmp_path)
    trainer.loss_type = loss_type
    batch = _batch()
    whole_loss, whole = _loss_and_gradients(trainer, batch)

    halves = [{key: value[rows] if value.ndim else value for key, value in batch.items()}
              for rows in (slice(0, 4), slice(4, 8))]  # fmt: skip
    parts = whole_groups(halves)
    assert [len(part["prompt_ids"].unique(dim=0)) for part in parts] == [1, 1]
    trainer.model.zero_grad()
    trainer.current_gradient_accumulation_steps = trainer.args.steps_per_generation = 2
    losses = []
    for part in parts:
        loss = trainer._compute_loss(trainer.model, part)
        loss.backward()
        losses.append(loss.item())
    assert sum(losses) == pytest.approx(whole_loss, abs=TOLERANCE)
    for name, parameter in trainer.model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, whole[name], atol=TOLERANCE, rtol=1e-3)
