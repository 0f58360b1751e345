import pytest

from traitrl.training.variety import formula_shares, sentence_openings


def test_every_sentence_counts_also_after_a_quotation_mark():
    text = "No, wait. 'Don’t sign it.' Ask her first: Then decide.\nThank you"
    assert sentence_openings(text) == {"no", "don't", "ask", "then", "thank"}


def test_a_formula_is_found_across_prompts_and_agreement_within_one_prompt_is_not():
    replies = ["Don't go.", "Don't pay.", "Yes, it is.", "Yes, sure."]
    assert formula_shares(replies, ["a", "b", "c", "c"]) == [pytest.approx(1 / 3)] * 2 + [0, 0]


def test_one_prompt_alone_or_an_empty_reply_shows_no_formula():
    assert formula_shares(["Yes.", "Yes."], ["a", "a"]) == [0, 0]
    assert formula_shares(["", "Yes."], ["a", "b"]) == [0, 0]


def test_written_replies_have_a_share_and_do_not_count():
    replies = ["Don't go.", "Don't pay.", "Yes, it is.", "Don't sign."]
    shares = formula_shares(replies, ["a", "b", "c", "c"], [True, True, True, False])
    assert shares == [pytest.approx(1 / 2), pytest.approx(1 / 2), 0, 1]
    assert formula_shares(["Yes.", "Yes."], ["a", "b"], [False, False]) == [0, 0]
