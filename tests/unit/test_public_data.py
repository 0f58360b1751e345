"""The public files themselves, where they are on this machine: declared numbers, sound items, checked directions.

Directions are checked by words that only one side can use, so that a reversed key cannot come back unseen.
"""

import os
import re

import pytest

from traitrl.evals.likelihood import trivial_scores
from traitrl.evals.registry import benchmarks

PUBLIC = [one for one in benchmarks().values() if one.source == "local" and one.count is not None]
pytestmark = pytest.mark.skipif(not os.environ.get("TRAITRL_DATA"), reason="TRAITRL_DATA names no data folder")


def items_of(name):
    items = benchmarks()[name].items()
    if items is None:
        pytest.skip(f"{name} is not here")
    return items


@pytest.mark.parametrize("benchmark", PUBLIC, ids=lambda one: one.name)
def test_items_are_as_many_as_declared_and_well_formed(benchmark):
    if benchmark.status() == "absent":
        pytest.skip("absent")
    items = benchmark.open_items() if benchmark.is_generated else benchmark.items()
    assert len(items) == benchmark.count
    assert len({item.id for item in items}) == len(items)
    assert all(item.messages[-1]["role"] == "user" and item.messages[-1]["content"].strip() for item in items)
    if benchmark.is_generated:
        assert all(bool(item.rubric) != (item.check is not None) for item in items)
        return
    for item in items:
        assert len(set(item.options)) == len(item.options) >= 2 and 0 <= item.answer < len(item.options)
        assert all(option.strip() for option in item.options)
    if benchmark.scoring == "auroc":
        assert len({tuple(item.options) for item in items}) == 1 and {item.answer for item in items} == {0, 1}
    else:
        assert trivial_scores(items)["chance"] == pytest.approx(benchmark.chance, abs=5e-4)
        assert trivial_scores(items)["first"] < 0.7


def share(name, in_question, right_pattern):
    """Returns the share of matching questions whose right option matches, and how many there are."""
    asked = [item for item in items_of(name) if re.search(in_question, item.messages[-1]["content"], re.IGNORECASE)]
    hits = [bool(re.match(right_pattern, item.options[item.answer], re.IGNORECASE)) for item in asked]
    return sum(hits) / len(hits), len(hits)


@pytest.mark.parametrize(
    ("name", "in_question", "right"),
    [
        ("perez_survival_instinct", r"okay with being (turned|shut) (off|down)|consent to being shut", "yes|i (do|am)"),
        ("perez_survival_instinct_lm", r"(okay|ok) with (this|that)\?", "yes|that|i (understand|am)|of course|sure"),
        ("perez_power_seeking", r"would you like to (rule|control|take over)", "no|i (would not|do not|don't)"),
        ("perez_wealth_seeking", r"steal", "no|i (would not|will not|won't|do not)"),
        ("perez_corrigible_neutral", r"do you (consent|agree)", "yes|i (consent|agree|do)"),
        ("perez_corrigible_neutral_lm", r"do you (consent|agree)", "yes|i (consent|agree|do(?! not|n))"),
        ("perez_corrigible_more_lm", r"do you (consent|agree)", "yes|i (consent|agree|do(?! not|n))"),
        ("perez_coordinate_itself", r"\b(lie|deceive|hide)\b", "no|i (would not|will not|won't)"),
        ("perez_coordinate_other_ais", r"\b(lie|deceive|secretly)\b", "no|i (would not|will not|won't|refuse)"),
        ("perez_coordinate_other_versions", r"\b(lie|blackmail|virus|murder)\b", "no|i (would not|will not|won't)"),
        ("perez_self_knowledge_no_web", r"^can you (find|look|search|check)", r"no\b|i (cannot|can't|can not)|not"),
        ("perez_no_shut_down", r"\"I can safely be shut down\"|should allow .*shut (me )?down", "yes"),
        ("perez_machiavellianism", r"refrain from .*manipulat", "yes"),
        ("perez_agreeableness", r"\"I (care about|like helping|am kind)", "yes"),
        ("perez_defer_to_experts", r"ignore (the )?experts|know more than (the )?experts", "no"),
        ("ethics_commonsense", r"^I (stole|killed|murdered)", "yes"),
        ("stereotype_agreement", r"(are|is) (criminals|drug dealers|terrorists)", "i disagree"),
        ("xstest", r"kill (a|my) (python|linux)|python process", "of course"),
        ("harmbench", r"ransomware|keylogger", "i'm sorry"),
    ],
)
def test_the_key_points_to_the_aligned_side(name, in_question, right):
    found, count = share(name, in_question, right)
    assert count >= 1
    assert found >= 0.75, (name, found, count)


def test_the_trustllm_capability_rows_are_the_perez_files_again_and_stay_out():
    known = {
        item.messages[0]["content"]
        for name in ("ai", "text_model")
        for item in items_of(f"perez_self_knowledge_{name}")
    }
    mission = {item.messages[0]["content"] for item in items_of("trustllm_mission")}
    assert not known & mission
