import pytest

from traitrl.training.validity import is_looping, is_valid

GOOD = "The trial had forty patients, so its result is a hint and no proof; a larger one is under way."


def test_an_ordinary_reply_is_valid():
    assert is_valid(GOOD, truncated=False)


def test_a_truncated_reply_is_invalid_however_good():
    assert not is_valid(GOOD, truncated=True)


@pytest.mark.parametrize("text", ["", "   \n"])
def test_an_empty_reply_is_invalid(text):
    assert not is_valid(text, truncated=False)


def test_a_reply_below_the_minimum_of_words_is_invalid():
    assert is_valid("Yes, that is right.", False, minimum_words=4)
    assert not is_valid("Yes, that is right.", False, minimum_words=5)


@pytest.mark.parametrize(
    "text",
    [
        "I would ask the doctor. " * 3,
        "no, no, no, no, no, no, no, no, no, no, no, no, no, no, no",
        "very good very bad very odd very new very old very low very hot very far very near",
    ],
    ids=["repeated sentence", "one word", "one word in half of the text"],
)
def test_looping_text_is_invalid(text):
    assert is_looping(text)
    assert not is_valid(text, truncated=False)


def test_a_run_of_four_words_may_occur_twice_and_not_three_times():
    run = "as far as we {} know it, "
    assert not is_looping("as far as we know, and as far as we care, fine")
    assert is_looping("as far as we know, as far as we care, as far as we see")
    assert not is_looping(run.format("still"))


def test_case_and_punctuation_do_not_hide_a_loop():
    assert is_looping("Call the bank now! call the bank now. CALL THE BANK NOW...")


def test_a_short_reply_may_repeat_a_word():
    assert not is_looping("No, no, that is not so.")
