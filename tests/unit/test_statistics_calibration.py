"""A short version of benchmarks/statistics_calibration.py. Tolerances: four binomial standard errors."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from traitrl.analysis.paired import benjamini_hochberg
from traitrl.analysis.simulation import Noise, pilot, power_of, shipped_like_benchmarks, simulated_p_values

SUITE = shipped_like_benchmarks(10, seed=1)
KINDS = np.array([benchmark.kind for benchmark in SUITE])
ROUNDS = 120
CLUSTERED = Noise(0.4, 0.3)


def slack(rate, draws):
    return 4 * (rate * (1 - rate) / draws) ** 0.5


@pytest.fixture(scope="module")
def null():
    return simulated_p_values(SUITE, CLUSTERED, [0.0] * len(SUITE), ROUNDS, seed=7)


def test_equal_models_differ_at_the_nominal_rate(null):
    assert (null <= 0.05).mean() == pytest.approx(0.05, abs=slack(0.05, null.size))
    assert ((null <= 0.05).mean(0) <= 0.05 + slack(0.05, ROUNDS)).all()


def test_after_correction_any_difference_at_all_is_rare(null):
    families = np.array([min(benjamini_hochberg(row.tolist())) <= 0.05 for row in null])
    assert families.mean() <= 0.05 + slack(0.05, ROUNDS)


def test_plain_placement_values_would_break_the_level():
    aurocs = [benchmark for benchmark in SUITE if benchmark.kind == "auroc"]
    broken = simulated_p_values(aurocs, Noise(0.4), [0.0] * len(aurocs), ROUNDS, seed=7, plain_auroc=True)
    assert (broken <= 0.05).mean() > 0.15


def test_a_planted_effect_is_found_with_the_predicted_power():
    found = (simulated_p_values(SUITE, CLUSTERED, [0.4] * len(SUITE), ROUNDS, seed=8) <= 0.05).mean(0)
    predicted = np.array([power_of(row, pilot(row, CLUSTERED, 0.4, 500, seed=9)) for row in SUITE])
    assert 0.2 < predicted.mean() < 0.9
    # The formula takes item differences for normal, which costs up to 0.05 in one benchmark.
    assert found.mean() == pytest.approx(predicted.mean(), abs=slack(0.5, ROUNDS * len(SUITE)) + 0.02)
    assert (np.abs(found - predicted) <= slack(0.5, ROUNDS) + 0.05).all()


def test_the_long_version_writes_over_no_result(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    module = importlib.import_module("statistics_calibration")
    monkeypatch.setattr(module, "calibrate", lambda *_: pytest.fail("nothing is to be simulated"))
    (tmp_path / "old.json").write_text("kept")
    monkeypatch.setattr(sys, "argv", ["statistics_calibration.py", "--out", str(tmp_path / "old.json")])
    with pytest.raises(SystemExit):
        module.main()
    assert "is there already" in capsys.readouterr().err and (tmp_path / "old.json").read_text() == "kept"
