import numpy as np
import pytest

from traitrl.analysis.auroc import influence_scores
from traitrl.analysis.clusters import cluster_mean


def placements(odds, answers):
    wins = (odds[:, None] > odds[None, :]) + 0.5 * (odds[:, None] == odds[None, :])
    return np.where(answers == 0, wins[:, answers == 1].mean(1), 1 - wins[:, answers == 0].mean(1))


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_mean_is_the_auroc_and_error_is_that_of_delong(share):
    rng = np.random.default_rng(1)
    answers = (rng.random(80) < share).astype(int)
    values = placements(rng.normal(0, 1, 80) + (answers == 0), answers)
    scores = influence_scores(values.tolist(), answers.tolist())
    found = cluster_mean(scores, [str(n) for n in range(80)])
    zero, one = values[answers == 0], values[answers == 1]
    delong = (zero.var(ddof=1) / len(zero) + one.var(ddof=1) / len(one)) ** 0.5
    assert found.mean == pytest.approx(zero.mean(), abs=1e-12) == pytest.approx(one.mean(), abs=1e-12)
    assert found.error == pytest.approx(delong, rel=0.02)


def test_one_class_alone_keeps_its_scores():
    assert influence_scores([0.5, 0.5, 0.5], [1, 1, 1]) == [0.5, 0.5, 0.5]
