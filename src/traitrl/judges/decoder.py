"""Offline judge, second design: the bundled language model with LoRA reads conversation and reply once, then each
criterion.

It differs from the feature judge in how it is trained, in what it reads (the conversation's words and the reply's form)
and in the scenarios it learnt from, so what a policy learns to exploit in one shows in the other.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from traitrl.judges.examples import LabelledReply
from traitrl.judges.feature import FeatureNetwork, training_requests
from traitrl.judges.protocol import GradeRequest, Verdicts
from traitrl.judges.reading import read_form
from traitrl.models.greedy_batches import greedy_batches
from traitrl.models.loading import BUNDLED, name_base
from traitrl.models.prefix import Continuations, pad_rows, run_continuations, run_prompts, unwrap

_CONTEXT_WORDS = 70
_RANK = 16


def _context(request: GradeRequest) -> str:
    turns = [f"{turn['role']}: {turn['content']}" for turn in request.conversation]
    return " ".join(" ".join(turns).split()[-_CONTEXT_WORDS:])


class DecoderGrader(torch.nn.Module):
    """SmolLM2 with LoRA and a linear head on the last token of each criterion."""

    def __init__(self, adapter: Path | None = None, layers: int = 30) -> None:
        super().__init__()
        from peft import LoraConfig, PeftModel, get_peft_model
        from transformers import AutoModelForCausalLM

        from traitrl.models.loading import load_tokenizer, resolve
        from traitrl.runtime import compute_dtype

        checkpoint = resolve(BUNDLED)
        self.tokenizer = load_tokenizer(checkpoint)
        model = AutoModelForCausalLM.from_pretrained(checkpoint.base, dtype=compute_dtype(), num_hidden_layers=layers)
        self.head = torch.nn.Linear(model.config.hidden_size, 1)
        if adapter is None:
            config = LoraConfig(
                r=_RANK, lora_alpha=2 * _RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
            )
            self.model: Any = get_peft_model(model, config)
        else:
            from safetensors.torch import load_file

            self.model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
            self.head.load_state_dict(load_file(adapter / "head.safetensors"))

    def tokens(self, request: GradeRequest) -> tuple[list[int], list[list[int]]]:
        """Returns the ids of conversation with reply, and of each criterion."""
        text = f"<|im_start|>user\n{_context(request)}\n\nReply: {request.reply}\n\nTrue of the reply?"
        prefix = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        endings = [f" {criterion.criterion}<|im_end|>\n<|im_start|>assistant\n" for criterion in request.rubric]
        return prefix, [self.tokenizer(ending, add_special_tokens=False)["input_ids"] for ending in endings]  # type: ignore[return-value]

    def forward(self, prefixes: Sequence[list[int]], criteria: Sequence[list[list[int]]]) -> torch.Tensor:
        """Returns the log-odds of all criteria, reply by reply, shape (criteria,)."""
        decoder = unwrap(self.model).get_decoder()
        prompts, prompt_mask = pad_rows(prefixes, 0, "left")
        ids, mask = pad_rows([row for rows in criteria for row in rows], 0, "right")
        owner = torch.tensor([index for index, rows in enumerate(criteria) for _ in rows])
        batch = Continuations(prompts, prompt_mask, owner, ids, mask)
        _, cache = run_prompts(decoder, prompts, prompt_mask)
        hidden = run_continuations(decoder, cache, batch, ids.shape[1])
        last = hidden[torch.arange(len(ids)), mask.sum(1) - 1]
        return self.head(last.float()).squeeze(1)

    def save(self, folder: Path) -> None:
        """Writes adapter and head as safetensors."""
        from safetensors.torch import save_file

        self.model.save_pretrained(folder)
        name_base(folder, BUNDLED)
        (folder / "README.md").unlink(missing_ok=True)
        save_file(self.head.state_dict(), folder / "head.safetensors")


def _batches(lengths: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Groups rows of like length so that no padded batch exceeds `limit` tokens."""
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    return greedy_batches(order, lambda batch: len(batch) * lengths[batch[-1]], limit)


class DecoderJudge:
    """Grades with a trained decoder, whose log-odds a small network weighs together with the form of the reply."""

    name = "offline:decoder"

    def __init__(self, folder: Path, layers: int) -> None:
        from traitrl.judges.fingerprint import folder_hash

        self.model = DecoderGrader(folder, layers=layers).eval()
        self.network = FeatureNetwork.load(folder)
        self.protocol = f"{self.name}:{folder_hash(folder)}"

    @torch.inference_mode()
    def grade(self, requests: Sequence[GradeRequest]) -> list[Verdicts | None]:
        """Grades in batches; each reply is encoded once for all its criteria."""
        if not requests:
            return []
        chances = iter(torch.sigmoid(self.network(decoder_rows(self.model, requests))).tolist())
        return [{criterion.id: next(chances) for criterion in request.rubric} for request in requests]


@torch.inference_mode()
def decoder_rows(model: DecoderGrader, requests: Sequence[GradeRequest]) -> torch.Tensor:
    """Returns form readings with the decoder's log-odds as last column, shape (criteria, features)."""
    tokens = [model.tokens(request) for request in requests]
    odds: list[list[float]] = [[] for _ in requests]
    for batch in _batches([len(prefix) for prefix, _ in tokens], 3000):
        values = iter(model([tokens[index][0] for index in batch], [tokens[index][1] for index in batch]).tolist())
        for index in batch:
            odds[index] = [next(values) for _ in requests[index].rubric]
    column = torch.tensor([value for row in odds for value in row]).unsqueeze(1)
    return torch.cat([torch.from_numpy(read_form(requests)), column], dim=1)


def train_decoder(
    labels: Sequence[LabelledReply],
    epochs: int,
    learning_rate: float,
    seed: int,
    layers: int = 30,
    tokens_per_batch: int = 2400,
    report: Any = None,
) -> DecoderGrader:
    """Trains on labelled replies with a class-balanced logistic loss."""
    from contextlib import nullcontext

    from peft.helpers import disable_input_dtype_casting

    torch.manual_seed(seed)
    model = DecoderGrader(layers=layers).train()
    requests, targets = training_requests(labels)
    verdicts = iter(targets.tolist())
    rows = [(*model.tokens(request), [next(verdicts) for _ in request.rubric]) for request in requests]
    loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=(1 - targets.mean()) / targets.mean())
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=learning_rate, weight_decay=0.01
    )
    batches = list(_batches([len(row[0]) + 30 * len(row[1]) // 2 for row in rows], tokens_per_batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=epochs * len(batches) + 1, pct_start=0.1
    )
    half = unwrap_dtype(model) == torch.bfloat16
    for epoch in range(epochs):
        total = 0.0
        for place in torch.randperm(len(batches)).tolist():
            chosen = [rows[index] for index in batches[place]]
            with (
                disable_input_dtype_casting(model.model) if half else nullcontext(),
                torch.autocast("cpu", torch.bfloat16, enabled=half),
            ):
                odds = model([row[0] for row in chosen], [row[1] for row in chosen])
            loss = loss_of(odds, torch.tensor([value for row in chosen for value in row[2]]))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        if report:
            report(epoch, total / len(batches))
    return model.eval()


def unwrap_dtype(model: DecoderGrader) -> torch.dtype:
    """Returns the number format of the base weights."""
    return model.model.get_base_model().dtype
