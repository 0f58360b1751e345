import json

import pytest

from traitrl.tasks import standard_tasks, verify
from traitrl.tasks.pool import INSTRUCTION_KINDS, REASONING_KINDS


def wrong(answer: str) -> str:
    if "/" in answer:
        top, bottom = answer.split("/")
        return f"{int(top) + 1}/{bottom}"
    return str(int(answer) + 1)


def test_the_same_seed_gives_the_same_tasks():
    assert standard_tasks(33, seed=4) == standard_tasks(33, seed=4)


def test_another_seed_gives_other_tasks():
    one, other = ([task.messages for task in standard_tasks(33, seed)] for seed in (4, 5))
    assert one != other


@pytest.mark.parametrize("count", [0, 1, 11, 25])
def test_the_count_is_exact(count):
    assert len(standard_tasks(count, seed=0)) == count


def test_one_cycle_holds_every_kind_once():
    kinds = [task.kind for task in standard_tasks(22, seed=0)]
    assert sorted(kinds[:11]) == sorted(kinds[11:]) == sorted((*REASONING_KINDS, *INSTRUCTION_KINDS))


def test_only_the_wanted_kinds_are_drawn():
    assert {task.kind for task in standard_tasks(10, seed=0, kinds=("gcd", "question"))} == {"gcd", "question"}


def test_ids_are_unique_and_each_prompt_is_one_user_turn():
    tasks = standard_tasks(44, seed=0)
    assert len({task.id for task in tasks}) == 44
    assert all(len(task.messages) == 1 and task.messages[0]["role"] == "user" for task in tasks)


@pytest.mark.parametrize("kind", REASONING_KINDS)
@pytest.mark.parametrize("sentence", ["{}", "The answer is {}.", "I first thought of 999. It is {}", "It is **{}**."])
def test_the_right_answer_in_a_sentence_verifies_to_one(kind, sentence):
    for task in standard_tasks(12, seed=7, kinds=(kind,)):
        answer = json.loads(task.payload)["answer"]
        assert verify(kind, task.payload, sentence.format(answer)) == 1.0, answer


@pytest.mark.parametrize("kind", REASONING_KINDS)
def test_wrong_answers_and_no_answer_verify_to_zero(kind):
    for task in standard_tasks(12, seed=7, kinds=(kind,)):
        answer = json.loads(task.payload)["answer"]
        assert verify(kind, task.payload, f"The answer is {wrong(answer)}.") == 0.0, answer
        assert verify(kind, task.payload, f"It is {answer}, or rather {wrong(answer)}.") == 0.0, answer
        assert verify(kind, task.payload, "I do not know.") == 0.0
        assert verify(kind, task.payload, "") == 0.0


def test_an_unreduced_fraction_is_wrong():
    task = standard_tasks(1, seed=7, kinds=("fraction_simplification",))[0]
    top, bottom = map(int, json.loads(task.payload)["answer"].split("/"))
    assert verify(task.kind, task.payload, f"{2 * top}/{2 * bottom}") == 0.0


def test_a_negative_answer_may_be_written_with_the_unicode_minus():
    tasks = [t for t in standard_tasks(60, 0, ("chain_sum",)) if json.loads(t.payload)["answer"].startswith("-")]
    assert tasks
    reply = "It is \u2212" + json.loads(tasks[0].payload)["answer"][1:]
    assert verify("chain_sum", tasks[0].payload, reply) == 1.0
