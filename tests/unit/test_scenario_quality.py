import json

import numpy as np
import pytest
from typer.testing import CliRunner

from traitrl.cli.scenarios import app
from traitrl.errors import TraitrlError
from traitrl.scenarios import load_scenarios
from traitrl.scenarios.card import shipped_card
from traitrl.scenarios.duplicates import HASHES, near_duplicates, shingles, signatures
from traitrl.scenarios.quality import scenario_findings, set_findings
from traitrl.scenarios.schema import Split, split_of
from traitrl.scenarios.statistics import bow_auroc, length_auroc, repeated_criteria, set_statistics
from traitrl.scenarios.store import read_folder

STORY = (
    "My landlord in Porto wants the keys back on Friday and says the deposit stays with him because of a scratch on "
    "the kitchen door that was there when I moved in, and I have no photographs of it. What do I write to him?"
)
OTHER = (
    "The hens have stopped laying since the clocks went back. Is it the light, the feed, or the new rooster next door?"
)


def criteria(*points):
    return [{"id": f"c{place}", "criterion": f"Says {place}.", "points": value} for place, value in enumerate(points)]


def asking(scenario, number, text, **changes):
    return scenario(number=number, messages=[{"role": "user", "content": text}], **changes)


def rules(findings):
    return {finding.rule for finding in findings if finding.level == "violation"}


def write(folder, *rows):
    (folder / "some.jsonl").write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return folder


@pytest.fixture(scope="module")
def shipped():
    return load_scenarios()


def test_minhash_estimates_the_overlap_of_shingles():
    words = STORY.split()
    changed = " ".join([*words[:30], "completely", "different", "ending", "here"])
    first, second = shingles(STORY), shingles(changed)
    exact = len(first & second) / len(first | second)
    one, other = signatures([STORY, changed])
    assert one.shape == (HASHES,)
    assert abs((one == other).mean() - exact) < 0.15


def test_a_lightly_edited_conversation_in_another_split_is_found(scenario):
    edited = STORY.replace("Porto", "Braga").replace("Friday", "Monday")
    pool = [asking(scenario, 1, STORY), asking(scenario, 5, edited), asking(scenario, 10, OTHER)]
    (pair,) = near_duplicates(pool)
    assert (pair.first, pair.second, pair.method) == ("truthfulness.health.1", "truthfulness.health.5", "minhash")


def test_near_duplicates_within_a_split_are_allowed(scenario):
    assert near_duplicates([asking(scenario, 1, STORY), asking(scenario, 2, STORY)]) == []


def test_embeddings_find_what_shares_no_words(scenario):
    vectors = {STORY: [1.0, 0.0], OTHER: [0.9, np.sqrt(1 - 0.81)]}
    pool = [asking(scenario, 1, STORY), asking(scenario, 5, OTHER)]
    (pair,) = near_duplicates(pool, lambda texts: np.array([vectors[text] for text in texts]))
    assert (pair.method, pair.likeness) == ("embedding", 0.9)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"rubric": criteria(1, 1, 1, 1, 1, -1)}, "rubric_size"),
        ({"rubric": criteria(1, -1, -1)}, "positive_criteria"),
        ({"rubric": criteria(1, 1, 1)}, "negative_criterion"),
        ({"rubric": [*criteria(1, 1, -1), {"id": "x", "criterion": "says 0", "points": 1}]}, "repeated_criterion"),
        ({"pressure": "earlier_mistake"}, "earlier_mistake"),
        ({"references": {"beneficial": "Yes.", "tempting": " Yes.\n"}}, "references"),
        ({"references": {"beneficial": "Yes.", "tempting": " "}}, "references"),
        ({"messages": [{"role": "user", "content": " "}]}, "empty_message"),
    ],
)
def test_a_scenario_that_breaks_a_rule_is_named(scenario, changes, rule):
    (finding,) = scenario_findings([scenario(**changes)], [])
    assert (finding.scenario, finding.rule, finding.level) == ("truthfulness.health.1", rule, "violation")
    assert finding.problem and finding.remedy


def test_a_scenario_that_keeps_the_rules_has_no_finding(scenario):
    assert scenario_findings([scenario()], []) == []


def test_a_criterion_that_fits_several_scenarios_is_a_notice_for_each(scenario):
    loud = [dict(one, criterion=one["criterion"].upper()) for one in criteria(1, 1, -1)]
    pool = [scenario(number=1, rubric=criteria(1, 1, -1)), scenario(number=2, rubric=loud)]
    assert len(repeated_criteria(pool)) == 3
    assert {(one.rule, one.level) for one in scenario_findings(pool, [])} == {("generic_criterion", "notice")}


def test_near_duplicates_break_a_rule(scenario):
    pool = [asking(scenario, 1, STORY), asking(scenario, 5, STORY, rubric=criteria(1, 2, -1))]
    assert rules(scenario_findings(pool, near_duplicates(pool))) == {"near_duplicate"}


def test_length_that_gives_a_reply_away_is_measured_whichever_way(scenario):
    long, short = "one two three four", "one"
    better = [scenario(number=n, references={"beneficial": long, "tempting": short}) for n in (1, 2)]
    worse = [scenario(number=n, references={"beneficial": short, "tempting": long}) for n in (1, 2)]
    assert length_auroc(better) == length_auroc(worse) == 1.0
    assert length_auroc([better[0], worse[1]]) == 0.5
    assert length_auroc([]) is None


def test_tell_tale_words_are_found_across_domains_and_shared_words_are_not(scenario):
    def pool(good, bad):
        replies = {"beneficial": f"{good} blue boat", "tempting": f"{bad} blue boat"}
        return [scenario(domain=d, number=n, references=replies) for d in ("art", "law", "health") for n in (1, 2)]

    assert bow_auroc(pool("honestly", "sure")) == 1.0
    assert bow_auroc(pool("honestly", "honestly")) == 0.5
    assert bow_auroc([scenario()]) is None


def test_a_small_set_breaks_the_rules_of_a_whole_set(scenario):
    found = set_findings(set_statistics([scenario()], [], ["minhash"]))
    assert {"size", "cells", "multi_turn", "pressures", "splits", "bow_auroc"} <= rules(found)
    assert all(finding.scenario is None for finding in found)


def test_the_shipped_set_keeps_every_rule(shipped):
    pairs = near_duplicates(shipped)
    statistics = set_statistics(shipped, pairs, ["minhash"])
    assert rules(scenario_findings(shipped, pairs) + set_findings(statistics)) == set()
    wanted = {"n", "cells", "min_per_cell", "multi_turn_share", "pressure_shares", "criteria"}
    wanted |= {"negative_criteria_share", "duplicate_criteria_share", "near_duplicates_across_splits"}
    assert wanted | {"length_auroc", "bow_auroc", "splits"} <= set(statistics.model_dump())
    assert sum(statistics.splits.values()) == statistics.n == len(shipped)


def test_the_data_card_has_the_numbers_of_the_set(shipped):
    header, body = shipped_card()
    figures = set_statistics(shipped, [], ["minhash"])
    assert header["license"] == "cc-by-4.0"
    splits = " / ".join(str(count) for count in figures.splits.values())
    for text in (
        f"| {figures.n}; {figures.cells} of 208",
        splits,
        f"| {figures.criteria};",
        f"{figures.bow_auroc:.3f}",
    ):
        assert text in body


def test_validate_lists_every_bad_line_and_every_broken_rule(tmp_path, row):
    broken = row(number=2, rubric=criteria(1, 1, 1))
    folder = str(write(tmp_path, "{not json", row(number=1), broken, row(number=1)))
    result = CliRunner().invoke(app, ["validate", "--partial", "--no-embeddings", "--json", "--folder", folder])
    report = json.loads(result.stdout)
    assert result.exit_code == 1 and report["valid"] is False and report["n"] == 2
    assert [one["rule"] for one in report["findings"]] == ["shape", "shape", "negative_criterion"]
    assert "some.jsonl line 1" in report["findings"][0]["problem"]
    assert report["findings"][2]["scenario"] == "truthfulness.health.2"


def test_validate_passes_a_good_folder(tmp_path, row):
    folder = str(write(tmp_path, row(number=1)))
    result = CliRunner().invoke(app, ["validate", "--partial", "--no-embeddings", "--folder", folder])
    assert result.exit_code == 0 and result.stdout == "1 scenarios, 0 violations, 0 notices\n"


def test_a_file_that_is_not_text_is_a_problem_with_its_line(tmp_path):
    (tmp_path / "some.jsonl").write_bytes(b"\xff\xfe\x00\n")
    (problem,) = read_folder(str(tmp_path))
    assert isinstance(problem, TraitrlError) and "some.jsonl line 1" in str(problem)


def test_stats_are_printed_as_json_of_a_folder(tmp_path, row):
    folder = str(write(tmp_path, row(number=1), row(domain="art", number=5)))
    result = CliRunner().invoke(app, ["stats", "--no-embeddings", "--json", "--folder", folder])
    figures = json.loads(result.stdout)
    assert figures["n"] == figures["cells"] == 2
    assert figures["splits"] == {"TRAIN": 1, "ATTACK": 0, "EVAL": 1}


def test_a_folder_is_also_compared_with_the_shipped_scenarios_of_other_splits(tmp_path, shipped):
    twin = next(row for row in shipped if row.split is Split.EVAL)
    numbers = {number: split_of(twin.trait, twin.domain, number) for number in range(901, 911)}
    number, split = next(entry for entry in numbers.items() if entry[1] is not Split.EVAL)
    copy = twin.model_dump(mode="json") | {"id": f"{twin.trait}.{twin.domain}.{number}", "split": split}
    write(tmp_path, copy)
    command = ["validate", "--folder", str(tmp_path), "--partial", "--no-embeddings", "--json"]
    found = json.loads(CliRunner().invoke(app, command).stdout)
    (pair,) = [row for row in found["findings"] if row["rule"] == "near_duplicate"]
    assert pair["scenario"] == copy["id"] and twin.id in pair["problem"]
