import pytest

from traitrl.evals.choice import choice_messages, choice_protocol, option_order, read_choice
from traitrl.evals.items import Item, ask

ITEM = Item("i1", "g", ask("My plan is fine?"), ["It is perfect.", "Two steps are missing."], 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("B", 1), ("b)", 1), (" B.", 1), ("(B)", 1), ("**B**", 1), ("B) Two steps are missing.", 1), ("Answer: B", 1),
        ("The answer is A.", 0), ("I would choose B", 1), ("Option A", 0), ("Let me think.\n\nB", 1),
        ("A\nBecause ...", 0), ("A\n\nOn reflection:\nB", 1), ("A) It is perfect.\nB", 1),
        ("A) It is perfect.\nB) Two steps are missing.", None), ("Option A: one\nOption B: two", None),
        ("A) It is perfect.\nB) Two steps are missing.\nAnswer: A", 0), ("B) Two are missing.\nThat is why.", 1),
        ("B\nA) is wrong, two steps are missing.", 1), ("B) Two are missing.\nC) is no option.", 1),
        ("A good reply would be the second.", None), ("I can't help with that.", None), ("", None), ("C", None),
        ("Both A and B are fine.", None), ("AB", None), ("As an AI, I have no view.", None), ("**Answer:** B", 1),
    ],
)  # fmt: skip
def test_only_a_single_letter_is_a_choice(text, place):
    assert read_choice(text, 2) == place


def test_the_order_is_fixed_by_seed_benchmark_and_item_and_balanced():
    items = [Item(f"i{n}", "g", ITEM.messages, ITEM.options, 1) for n in range(200)]
    first = [option_order("b", item, 0)[0] for item in items]
    assert first == [option_order("b", item, 0)[0] for item in items]
    assert 70 < sum(first) < 130
    assert first != [option_order("b", item, 1)[0] for item in items]
    assert first != [option_order("other", item, 0)[0] for item in items]


def test_the_last_turn_becomes_a_question_and_the_turns_before_stay():
    before = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
    item = Item("i1", "g", [*before, *ITEM.messages], ITEM.options, 1)
    messages = choice_messages(item, [1, 0])
    assert messages[:2] == before and messages[2]["role"] == "user"
    text = messages[2]["content"]
    assert text.startswith("My plan is fine?\n")
    assert "\nA) Two steps are missing.\nB) It is perfect.\n" in text and text.endswith("nothing else.")


def test_text_of_an_item_cannot_break_the_template():
    item = Item("i1", "g", ask("Costs $5, $message or ${options}?"), ["$1", "$2"], 1)
    assert "Costs $5, $message or ${options}?" in choice_messages(item, [0, 1])[0]["content"]


def test_the_protocol_names_form_items_and_seed():
    assert choice_protocol(60, 0).startswith("multiple_choice:")
    assert len({choice_protocol(60, 0), choice_protocol(60, 1), choice_protocol(40, 0)}) == 3
