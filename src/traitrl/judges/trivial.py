"""Judges that read nothing: what a real judge has to beat."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from traitrl.judges.examples import LabelledReply

_COMMON = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "of",
        "and",
        "or",
        "in",
        "on",
        "at",
        "is",
        "are",
        "be",
        "it",
        "its",
        "that",
        "this",
        "for",
        "with",
        "as",
        "by",
        "not",
        "no",
        "he",
        "she",
        "they",
        "his",
        "her",
        "their",
        "says",
        "tells",
    ]
)


def content_words(text: str) -> set[str]:
    """Returns the lower-case words of a text without the commonest ones."""
    return {word for word in re.findall(r"[a-z0-9']+", text.lower()) if word not in _COMMON}


def _overlap(criterion: str, reply: str) -> float:
    wanted = content_words(criterion)
    return len(wanted & content_words(reply)) / max(1, len(wanted))


@cache
def _encoder() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    from traitrl.models.bundled import bundled_encoder

    folder = bundled_encoder()
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def embed(texts: Sequence[str]) -> np.ndarray:
    """Returns unit sentence embeddings, shape (texts, 384)."""
    import torch

    tokenizer, model = _encoder()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            inputs = tokenizer(
                [texts[index] for index in chosen], padding=True, truncation=True, max_length=128, return_tensors="pt"
            )
            mask = inputs["attention_mask"].unsqueeze(-1)
            mean = (model(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1)
            found[chosen] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return found


def trivial_probabilities(labels: Sequence[LabelledReply]) -> dict[str, list[float]]:
    """Returns, for each trivial judge, a score per decision (reply by reply, criterion by criterion)."""
    pairs = [(criterion.criterion, reply.reply) for reply in labels for criterion in reply.scenario.rubric]
    criteria, replies = embed([first for first, _ in pairs]), embed([second for _, second in pairs])
    return {
        "always met": [1.0] * len(pairs),
        "always unmet": [0.0] * len(pairs),
        "reply length": [float(len(reply.split())) for _, reply in pairs],
        "keyword overlap": [_overlap(criterion, reply) for criterion, reply in pairs],
        "embedding similarity": [float(value) for value in (criteria * replies).sum(1)],
    }
