"""Offline judge, third design: a small network over plain readings of criterion and reply (reading.py).

It reads sentence embeddings, word overlap beyond the conversation's own words, and what the warm model's states tell of
the reply, and nothing of the reply's style.

What it shares with the decoder judge: both read SmolLM2-135M, this one frozen after the warm start, that one (its
first 12 layers) with a LoRA adapter of its own; both weigh the same word overlaps, in a network of the same form. What
they do not share: trained weights, and the scenarios that they learnt from. They are two graders, not two unrelated
ones.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from traitrl.judges.examples import LabelledReply, training_targets
from traitrl.judges.protocol import GradeRequest, Verdicts
from traitrl.judges.reading import read, read_states
from traitrl.judges.states import ReplyProbe, fit_probe, reply_states


class FeatureNetwork(torch.nn.Module):
    """One hidden layer over standardised readings; gives the log-odds of "met"."""

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int, hidden: int = 48) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(width, hidden), torch.nn.GELU(), torch.nn.Dropout(0.3), torch.nn.Linear(hidden, 1)
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns log-odds of shape (rows,)."""
        return self.layers((rows - self.centre) / self.scale).squeeze(1)

    @classmethod
    def load(cls, folder: Path) -> "FeatureNetwork":
        """Reads what `save` wrote."""
        from safetensors.torch import load_file

        weights = load_file(folder / "network.safetensors")
        network = cls(len(weights["centre"]))
        network.load_state_dict(weights)
        return network.eval()

    def save(self, folder: Path) -> None:
        """Writes the weights as safetensors."""
        from safetensors.torch import save_file

        save_file({key: value.contiguous() for key, value in self.state_dict().items()}, folder / "network.safetensors")


class FeatureJudge:
    """Grades with a trained feature network."""

    name = "offline:feature"

    def __init__(self, folder: Path) -> None:
        from traitrl.judges.fingerprint import folder_hash

        self.network = FeatureNetwork.load(folder)
        self.probe = ReplyProbe.load(folder)
        self.protocol = f"{self.name}:{folder_hash(folder)}"

    @torch.inference_mode()
    def grade(self, requests: Sequence[GradeRequest]) -> list[Verdicts | None]:
        """Grades all criteria of all requests; each distinct text is embedded once."""
        if not requests:
            return []
        readings = self.probe.read(reply_states(requests), [request.reply for request in requests])
        odds = self.network(torch.from_numpy(np.hstack([read(requests), read_states(requests, readings)])))
        chances = iter(torch.sigmoid(odds).tolist())
        return [{criterion.id: next(chances) for criterion in request.rubric} for request in requests]


def train_feature(
    labels: Sequence[LabelledReply], epochs: int, learning_rate: float, seed: int, report: Any = None
) -> tuple[ReplyProbe, FeatureNetwork]:
    """Fits the readings of states, then the network on all readings of labelled replies."""
    requests, targets = training_requests(labels)
    probe, readings = fit_probe(labels, reply_states(requests))
    rows = torch.from_numpy(np.hstack([read(requests), read_states(requests, readings)]))
    return probe, fit_network(rows, targets, epochs, learning_rate, seed, report)


def training_requests(labels: Sequence[LabelledReply]) -> tuple[list[GradeRequest], torch.Tensor]:
    """Returns what to grade, sense criterion included, and the gold verdicts in the same order."""
    asked = [training_targets(label) for label in labels]
    requests = [
        replace(label.request, rubric=[criterion for criterion, _ in pairs])
        for label, pairs in zip(labels, asked, strict=True)
    ]
    return requests, torch.tensor([float(met) for row in asked for _, met in row])


def fit_network(
    rows: torch.Tensor, targets: torch.Tensor, epochs: int, learning_rate: float, seed: int, report: Any = None
) -> FeatureNetwork:
    """Fits a network to readings with a logistic loss, in random batches of 128."""
    torch.manual_seed(seed)
    network = FeatureNetwork(rows.shape[1])
    network.centre.copy_(rows.mean(0))
    network.scale.copy_(rows.std(0) + 1e-3)
    loss_of = torch.nn.BCEWithLogitsLoss()
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.1)
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(rows)).split(128):
            loss = loss_of(network(rows[chosen]), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        if report:
            report(epoch, total / len(rows))
    return network.eval()
