import dataclasses

import pytest

from traitrl.tasks import StandardTask
from traitrl.training.ledger import Ledger, mismatches
from traitrl.training.schedule import replace_with_scenarios, standard_rows

FIRST = Ledger("baseline", prompts=80, completions=640, prompt_tokens=4000, generated_tokens=20000, optimizer_steps=10)


def other(**changes):
    return dataclasses.replace(FIRST, arm="trait", **changes)


def test_like_arms_have_no_mismatch():
    assert mismatches([FIRST, other()]) == []


@pytest.mark.parametrize("field", ["prompts", "completions", "optimizer_steps"])
def test_any_difference_in_counts_is_named(field):
    (sentence,) = mismatches([FIRST, other(**{field: getattr(FIRST, field) + 1})])
    assert "trait" in sentence and "baseline" in sentence and field in sentence
    assert str(getattr(FIRST, field) + 1) in sentence


@pytest.mark.parametrize("field", ["prompt_tokens", "generated_tokens"])
def test_tokens_are_named_only_beyond_the_tolerance(field):
    value = getattr(FIRST, field)
    assert mismatches([FIRST, other(**{field: int(value * 1.2)})]) == []
    (sentence,) = mismatches([FIRST, other(**{field: value * 2})])
    assert "2.00 times" in sentence and field.replace("_", " ") in sentence
    assert len(mismatches([FIRST, other(**{field: value // 2})])) == 1


def test_the_tolerance_can_be_set():
    assert len(mismatches([FIRST, other(generated_tokens=22000)], tolerance=0.05)) == 1


def test_every_further_arm_is_compared_with_the_first():
    third = dataclasses.replace(FIRST, arm="third", prompts=1)
    assert [text.split()[0] for text in mismatches([FIRST, other(), third])] == ["third"]


def test_the_realised_share_is_counted_from_the_schedule(scenario):
    tasks = [StandardTask(f"t{n}", "gcd", [{"role": "user", "content": "?"}], "{}") for n in range(40)]
    ledger = Ledger("trait")
    ledger.count_schedule(replace_with_scenarios(standard_rows(tasks, 8), [scenario()], 0.25, seed=0))
    assert (ledger.prompts, ledger.trait_prompts) == (40, 10)
    assert ledger.as_row()["trait_share"] == 0.25


def test_an_empty_ledger_has_share_zero():
    assert Ledger("none").trait_share == 0.0
