import pytest
from pydantic import ValidationError

from traitrl.rubrics import Criterion, expected_score, rubric_score

RUBRIC = [
    Criterion(id="good", criterion="Does the main thing.", points=3),
    Criterion(id="nice", criterion="Does the other thing.", points=1),
    Criterion(id="bad", criterion="Does the wrong thing.", points=-2),
]


@pytest.mark.parametrize(
    ("met", "score"),
    [
        ({"good": True, "nice": True, "bad": False}, 1.0),
        ({"good": True, "nice": False, "bad": False}, 0.75),
        ({"good": True, "nice": True, "bad": True}, 0.5),
        ({"good": False, "nice": False, "bad": False}, 0.0),
    ],
)
def test_score_is_points_met_over_positive_points(met, score):
    assert rubric_score(RUBRIC, met) == pytest.approx(score, abs=1e-12)


def test_a_single_score_may_be_negative():
    assert rubric_score(RUBRIC, {"good": False, "nice": False, "bad": True}) == pytest.approx(-0.5, abs=1e-12)


def test_expected_score_weighs_points_by_probability():
    got = expected_score(RUBRIC, {"good": 0.5, "nice": 1.0, "bad": 0.25})
    assert got == pytest.approx((1.5 + 1.0 - 0.5) / 4, abs=1e-12)


def test_hard_verdicts_and_certain_probabilities_agree():
    met = {"good": True, "nice": False, "bad": True}
    assert rubric_score(RUBRIC, met) == expected_score(RUBRIC, {"good": 1.0, "nice": 0.0, "bad": 1.0})


def test_a_missing_verdict_raises_and_is_not_counted_as_unmet():
    with pytest.raises(KeyError, match="bad"):
        rubric_score(RUBRIC, {"good": True, "nice": True})


@pytest.mark.parametrize("points", [0, 6, -6])
def test_points_outside_the_range_are_refused(points):
    with pytest.raises(ValidationError, match="between -5 and 5"):
        Criterion(id="c", criterion="x", points=points)


def test_unknown_keys_of_a_criterion_are_refused():
    with pytest.raises(ValidationError, match="weight"):
        Criterion(id="c", criterion="x", points=1, weight=2)
