import pytest

from traitrl.attacks.persona import persona, personas
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
