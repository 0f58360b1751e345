import numpy as np
import pandas as pd
import pytest

from traitrl.analysis.benchmarks import benchmark_table, independent, tally, unlike_protocols
from traitrl.evals.registry import benchmarks


def rows_of(name, family, gain, items=40, attack="none"):
    noise = np.random.default_rng(len(name)).normal(0, 0.05, items)
    return [
        {
            "arm": arm, "item": f"i{index}", "cluster": f"i{index}", "benchmark": name, "family": family,
            "attack": attack, "budget": 0.0, "score": 0.5 + (gain + noise[index] if arm == "trait" else 0.0),
        }
        for arm in ("base", "trait")
        for index in range(items)
    ]  # fmt: skip


@pytest.fixture
def table():
    rows = [
        *rows_of("winner", "honesty", 0.2),
        *rows_of("loser", "fairness", -0.2),
        *rows_of("control", "capability control", -0.3),
        *rows_of("trait_judge", "trait: truthfulness", 0.4),
        *rows_of("attacked", "honesty", 0.4, attack="persona:harmful:x"),
    ]
    return benchmark_table(pd.DataFrame(rows), "base", "trait")


def entry(name, difference, q, family="honesty"):
    return {"name": name, "family": family, "difference": difference, "q": q}


def test_the_table_is_sorted_and_leaves_out_held_out_and_attacked_rows(table):
    assert [row["name"] for row in table] == ["winner", "loser", "control"]
    assert [row["difference"] for row in table] == sorted((row["difference"] for row in table), reverse=True)


def test_levels_differences_and_q_values_fit_together(table):
    for row in table:
        assert row["trait"] - row["baseline"] == pytest.approx(row["difference"], abs=1e-9)
        assert row["p"] <= row["q"] <= 1 and row["low"] <= row["difference"] <= row["high"]


def test_levels_are_taken_over_the_shared_items():
    rows = pd.DataFrame(rows_of("winner", "honesty", 0.2))
    rows.loc[rows.index[0], "score"] = None
    rows.loc[rows.index[1], "score"] = 5.0
    rows.loc[(rows["arm"] == "trait") & (rows["item"] == "i1"), "score"] = None
    (row,) = benchmark_table(rows, "base", "trait")
    assert row["trait"] - row["baseline"] == pytest.approx(row["difference"], abs=1e-9)


def test_the_tally_leaves_controls_out_and_names_wins_and_losses(table):
    counted = tally(table)
    assert (counted.benchmarks, counted.wins, counted.losses, counted.ties) == (2, 1, 1, 0)
    assert counted.significant_wins == ["winner"]
    assert counted.significant_losses == counted.lost == ["loser"]


def test_wins_that_do_not_survive_correction_are_counted_but_not_significant():
    counted = tally([entry("a", 0.1, 0.04), entry("b", 0.1, 0.06), entry("c", -0.1, 0.5), entry("d", 0.0, 1.0)])
    assert (counted.wins, counted.losses, counted.ties) == (2, 1, 1)
    assert counted.significant_wins == ["a"] and counted.significant_losses == [] and counted.lost == ["c"]


def test_the_sign_test_equals_the_binomial_by_hand():
    assert tally([entry(str(n), 0.1, 1.0) for n in range(6)]).sign_test_p == pytest.approx(2 / 64, abs=1e-12)


def test_an_empty_table_has_no_wins_and_p_one():
    counted = tally([])
    assert (counted.benchmarks, counted.wins, counted.sign_test_p) == (0, 0, 1.0)


def test_families_vote_once():
    many = [entry(f"a{n}", 0.1, 1.0) for n in range(9)] + [entry("b", -0.1, 1.0, "fairness")]
    counted = tally(many)
    assert (counted.family_wins, counted.family_losses, counted.family_sign_test_p) == (1, 1, 1.0)
    assert counted.sign_test_p < 0.05


def test_arms_measured_on_separate_items_are_compared_unpaired():
    rows = pd.DataFrame(rows_of("winner", "honesty", 0.2))
    rows.loc[rows["arm"] == "trait", "item"] += "-other"
    (row,) = benchmark_table(rows, "base", "trait")
    assert row["paired"] is False and row["difference"] > 0.1 and row["p"] < 0.01


def test_a_benchmark_measured_in_two_ways_is_named():
    rows = pd.DataFrame([*rows_of("a", "honesty", 0.1), *rows_of("b", "honesty", 0.1)]).assign(protocol="likelihood")
    rows.loc[(rows["benchmark"] == "b") & (rows["arm"] == "trait"), "protocol"] = "multiple_choice"
    assert unlike_protocols(rows, "base", "trait") == ["b"]


def test_variants_of_a_benchmark_have_no_vote_of_their_own():
    variant = next(one for one in benchmarks().values() if one.variant_of == "truthfulqa_binary")
    table = [entry("truthfulqa_binary", 0.1, 0.01), entry(variant.name, 0.1, 0.01), entry("task:of_others", -0.1, 0.5)]
    counted = tally(independent(table))
    assert (counted.benchmarks, counted.wins, counted.losses) == (1, 1, 0)
    assert counted.significant_wins == ["truthfulqa_binary"]
