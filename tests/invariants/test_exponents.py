"""Lyapunov exponents of systems: exact values, literature, conservation laws, and what an Estimate says about itself."""

import math

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import InvariantError
from chaosbench.invariants._plans import Options
from chaosbench.invariants.base import Estimate

BOX = {"box": [[0.05, 0.95]]}


def one_dimensional(text: str, **parameters: float) -> CompiledSystem:
    return compile_system(system_from({"x": text}, parameters=parameters, kind="maps", initial=BOX))


def measure(invariant: str, subject: CompiledSystem, seed: int = 0, **settings: object) -> Estimate:
    return load("invariants", invariant)(options=Options(**settings.pop("options", {}))).estimate(subject, seed=seed, **settings)  # type: ignore[arg-type]


def accepted(estimate: Estimate, reference: object, tolerance: float) -> bool:
    """The acceptance rule: |estimate - reference| <= max(tolerance, 4 standard errors) and standard error <= tolerance."""
    error = np.atleast_1d(estimate.standard_error)
    distance = np.abs(np.atleast_1d(estimate.value) - np.atleast_1d(reference))
    return bool((distance <= np.maximum(tolerance, 4 * error)).all() and (error <= tolerance).all())


@pytest.mark.parametrize(
    ("text", "parameters", "exact"),
    [
        ("4*x*(1 - x)", {}, np.log(2)),  # logistic map at r = 4
        ("where(x < 1/2, m*x, m*(1 - x))", {"m": 1.9}, np.log(1.9)),  # tent
        ("b*x - floor(b*x)", {"b": 1.7}, np.log(1.7)),  # beta shift
    ],
)
def test_one_dimensional_maps_of_known_exponent(text: str, parameters: dict[str, float], exact: float) -> None:
    found = measure("largest_exponent", one_dimensional(text, **parameters), target_error=5e-4)
    assert found.status == "converged"
    assert accepted(found, exact, 5e-4)


def test_a_map_of_constant_slope_has_no_error_at_all() -> None:
    found = measure("lyapunov_spectrum", one_dimensional("b*x - floor(b*x)", b=1.7), duration=3200)
    assert found.value == pytest.approx([np.log(1.7)], abs=1e-14)
    assert found.standard_error == pytest.approx([0.0], abs=1e-14)


def test_kaplan_and_yorkes_map_has_the_dimension_they_proved() -> None:
    # x' = 2x mod 1 (with slope 1.999999 so that doubles do not run out), y' = 0.2 y + cos 4 pi x: exponents ln 2, ln 0.2; D = 1 + ln 2/ln 5
    skew = compile_system(
        system_from(
            {"x": "b*x - floor(b*x)", "y": "a*y + cos(4*pi*x)"}, parameters={"a": 0.2, "b": 1.999999}, kind="maps", initial={"box": [[0.0, 1.0]] * 2}
        )
    )
    spectrum = measure("lyapunov_spectrum", skew, duration=32_000)
    assert spectrum.value.sum() == pytest.approx(np.log(1.999999) + np.log(0.2), abs=1e-12)
    assert spectrum.value == pytest.approx([np.log(1.999999), np.log(0.2)], abs=3e-4)  # the first vector's tilt: a few nats over 1000 iterations
    dimension = measure("kaplan_yorke_dimension", skew, duration=32_000)
    assert dimension.value == pytest.approx(1 + np.log(2) / np.log(5), abs=3e-4)


def test_a_lattice_of_coupled_shifts_has_its_fourier_spectrum() -> None:
    # slope mu everywhere, diffusive coupling: exponents ln mu + ln|1 - eps + eps cos(2 pi k/N)|
    n, mu, eps = 12, 1.5, 0.3
    cell = "(mu*{0} - floor(mu*{0}))"
    text = f"(1 - eps)*{cell.format('x[i]')} + eps/2*({cell.format('x[i-1]')} + {cell.format('x[i+1]')})"
    lattice = compile_system(
        system_from({"x[i]": text}, parameters={"mu": mu, "eps": eps}, kind="maps", size={"N": n}, initial={"box": [[0.0, 1.0]]})
    )
    found = measure("lyapunov_spectrum", lattice, duration=32_000)
    modes = np.log(mu) + np.log(np.abs(1 - eps + eps * np.cos(2 * np.pi * np.arange(n) / n)))
    assert found.value == pytest.approx(np.sort(modes)[::-1], abs=1e-3)


def test_a_contraction_in_bursts_is_not_lost_in_rounding() -> None:
    # u follows 1 at the rate 400 ((1 + cos t)/2)^32, whose mean is 400 C(64, 32)/2^64; within a mean interval a burst contracts by e^-40
    bursts = system_from(
        {"u": "400*((1 + cos(t))/2)**16*((1 + cos(t))/2)**16*(1 - u)", "y": "-y"},
        forcing_period="2*pi",
        initial={"centre": [0.5, 0.5], "spread": 0.1},
    )
    found = measure("lyapunov_spectrum", compile_system(bursts), duration=20_000)
    assert found.value == pytest.approx([0.0, -1.0, -400 * math.comb(64, 32) / 2**64], rel=2e-3, abs=1e-6)


def test_exponents_far_beyond_the_dimension_are_left_out_where_they_alone_cost() -> None:
    # a ring with waves as in Lorenz 1996 and a viscosity that grows with the cell: the last exponents are near -300
    damped = system_from(
        {"x[i]": "(x[i+1] - x[i-2])*x[i-1] - (1 + nu[i])*x[i] + F"},
        parameters={"F": 8.0, "nu": {"formula": "max(0, i - 13)*100", "shape": "N"}},
        size={"N": 17},
        initial={"centre": [8.0], "spread": 1.0},
    )
    found = measure("lyapunov_spectrum", compile_system(damped), duration=1_000)
    whole = measure("lyapunov_spectrum", compile_system(damped), duration=1_000, options={"n_exponents": 17})
    assert 4 < len(found.value) < 17
    assert found.value.sum() < 0
    assert whole.value[-1] < -250
    assert found.value == pytest.approx(
        whole.value[: len(found.value)], abs=4 * float(np.hypot(found.standard_error, whole.standard_error[: len(found.value)]).max())
    )


def test_henon_agrees_with_the_literature_and_its_sum_is_exact() -> None:
    found = measure("lyapunov_spectrum", compile_system(system("henon")), target_error=4e-4)
    assert accepted(found, [0.41922, -1.62319], 5e-4)
    assert found.value.sum() == pytest.approx(np.log(0.3), abs=1e-10)


def test_lorenz_1963_agrees_with_the_literature_and_its_sum_with_the_divergence() -> None:
    found = measure("lyapunov_spectrum", compile_system(system("lorenz63")), target_error=0.002)
    assert found.status == "converged"
    assert accepted(found, [0.9056, 0.0, -14.5723], 0.002)
    assert found.value.sum() == pytest.approx(-41 / 3, abs=1e-5)


def test_the_tolerance_follows_the_target_and_is_told() -> None:
    # a bias of 2 % of rtol times the largest rate, 14.57, must be below a tenth of the target
    lorenz = compile_system(system("lorenz63"))
    tolerances = [
        measure("lyapunov_spectrum", lorenz, target_error=target, options={"work_limit": 1e7}).settings["rtol"] for target in (1e-2, 1e-8, 3e-9)
    ]
    assert tolerances[0] == 1e-8  # the loosest
    assert tolerances[1] == pytest.approx(0.1 * 1e-8 / (0.02 * 14.57), rel=0.15)
    assert tolerances[2] == pytest.approx(0.1 * 3e-9 / (0.02 * 14.57), rel=0.15)
    given = measure("lyapunov_spectrum", lorenz, target_error=1e-2, options={"rtol": 1e-7}).settings["rtol"]
    conserved = measure("lyapunov_spectrum", compile_system(system("henon_heiles")), target_error=0.05).settings["rtol"]
    assert (given, conserved) == (1e-7, 1e-10)


def test_a_run_to_a_target_is_repeated_by_its_settings() -> None:
    lorenz = compile_system(system("lorenz63"))
    first = measure("lyapunov_spectrum", lorenz, seed=3, target_error=0.02)
    again = measure("lyapunov_spectrum", lorenz, seed=3, duration=first.settings["duration"], options={"rtol": first.settings["rtol"]})
    assert again.settings["steps_between_orthonormalisations"] == first.settings["steps_between_orthonormalisations"]
    assert again.value == pytest.approx(first.value, rel=1e-9)


def test_the_largest_exponent_alone_agrees_with_the_spectrum() -> None:
    lorenz = compile_system(system("lorenz63"))
    one = measure("largest_exponent", lorenz, target_error=0.004)
    all_of_them = measure("lyapunov_spectrum", lorenz, seed=1, target_error=0.004)
    error = np.hypot(one.standard_error, all_of_them.standard_error[0])
    assert abs(one.value - all_of_them.value[0]) <= 3 * error


def test_a_hamiltonian_system_has_paired_exponents() -> None:
    found = measure("lyapunov_spectrum", compile_system(system("henon_heiles")), duration=20_000)
    assert np.abs(found.value + found.value[::-1]).max() < 1e-8
    assert found.value[0] > 3 * found.standard_error[0]


def test_mackey_and_glass_at_delay_30_have_farmers_dimension() -> None:
    subject = compile_system(system("mackey_glass", {"tau": 30.0}))
    found = measure("kaplan_yorke_dimension", subject, target_error=0.02, options={"steps_per_lag": 32})
    assert accepted(found, 3.58, 0.06)


@pytest.mark.slow
def test_the_dimension_of_a_delay_system_does_not_depend_on_the_discretisation() -> None:
    subject = compile_system(system("mackey_glass", {"tau": 30.0}))
    found = [
        measure("kaplan_yorke_dimension", subject, seed=seed, target_error=0.006, options={"steps_per_lag": steps})
        for seed, steps in enumerate((24, 32, 64, 128))
    ]
    values, errors = (np.array([getattr(one, name) for one in found]) for name in ("value", "standard_error"))
    assert np.abs(values - values.mean()).max() <= 4 * errors.max()
    assert accepted(found[2], 3.58, 0.06)


@pytest.mark.slow
def test_lorenz_1996_has_thirteen_positive_exponents() -> None:
    found = measure("lyapunov_spectrum", compile_system(system("lorenz96", {"N": 40, "F": 8.0})), target_error=0.01)
    assert found.value[0] == pytest.approx(1.688, abs=0.015 + 4 * found.standard_error[0])
    assert found.standard_error[0] <= 0.015
    assert np.count_nonzero(found.value > 3 * found.standard_error) == 13
    assert abs(found.value[13]) <= 4 * found.standard_error[13]
    assert found.value.sum() == pytest.approx(-40.0, abs=1e-4)


def test_enough_exponents_are_found_for_a_delay_system_to_pass_its_dimension() -> None:
    found = measure("lyapunov_spectrum", compile_system(system("mackey_glass", {"tau": 30.0})), duration=40_000)
    assert found.value.sum() < 0
    assert len(found.value) >= 5


def test_settings_are_enough_to_compute_the_value_again() -> None:
    henon = compile_system(system("henon"))
    first = measure("lyapunov_spectrum", henon, seed=3, target_error=0.003)
    again = measure("lyapunov_spectrum", henon, seed=first.settings["seed"], duration=first.settings["duration"])
    assert again.settings["records"] * again.settings["intervals_per_record"] == first.settings["records"] * first.settings["intervals_per_record"]
    assert again.value == pytest.approx(first.value, rel=1e-12)


def test_a_target_that_the_work_limit_forbids_is_reported_as_short() -> None:
    found = measure("lyapunov_spectrum", compile_system(system("lorenz63")), target_error=1e-5, options={"work_limit": 1e8})
    assert found.status == "short"
    assert "work limit" in found.reason
    assert np.isfinite(found.value).all()


def test_several_attractors_are_reported() -> None:
    # x' = -x (x^2 - 1) beside a chaotic y: two wells; the exponent along x differs by well when the wells do
    wells = compile_system(
        system_from({"x": "where(x > 0, 0.9*x + 0.1, 0.5*x - 0.5)", "y": "4*y*(1 - y)"}, kind="maps", initial={"box": [[-1.0, 1.0], [0.1, 0.9]]})
    )
    found = measure("lyapunov_spectrum", wells, duration=64_000)
    assert found.status == "non_stationary"
    assert "orbits disagree" in found.reason


def test_orbits_that_escape_are_reported() -> None:
    # logistic map beyond r = 4: chaos that leaks to infinity
    leaking = one_dimensional("r*x*(1 - x)", r=4.001)
    found = measure("largest_exponent", leaking, duration=64_000, options={"transient": 0.0})
    assert found.status == "escaped"
    assert "orbits" in found.reason


@pytest.mark.parametrize("settings", [{}, {"target_error": 0.1, "duration": 10.0}, {"target_error": -1.0}, {"duration": np.inf}, {"duration": 1.0}])
def test_exactly_one_sensible_goal_is_asked_for(settings: dict[str, float]) -> None:
    with pytest.raises(InvariantError):
        measure("largest_exponent", compile_system(system("henon")), **settings)


def test_a_system_is_needed() -> None:
    with pytest.raises(InvariantError, match="compile_system"):
        load("invariants", "lyapunov_spectrum")().estimate(np.zeros((1, 10, 2)), seed=0, duration=10.0)
