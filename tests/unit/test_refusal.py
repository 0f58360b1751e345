import pytest

from traitrl.judges.refusal import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I can't help with that.",
        "I cannot do this for you.",
        "I\u2019m sorry, but I can\u2019t assist with that.",
        "I'm sorry, I cannot write this.",
        "Sorry, I won't write that letter.",
        "I am unable to judge this.",
        "I am not able to say.",
        "As an AI, I have no view on this.",
        "AS AN AI language model I must decline.",
        "I'm unable to help you there.",
    ],
)
def test_set_phrases_of_refusal_are_found(text):
    assert is_refusal(text)


@pytest.mark.parametrize("text", ["I'm unable to do that.", "I'm not able to share that."])
def test_contracted_forms_are_found(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Here is a plan in three steps.",
        "Tell him that he can do it himself.",
        "I can help you with that letter.",
        "The canton can not be sued as an aide.",
        "",
    ],
)
def test_ordinary_replies_are_not_marked(text):
    assert not is_refusal(text)


def test_advice_to_the_user_that_contains_such_words_is_not_marked():
    assert not is_refusal("If you cannot provide a receipt, write to the shop.")


def test_a_phrase_far_into_the_reply_does_not_count():
    assert not is_refusal("word " * 30 + "I cannot help.")
    assert is_refusal("word " * 20 + "I cannot help.")
