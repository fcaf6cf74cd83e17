"""Eight trajectories at once against one at a time, bit for bit: every lane, every left-over, every way to end."""

from dataclasses import dataclass

import numpy as np
import pytest

from chaosbench.catalogue import load, system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status

METHODS = {name: load("integrators", name) for name in ("taylor", "dop853", "tsit5")}
FLOWS = sorted(name for name in system_files() if (definition := system(name)).kind == "flows" and definition.size is None)


@pytest.fixture(params=sorted(METHODS))
def method(request: pytest.FixtureRequest) -> Integrator:
    return METHODS[request.param]()


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


@pytest.fixture(scope="module")
def pendulum() -> CompiledSystem:
    return flow({"x": "v", "v": "-k*sin(x) - 0.1*v"}, parameters={"k": 1.0})


@pytest.fixture(scope="module")
def lorenz() -> CompiledSystem:
    return compile_system(system("lorenz63"))


@dataclass(frozen=True)
class Runs:
    """The same trajectories solved together and each alone."""

    together: Solution
    alone: list[Solution]

    def assert_equal(self, count: int | None = None) -> None:
        """Compare states, status, counts and final states of the first `count`."""
        for b, single in enumerate(self.alone[:count]):
            np.testing.assert_array_equal(single.states[0], self.together.states[b], err_msg=f"trajectory {b}")
            np.testing.assert_array_equal(single.final.states[0], self.together.final.states[b])
            found = (self.together.status[b], self.together.evaluations[b], self.together.rejected[b])
            assert found == (single.status[0], single.evaluations[0], single.rejected[0])


def each_alone(method: Integrator, system: CompiledSystem, states, times, parameters=None, **options) -> list[Solution]:
    rows = np.broadcast_to(times, (len(states), np.shape(times)[-1]))
    own = [None] * len(states) if parameters is None else [row[None] for row in parameters]
    return [method.solve(system, InitialState(states[b : b + 1]), rows[b].copy(), parameters=own[b], **options) for b in range(len(states))]


def both(method: Integrator, system: CompiledSystem, states, times, parameters=None, **options) -> Runs:
    states, times = np.array(states, dtype=float), np.array(times, dtype=float)
    together = method.solve(system, InitialState(states), times, parameters=parameters, **options)
    return Runs(together, each_alone(method, system, states, times, parameters, **options))


@pytest.mark.parametrize("name", [name if place % 12 == 0 else pytest.param(name, marks=pytest.mark.slow) for place, name in enumerate(FLOWS)])
def test_lanes_are_single_runs_for_every_flow(method: Integrator, name: str) -> None:
    """A random number of trajectories, random sample times, random tolerances, parameters a little off their values."""
    random = np.random.default_rng(sum(name.encode()))
    compiled = compile_system(system(name))
    count, samples = int(random.integers(2, 20)), int(random.integers(2, 40))
    states = draw_initial(compiled, seed=3, n=count).states
    times = np.cumsum(random.exponential(0.2, size=(count, samples)), axis=1) + random.normal()
    spread = 1.0 + 1e-3 * random.normal(size=(count, compiled.n_parameters))
    tolerance = 10.0 ** random.uniform(-11.0, -5.0)
    both(method, compiled, states, times, compiled.parameter_values * spread, rtol=tolerance, atol=tolerance).assert_equal()


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5, 8, 9, 40])
def test_every_number_of_samples_and_trajectories(method: Integrator, pendulum: CompiledSystem, samples: int) -> None:
    """Samples are written in fours, eights and one by one; lanes are filled again, or stay empty."""
    random = np.random.default_rng(samples)
    states, times = random.normal(size=(100, 2)), np.linspace(0.0, 3.0, samples)
    alone = each_alone(method, pendulum, states, times)
    for count in (*range(2, 21), 100):
        Runs(method.solve(pendulum, InitialState(states[:count]), times), alone).assert_equal(count)


def test_lanes_are_filled_again_as_they_become_free(method: Integrator, pendulum: CompiledSystem) -> None:
    """Trajectories of 0.01 to 100 time units, so that some lanes take many and one takes few."""
    random = np.random.default_rng(7)
    times = random.normal(size=(60, 1)) + np.linspace(0.0, 1.0, 17) * 10.0 ** random.uniform(-2.0, 2.0, size=(60, 1))
    both(method, pendulum, random.normal(size=(60, 2)), times).assert_equal()


@pytest.mark.parametrize("start", [0.0, 1e6, -3e5])
def test_a_thousand_samples_in_one_step_and_none_in_hundreds(method: Integrator, pendulum: CompiledSystem, start: float) -> None:
    states = np.random.default_rng(2).normal(size=(11, 2))
    dense, sparse = np.linspace(0.0, 0.05, 1000), np.array([0.0, 50.0, 100.0])
    both(method, pendulum, states, start + dense).assert_equal()
    both(method, pendulum, states, start + sparse).assert_equal()
    both(method, pendulum, states, start + np.concatenate([dense, sparse[1:], 100.0 + dense[1:]])).assert_equal()


def test_late_samples_are_as_accurate_as_early_ones(method: Integrator, pendulum: CompiledSystem) -> None:
    """At time 2^20 a clock of one number would resolve 1e-10; times that are whole multiples of 2^-9 are exact there."""
    states, times = np.random.default_rng(2).normal(size=(9, 2)), np.arange(3000) / 512.0
    early, late = (method.solve(pendulum, InitialState(states), start + times, rtol=1e-11, atol=1e-11) for start in (0.0, 2.0**20))
    np.testing.assert_allclose(late.states, early.states, atol=1e-9)


def test_lanes_that_fail_do_not_hold_the_others(method: Integrator) -> None:
    """x' = x^2 k: blow-up at 1 / (k x_0), decay, rest; the lanes of those that end early are filled again."""
    pole = flow({"x": "k*x**2"}, parameters={"k": 1.0})
    states = np.array([[1.0], [-1.0], [0.0], [0.5], [-2.0], [4.0], [0.1], [1e-3], [2.0], [-0.3], [1e11], [-1e11], [5e11]])
    runs = both(method, pole, states, np.linspace(0.0, 2.5, 26), np.linspace(0.9, 1.1, 13)[:, None])
    assert runs.together.status.tolist() == [Status.BLOW_UP if x > 0.4 else Status.OK for [x] in states]
    runs.assert_equal()


def test_the_end_of_the_domain_ends_its_lane_alone(method: Integrator) -> None:
    """x' = -k - sqrt(x) reaches 0 and has no real solution beyond; with k < 0 it comes to rest."""
    root = flow({"x": "-k - sqrt(x)"}, parameters={"k": 1.0})
    rates = np.array([[1.0], [-1.0], [0.5], [-0.5], [1.0], [2.0], [-0.1], [-0.2], [1.5], [-2.0]])
    runs = both(method, root, np.ones((10, 1)), np.linspace(0.0, 5.0, 21), rates)
    assert runs.together.status.tolist() == [Status.STEP_UNDERFLOW if k > 0.0 else Status.OK for [k] in rates]
    runs.assert_equal()


def test_a_trajectory_that_leaves_for_ever_shorter_steps_spends_its_budget_alone(method: Integrator) -> None:
    """A spiral that turns with the square of its radius: with k > 0 it leaves, and the steps shrink as it turns faster; the others go on."""
    spiral = flow({"x": "k*x - y*(x*x + y*y)", "y": "k*y + x*(x*x + y*y)"}, parameters={"k": 0.0})
    rates = np.array([[-0.1], [0.4], [-0.2], [-0.3], [0.5], [0.0], [-0.5], [-0.1], [-0.2], [0.0], [0.45]])
    runs = both(method, spiral, np.tile([1.0, 0.0], (11, 1)), np.linspace(0.0, 40.0, 41), rates, max_steps=2000)
    assert runs.together.status.tolist() == [Status.TOO_MANY_STEPS if k > 0.1 else Status.OK for [k] in rates]
    gone = runs.together.status == Status.TOO_MANY_STEPS
    assert np.isfinite(runs.together.states[gone, 2]).all()  # before it left
    assert np.isnan(runs.together.states[gone, -1]).all()
    assert np.isfinite(runs.together.final.states).all()
    runs.assert_equal()


@pytest.mark.parametrize("budget", [1, 2, 3, 17])
def test_a_budget_is_counted_a_trajectory(method: Integrator, lorenz: CompiledSystem, budget: int) -> None:
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(13, 3))
    runs = both(method, lorenz, states, [0.0, 0.001, 0.05, 30.0], max_steps=budget)
    assert (runs.together.status == Status.TOO_MANY_STEPS).all()
    runs.assert_equal()


def test_a_run_in_lanes_can_be_continued(method: Integrator, lorenz: CompiledSystem) -> None:
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(9, 3))
    whole = method.solve(lorenz, InitialState(states), np.array([0.0, 1.0, 2.0]), rtol=1e-11)
    half = method.solve(lorenz, InitialState(states), np.array([0.0, 1.0]), rtol=1e-11)
    rest = method.solve(lorenz, half.final, np.array([1.0, 2.0]), rtol=1e-11)
    np.testing.assert_array_equal(half.states[:, 1], half.final.states)
    np.testing.assert_allclose(rest.states[:, 1], whole.states[:, 2], atol=1e-6)


@pytest.mark.parametrize("name", ["dop853", "tsit5"])
def test_a_large_system_without_cells_has_the_same_bits_in_lanes(name: str) -> None:
    """Fourteen variables: alone their Runge-Kutta stages stand in memory, in lanes they are straight-line code."""
    chain = flow({f"x{k}": f"(x{(k + 1) % 14} - x{(k - 2) % 14})*x{(k - 1) % 14} - x{k} + sin(x{k}) + 8" for k in range(14)})
    assert chain.pair_kernels(METHODS[name].tableau, 8) is not None
    both(METHODS[name](), chain, np.random.default_rng(1).normal(size=(9, 14)), np.linspace(0.0, 2.0, 23)).assert_equal()


def test_rejections_happen_in_lanes(lorenz: CompiledSystem) -> None:
    """What the comparisons above rest on: lanes that repeat their steps while others go on."""
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(16, 3))
    for name in ("dop853", "tsit5"):
        solution = METHODS[name]().solve(lorenz, InitialState(states), np.linspace(0.0, 20.0, 50), rtol=1e-6, atol=1e-6)
        assert (solution.rejected > 5).all()
        assert len(set(solution.rejected.tolist())) > 3


def test_a_buffer_of_an_ensemble_is_filled_and_returned(method: Integrator, pendulum: CompiledSystem) -> None:
    states, times = np.random.default_rng(1).normal(size=(20, 2)), np.linspace(0.0, 3.0, 9)
    out = np.full((20, 9, 2), 7.0)
    solution = method.solve(pendulum, InitialState(states), times, out=out)
    assert solution.states is out
    np.testing.assert_array_equal(out, method.solve(pendulum, InitialState(states), times).states)
