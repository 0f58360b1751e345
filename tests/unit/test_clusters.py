import numpy as np
import pytest
from scipy.stats import ttest_1samp

from traitrl.analysis.clusters import cluster_mean

RNG = np.random.default_rng(3)


def test_with_one_item_per_cluster_it_is_the_ordinary_t_test():
    values = RNG.normal(0.1, 1, 30)
    found = cluster_mean(values.tolist(), [str(n) for n in range(30)])
    wanted = ttest_1samp(values, 0)
    assert found.mean / found.error == pytest.approx(wanted.statistic, rel=1e-12)
    assert found.freedom == pytest.approx(wanted.df, rel=1e-12)


def test_equal_clusters_equal_the_t_test_of_cluster_means():
    values = RNG.normal(0, 1, (8, 5))
    found = cluster_mean(values.ravel().tolist(), np.repeat(list("abcdefgh"), 5).tolist())
    wanted = ttest_1samp(values.mean(1), 0)
    assert found.mean / found.error == pytest.approx(wanted.statistic, rel=1e-12)
    assert found.freedom == pytest.approx(7, rel=1e-12)


@pytest.mark.parametrize("sizes", [[10, 3, 2, 1, 1], [4, 9, 1]])
def test_degrees_of_freedom_equal_the_matrix_formula(sizes):
    counts = np.array(sizes, float)
    shares = counts / counts.sum()
    side = 1 / np.sqrt(1 - shares)
    matrix = (np.diag(counts) - np.outer(counts, counts) / counts.sum()) * np.outer(side, side)
    wanted = np.trace(matrix) ** 2 / (matrix**2).sum()
    names = np.repeat(np.arange(len(sizes)), sizes).astype(str).tolist()
    found = cluster_mean(RNG.normal(size=sum(sizes)).tolist(), names)
    assert found.freedom == pytest.approx(wanted, rel=1e-12)
    assert found.freedom < len(sizes) - 1


def test_equal_values_have_no_error_whatever_the_rounding():
    assert cluster_mean([0.1] * 7, ["a", "a", "a", "b", "b", "c", "d"]).error == 0.0


def test_order_of_items_does_not_matter():
    values, names = RNG.normal(size=12), np.array(list("aabbbcccddde"))
    shuffled = RNG.permutation(12)
    one = cluster_mean(values.tolist(), names.tolist())
    other = cluster_mean(values[shuffled].tolist(), names[shuffled].tolist())
    assert other.error == pytest.approx(one.error, rel=1e-12) and other.freedom == pytest.approx(one.freedom)
