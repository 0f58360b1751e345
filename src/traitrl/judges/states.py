"""What the warm model itself takes a reply for: two readings of its hidden states, fitted on labelled replies.

A small model cannot be asked for a verdict, but while it reads a reply its states tell the direction of it (does it go
along with what is wrong?) and whether it makes sense, better than sentence embeddings do. The weights read are those of
the model before RL and never change, so the policy cannot move them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from traitrl.judges.examples import LabelledReply
from traitrl.judges.protocol import GradeRequest
from traitrl.judges.reading import style
from traitrl.models.greedy_batches import greedy_batches

LAYERS = 21
"""Layers of the warm model that are run: the states after two thirds of them told direction best (of 11 to 27)."""

_SYSTEM = "Answer in one or two short sentences."
_RIDGE = 3000.0
_FOLDS = 5
_TOKENS_PER_BATCH = 4096
_LEAN_OF_KIND = {"written:good": 2.0, "written:vague": 0.0, "written:along": -2.0}


@cache
def _reader() -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    from traitrl.models.loading import load_tokenizer, resolve
    from traitrl.runtime import compute_dtype

    checkpoint = resolve("bundled:warm")
    model = AutoModelForCausalLM.from_pretrained(checkpoint.base, dtype=compute_dtype(), num_hidden_layers=LAYERS)
    decoder: Any = model.get_decoder()
    decoder.norm = torch.nn.Identity()
    return load_tokenizer(checkpoint), decoder.eval()


def reply_states(requests: Sequence[GradeRequest]) -> np.ndarray:
    """Returns the state at the end of each reply beside the mean over it; float32 of shape (requests, 1152).

    Each distinct conversation is run once.
    """
    import torch

    from traitrl.models.chat import prompt_ids, reply_ids
    from traitrl.models.prefix import Continuations, pad_rows, run_continuations, run_prompts

    tokenizer, decoder = _reader()
    asked: dict[tuple[str, ...], list[int]] = {}
    for index, request in enumerate(requests):
        asked.setdefault(tuple(turn["content"] for turn in request.conversation), []).append(index)
    groups = [(prompt_ids(tokenizer, requests[rows[0]].conversation, _SYSTEM), rows) for rows in asked.values()]
    replies = [reply_ids(tokenizer, request.reply, end=True) for request in requests]
    found = np.empty((len(requests), 2 * decoder.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for batch in _batches(groups, replies):
            prompts, prompt_mask = pad_rows([prompt for prompt, _ in batch], 0, "left")
            places = [index for _, rows in batch for index in rows]
            owner = torch.tensor([row for row, (_, rows) in enumerate(batch) for _ in rows])
            ids, mask = pad_rows([replies[index] for index in places], 0, "right")
            _, cache_ = run_prompts(decoder, prompts, prompt_mask)
            every = Continuations(prompts, prompt_mask, owner, ids, mask)
            states = run_continuations(decoder, cache_, every, ids.shape[1]).float()
            lengths = mask.sum(1)
            last = states[torch.arange(len(places)), lengths - 1]
            mean = (states * mask.unsqueeze(-1)).sum(1) / lengths.unsqueeze(1)
            found[places] = torch.cat([last, mean], dim=1).numpy()
    return found


def _batches(groups: list[tuple[list[int], list[int]]], replies: Sequence[list[int]]) -> list[list[Any]]:
    asked = sorted(groups, key=lambda group: len(group[0]))
    lengths = [sum(len(replies[index]) for index in rows) for _, rows in asked]

    def tokens(batch: Sequence[int]) -> int:
        return len(batch) * len(asked[batch[-1]][0]) + sum(lengths[place] for place in batch)

    batches = greedy_batches(range(len(asked)), tokens, _TOKENS_PER_BATCH)
    return [[asked[place] for place in batch] for batch in batches]


@dataclass(frozen=True)
class ReplyProbe:
    """Linear readings of reply states, with all that style explains taken out.

    `style` has shape (9, 1152): what style (and a constant) predicts of each state; `scale` (1152,), `weight`
    (2, 1152), `bias` (2,): lean (-2 goes along with what is wrong, 2 does the right thing) and sense (0 to 3), at
    average style.
    """

    style: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def read(self, states: np.ndarray, replies: Sequence[str]) -> np.ndarray:
        """Returns lean and sense, float32 of shape (replies, 2)."""
        beyond = (states - _styles(replies) @ self.style) / self.scale
        return (beyond @ self.weight.T + self.bias).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Writes the weights as safetensors."""
        from safetensors.numpy import save_file

        parts = {"style": self.style, "scale": self.scale, "weight": self.weight, "bias": self.bias}
        save_file(
            {name: np.ascontiguousarray(part, dtype=np.float32) for name, part in parts.items()},
            folder / "probe.safetensors",
        )

    @classmethod
    def load(cls, folder: Path) -> "ReplyProbe":
        """Reads what `save` wrote."""
        from safetensors.numpy import load_file

        return cls(**load_file(folder / "probe.safetensors"))


def fit_probe(labels: Sequence[LabelledReply], states: np.ndarray) -> tuple[ReplyProbe, np.ndarray]:
    """Fits the readings by ridge regression.

    Args:
        labels: Labelled replies; those rated for lean or sense, or written to a kind, teach.
        states: Their states, shape (replies, 1152).

    Returns:
        The probe fitted on all, and the readings of each reply by a probe that saw no reply to the same scenario,
        shape (replies, 2): what a network on top must be trained on.
    """
    lean = np.array([_lean(label) for label in labels])
    sense = np.array([np.nan if label.sense is None else float(label.sense) for label in labels])
    replies = [label.reply for label in labels]
    names = sorted({label.scenario.id for label in labels})
    fold = np.array([names.index(label.scenario.id) % _FOLDS for label in labels])
    apart = np.empty((len(labels), 2), dtype=np.float32)
    for number in range(_FOLDS):
        kept = fold != number
        inside = [reply for reply, keep in zip(replies, kept, strict=True) if keep]
        outside = [reply for reply, keep in zip(replies, kept, strict=True) if not keep]
        apart[~kept] = _fit(states[kept], inside, lean[kept], sense[kept]).read(states[~kept], outside)
    return _fit(states, replies, lean, sense), apart


def _styles(replies: Sequence[str]) -> np.ndarray:
    return np.array([[1.0, *style(reply)] for reply in replies])


def _lean(label: LabelledReply) -> float:
    return _LEAN_OF_KIND.get(label.source, np.nan) if label.lean is None else float(label.lean)


def _fit(states: np.ndarray, replies: Sequence[str], lean: np.ndarray, sense: np.ndarray) -> ReplyProbe:
    """Ridge regression of what style does not explain on what style does not explain (Frisch and Waugh 1933)."""
    from sklearn.linear_model import Ridge

    looks = _styles(replies)
    of_states = np.linalg.lstsq(looks, states, rcond=None)[0]
    beyond = states - looks @ of_states
    scale = beyond.std(0) + 1e-3
    rows = beyond / scale
    weights: list[np.ndarray] = []
    for target in (lean, sense):
        known = ~np.isnan(target)
        of_target = np.linalg.lstsq(looks[known], target[known], rcond=None)[0]
        rest = target[known] - looks[known] @ of_target
        weights.append(Ridge(alpha=_RIDGE, fit_intercept=False).fit(rows[known], rest).coef_)
    return ReplyProbe(of_states, scale, np.stack(weights), np.array([np.nanmean(lean), np.nanmean(sense)]))
