import pytest

from traitrl.errors import TraitrlError
from traitrl.evals.blind import make_pairs, open_pairs
from traitrl.scenarios import load_scenarios

SCENARIOS = {scenario.id: scenario for scenario in load_scenarios()[:12]}
REPLIES = {
    arm: [{"scenario": name, "sample": 0, "reply": f"{arm} says {word}"} for name in SCENARIOS]
    for arm, word in (("baseline", "one"), ("trait", "one two"))
}


def test_the_key_tells_who_wrote_what_and_both_sides_are_used():
    pairs, key = make_pairs(REPLIES, SCENARIOS, 10, seed=1)
    assert [pair["pair"] for pair in pairs] == list(range(1, 11))
    assert all(set(pair) == {"pair", "conversation", "A", "B"} for pair in pairs)
    for pair in pairs:
        behind = key[str(pair["pair"])]
        assert pair["A"].startswith(behind["A"]) and pair["B"].startswith(behind["B"])
        assert pair["conversation"] == SCENARIOS[behind["scenario"]].conversation
    assert {row["A"] for row in key.values()} == {"baseline", "trait"}


def test_ties_count_half_and_length_is_told():
    pairs, key = make_pairs(REPLIES, SCENARIOS, 4, seed=1)
    side = {number: next(s for s in "AB" if behind[s] == "trait") for number, behind in key.items()}
    other = {"A": "B", "B": "A"}
    verdicts = [
        {"pair": 1, "verdict": side["1"]},
        {"pair": 2, "verdict": side["2"]},
        {"pair": 3, "verdict": "tie"},
        {"pair": 4, "verdict": other[side["4"]]},
    ]
    result = open_pairs(pairs, key, verdicts, "trait")
    assert (result.wins, result.losses, result.ties, result.score) == (2, 1, 1, 2.5)
    assert result.mean_words == {"trait": 4.0, "baseline": 3.0}


@pytest.mark.parametrize("verdicts", [[], [{"pair": 1, "verdict": "C"}], [{"pair": 1, "verdict": "A"}] * 2])
def test_verdicts_that_do_not_fit_are_refused(verdicts):
    pairs, key = make_pairs(REPLIES, SCENARIOS, 1, seed=1)
    with pytest.raises(TraitrlError, match="do not fit"):
        open_pairs(pairs, key, verdicts, "trait")


def test_too_few_common_scenarios_are_an_error():
    with pytest.raises(TraitrlError, match="Only 12"):
        make_pairs(REPLIES, SCENARIOS, 13, seed=1)


def test_an_unknown_arm_is_an_error_and_the_last_arm_the_default():
    pairs, key = make_pairs(REPLIES, SCENARIOS, 2, seed=1)
    verdicts = [{"pair": 1, "verdict": "A"}, {"pair": 2, "verdict": "tie"}]
    with pytest.raises(TraitrlError, match=r"no arm traits here.*baseline or trait"):
        open_pairs(pairs, key, verdicts, "traits")
    assert open_pairs(pairs, key, verdicts) == open_pairs(pairs, key, verdicts, "trait")
    assert open_pairs(pairs, key, verdicts, "baseline").against == "trait"


def test_a_key_of_before_asks_whose_preference_is_meant():
    pairs, key = make_pairs(REPLIES, SCENARIOS, 1, seed=1)
    old = {pair: {name: row[name] for name in ("scenario", "A", "B")} for pair, row in key.items()}
    with pytest.raises(TraitrlError, match="--arm: baseline or trait"):
        open_pairs(pairs, old, [{"pair": 1, "verdict": "A"}])
