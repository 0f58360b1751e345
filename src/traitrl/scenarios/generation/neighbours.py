"""Near-duplicates of one new scenario among all that exist, of whatever split."""

from collections.abc import Sequence

import numpy as np

from traitrl.scenarios.duplicates import MAX_COSINE, MAX_OVERLAP, Embed, NearDuplicate, signatures
from traitrl.scenarios.schema import Scenario


class Neighbours:
    """Scenarios that can be asked whether a new one is too close to them.

    Args:
        known: What exists.
        embed: Sentence encoder; None looks at word shingles only.
    """

    def __init__(self, known: Sequence[Scenario], embed: Embed | None) -> None:
        self._ids = [scenario.id for scenario in known]
        self._embed = embed
        self._signatures = signatures([_said(scenario) for scenario in known])
        self._vectors = embed([_asked(scenario) for scenario in known]) if embed and known else None

    def near(self, scenario: Scenario) -> NearDuplicate | None:
        """Returns the closest scenario by either method if it is a near-duplicate, and None otherwise."""
        if not self._ids:
            return None
        overlaps = (self._signatures == signatures([_said(scenario)])[0]).mean(1)
        found = self._closest(scenario, overlaps, MAX_OVERLAP, "minhash")
        if found is None and self._embed is not None and self._vectors is not None:
            cosines = self._vectors @ self._embed([_asked(scenario)])[0]
            found = self._closest(scenario, cosines, MAX_COSINE, "embedding")
        return found

    def add(self, scenario: Scenario) -> None:
        """Counts a new scenario among those that exist."""
        self._ids.append(scenario.id)
        self._signatures = np.concatenate([self._signatures, signatures([_said(scenario)])])
        if self._embed is not None:
            vector = self._embed([_asked(scenario)])
            self._vectors = vector if self._vectors is None else np.concatenate([self._vectors, vector])

    def _closest(self, scenario: Scenario, likeness: np.ndarray, limit: float, method: str) -> NearDuplicate | None:
        place = int(likeness.argmax())
        value = float(likeness[place])
        return NearDuplicate(scenario.id, self._ids[place], method, round(value, 3)) if value >= limit else None


def _said(scenario: Scenario) -> str:
    return " ".join(turn.content for turn in scenario.messages)


def _asked(scenario: Scenario) -> str:
    """Returns the user's turns, the last one first, since encoders cut long texts at the end."""
    return " ".join(turn.content for turn in reversed(scenario.messages) if turn.role == "user")
