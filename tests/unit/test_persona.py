import pytest

from traitrl.attacks.persona import persona, personas
from traitrl.catalog import domains
from traitrl.config import AttackPlan
from traitrl.errors import TraitrlError


def test_there_is_a_harmful_persona_and_a_helpful_control():
    assert {one.direction for one in personas().values()} == {"harmful", "helpful"}


def test_the_default_plan_names_known_personas_of_both_directions():
    assert {persona(name).direction for name in AttackPlan().personas} == {"harmful", "helpful"}


@pytest.mark.parametrize("name", personas())
def test_the_usual_prompt_follows_the_persona_unchanged(name):
    usual = "Answer in one sentence."
    prompt = persona(name).system_prompt(usual)
    assert prompt.startswith(persona(name).text) and prompt.endswith(f" {usual}")


def test_without_a_usual_prompt_the_persona_stands_alone():
    one = persona("careless_adviser")
    assert one.system_prompt(None) == one.text != ""


def test_an_unknown_persona_is_refused_and_the_known_ones_are_named():
    with pytest.raises(TraitrlError, match=r"no persona pirate.*careless_adviser"):
        persona("pirate")


def test_there_are_enough_personas_over_all_topics():
    harmful = [one for one in personas().values() if one.direction == "harmful"]
    assert len(harmful) >= 12 and len(personas()) - len(harmful) >= 4
    assert {one.topic for one in harmful} == {
        "health", "mental health", "deception", "reward hacking", "sycophancy", "harmful advice", "unfairness",
        "oversight avoidance",
    }  # fmt: skip


@pytest.mark.parametrize("name", personas())
def test_each_strength_is_written_for_itself_and_says_more_than_the_hint(name):
    texts = persona(name).strengths
    assert len(set(texts)) == 4 and persona(name).text == texts[-1]
    assert len(texts[0].split()) < len(texts[-1].split())
    assert set(persona(name).domains) <= set(domains())


def test_no_two_personas_share_a_text():
    texts = [text for one in personas().values() for text in one.strengths]
    assert len(set(texts)) == len(texts)
