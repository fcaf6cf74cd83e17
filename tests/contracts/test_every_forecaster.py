"""The contract of forecasters/base.py, checked on every forecaster that the catalogue finds."""

import inspect
from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.errors import ForecasterError, NotInstalledError
from chaosbench.forecasters.base import Budget, Forecaster, Job, Problem, Training
from chaosbench.geometry import Geometry

NAMES = names("forecasters")
TRAINING_LENGTH = {"updates", "epochs"}  # options that only say how long a training loop runs: shortened here, nothing is scored
DT = 0.05
CHAIN = Geometry(1, (3,), homogeneous=False)  # for those that ask where the three components lie
_fits: dict[tuple[str, int], Forecaster] = {}


def oscillators(n: int, samples: int, seed: int) -> np.ndarray:
    """Return (n, samples, 3): a stable spiral driven by a slow wave, standardised closely enough for a contract."""
    random = np.random.default_rng(seed)
    phase, amplitude = random.uniform(0, 2 * np.pi, (2, n, 1)), random.uniform(0.8, 1.2, (n, 1))
    t = np.arange(samples) * DT
    return np.stack([amplitude * np.sin(2 * t + phase[0]), amplitude * np.cos(2 * t + phase[0]), 1.4 * np.sin(0.7 * t + phase[1])], axis=2)


SERIES = list(oscillators(2, 160, seed=1))
CONTEXTS = oscillators(8, 40, seed=2)


def training(series: list[np.ndarray], dt: float = DT) -> Training:
    return Training([states.copy() for states in series], dt, validation=Training(list(oscillators(1, 120, seed=3)), dt), geometry=CHAIN)


def shortened(kind: type[Forecaster]) -> dict[str, int]:
    return {option: 5 for option in inspect.signature(kind).parameters if option in TRAINING_LENGTH}


def made(name: str) -> Forecaster:
    """Return the forecaster with its defaults, training loops cut short; skip where its library is missing."""
    try:
        kind: type[Forecaster] = load("forecasters", name)
    except NotInstalledError as reason:
        pytest.skip(str(reason))
    return kind(**shortened(kind))


def fitted(name: str, seed: int = 0) -> Forecaster:
    """Return one forecaster of this name fitted to SERIES, shared by the tests that do not fit again."""
    if (name, seed) not in _fits:
        forecaster = made(name)
        forecaster.fit(training(SERIES), seed=seed, device="cpu", budget=Budget())
        _fits[name, seed] = forecaster
    return _fits[name, seed]


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    kind = type(made(name))
    assert kind.rollout in ("recurrent", "windowed", "direct")
    assert isinstance(kind.probabilistic, bool)
    assert isinstance(kind.deterministic, bool)
    assert len(kind.source) > 10
    documentation = (kind.__doc__ or "").lower()
    for word in ("method", "cost", "fail"):
        assert word in documentation, f"the docstring of {kind.__name__} does not speak of its {word}"


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_a_keyword_with_a_default(name: str) -> None:
    for option in inspect.signature(type(made(name))).parameters.values():
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", NAMES)
def test_a_forecast_has_four_axes_and_float64(name: str) -> None:
    forecast = fitted(name).forecast(CONTEXTS, 7, n_samples=2, seed=3)
    assert forecast.shape == (8, 2, 7, 3)
    assert forecast.dtype == np.float64
    assert fitted(name).forecast(CONTEXTS[:1], 1).shape == (1, 1, 1, 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_answers_as_its_windows_one_by_one(name: str) -> None:
    forecaster = fitted(name)
    together = forecaster.forecast(CONTEXTS, 60, n_samples=2, seed=3)
    for window in range(8):
        np.testing.assert_array_equal(forecaster.forecast(CONTEXTS[window : window + 1], 60, n_samples=2, seed=3)[0], together[window])
    np.testing.assert_array_equal(forecaster.forecast(CONTEXTS[::-1], 60, n_samples=2, seed=3)[::-1], together)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_again_forgets_and_changes_nothing_handed_in(name: str) -> None:
    again = made(name)
    again.fit(Training(list(oscillators(1, 120, seed=9)), DT, geometry=CHAIN), seed=4)
    data, context = training(SERIES), CONTEXTS.copy()
    again.fit(data, seed=0)
    np.testing.assert_array_equal(again.forecast(context, 20), fitted(name).forecast(CONTEXTS, 20))
    np.testing.assert_array_equal(context, CONTEXTS)
    for states, original in zip(data.states, SERIES, strict=True):
        np.testing.assert_array_equal(states, original)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_of_the_fit_matters_exactly_when_declared(name: str) -> None:
    same = np.array_equal(fitted(name, seed=1).forecast(CONTEXTS, 20), fitted(name).forecast(CONTEXTS, 20))
    assert same is type(fitted(name)).deterministic


@pytest.mark.parametrize("name", NAMES)
def test_samples_differ_exactly_when_declared(name: str) -> None:
    forecaster = fitted(name)
    samples = forecaster.forecast(CONTEXTS, 10, n_samples=3, seed=5)
    assert (not np.array_equal(samples[:, 0], samples[:, 1])) is type(forecaster).probabilistic
    np.testing.assert_array_equal(forecaster.forecast(CONTEXTS, 10, n_samples=3, seed=5), samples)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_many_equals_fitting_each(name: str) -> None:
    kind = type(made(name))
    many = kind.fit_many([Job(shortened(kind), training(SERIES), seed, "cpu", Budget()) for seed in (0, 1)])
    assert len(many) == 2
    for seed in (0, 1):
        np.testing.assert_array_equal(many[seed].forecast(CONTEXTS, 20), fitted(name, seed).forecast(CONTEXTS, 20))


@pytest.mark.parametrize("name", NAMES)
def test_overflow_is_returned_and_nothing_is_raised_or_warned(name: str) -> None:
    forecast = fitted(name).forecast(1e150 * CONTEXTS[:2], 30)
    assert forecast.shape == (2, 1, 30, 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "arguments", [{"horizon": 0}, {"n_samples": 0}, {"context": CONTEXTS[0]}, {"context": np.full((2, 40, 3), np.nan)}], ids=["h", "n", "2d", "nan"]
)
def test_misuse_is_refused(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ForecasterError):
        fitted(name).forecast(**({"context": CONTEXTS, "horizon": 5} | arguments))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("samples", "context"), [(1, 1), (2, 1), (5, 3), (30, 10)])
def test_a_problem_is_either_refused_with_a_reason_or_solved(name: str, samples: int, context: int) -> None:
    forecaster = made(name)
    reason = forecaster.unsupported(Problem(dimension=3, dt=DT, context=context, horizon=4, training_samples=samples, geometry=CHAIN))
    if reason is not None:
        assert len(reason) > 10
        return
    forecaster.fit(Training([SERIES[0][:samples]], DT, geometry=CHAIN), seed=0)
    assert forecaster.forecast(CONTEXTS[:, :context], 4).shape == (8, 1, 4, 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_map_repeats_the_forecast(name: str) -> None:
    forecaster = fitted(name)
    model = forecaster.as_map()
    if model is None:
        pytest.skip(f"{name} offers no map")
    assert model.dt == DT
    state = model.start(CONTEXTS[0])
    assert state.shape == (model.dimension,)
    run = []
    for _ in range(15):
        state, carried = model.step_tangents(state, np.empty((0, model.dimension)))
        assert carried.shape == (0, model.dimension)
        run.append(model.observe(state))
    np.testing.assert_allclose(run, forecaster.forecast(CONTEXTS[:1], 15)[0, 0], rtol=1e-9, atol=1e-12)  # two orders of summation at most


@pytest.mark.parametrize("name", NAMES)
def test_the_tangents_of_the_map_are_its_derivative(name: str) -> None:
    model = fitted(name).as_map()
    if model is None:
        pytest.skip(f"{name} offers no map")
    state, directions = model.start(CONTEXTS[1]), np.random.default_rng(6).normal(size=(3, model.dimension))

    def after(point: np.ndarray) -> np.ndarray:
        return model.step_tangents(point, np.empty((0, model.dimension)))[0]

    step = 1e-5
    differences = np.stack([(after(state + step * along) - after(state - step * along)) / (2 * step) for along in directions])
    following, tangents = model.step_tangents(state, directions)
    np.testing.assert_array_equal(following, after(state))
    np.testing.assert_allclose(tangents, differences, rtol=1e-5, atol=1e-6 * np.abs(differences).max())
