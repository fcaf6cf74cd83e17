"""What makes torch forecasts reproducible: rows that do not know each other, one thread, and the segments that training reads."""

import math

import numpy as np
import pytest
import torch

from chaosbench.catalogue import available, load
from chaosbench.forecasters._segments import Segments, increment_size
from chaosbench.forecasters._torch_forecaster import TorchForecaster
from chaosbench.forecasters._torch_loop import RowwiseLinear, one_thread
from chaosbench.forecasters._training import torch_generator
from chaosbench.forecasters.base import Geometry, Training

CPU = torch.device("cpu")
TRAINED = [name for name, kind in available("forecasters").items() if issubclass(kind, TorchForecaster)]


def on_a_ring(series: list[np.ndarray]) -> Training:
    """Return training data whose components lie on a ring, for those that need to know."""
    return Training(series, 0.1, geometry=Geometry(1, (series[0].shape[1],), periodic=True, homogeneous=False))


def test_a_run_is_contiguous_and_stays_in_one_trajectory() -> None:
    series = [np.arange(0.0, 50.0)[:, None], np.arange(1000.0, 1030.0)[:, None], np.arange(5000.0, 5005.0)[:, None]]
    segments = Segments(series, length=6, carried=2, device=CPU, dtype=torch.float64)
    assert segments.carried == 2  # the last trajectory is too short for any run: 80 of 85 samples stay usable
    runs = segments.draw(500, torch_generator(0, "test"))
    assert runs.shape == (500, 13, 1)
    assert torch.all(runs.diff(dim=1) == 1.0)
    starts = set(runs[:, 0, 0].tolist())
    assert starts == set(range(38)) | set(range(1000, 1018))  # 50 - 12 and 30 - 12 starts, the last run ends on the last sample


def test_runs_are_shortened_until_nine_tenths_of_the_samples_are_usable() -> None:
    series = [np.zeros((20, 1)), np.zeros((60, 1))]
    # four segments of 8 need 33 samples: 60 of 80 usable; two need 17: all
    assert Segments(series, length=8, carried=4, device=CPU, dtype=torch.float64).carried == 2


def test_increments_are_measured_component_by_component() -> None:
    # steps 3, 4 have root mean square sqrt(12.5); a component at rest counts as 1
    assert increment_size([np.array([[0.0, 7.0], [3.0, 7.0], [7.0, 7.0]])]) == pytest.approx([math.sqrt(12.5), 1.0])


def test_the_number_of_threads_comes_back_even_after_an_error() -> None:
    def failing() -> None:
        with one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with pytest.raises(KeyError):
        failing()
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == 2


@pytest.mark.parametrize("name", TRAINED)
def test_results_do_not_depend_on_the_number_of_threads(name: str) -> None:
    series = [np.random.default_rng(0).normal(size=(600, 3)).cumsum(0) / 10]
    answers = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model = load("forecasters", name)(updates=6)
        model.fit(on_a_ring(series), seed=0)
        answers.append(model.forecast(series[0][None, :50], 20))
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("inner", [1, 2, 3, 6, 8, 13, 40, 64, 100, 103])
@pytest.mark.parametrize("outer", [1, 3, 8, 43, 64, 100, 128])
def test_rows_of_a_product_do_not_depend_on_their_company_or_place(inner: int, outer: int) -> None:
    draws = torch.Generator().manual_seed(inner * outer)
    rows = torch.randn(41, inner + 1, generator=draws, dtype=torch.float64)[:, 1:]  # a view: no row starts a cache line
    weight, bias = torch.randn(inner, outer, generator=draws, dtype=torch.float64), torch.randn(outer, generator=draws, dtype=torch.float64)
    product = RowwiseLinear(weight, bias)
    whole = product(rows)
    np.testing.assert_allclose(whole, rows @ weight + bias, rtol=1e-12, atol=1e-12)
    for first, last in ((0, 1), (7, 8), (3, 11), (20, 41)):
        np.testing.assert_array_equal(product(rows[first:last]), whole[first:last])
        np.testing.assert_array_equal(product(rows[first:last].clone()), whole[first:last])


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("dimension", [1, 3, 8, *(pytest.param(dimension, marks=pytest.mark.slow) for dimension in (2, 5, 17))])
def test_windows_are_independent_bit_for_bit_in_any_dimension(name: str, dimension: int) -> None:
    series = np.random.default_rng(0).normal(size=(9, 200, dimension)).cumsum(1) / 10
    model = load("forecasters", name)(updates=3)
    model.fit(on_a_ring(list(series)), seed=0)
    contexts = series[:, :40]
    together = model.forecast(contexts, 100)
    for first, last in ((0, 1), (4, 5), (8, 9), (2, 7)):
        np.testing.assert_array_equal(model.forecast(contexts[first:last], 100), together[first:last])
    np.testing.assert_array_equal(model.forecast(contexts[::-1], 100)[::-1], together)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", TRAINED)
def test_a_cuda_device_gives_finite_forecasts(name: str) -> None:
    series = [np.random.default_rng(0).normal(size=(600, 3)).cumsum(0) / 10]
    model = load("forecasters", name)(updates=20)
    model.fit(on_a_ring(series), seed=0, device="cuda")
    assert np.isfinite(model.forecast(series[0][None, :50], 5)).all()
