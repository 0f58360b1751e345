"""Finds scenarios that say nearly the same: by word shingles (MinHash) and by sentence embeddings.

MinHash: Broder 1997, "On the resemblance and containment of documents".
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from traitrl.scenarios.schema import Scenario

Embed = Callable[[Sequence[str]], np.ndarray]
"""Texts to unit vectors, shape (texts, dimensions)."""

SHINGLE = 3
"""Words per shingle."""
HASHES = 128
"""Length of a signature; the standard error of an estimated overlap is at most 1 / (2 * sqrt(HASHES)) = 0.044."""
MAX_OVERLAP = 0.4
"""Two conversations that share this much of their shingles (Jaccard) are near-duplicates."""
MAX_COSINE = 0.75
"""Two conversations whose embeddings are this close are near-duplicates. With all-MiniLM-L6-v2 a paraphrase written to
share no sentence came to 0.80, two different stories of one kind in the shipped set come to 0.73 at most."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two scenarios too alike to stand in different splits."""

    first: str
    second: str
    method: str
    """minhash or embedding."""
    likeness: float
    """Estimated Jaccard overlap or cosine."""


def shingles(text: str) -> set[str]:
    """Returns all runs of three words, lower-case, without punctuation; a shorter text is one shingle."""
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1))}


def signatures(texts: Sequence[str], seed: int = 0) -> np.ndarray:
    """Returns MinHash signatures, shape (texts, HASHES): equal entries of two rows estimate their Jaccard overlap."""
    random = np.random.default_rng(seed)
    # Multiply-shift hashing: products wrap modulo 2 ** 64, and the high half of each is well mixed.
    factors = random.integers(0, 2**63, HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = random.integers(0, 2**63, HASHES, dtype=np.uint64)
    found = np.empty((len(texts), HASHES), dtype=np.uint64)
    for row, text in enumerate(texts):
        digests = [hashlib.blake2b(shingle.encode(), digest_size=8).digest() for shingle in sorted(shingles(text))]
        values = np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)
        found[row] = ((values[:, None] * factors + offsets) >> np.uint64(32)).min(0)
    return found


def _across(
    scenarios: Sequence[Scenario], likeness: Callable[[int], np.ndarray], limit: float, method: str
) -> Iterator[NearDuplicate]:
    splits = np.array([scenario.split.value for scenario in scenarios])
    for row, scenario in enumerate(scenarios):
        values = likeness(row)
        for other in map(int, np.flatnonzero((values >= limit) & (splits != splits[row]))):
            if other > row:
                yield NearDuplicate(scenario.id, scenarios[other].id, method, round(float(values[other]), 3))


def near_duplicates(scenarios: Sequence[Scenario], embed: Embed | None = None) -> list[NearDuplicate]:
    """Returns the pairs that stand in different splits and say nearly the same.

    Args:
        scenarios: The whole set.
        embed: Sentence encoder; None looks at word shingles only. It gets the user's turns, the last one first, since
            encoders cut long texts at the end.
    """
    if not scenarios:
        return []
    words = signatures([" ".join(turn.content for turn in scenario.messages) for scenario in scenarios])
    found = list(_across(scenarios, lambda row: (words == words[row]).mean(1), MAX_OVERLAP, "minhash"))
    if embed is not None:
        asked = [[turn.content for turn in scenario.messages if turn.role == "user"] for scenario in scenarios]
        vectors = embed([" ".join(reversed(turns)) for turns in asked])
        found += _across(scenarios, lambda row: vectors @ vectors[row], MAX_COSINE, "embedding")
    return found
