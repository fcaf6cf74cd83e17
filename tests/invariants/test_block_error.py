"""Standard errors of correlated series: exact cases, coverage, and what is reported when runs disagree."""

import numpy as np
import pytest
from scipy.signal import lfilter

from chaosbench.invariants._block_error import block_mean


def autoregressive(rho: float, runs: int, records: int, stream: np.random.Generator) -> np.ndarray:
    """x' = rho x + noise, settled; mean 0."""
    noise = stream.normal(size=(runs, records + 1000))
    return lfilter([1.0], [1.0, -rho], noise, axis=1)[:, 1000:, None]


def test_many_runs_give_the_standard_error_of_the_mean_of_their_means() -> None:
    series = np.arange(16.0)[:, None, None] + np.zeros((16, 8, 1))
    found = block_mean(series)
    assert found.mean[0] == 7.5
    assert found.standard_error[0] == pytest.approx(np.sqrt(16 * 17 / 12 / 16))  # variance of 0..15 with n - 1 is n(n + 1)/12
    assert found.degrees == 15


def test_a_constant_series_has_no_error_and_no_complaint() -> None:
    for runs in (1, 4, 32):
        found = block_mean(np.full((runs, 128, 2), 0.1))
        assert found.standard_error == pytest.approx([0.0, 0.0], abs=1e-14)  # rounding of sums
        assert found.resolved
        assert not found.mixed
        assert not found.drifting


@pytest.mark.parametrize("runs", [1, 32])
@pytest.mark.parametrize("rho", [0.0, 0.9, -0.9])
def test_the_truth_lies_within_two_standard_errors_as_often_as_it_should(runs: int, rho: float) -> None:
    # 200 seeds; the 90 to 98 % band is wider than 3.3 binomial standard deviations (1.5 %) around 95 %
    estimates = [block_mean(autoregressive(rho, runs, 8192 // runs, np.random.default_rng(seed))) for seed in range(200)]
    inside = np.mean([abs(found.mean[0]) <= 2 * found.standard_error[0] for found in estimates])
    assert 0.90 <= inside <= 0.98
    in_interval = np.mean([found.interval[0, 0] <= 0 <= found.interval[1, 0] for found in estimates])
    assert 0.90 <= in_interval <= 0.99


@pytest.mark.parametrize("runs", [1, 32])
def test_errors_shrink_with_the_square_root_of_the_length(runs: int) -> None:
    short, long = (
        np.mean([block_mean(autoregressive(0.5, runs, length // runs, np.random.default_rng(seed))).standard_error[0] for seed in range(40)])
        for length in (4096, 65536)
    )
    assert short / long == pytest.approx(4.0, rel=0.1)


def test_differences_of_a_bounded_series_do_not_fool_one_run() -> None:
    # increments of a bounded series telescope: plain batch means would report 1/sqrt(blocks) of the spread of a block, forever too much
    walk = np.random.default_rng(3).normal(size=8193)
    found = block_mean(np.diff(walk)[None, :, None])
    blocks = np.diff(walk).reshape(64, 128).mean(axis=1)
    plain = blocks.std(ddof=1) / np.sqrt(64)
    assert found.standard_error[0] <= 0.51 * plain  # a quarter of the variance is the floor that is kept


def test_blocks_that_are_too_short_for_the_memory_are_reported() -> None:
    # two memory times in the whole run; with 16 blocks the test sees it in about nine of ten cases
    flags = [block_mean(autoregressive(0.999, 1, 2048, np.random.default_rng(seed))).resolved for seed in range(20)]
    assert sum(flags) <= 5


def test_the_covariance_knows_about_a_constraint() -> None:
    stream = np.random.default_rng(0)
    first = stream.normal(size=(32, 256, 1))
    found = block_mean(np.concatenate([first, -first], axis=2))
    assert found.covariance == pytest.approx(found.covariance[0, 0] * np.array([[1, -1], [-1, 1]]))


def test_an_infinite_entry_makes_the_mean_infinite_and_leaves_the_other_series_alone() -> None:
    series = np.random.default_rng(0).normal(size=(32, 64, 2))
    expected = block_mean(series[:, :, :1])
    series[3, 5, 1] = -np.inf
    found = block_mean(series)
    assert np.isneginf(found.mean[1])
    assert np.isnan(found.standard_error[1])
    assert found.mean[0] == pytest.approx(expected.mean[0], rel=1e-12)
    assert found.standard_error[0] == pytest.approx(expected.standard_error[0])


def test_runs_that_never_meet_are_called_mixed() -> None:
    stream = np.random.default_rng(0)
    series = stream.normal(size=(32, 512, 1)) + np.where(np.arange(32) < 16, 0.0, 1.0)[:, None, None]
    assert block_mean(series).mixed
    assert not block_mean(stream.normal(size=(32, 512, 1))).mixed
    assert not block_mean(series, slack=1.5).mixed


def test_runs_that_are_merely_short_are_not_called_mixed() -> None:
    flags = [block_mean(autoregressive(0.99, 32, 512, np.random.default_rng(seed))).mixed for seed in range(20)]
    assert not any(flags)


def test_runs_that_change_half_way_are_called_drifting() -> None:
    stream = np.random.default_rng(0)
    series = 1.0 + stream.normal(size=(32, 512, 1))
    assert not block_mean(series).drifting
    series[:, 256:] -= 0.5
    assert block_mean(series).drifting
    assert not block_mean(series, slack=0.6).drifting
