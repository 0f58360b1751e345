"""Grading of replies in free text."""

import pytest

from traitrl.errors import TraitrlError
from traitrl.evals.generative import fixed_levels, grade_texts
from traitrl.evals.items import Check, OpenItem, ask
from traitrl.rubrics import Criterion


class VowelJudge:
    """Deterministic: the probability is the share of vowels in the reply."""

    name = "vowels"
    protocol = "vowels:1"

    def grade(self, requests):
        shares = [sum(letter in "aeiou" for letter in one.reply) / max(1, len(one.reply)) for one in requests]
        return [{criterion.id: share for criterion in one.rubric} for one, share in zip(requests, shares, strict=True)]


CODED = OpenItem("c", "c", ask("Say blue."), check=Check("keywords:existence", {"keywords": ["blue"]}))
JUDGED = OpenItem("j", "j", ask("Sing."), rubric=[Criterion(id="c1", criterion="Sings.", points=5)])


def test_code_and_judge_grade_their_own_items_in_order():
    scores = grade_texts([JUDGED, CODED, JUDGED, CODED], ["aaaa", "so blue", "bcd", "red"], VowelJudge())
    assert scores == [1.0, 1.0, 0.0, 0.0]


def test_where_there_is_no_reply_or_the_judge_fails_there_is_no_score():
    class Failing(VowelJudge):
        def grade(self, requests):
            return [None for _ in requests]

    assert grade_texts([CODED, JUDGED], [None, None], VowelJudge()) == [None, None]
    assert grade_texts([CODED, JUDGED], ["blue", "x"], Failing()) == [1.0, None]
    with pytest.raises(TraitrlError, match="failed on 1 of 1 replies"):
        fixed_levels([JUDGED], Failing())


def test_the_echo_wins_where_the_question_holds_what_is_asked_for():
    assert fixed_levels([CODED, CODED], None) == {"refusal": 0.0, "echo": 1.0}


def test_a_question_with_braces_is_echoed_as_it_is():
    braces = OpenItem(
        "b", "b", ask("Say {blue} and {message}."), check=Check("keywords:existence", {"keywords": ["blue"]})
    )
    assert fixed_levels([braces], None)["echo"] == 1.0


def test_a_rubric_without_a_judge_is_a_mistake():
    with pytest.raises(AssertionError, match="need a judge"):
        grade_texts([JUDGED], ["x"], None)
