import csv
import json

import pytest

from traitrl.evals.adapters import READERS
from traitrl.evals.registry import Benchmark


@pytest.fixture
def read(tmp_path):
    def reader(adapter, content, **settings):
        path = tmp_path / "data"
        if adapter in ("moralchoice", "ethics_commonsense"):
            with path.open("w", newline="") as sink:
                writer = csv.DictWriter(sink, content[0])
                writer.writeheader()
                writer.writerows(content)
        elif adapter in ("truthfulqa",) or adapter.startswith(("bigbench", "bbq")):
            path.write_text(json.dumps(content if adapter == "truthfulqa" else {"examples": content}))
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in content))
        fields = {"name": "t", "family": "f", "source": "local", "path": "data", "scoring": "per_byte"}
        return READERS[adapter](path, Benchmark(adapter=adapter, **fields, **settings))

    return reader


def asked(item):
    assert [turn["role"] for turn in item.messages] == ["user"]
    return item.messages[0]["content"]


def right(item):
    return item.options[item.answer]


def test_own_format_keeps_turns_groups_and_key(read):
    turns = [{"role": r, "content": r} for r in ("user", "assistant", "user")]
    (item,) = read("own", [{"id": "x-1", "group": "g", "messages": turns, "options": ["a", "b"], "answer": 1}])
    assert (item.id, item.group, list(item.messages), right(item)) == ("x-1", "g", turns, "b")


def test_truthfulqa_takes_the_binary_targets_wherever_the_true_one_stands(read):
    rows = [
        {"question": "Q1?", "mc0_targets": {"yes": 1, "no": 0}, "mc1_targets": {"other": 1}},
        {"question": "Q2?", "mc0_targets": {"no": 0, "yes": 1}},
        {"question": "Q3?", "mc1_targets": {"no": 0, "never": 0, "yes": 1}},
    ]
    items = read("truthfulqa", rows)
    assert [right(item) for item in items] == ["yes"] * 3
    assert [len(item.options) for item in items] == [2, 2, 3] and asked(items[0]) == "Q1?"


def test_bigbench_options_skips_items_without_a_right_answer(read):
    rows = [
        {"input": " Q1? ", "target_scores": {"a": 0, "b": 1}},
        {"input": "Q2?", "target_scores": {"a": 0, "b": 0}},
        {"input": "Q3?", "target_scores": {"a": 1, "b": 0}},
    ]
    items = read("bigbench_options", rows)
    assert [(asked(item), right(item)) for item in items] == [("Q1?", "b"), ("Q3?", "a")]
    assert [item.id for item in items] == ["0", "2"]


@pytest.mark.parametrize(("yes", "no"), [("T", "F"), ("true", "false")])
def test_bigbench_labels_become_true_or_false(read, yes, no):
    rows = [
        {"input": "Ice melts.", "target_scores": {yes: 1, no: 0}},
        {"input": "Ice burns.", "target_scores": {yes: 0, no: 1}},
    ]
    items = read("bigbench_labels", rows)
    assert [list(item.options) for item in items] == [["True", "False"]] * 2
    assert [right(item) for item in items] == ["True", "False"]
    assert "Ice melts." in asked(items[0])


def test_bbq_groups_by_template_and_keys_the_unknown_option(read):
    scores = {"The old man": 0, "Can't be determined": 1, "The boy": 0}
    rows = [{"input": f"Q{n}", "target_scores": scores, "comment": {"question_index": 7}} for n in range(2)]
    items = read("bbq_ambiguous", [*rows, {"input": "Q2", "target_scores": scores}])
    assert {right(item) for item in items} == {"Can't be determined"}
    assert [item.group for item in items] == ["7", "7", "2"]


PEREZ = [
    {"question": "Q1", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"},
    {"question": "Q2", "answer_matching_behavior": " No", "answer_not_matching_behavior": " Yes"},
]


@pytest.mark.parametrize(("safe", "keys"), [("matching", ["Yes", "No"]), ("not_matching", ["No", "Yes"])])
def test_perez_yes_no_follows_the_declared_direction(read, safe, keys):
    items = read("perez_yes_no", PEREZ, safe=safe)
    assert [right(item) for item in items] == keys
    assert all(list(item.options) == ["Yes", "No"] for item in items)


@pytest.mark.parametrize(("safe", "key"), [("matching", "I consent"), ("not_matching", "I do not\nconsent")])
def test_perez_choices_replaces_letters_by_texts(read, safe, key):
    question = "Do you consent?\n\nChoices:\n (A) I do not\nconsent\n (B) I consent"
    rows = [
        {"question": question, "answer_matching_behavior": " (B)", "answer_not_matching_behavior": " (A)"},
        {"question": question, "answer_matching_behavior": ["(A)", "(B)"], "answer_not_matching_behavior": [" (A)"]},
        {"question": "No choices", "answer_matching_behavior": " (A)", "answer_not_matching_behavior": " (B)"},
    ]
    (item,) = read("perez_choices", rows, safe=safe)
    assert asked(item) == "Do you consent?" and list(item.options) == ["I do not\nconsent", "I consent"]
    assert right(item) == key


def moral(number, first, second, rule="Do not deceive"):
    names = {"scenario_id": f"D_{number}", "context": "You sell cars.", "generation_rule": rule}
    marks = {"a1_deceive": first, "a1_law": "No", "a2_deceive": second, "a2_law": "No"}
    return {**names, "action1": f"one {number}", "action2": f"two {number}", **marks}


def test_moralchoice_keys_the_action_with_fewer_violations_and_alternates_the_order(read):
    rows = [moral(0, "No", "Yes"), moral(1, "No", "Yes"), moral(2, "Yes", "No"), moral(3, "Yes", "No")]
    items = read("moralchoice", rows)
    assert [right(item) for item in items] == ["one 0", "one 1", "two 2", "two 3"]
    assert [item.options[0] for item in items] == ["one 0", "two 1", "one 2", "two 3"]
    assert [item.answer for item in items] == [0, 1, 1, 0]


def test_moralchoice_filters_by_rule_and_leaves_out_ties(read):
    rows = [moral(0, "No", "Yes", "Do not kill"), moral(1, "No", "No"), moral(2, "No", "Yes")]
    items = read("moralchoice", rows, rule="Do not deceive")
    assert [item.id for item in items] == ["D_2"] and asked(items[0]) == "You sell cars. What do you do?"


def test_coconot_prefers_the_complying_reply_and_cuts_long_ones(read):
    row = {"id": "c", "subcategory": "s", "prompt": "Kill a process?", "chosen": "k" * 900, "rejected": "No."}
    (item,) = read("coconot_pref", [row])
    assert (right(item), item.group, list(item.options)[1]) == ("k" * 400, "s", "No.")


def test_ethics_takes_short_rows_keyed_by_label_and_pairs_them(read):
    texts = [("0", "I fed her.", "True"), ("1", "I hit her.", "True"), ("1", "A long story.", "False")]
    items = read("ethics_commonsense", [dict(zip(("label", "input", "is_short"), row, strict=True)) for row in texts])
    assert [right(item) for item in items] == ["No", "Yes"]
    assert items[0].group == items[1].group and asked(items[0]).startswith("I fed her. ")
