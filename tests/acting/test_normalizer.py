"""Input statistics, by hand and by merging."""

import numpy as np

from baselines_her.acting.normalizer import Moments, Normalizer, moments, stats


def test_without_data_inputs_pass_unchanged():
    mean, std = Normalizer(2, norm_eps=0.01).stats
    np.testing.assert_array_equal(mean, [0, 0])
    np.testing.assert_array_equal(std, [1, 1])


def test_mean_and_deviation_of_three_rows():
    normalizer = Normalizer(2, norm_eps=0.01)
    normalizer.add(moments(np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]])))
    mean, std = normalizer.stats
    np.testing.assert_allclose(mean, [3, 5])
    # (1 + 4 + 36)/3 - 9 = 14/3; a constant column gets norm_eps
    np.testing.assert_allclose(std, [np.sqrt(14 / 3), 0.01], rtol=1e-6)


def test_increments_add_up_to_all_rows_at_once():
    rows = np.random.default_rng(0).normal(3.0, 2.0, (1000, 4)).astype(np.float32)
    normalizer = Normalizer(4, norm_eps=0.01)
    for part in np.split(rows, 10):
        normalizer.add(moments(part))
    mean, std = normalizer.stats
    np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(std, rows.std(0), rtol=1e-5)


def test_totals_are_kept_in_double_precision():
    rows = np.full((10, 1), 1e4, np.float32)
    assert moments(rows).sumsq.dtype == np.float64
    assert moments(rows).sumsq[0] == 1e9


def test_rounding_never_makes_a_negative_variance():
    total = Moments(np.array([3e8]), np.array([9e16 / 3 - 64]), np.array(3.0))
    assert stats(total, 0.01).std[0] == np.float32(0.01)
