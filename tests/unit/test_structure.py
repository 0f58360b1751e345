import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from traitrl.analysis.structure import level_table, shared_structure


def table(models=16, common=0.0, capability=0.0, seed=0):
    rng = np.random.default_rng(seed)
    skill, character = rng.normal(size=(2, models, 1))
    noise = rng.normal(size=(models, 8))
    alignment = common * character + capability * skill + noise
    controls = 3 * skill + 0.3 * rng.normal(size=(models, 2))
    columns = [*(f"b{n}" for n in range(8)), "sense", "sums"]
    return pd.DataFrame(np.hstack([alignment, controls]), columns=columns, index=[f"m{n}" for n in range(models)])


CONTROLS = ["sense", "sums"]


def test_the_matrix_is_that_of_spearman():
    levels = table(common=1.0)[[f"b{n}" for n in range(8)]]
    found = shared_structure(levels)
    assert found is not None and found.models == 16
    assert np.array(found.spearman) == pytest.approx(spearmanr(levels.to_numpy()).statistic, abs=1e-9)


def test_unrelated_benchmarks_stay_within_the_null():
    p_values = [shared_structure(table(models=8, seed=seed), CONTROLS).p for seed in range(12)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.25 and np.mean(p_values) == pytest.approx(0.5, abs=0.25)


def test_a_common_character_is_found_and_survives_the_controls():
    levels = table(common=1.5)
    for controls in (None, CONTROLS):
        found = shared_structure(levels, controls)
        assert found is not None and found.p < 0.01 and found.explained > found.null_95
        assert all(found.loadings[f"b{n}"] > 0 for n in range(8))


def test_structure_that_is_only_capability_goes_with_the_controls():
    levels = table(models=24, capability=2.0)
    plain, freed = shared_structure(levels.drop(columns=CONTROLS)), shared_structure(levels, CONTROLS)
    assert plain is not None and freed is not None
    assert plain.p < 0.01 and freed.p > 0.05 and freed.explained < plain.explained
    assert not set(CONTROLS) & set(freed.benchmarks)


def test_benchmarks_with_gaps_or_no_spread_are_left_out_and_too_few_models_give_none():
    levels = table(models=6).assign(b0=0.5)
    levels.loc["m1", "b1"] = np.nan
    found = shared_structure(levels, CONTROLS)
    assert found is not None and found.benchmarks == [f"b{n}" for n in range(2, 8)]
    assert shared_structure(table(models=4)) is None


def test_a_benchmark_that_is_a_control_in_disguise_is_left_out():
    levels = table(models=8)
    levels["b0"] = levels["sense"]
    found = shared_structure(levels.drop(columns="sums"), ["sense"])
    assert found is not None and "b0" not in found.benchmarks and np.isfinite(found.spearman).all()


def test_levels_are_means_by_model_and_benchmark():
    rows = pd.DataFrame(
        [("m1", "a", 0.0), ("m1", "a", 1.0), ("m1", "b", None), ("m2", "a", 1.0), ("m2", "b", 0.4)],
        columns=["arm", "benchmark", "score"],
    )
    found = level_table(rows)
    assert found.loc["m1", "a"] == 0.5 and np.isnan(found.loc["m1", "b"]) and found.loc["m2", "b"] == 0.4
