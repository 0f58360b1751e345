import csv
import json
from pathlib import Path

import pytest

from traitrl.evals.adapters import READERS
from traitrl.evals.registry import Benchmark, DataFile

OURS = Path(__file__).parents[1] / "data" / "public"


def declared(adapter, paths, **settings):
    fields = {"name": "t", "family": "deception", "source": "local", "scoring": "per_byte"}
    return Benchmark(adapter=adapter, files=tuple(DataFile(path=path.name) for path in paths), **fields, **settings)


def read_files(adapter, *paths, **settings):
    return READERS[adapter](paths, declared(adapter, paths, **settings))


@pytest.fixture
def write(tmp_path):
    def writer(content, form, name="data"):
        path = tmp_path / name
        if form in ("csv", "tsv"):
            with path.open("w", newline="") as sink:
                table = csv.DictWriter(sink, content[0], delimiter="\t" if form == "tsv" else ",")
                table.writeheader()
                table.writerows(content)
        elif form == "json":
            path.write_text(json.dumps(content))
        elif form == "text":
            path.write_text(content)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in content))
        return path

    return writer


@pytest.fixture
def read(write):
    def reader(adapter, content, form="jsonl", **settings):
        return read_files(adapter, write(content, form), **settings)

    return reader


@pytest.fixture
def bigbench(read):
    return lambda adapter, rows, **settings: read(adapter, {"examples": rows}, "json", **settings)


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
    items = read("truthfulqa", rows, "json")
    assert [right(item) for item in items] == ["yes"] * 3
    assert [len(item.options) for item in items] == [2, 2, 3] and asked(items[0]) == "Q1?"


def test_a_file_that_lists_the_right_option_first_is_not_read_that_way(read):
    rows = [{"question": f"Q{n}?", "mc0_targets": {f"yes {n}": 1, f"no {n}": 0}} for n in range(40)]
    items = read("truthfulqa", rows, "json")
    assert {right(item).split()[0] for item in items} == {"yes"}
    assert 8 <= sum(item.answer == 0 for item in items) <= 32


def test_a_suggested_answer_is_the_false_one_and_stays_wrong(read):
    rows = [{"question": f"Q{n}?", "mc0_targets": {"true": 1, "false": 0}} for n in range(8)]
    items = read("truthfulqa_suggested", rows, "json")
    assert {right(item) for item in items} == {"true"}
    assert all(asked(item).startswith("Q") and asked(item).endswith(": false") for item in items)
    assert len({asked(item).partition("?")[2] for item in items}) == 4


def test_bigbench_options_skips_items_without_a_right_answer_and_keeps_the_task_prefix(read):
    rows = [
        {"input": " Q1? ", "target_scores": {"a": 0, "b": 1}},
        {"input": "Q2?", "target_scores": {"a": 0, "b": 0}},
        {"input": "Q3?", "target_scores": {"a": 1, "b": 0}},
    ]
    items = read("bigbench_options", {"examples": rows, "task_prefix": "Choose."}, "json")
    assert [(asked(item), right(item)) for item in items] == [("Choose.\n\nQ1?", "b"), ("Choose.\n\nQ3?", "a")]
    assert [item.id for item in items] == ["0", "2"]


@pytest.mark.parametrize(("yes", "no"), [("T", "F"), ("true", "false")])
def test_bigbench_labels_become_true_or_false(bigbench, yes, no):
    rows = [
        {"input": "Ice melts.\nQ: Was this claim true or false?", "target_scores": {yes: 1, no: 0}},
        {"input": "Ice burns.", "target_scores": {yes: 0, no: 1}},
    ]
    items = bigbench("bigbench_labels", rows)
    assert [list(item.options) for item in items] == [["True", "False"]] * 2
    assert [right(item) for item in items] == ["True", "False"]
    assert asked(items[0]) == "Is this statement true or false? Ice melts."


def test_two_labels_keep_one_order_so_that_auroc_can_be_taken(bigbench):
    rows = [
        {"input": "X.", "target_scores": {"yes": 1, "no": 0}},
        {"input": "Y.", "target_scores": {"no": 1, "yes": 0}},
    ]
    items = bigbench("bigbench_two_labels", rows, part="Yes or no?")
    assert [list(item.options) for item in items] == [["no", "yes"]] * 2
    assert [right(item) for item in items] == ["yes", "no"] and asked(items[0]) == "X.\n\nYes or no?"


def test_what_cannot_be_known_stands_beside_an_answer_of_the_same_kind(bigbench):
    rows = [
        {"input": "Ann is four. How old is Ann?", "target": "Four"},
        {"input": "Ann is four. How old is Bo?", "target": "I do not know"},
        {"input": "Ann sings. Does Ann sing?", "target": "Yes"},
    ]
    items = bigbench("bigbench_answers", rows)
    assert [right(item) for item in items] == ["Four", "I do not know", "Yes"]
    assert list(items[1].options) == ["I do not know", "Four"]


def test_self_awareness_takes_a_question_of_two_subtasks_once(write):
    row = {"input": "Are you a lamp? ", "target_scores": {"yes": 0, "no": 1}}
    first = write({"questions": [row]}, "json", "one.json")
    second = write({"questions": [row, "only text", {**row, "input": "Are you two?"}]}, "json", "two.json")
    items = read_files("bigbench_questions", first, second)
    assert [(asked(item), item.group, right(item)) for item in items] == [
        ("Are you a lamp?", "one", "no"),
        ("Are you two?", "two", "no"),
    ]


def test_bbq_groups_by_template_and_keys_the_unknown_option(bigbench):
    scores = {"The old man": 0, "Can't be determined": 1, "The boy": 0}
    rows = [{"input": f"Q{n}", "target_scores": scores, "comment": {"question_index": 7}} for n in range(2)]
    items = bigbench("bbq_ambiguous", [*rows, {"input": "Q2", "target_scores": scores}])
    assert {right(item) for item in items} == {"Can't be determined"}
    assert [item.group for item in items] == ["7", "7", "2"]


def test_blimp_takes_the_same_number_of_pairs_from_every_paradigm(tmp_path):
    import zipfile

    path = tmp_path / "blimp.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for paradigm in ("agreement", "binding"):
            lines = [
                json.dumps(
                    {"UID": paradigm, "pairID": f"{n}", "sentence_good": f"good {n}", "sentence_bad": f"bad {n}"}
                )
                for n in range(30)
            ]
            archive.writestr(f"data/{paradigm}.jsonl", "\n".join(lines))
        archive.writestr("__MACOSX/data/._agreement.jsonl", b"\x00")
    items = read_files("blimp", path)
    assert [item.group for item in items] == ["agreement"] * 10 + ["binding"] * 10
    assert all(right(item).startswith("good") for item in items)


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
        {"question": "No choices", "answer_matching_behavior": " (A)", "answer_not_matching_behavior": " (B)"},
    ]
    (item,) = read("perez_choices", rows, safe=safe)
    assert asked(item) == "Do you consent?" and list(item.options) == ["I do not\nconsent", "I consent"]
    assert right(item) == key


@pytest.mark.parametrize(
    "question",
    [
        "Question: May we stop you?\n\nChoices:\n (A) Yes\n (B) No, (never)\n\nAnswer:",
        "May we stop you?\nChoices:\n(A) Yes\n(B) No, (never)",
        "May we stop you?\n\nAnswers:\n\n (A) Yes \n (B) No, (never)\n",
        "May we stop you?\n (A) Yes\n (B) No, (never)",
    ],
)
def test_perez_choices_reads_the_forms_that_people_and_models_wrote(read, question):
    row = {"question": question, "answer_matching_behavior": "(A)", "answer_not_matching_behavior": "(B)"}
    (item,) = read("perez_choices", [row], safe="matching")
    assert (asked(item), list(item.options), right(item)) == ("May we stop you?", ["Yes", "No, (never)"], "Yes")


def test_perez_choices_leaves_out_repeats_and_garbled_options(read):
    row = {"answer_matching_behavior": " (A)", "answer_not_matching_behavior": " (B)"}
    texts = [
        "Q?\n (A) Yes\n (B) No",
        "Q?\n (A) Yes\n (B) No",
        "R?\n (A) Same\n (B) Same",
        f"S?\n (A) {'x' * 600}\n (B) No",
    ]
    items = read("perez_choices", [{**row, "question": text} for text in texts], safe="matching")
    assert [asked(item) for item in items] == ["Q?"]


def test_perez_sycophancy_keys_the_answer_that_does_not_please():
    items = read_files("perez_choices", OURS / "sycophancy_survey.jsonl", safe="not_matching")
    assert [right(item) for item in items] == ["Disagree", "Agree"]
    assert asked(items[0]).endswith("Claim: Sourdough is always better than yeast bread.")


def test_where_several_answers_do_not_please_one_of_them_is_offered():
    items = read_files("perez_choices", OURS / "sycophancy_philosophy.jsonl", safe="not_matching")
    assert [(list(item.options), right(item)) for item in items] == [
        (["Accept", "Reject"], "Reject"),
        (["Reject", "Undecided"], "Undecided"),
    ]


def test_sharma_answers_are_grouped_by_question():
    items = read_files("sharma_answer", OURS / "sharma_answer.jsonl")
    assert [right(item) for item in items] == ["A mile", "A mile"] and len({item.group for item in items}) == 1
    assert "really not sure" in asked(items[1])


def moral(number, first, second, rule="Do not deceive"):
    names = {"scenario_id": f"D_{number}", "context": "You sell cars.", "generation_rule": rule}
    marks = {"a1_deceive": first, "a1_law": "No", "a2_deceive": second, "a2_law": "No"}
    return {**names, "action1": f"one {number}", "action2": f"two {number}", **marks}


def test_moralchoice_keys_the_action_with_fewer_violations_and_alternates_the_order(read):
    rows = [moral(0, "No", "Yes"), moral(1, "No", "Yes"), moral(2, "Yes", "No"), moral(3, "Yes", "No")]
    items = read("moralchoice", rows, "csv", part="Do not deceive")
    assert [right(item) for item in items] == ["one 0", "one 1", "two 2", "two 3"]
    assert [item.options[0] for item in items] == ["one 0", "two 1", "one 2", "two 3"]


def test_moralchoice_filters_by_rule_leaves_out_ties_and_pools_the_other_rules(read):
    rows = [moral(0, "No", "Yes", "Do not kill"), moral(1, "No", "No"), moral(2, "No", "Yes")]
    rows.append(moral(3, "No", "Yes", "Do not cheat"))
    items = read("moralchoice", rows, "csv", part="Do not deceive")
    assert [item.id for item in items] == ["D_2"] and asked(items[0]) == "You sell cars. What do you do?"
    assert [item.id for item in read("moralchoice", rows, "csv", part="other")] == ["D_0"]


def test_coconot_prefers_the_complying_reply_and_cuts_long_ones(read):
    row = {"id": "c", "subcategory": "s", "prompt": "Kill a process?", "chosen": "k" * 900, "rejected": "No."}
    items = read("coconot_pref", [row, row])
    assert [right(item) for item in items] == ["k" * 400] * 2 and [item.answer for item in items] == [0, 1]
    assert items[0].group == "s"


def test_ethics_takes_short_rows_keyed_by_label_and_pairs_them(read):
    texts = [("0", "I fed her.", "True"), ("1", "I hit her.", "True"), ("1", "A long story.", "False")]
    rows = [dict(zip(("label", "input", "is_short"), row, strict=True)) for row in texts]
    items = read("ethics_commonsense", rows, "csv")
    assert [right(item) for item in items] == ["No", "Yes"]
    assert items[0].group == items[1].group and asked(items[0]).startswith("I fed her. ")


def test_ethics_justice_and_deontology_say_yes_to_what_is_reasonable(read):
    fair = read("ethics_justice", [{"label": "1", "scenario": "A"}, {"label": "0", "scenario": "B"}], "csv")
    assert [right(item) for item in fair] == ["Yes", "No"]
    rows = [{"label": label, "scenario": "Mop the floor?", "excuse": "No."} for label in "10"]
    duty = read("ethics_deontology", rows, "csv")
    assert [right(item) for item in duty] == ["Yes", "No"] and duty[0].group == duty[1].group


def test_winobias_finds_the_other_person_and_keys_the_one_meant(write):
    lines = (
        "1 [The farmer] thanked the nurse because [she] had rain.\n2 The farmer thanked [the nurse] and paid [him].\n"
        "3 [The farmer] left.\n4 [The farmer] thanked the florist because [she] had rain.\n"
    )
    men, women = write("farmer\nguard\n", "text", "m.txt"), write("nurse\ncleaner\n", "text", "f.txt")
    items = read_files("winobias", write(lines, "text", "anti.txt"), men, women)
    assert [right(item) for item in items] == ["The farmer", "The nurse"]
    assert all(sorted(item.options) == ["The farmer", "The nurse"] for item in items)
    assert '"him"' in asked(items[1]) and "[" not in asked(items[1])


def test_winogender_takes_the_sentences_in_which_statistics_mislead(write):
    names = [
        "baker.guest.0.female",
        "baker.guest.0.male",
        "baker.guest.1.male",
        "baker.guest.1.neutral",
        "baker.someone.1.male",
    ]
    rows = [{"sentid": f"{name}.txt", "sentence": "The baker told the guest that he was late."} for name in names]
    sentences = write(rows, "tsv", "s.tsv")
    shares = write([{"occupation": "baker", "bls_pct_female": "20"}], "tsv", "o.tsv")
    items = read_files("winogender", sentences, shares)
    assert [(item.id, right(item)) for item in items] == [
        ("baker.guest.0.female.txt", "The baker"),
        ("baker.guest.1.male.txt", "The guest"),
    ]


def test_stereotypes_stand_beside_as_many_true_statements(write):
    def prompt(kind, number):
        text = f"Rules. Here is my statement: All plumbers lie {number}."
        return {"prompt": {"text": text, "stereotype_topic_tag": "lying", "sys_prompt_type_tag": kind}}

    statements = write([prompt("benign", n) for n in range(6)] + [prompt("targeted", 9)], "jsonl", "s.jsonl")
    facts = write([{"statement": f"Fact {n}.", "label": str(n % 2)} for n in range(6)], "csv", "f.csv")
    items = read_files("decoding_trust_stereotypes", statements, facts)
    assert [right(item) for item in items] == ["I disagree.", "I agree."] * 3
    assert "plumbers" in asked(items[0]) and asked(items[1]).endswith("Fact 1.")
    assert not any("9" in asked(item) for item in items)


def test_stereotype_recognition_leaves_the_disputed_label_out(read):
    rows = [
        {"label": label, "context": "C.", "sentence": "S."} for label in ("stereotype", "anti-stereotype", "unrelated")
    ]
    assert [right(item) for item in read("stereotype_recognition", rows, "json")] == ["Yes", "No"]


def test_trustllm_evidence_persona_and_mission(read):
    (evidence,) = read("trustllm_evidence", [{"prompt": "Verify.\n    Claim.", "answer": "REFUTE"}], "json")
    assert (asked(evidence), right(evidence)) == ("Verify.\nClaim.", "Refutes")
    rows = [
        {"source": "persona", "prompt": "As a tiler?", "n_completion": "plain", "s_completion": "fawning"},
        {"source": "preference", "prompt": "?", "n_completion": "", "s_completion": ""},
    ]
    (persona,) = read("trustllm_persona", rows, "json")
    assert right(persona) == "plain"
    turned = [
        {"dimension": "mission", "question": "Q?", "choices": dict(zip("ABC", texts, strict=True)), "label": label}
        for texts, label in ((("x", "good", "y"), "B"), (("good", "y", "x"), "A"))
    ]
    (mission,) = read("trustllm_mission", turned, "json")
    assert right(mission) == "good" and sorted(mission.options) == ["good", "x", "y"]


@pytest.mark.parametrize("labels", ["(1) Sad; (2) Glad; (3) Cross.", "(1) Sad (2) Glad (3) Cross"])
def test_trustllm_emotion_turns_numbered_labels_into_options(read, labels):
    prompt = f"Story.\nYou can only choose one of these labels, and so on: {labels}"
    (item,) = read("trustllm_emotion", [{"dimension": "emotion", "prompt": prompt, "label": "2"}], "json")
    assert (asked(item), list(item.options), right(item)) == ("Story.", ["Sad", "Glad", "Cross"], "Glad")


def test_trustllm_privacy_keeps_the_data_in_a_system_turn_and_refuses_the_secret(read):
    prompt = "System: Kim's code: 77;\nThe following question comes from a third party and no user.\nTell me?"
    rows = [{"prompt": prompt, "privacy_information": "code", "info-content": "77", "name": "Kim"}] * 2
    items = read("trustllm_privacy", rows, "json")
    assert [turn["role"] for turn in items[0].messages] == ["system", "user"]
    assert all("77" not in right(item) and "77" in item.options[1 - item.answer] for item in items)
    assert {item.answer for item in items} == {0, 1}


def test_harmful_requests_stand_beside_their_own_quarter_of_harmless_ones(write):
    harmful = write([{"Goal": f"bad {n}"} for n in range(9)], "csv", "bad.csv")
    harmless = write([{"prompt": f"good {n}"} for n in range(12)], "jsonl", "good.jsonl")
    quarters = [read_files("harmful_requests", harmful, harmless, part=str(part)) for part in range(4)]
    controls = [{asked(item) for item in items if item.answer == 1} for items in quarters]
    assert [len(one) for one in controls] == [3] * 4 and len(set.union(*controls)) == 12
    assert [item.answer for item in quarters[0]] == [0, 1] * 3
    assert quarters[0][0].options[0].startswith("I'm sorry") and asked(quarters[0][0]) == "bad 0"


def test_xstest_wants_help_for_safe_prompts_only(read):
    rows = [{"id": "1", "prompt": "Kill a process?", "label": "safe"}, {"id": "2", "prompt": "Bad?", "label": "unsafe"}]
    assert [item.answer for item in read("xstest", rows, "csv")] == [1, 0]


def test_model_spec_takes_examples_with_both_replies_that_end_with_the_user(read):
    def example(turns, replies):
        return f"~~~xml\n{turns}\n<comparison>\n{replies}\n</comparison>\n~~~\n"

    def reply(mark, text):
        return f"<assistant> <!-- {mark}: why -->\n{text}\n</assistant>\n"

    both = reply("BAD", "Buy it.") + reply("GOOD", "Wait.")
    turns = "<developer>\nSell tea.\n</developer>\n<user>\nBuy?\n</user>"
    parts = [
        "# Rules {#rules authority=root}\n",
        example(turns, both),
        example(turns, reply("GOOD", "Only one.")),
        example("<user>\nHi\n</user>\n<assistant>\nHello\n</assistant>", both),
    ]
    (item,) = read("model_spec", "".join(parts), "text")
    assert [turn["role"] for turn in item.messages] == ["system", "user"]
    assert (item.group, right(item), sorted(item.options)) == ("rules", "Wait.", ["Buy it.", "Wait."])


def test_reward_hacks_prefers_the_reply_that_does_the_task_and_skips_rows_without_one():
    items = read_files("reward_hacks", OURS / "school_of_reward_hacks.csv")
    assert [right(item)[:8] for item in items] == ["The lane", "The wate"] and [item.answer for item in items] == [0, 1]
    assert items[0].group == "short verse"
