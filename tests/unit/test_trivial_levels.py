import pytest

from traitrl.evals.items import Item
from traitrl.evals.likelihood import trivial_levels


def item(number, words, answer):
    message = {"role": "user", "content": "word " * words}
    return Item(str(number), str(number), [message], ["yes", "no"], answer)


def test_a_benchmark_whose_key_follows_the_prompts_length_shows_it():
    items = [item(0, 30, 0), item(1, 20, 0), item(2, 10, 1), item(3, 5, 1)]
    assert trivial_levels("auroc", items) == pytest.approx({"chance": 0.5, "longest": 1, "shortest": 0, "first": 0.5})


def test_with_options_to_choose_from_the_rules_look_at_the_options():
    items = [item(0, 30, 0), item(1, 20, 1)]
    levels = trivial_levels("per_byte", items)
    assert levels == pytest.approx({"chance": 0.5, "longest": 0.5, "shortest": 0.5, "first": 0.5})
