"""Trust horizons: below the true ones as often as claimed, for every way of finding them."""

import json

import mpmath
import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.certificate import THRESHOLD, Certificate, certify
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import DatasetError
from chaosbench.integrators.base import InitialState
from chaosbench.requests import Request, checked_request
from chaosbench.settling import settle
from chaosbench.trajectories import simulate

REFERENCE = next(name for name in names("integrators") if load("integrators", name).reference)


class Run:
    """A solved request with what its certificate needs."""

    def __init__(self, definition: SystemDefinition, starts: int, samples: int, dt: float | None, rtol: float, **options) -> None:
        self.request: Request = checked_request(
            definition, starts, samples, 0, dt, options.get("transient"), None, options.get("integrator"), rtol, rtol * 1e-2, 0
        )
        self.initial, _ = settle(self.request, 0, "trust", 0, None)
        self.times = self.request.dt * np.arange(samples)
        self.states = self.solution(self.request.integrator, rtol, 1e-2 * rtol)

    def solution(self, method, rtol: float, atol: float) -> np.ndarray:
        return method.solve(self.request.system, self.initial, self.times, parameters=self.request.rows, rtol=rtol, atol=atol).states

    def certificate(self, rule: str | None = None) -> Certificate:
        return certify(self.request, self.initial, self.times, self.states, rule=rule)

    def true_horizons(self, exact: np.ndarray) -> np.ndarray:
        deviation = np.std(self.states, axis=1, keepdims=True)
        apart = ~(np.abs(self.states - exact) <= THRESHOLD * deviation).all(axis=2)
        return np.where(apart.any(axis=1), self.times[np.maximum(np.argmax(apart, axis=1) - 1, 0)], self.times[-1])


@pytest.fixture(scope="module")
def lorenz() -> Run:
    """A hundred starts at 1e-9, right for some 21 time units of 30."""
    return Run(system("lorenz63"), 100, 1500, 0.02, 1e-9)


@pytest.fixture(scope="module")
def true(lorenz: Run) -> np.ndarray:
    return lorenz.true_horizons(lorenz.solution(load("integrators", REFERENCE)(), 1e-28, 1e-30))


def test_horizons_by_thirty_digits_are_never_too_long_and_seldom_much_too_short(lorenz: Run, true: np.ndarray) -> None:
    certificate = lorenz.certificate()
    assert (certificate.rule, certificate.integrator) == ("reference", REFERENCE)
    assert (certificate.horizon <= true).all()
    assert np.median(certificate.horizon / true) > 0.95
    assert true.max() < lorenz.times[-1]


def test_horizons_by_a_second_method_are_below_the_true_ones_in_ninety_five_per_cent(lorenz: Run, true: np.ndarray) -> None:
    certificate = lorenz.certificate("second method")
    assert certificate.rule == "second method"
    assert not load("integrators", certificate.integrator).reference
    assert np.mean(certificate.horizon <= true) >= 0.95
    assert np.median(certificate.horizon / true) > 0.6


def test_a_difference_of_two_errors_seldom_hides_ten_times_its_size() -> None:
    """P(|a1 - a2| < c |a1|) <= c / pi for independent normal errors of any two deviations: the rule's derivation, by a million draws each."""
    a, b = np.random.default_rng(0).standard_normal((2, 1_000_000))
    shares = [np.mean(np.abs(a - ratio * b) < 0.1 * np.abs(a)) for ratio in (0.01, 0.3, 0.9, 1.0, 1.1, 3.0, 100.0)]
    assert max(shares) == pytest.approx(0.1 / np.pi, rel=0.03)


@pytest.mark.parametrize(("name", "dt", "samples"), [("rossler", 0.5, 1000), ("henon_heiles", 2.0, 500), ("chua", 0.1, 1200)])
def test_other_flows_keep_the_promise(name: str, dt: float, samples: int) -> None:
    run = Run(system(name), 40, samples, dt, 1e-9)
    true = run.true_horizons(run.solution(load("integrators", REFERENCE)(), 1e-28, 1e-30))
    assert (run.certificate().horizon <= true).all()
    assert np.mean(run.certificate("second method").horizon <= true) >= 0.95


def test_a_map_in_doubles_is_trusted_as_long_as_its_orbit_is_the_true_one() -> None:
    """x -> 4x(1 - x) from sin(a)^2 is sin(2^n a)^2: the exact solution, with 100 digits."""
    run = Run(system_from({"x": "4*x*(1 - x)"}, kind="maps", initial={"box": [[0.1, 0.9]]}, name="parabola"), 50, 80, None, 1e-9, transient=0.0)
    with mpmath.workdps(100):
        angles = [mpmath.asin(mpmath.sqrt(mpmath.mpf(float(x)))) for x in run.initial.states[:, 0]]
        exact = np.array([[[float(mpmath.sin(2**n * angle) ** 2)] for n in range(80)] for angle in angles])
    true, certificate = run.true_horizons(exact), run.certificate()
    assert certificate.rule == "reference"
    assert (certificate.horizon <= true).all()
    assert np.median(true - certificate.horizon) <= 2
    assert true.max() < 60  # a double holds 52 doublings


def test_a_reference_run_is_certified_by_another_of_its_kind(lorenz: Run) -> None:
    run = Run(system("lorenz63"), 40, 1500, 0.02, 1e-12, integrator=REFERENCE)
    certificate = run.certificate()
    assert (certificate.rule, certificate.integrator) == ("second run", REFERENCE)
    true = run.true_horizons(run.solution(load("integrators", REFERENCE)(), 1e-28, 1e-30))
    assert np.mean(certificate.horizon <= true) >= 0.95


def test_an_iteration_with_thirty_digits_is_believed_twice_as_long_but_not_for_ever() -> None:
    options = {"n_trajectories": 3, "n_samples": 400, "seed": 0, "certify": True}
    double, long = (simulate(system("henon"), integrator=name, **options)["trust_horizon"].values for name in (None, REFERENCE))
    assert (long > 1.6 * double).all()
    assert (long < 250).all()


def test_thirty_digits_carry_lorenz_beyond_forty_lyapunov_times() -> None:
    options = {"n_trajectories": 4, "n_samples": 3500, "seed": 0, "dt": 0.02, "certify": True}
    extended = simulate(system("lorenz63"), integrator=REFERENCE, **options)
    usual = simulate(system("lorenz63"), **options)
    assert (extended["trust_horizon"].values * 0.9056 > 40.0).all()
    np.testing.assert_array_equal(extended["initial"].values, usual["initial"].values)  # the same truth, known better
    for lane, horizon in enumerate(usual["trust_horizon"].values):
        believed = usual["time"].values <= horizon
        gap = np.abs(usual["state"].values - extended["state"].values)[lane, believed] / usual["state"].values[lane].std(axis=0)
        assert gap.max() <= THRESHOLD


def test_the_dataset_says_how_its_horizons_were_found() -> None:
    options = {"n_trajectories": 1, "n_samples": 20, "seed": 0}
    found = [json.loads(simulate(system("henon"), certify=certified, **options).attrs["chaosbench"])["certificate"] for certified in (False, True)]
    assert found == [None, {"integrator": REFERENCE, "rule": "reference", "threshold": 0.01, "ends_at": 0.005}]
    delayed = json.loads(simulate(system("mackey_glass"), certify=True, **options).attrs["chaosbench"])["certificate"]
    assert (delayed["rule"], delayed["ends_at"]) == ("second method", 0.001)


def test_delays_are_certified_by_a_second_method() -> None:
    run = Run(system("mackey_glass"), 10, 800, 3.0, 1e-6, transient=0.0)
    exact = run.solution(run.request.integrator, 1e-12, 1e-14)
    true, certificate = run.true_horizons(exact), run.certificate()
    assert certificate.rule == "second method"
    assert np.mean(certificate.horizon <= true) >= 0.9
    assert certificate.horizon.min() > 100.0
    assert true.max() < run.times[-1]


def test_what_is_not_chaotic_is_trusted_throughout() -> None:
    still = system_from({"x": "v", "v": "-x", "c": "0*c"}, initial={"centre": [1.0, 0.0, 1.1], "spread": 0.0}, name="still")
    for rule in ("reference", "second method"):
        run = Run(still, 2, 500, 0.5, 1e-12, transient=0.0)
        assert run.certificate(rule).horizon.tolist() == [run.times[-1]] * 2


def test_an_angle_that_turns_counts_as_spread_over_its_period_at_most() -> None:
    """One that turns 3000 times has, unwrapped, a deviation of 900 turns: by 1 % of that it would never be lost."""
    pushed = system_from(
        {"a": "a + 6 + x", "x": "3.99*x*(1 - x)"},
        kind="maps",
        initial={"points": [[0.0, 0.3]]},
        state={"a": {"meaning": "angle", "period": "2*pi"}, "x": {"meaning": "x"}},
        name="pushed",
    )
    run = Run(pushed, 1, 3000, None, 1e-9, transient=0.0)
    run.states[:, :, 1] = run.solution(load("integrators", REFERENCE)(), 1e-28, 1e-30)[:, :, 1]  # leave the angle alone to decide
    assert 40 <= run.certificate().horizon[0] <= 120


def test_horizons_do_not_depend_on_company(lorenz: Run) -> None:
    alone = certify(
        Request(**{**vars(lorenz.request), "rows": lorenz.request.rows[7:8]}),
        InitialState(lorenz.initial.states[7:8]),
        lorenz.times,
        lorenz.states[7:8],
    )
    assert alone.horizon[0] == lorenz.certificate().horizon[7]


def test_what_is_too_large_for_thirty_digits_gets_a_second_method() -> None:
    crowd = system_from({"x[i]": "sin(i) + 0.01*sum(j, sin(x[j] - x[i]))"}, size={"N": 200}, initial={"box": [[0.0, 6.0]]}, name="crowd")
    run = Run(crowd, 1, 5, 0.01, 1e-9, transient=0.0)
    assert run.certificate().rule == "second method"
    with pytest.raises(DatasetError, match="no integrator allows the rule 'reference' for flows"):
        run.certificate("reference")


def test_a_map_has_no_second_method() -> None:
    run = Run(system("henon"), 1, 5, None, 1e-9)
    with pytest.raises(DatasetError, match="no integrator allows the rule 'second method' for maps by iteration; rules are reference, second method"):
        run.certificate("second method")


@pytest.mark.slow
def test_stated_horizons_are_below_those_by_fifty_digits(oracle) -> None:
    run = Run(system("lorenz63"), 6, 1100, 0.04, 1e-12)
    exact = np.stack([oracle.doubles(oracle.solve(run.request.system, state, run.times)) for state in run.initial.states])
    true = run.true_horizons(exact)
    assert (run.certificate().horizon <= true).all()
    assert true.max() < run.times[-1]
