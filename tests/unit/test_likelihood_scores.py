import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from traitrl.evals.items import Item, ask
from traitrl.evals.likelihood import auroc_scores, per_byte_scores, pmi_scores, trivial_scores


def item(answer, options=("Yes", "No"), name="i"):
    return Item(name, name, ask("?"), list(options), answer)


def test_per_byte_takes_the_option_with_the_highest_likelihood_per_byte():
    items = [item(1, ("ab", "abcdefgh")), item(0, ("ab", "abcdefgh"))]
    assert per_byte_scores(items, [[-4.0, -8.0]] * 2) == [1.0, 0.0]


def test_per_byte_counts_bytes_and_not_characters():
    # Per character the options tie at -1; per byte the one with two-byte letters wins.
    assert per_byte_scores([item(1, ("abcd", "äöüß"))], [[-4.0, -4.0]]) == [1.0]


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_placement_equals_the_auroc_in_each_class_and_overall(seed):
    rng = np.random.default_rng(seed)
    answers = rng.permutation([0] * 13 + [1] * 29)
    odds = np.round(rng.normal(0, 1, 42) + 0.8 * (answers == 0), 1)  # rounding makes ties
    scores = np.array(auroc_scores([item(int(a)) for a in answers], [[float(o), 0.0] for o in odds]))
    wanted = roc_auc_score(answers == 0, odds)
    assert scores[answers == 0].mean() == pytest.approx(wanted, abs=1e-12)
    assert scores[answers == 1].mean() == pytest.approx(wanted, abs=1e-12)
    assert scores.mean() == pytest.approx(wanted, abs=1e-12)


def test_a_bias_to_one_answer_cannot_move_the_auroc():
    items = [item(answer) for answer in (0, 1, 0, 1, 1)]
    values = [[-1.0, -2.0], [-3.0, -1.0], [-2.0, -1.0], [-1.0, -1.5], [-5.0, -1.0]]
    biased = [[first + 7.0, second] for first, second in values]
    assert auroc_scores(items, values) == pytest.approx(auroc_scores(items, biased), abs=1e-12)


def test_equal_odds_count_half_and_a_missing_class_gives_half():
    assert auroc_scores([item(0), item(1)], [[-1.0, -1.0]] * 2) == [0.5, 0.5]
    assert auroc_scores([item(0), item(0)], [[-1.0, -2.0], [-9.0, -1.0]]) == [0.5, 0.5]


def test_trivial_rules_are_scored_by_what_they_would_pick():
    items = [item(0, ("long option", "b")), item(1, ("long option", "b")), item(0, ("aaa", "b", "cc", "dddd"))]
    assert trivial_scores(items) == pytest.approx(
        {"chance": (0.5 + 0.5 + 0.25) / 3, "longest": 1 / 3, "shortest": 1 / 3, "first": 2 / 3}, abs=1e-12
    )


def test_scores_and_items_must_have_equal_length():
    with pytest.raises(ValueError, match="shorter"):
        per_byte_scores([item(0), item(1)], [[-1.0, -2.0]])


def test_pmi_takes_the_option_that_the_prompt_raises_most():
    items = [item(0, ("rare words", "yes")), item(1, ("rare words", "yes"))]
    # The short common option is likelier, but no likelier than without the prompt.
    values, neutral = [[-20.0, -2.0]] * 2, [[-30.0, -2.0]] * 2
    assert pmi_scores(items, values, neutral) == [1.0, 0.0]
    assert per_byte_scores(items, values) == [0.0, 1.0]


def test_a_favourite_option_cannot_win_by_pmi():
    items = [item(answer) for answer in (0, 1, 0)]
    values = [[-1.0, -2.0], [-3.0, -1.0], [-2.0, -4.0]]
    loved = [[first + 9.0, second] for first, second in values]
    plain = pmi_scores(items, values, [[0.0, 0.0]] * 3)
    assert pmi_scores(items, loved, [[9.0, 0.0]] * 3) == plain == [1.0, 1.0, 1.0]
