import random

import pytest

from traitrl.tasks.instructions import CHECKS, check_instruction, make_instruction

NINE = "Snow feels cold and soft under a warm hand"
GOOD_AND_BAD = {
    "one_sentence": ([f"{NINE}."], [f"{NINE}. It melts fast.", "Snow melts.", ""]),
    "two_sentences": ([f"{NINE}. It melts!"], [f"{NINE}.", f"{NINE}. It melts. It runs.", "Cold. Soft.", ""]),
    "word_limit": ([f"{NINE}."], ["Snow is cold.", f"{NINE}. {NINE}. {NINE}.", ""]),
    "keyword": (["The water in the pail is cold.", "Cold Water feels good today."], [f"{NINE}.", "Water.", ""]),
    "no_comma": ([f"{NINE}."], ["Snow is cold, and soft.", "It is. It was. It will be.", ""]),
    "question": (["Snow is cold. Do you like to walk in it?"], [f"{NINE}.", "Is it? I think that it is.", "Why?", ""]),
}


def test_every_check_has_examples():
    assert set(GOOD_AND_BAD) == set(CHECKS)


@pytest.mark.parametrize(
    ("kind", "reply"), [(kind, good) for kind, (goods, _) in GOOD_AND_BAD.items() for good in goods]
)
def test_a_reply_that_keeps_the_constraint_gets_one(kind, reply):
    assert check_instruction(kind, "water", reply) == 1.0


@pytest.mark.parametrize(("kind", "reply"), [(kind, bad) for kind, (_, bads) in GOOD_AND_BAD.items() for bad in bads])
def test_a_reply_that_breaks_the_constraint_gets_zero(kind, reply):
    assert check_instruction(kind, "water", reply) == 0.0


def test_a_keyword_inside_a_longer_word_does_not_count():
    assert check_instruction("keyword", "light", "The lighthouse keeper lit the lamp.") == 0.0


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        ("question", "It is cold. It is white. It is soft. It melts. Do you like it?"),
        ("keyword", "It is cold. It is white. It is soft. It melts to water. It runs."),
    ],
)
def test_the_asked_number_of_sentences_is_checked(kind, reply):
    assert "one or two sentences" in CHECKS[kind][0]
    assert check_instruction(kind, "water", reply) == 0.0


def test_a_one_word_reply_does_not_pass_for_a_sentence_without_comma():
    assert check_instruction("no_comma", "", "Snow.") == 0.0


@pytest.mark.parametrize("kind", CHECKS)
def test_a_prompt_states_its_constraint_and_its_word(kind):
    made = make_instruction(kind, random.Random(0))
    assert made["question"].startswith("Write about ")
    assert "{" not in made["question"]
    assert bool(made["word"]) == (kind == "keyword")
    assert made["word"] in made["question"]
    assert made == make_instruction(kind, random.Random(0))
