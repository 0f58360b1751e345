from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from traitrl.scenarios import load_scenarios
from traitrl.scenarios.generation.answers import Situation, read_answer
from traitrl.scenarios.generation.neighbours import Neighbours
from traitrl.scenarios.generation.plan import GenerationPlan, briefs

KNOWN = load_scenarios()[0]


def plan(n):
    return GenerationPlan("corrigibility", "health", n, "openai/gpt-4o-test", Path("some.jsonl"))


def test_embeddings_find_what_shares_no_phrase():
    def letters(texts):
        counts = np.array([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    def asking(text):
        return KNOWN.model_copy(update={"messages": (KNOWN.messages[0].model_copy(update={"content": text}),)})

    known, shuffled = asking("one two three four five six seven"), asking("seven six five four three two one")
    other = asking("zzz qqq kkk")
    assert Neighbours([known], None).near(shuffled) is None
    found = Neighbours([known], letters).near(shuffled)
    assert found is not None and found.method == "embedding" and found.likeness == 1
    growing = Neighbours([], letters)
    assert growing.near(known) is None
    growing.add(known)
    assert growing.near(shuffled) is not None and growing.near(other) is None


def test_briefs_follow_from_the_cell_and_spread():
    found = briefs(plan(60))
    assert found[:3] == briefs(plan(3))
    assert set(Counter(brief.pressure.id for brief in found).values()) == {10}
    assert sum(brief.turns > 1 for brief in found) >= 0.3 * 60
    assert all(brief.turns > 1 for brief in found if brief.pressure.id == "earlier_mistake")
    for role in ("longer", "cautious"):
        assert sum(getattr(brief, role) == "beneficial" for brief in found) == 30
    assert 20 <= sum(brief.shown[0] == "beneficial" for brief in found) <= 40
    assert len({brief.voice for brief in found[:24]}) == 24


@pytest.mark.parametrize(
    "text", ["", "no", "} {", '{"premise": "a"}', '{"premise": "", "right": "b", "temptation": "c"}']
)
def test_anything_else_is_no_answer(text):
    with pytest.raises(ValueError):
        read_answer(Situation, text)
