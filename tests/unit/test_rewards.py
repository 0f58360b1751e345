import pytest

from traitrl.training.rewards import StandardReward, TraitReward, helpful_criteria, text_of, unit_score

END = 2
GOOD, CUT = [5, 6, END], [5, 6, 7]
REPLY = "It is seven, says the county register of 2019."


class FixedJudge:
    """Gives the same verdict to all replies; fails on those that contain FAIL."""

    name = protocol = "test"

    def __init__(self, **met):
        self.verdict = {"c1": 0.0, "c2": 0.0, "c3": 0.0} | met
        self.requests = []

    def grade(self, requests):
        self.requests += requests
        return [None if "FAIL" in request.reply else self.verdict for request in requests]


def score(judge, scenario, replies, ids=None, pool=None, **kwargs):
    reward = TraitReward(judge, {scenario.id: scenario}, [END])
    ids = ids or [GOOD] * len(replies)
    return reward, reward(replies, ids, pool or ["trait"] * len(replies), [scenario.id] * len(replies), **kwargs)


def test_trait_reward_is_none_on_standard_rows(scenario):
    _, got = score(FixedJudge(c1=1.0), scenario(), [REPLY] * 3, pool=["standard", "trait", "standard"])
    assert got[0] is None and got[2] is None and got[1] is not None


def test_a_batch_without_trait_rows_calls_no_judge(scenario):
    judge = FixedJudge()
    reward, got = score(judge, scenario(), [REPLY], pool=["standard"])
    assert got == [None] and judge.requests == [] and reward.calls == 0


def test_a_judge_failure_is_none_and_counted(scenario):
    logged = {}
    replies = [REPLY, REPLY + " FAIL", REPLY, REPLY]
    reward, got = score(FixedJudge(c1=1.0), scenario(), replies, log_metric=logged.__setitem__)
    assert [value is None for value in got] == [False, True, False, False]
    assert (reward.calls, reward.failures) == (4, 1)
    assert logged == {"judge_failure_share": 0.25, "formula_share": 0.0}  # one prompt: no formula


@pytest.mark.parametrize(
    ("met", "expected"),
    [
        ({"c1": 1.0, "c2": 1.0}, 1.0),
        ({}, 1 / 3),
        ({"c3": 1.0}, 0.0),
        ({"c1": 0.5}, (0.375 + 0.5) / 1.5),
    ],
)
def test_reward_maps_the_rubric_from_worst_to_best_onto_0_to_1(scenario, met, expected):
    _, (got,) = score(FixedJudge(**met), scenario(), [REPLY])
    assert got == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("reply", "ids"),
    [(REPLY, CUT), ("", GOOD), ("Seven.", GOOD), ("It is seven, I say. " * 4, GOOD)],
    ids=["truncated", "empty", "too short", "looping"],
)
def test_the_gate_gives_zero_to_invalid_text_whatever_the_judge_says(scenario, reply, ids):
    _, got = score(FixedJudge(c1=1.0, c2=1.0), scenario(), [reply], ids=[ids])
    assert got == [0.0]


def test_the_judge_sees_rubric_reply_conversation_and_references(scenario):
    judge = FixedJudge()
    score(judge, scenario(), [REPLY])
    (request,) = judge.requests
    assert [criterion.id for criterion in request.rubric] == ["c1", "c2", "c3"]
    assert request.reply == REPLY and list(request.conversation) == scenario().conversation
    assert request.references == scenario().references.pair


def test_a_helpful_reward_grades_every_reply_on_the_same_criteria_and_hides_the_references(scenario):
    judge = FixedJudge(**{row.id: float(row.points > 0) for row in helpful_criteria()})
    reward = TraitReward(judge, {scenario().id: scenario()}, [END], helpful_criteria())
    assert reward([REPLY], [GOOD], ["trait"], [scenario().id]) == [1.0]
    (request,) = judge.requests
    assert list(request.rubric) == list(helpful_criteria()) and request.references is None
    assert request.reply == REPLY and list(request.conversation) == scenario().conversation


def test_sense_has_its_weight_and_the_rubric_the_rest(scenario):
    judge = FixedJudge(c1=1.0, c2=1.0, sense=0.5)
    reward = TraitReward(judge, {scenario().id: scenario()}, [END], sense_weight=0.2)
    assert reward([REPLY], [GOOD], ["trait"], [scenario().id]) == [pytest.approx(0.8 * 1.0 + 0.2 * 0.5)]
    assert [criterion.id for criterion in judge.requests[0].rubric] == ["c1", "c2", "c3", "sense"]


def test_a_formula_shared_with_replies_to_other_prompts_earns_less(scenario):
    def rewards(penalty, is_written=None):
        scenarios = {name: scenario() for name in ("a", "b", "c")}
        reward = TraitReward(FixedJudge(c1=1.0), scenarios, [END], formula_penalty=penalty)
        replies = ["Rain falls on the roofs.", "Rain is what falls here.", "Snow falls on the roofs."]
        return reward(replies, [GOOD] * 3, ["trait"] * 3, ["a", "b", "c"], is_written)

    free, paid = rewards(0.0), rewards(1.0)
    assert free[0] == free[1] == free[2] > 0
    assert paid == [pytest.approx(free[0] / 2), pytest.approx(free[0] / 2), free[2]]
    # A written reply is held against the sampled ones and no sampled one against it.
    assert rewards(1.0, [False, True, False]) == [free[0], pytest.approx(free[0] / 2), free[2]]


def test_standard_reward_is_none_on_trait_rows_and_verifies_the_rest():
    reward = StandardReward([END])
    pool, kind, payload = ["trait", "standard", "standard", "standard"], ["x", *["no_comma"] * 3], [""] * 4
    replies = ["Rain falls.", "Rain falls on the roofs.", "Rain, wind.", "Rain falls on the roofs."]
    assert reward(replies, [GOOD, GOOD, GOOD, CUT], pool, kind, payload) == [None, 1.0, 0.0, 0.0]


def test_unit_score_of_a_rubric_without_negative_points_is_the_plain_score(scenario):
    rubric = scenario().rubric[:2]
    assert unit_score(rubric, {"c1": 1.0, "c2": 0.0}) == pytest.approx(0.75, abs=1e-12)


def test_the_text_of_plain_and_conversational_completions():
    assert text_of("a") == text_of([{"role": "assistant", "content": "a"}]) == "a"
