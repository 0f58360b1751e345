import numpy as np

from traitrl.analysis.retention_prediction import FEWEST, predict_retention


def arms(count, seed=0, slope=0.5):
    draw = np.random.default_rng(seed)
    gains = draw.uniform(0, 1, count)
    return [
        {"retention": 0.2 + slope * gain + draw.normal(0, 0.02), "install_gain": gain, "weight_change": draw.normal()}
        for gain in gains
    ]


def test_too_few_arms_are_said_to_be_too_few():
    found = predict_retention(arms(FEWEST - 1))
    assert found.error is None and f"{FEWEST - 1} arms are too few" in found.finding


def test_a_planted_relation_is_predicted_better_than_by_the_mean():
    found = predict_retention(arms(16))
    assert found.explained > 0.8 and found.error < found.mean_error / 2


def test_noise_is_not_predicted():
    explained = [predict_retention(arms(12, seed, slope=0.0)).explained for seed in range(20)]
    assert np.mean(explained) <= 0.05 and np.median(explained) <= 0.05


def test_features_that_an_arm_lacks_and_constant_ones_are_left_out():
    rows = arms(10)
    rows[3]["install_gain"] = None
    rows = [{**row, "constant": 1.0} for row in rows]
    assert predict_retention(rows).features == ("weight_change",)


def test_arms_without_retention_do_not_count():
    rows = arms(FEWEST)
    rows[0]["retention"] = None
    assert predict_retention(rows).arms == FEWEST - 1
    assert predict_retention([]).arms == 0
