"""Reservoirs side by side: separate where nothing couples, alike where the rule is, tangents exact, and better than one on a lattice."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.echo_state import EchoStateNetwork
from chaosbench.forecasters.parallel_reservoir import ParallelReservoir
from chaosbench.forecasters.persistence import Persistence
from chaosbench.geometry import Geometry
from chaosbench.metrics.base import Answer
from chaosbench.metrics.valid_prediction_time import ValidPredictionTime
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import Prepared, prepare

SMALL = {"units": 60, "ridge": 1e-8, "washout": 20}


def logistic(sites: int, samples: int, seed: int = 0) -> np.ndarray:
    """Return (T, N): uncoupled logistic maps 3.9 x (1 - x), shifted to mean about 0."""
    states = [np.random.default_rng(seed).uniform(0.2, 0.8, sites)]
    for _ in range(samples - 1):
        states.append(3.9 * states[-1] * (1.0 - states[-1]))
    return (np.array(states) - 0.5) / 0.3


def test_uncoupled_sites_are_forecast_as_by_separate_networks() -> None:
    series = logistic(4, 300)
    options = {**SMALL, "squares": True, "noise": 0.0, "degree": 3.0, "leak": 1.0, "bias": 1.0}
    apart = ParallelReservoir(group=1, overlap=0, input_scale=0.5, **options)
    apart.fit(Training([series], 1.0, geometry=Geometry(1, (4,), homogeneous=False)), seed=3)
    together = ParallelReservoir(group=1, overlap=0, input_scale=0.5, **options)
    together.fit(Training([series], 1.0, geometry=Geometry(1, (4,))), seed=3)
    forecasts = [model.forecast(series[None, :60], 15)[0, 0] for model in (apart, together)]
    one = EchoStateNetwork(input_scale=0.5, **options)
    for site in range(4):
        one.fit(Training([series[:, [site]]], 1.0), seed=3)
        np.testing.assert_allclose(forecasts[0][:, site], one.forecast(series[None, :60, [site]], 15)[0, 0, :, 0], rtol=0, atol=1e-13)
    one.fit(Training([series[:, [site]] for site in range(4)], 1.0), seed=3)  # one readout for all sites sees them as four trajectories
    for site in range(4):
        # rows come in another order, and rounding of 1e-13 in the readout grows by e^0.5 a step
        np.testing.assert_allclose(forecasts[1][:, site], one.forecast(series[None, :60, [site]], 15)[0, 0, :, 0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("group", "shift"), [(1, 5), (4, 8)])
def test_moving_the_context_moves_the_forecast(group: int, shift: int) -> None:
    random = np.random.default_rng(2)
    series = random.normal(size=(200, 2 * 12))
    model = ParallelReservoir(group=group, overlap=2, **SMALL)
    model.fit(Training([series], 1.0, geometry=Geometry(2, (12,))), seed=0)
    forecast = model.forecast(series[None, :50], 20)[0, 0].reshape(20, 2, 12)
    moved = np.roll(series[:50].reshape(50, 2, 12), shift, axis=2).reshape(1, 50, 24)
    np.testing.assert_array_equal(model.forecast(moved, 20)[0, 0].reshape(20, 2, 12), np.roll(forecast, shift, axis=2))


@pytest.mark.parametrize("homogeneous", [True, False])
@pytest.mark.parametrize("options", [{"squares": True, "increments": True}, {"squares": False, "increments": False}])
def test_tangents_are_the_derivative_of_a_step(homogeneous: bool, options: dict[str, bool]) -> None:
    random = np.random.default_rng(3)
    model = ParallelReservoir(group=2, overlap=1, **SMALL, **options)
    model.fit(Training([random.normal(size=(300, 8))], 1.0, geometry=Geometry(1, (8,), periodic=homogeneous, homogeneous=homogeneous)), seed=0)
    loop = model.as_map()
    state, along = loop.start(random.normal(size=(30, 8))), random.normal(size=(2, loop.dimension))
    step = 1e-5
    differences = [
        (loop.step_tangents(state + step * one, along[:0])[0] - loop.step_tangents(state - step * one, along[:0])[0]) / (2 * step) for one in along
    ]
    np.testing.assert_allclose(loop.step_tangents(state, along)[1], differences, rtol=1e-7, atol=1e-8)


def test_components_without_places_are_refused() -> None:
    assert "without places" in (ParallelReservoir().unsupported(Problem(8, 1.0, context=50, horizon=5, training_samples=500)) or "")
    with pytest.raises(ForecasterError, match=r"training\.geometry is None"):
        ParallelReservoir(**SMALL).fit(Training([np.zeros((100, 8))], 1.0), seed=0)
    with pytest.raises(ForecasterError, match=r"training.geometry has 6 components, the data 8"):
        ParallelReservoir(**SMALL).fit(Training([np.ones((100, 8))], 1.0, geometry=Geometry(1, (6,))), seed=0)
    with pytest.raises(ForecasterError, match=r"group = 0: must be a positive integer"):
        ParallelReservoir(group=0)


def lattice_task(system: str, training_samples: int, windows: int = 40) -> Prepared:
    spec = TaskSpec(
        system,
        training_samples=training_samples,
        context=100,
        horizon=8.0,
        windows=40,
        climate_runs=0,
        samples_per_period=30,
        validation_samples=1250,
    )
    return prepare(spec, Suite("own", 1, 0, ("valid_prediction_time",), (spec,)))


def median_time(prepared: Prepared, forecaster: Persistence | EchoStateNetwork | ParallelReservoir) -> float:
    forecaster.fit(prepared.training, seed=0)
    truth = prepared.truth_windows()
    answer = Answer(forecaster.forecast(prepared.contexts, truth.shape[1]), np.full(len(truth), truth.shape[1]))
    return float(np.median(ValidPredictionTime().score(answer, truth, prepared.scales)))


def test_forty_coupled_cells_are_followed_where_one_network_fails() -> None:
    """A small one, for speed: 200 units on 1 000 samples."""
    prepared = lattice_task("lorenz96", 1000, windows=20)
    parallel = median_time(prepared, ParallelReservoir(units=200, ridge=1e-4))
    assert parallel > 1.0
    assert parallel > 8 * median_time(prepared, EchoStateNetwork(ridge=1e-4))
    assert parallel > 8 * median_time(prepared, Persistence())


@pytest.mark.slow
@pytest.mark.parametrize(("system", "least", "margin"), [("lorenz96", 2.5, 10.0), ("kuramoto_sivashinsky", 1.5, 1.5)])
def test_the_defaults_go_further_than_one_network(system: str, least: float, margin: float) -> None:
    prepared = lattice_task(system, 5000)
    parallel = median_time(prepared, ParallelReservoir())
    assert parallel > least
    assert parallel > margin * median_time(prepared, EchoStateNetwork())
    assert parallel > 5 * median_time(prepared, Persistence())
