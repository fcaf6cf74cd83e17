"""Systems that are functions: the numbers of the definition's own kernels, orders, speed, and what is refused with which words."""

import ctypes
import pickle
import statistics
import time

import numba
import numpy as np
import pytest
import torch

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.foreign import BatchedSystem, FunctionSystem, JittedSystem
from chaosbench.dynamics.functions import function_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import DefinitionError, IntegrationError
from chaosbench.integrators._request import checked
from chaosbench.integrators.base import InitialState, Integrator, Status
from chaosbench.kernels.tableau import Tableau

LORENZ = {"sigma": 10.0, "rho": 28.0, "beta": 8.0 / 3.0}
METHODS = ("dop853", "tsit5")


@numba.njit
def lorenz(state, parameters, out):
    x, y, z = state
    sigma, rho, beta = parameters
    out[0] = sigma * (y - x)
    out[1] = x * (rho - z) - y
    out[2] = x * y - beta * z


@numba.njit
def returned_lorenz(state, parameters):
    x, y, z = state
    sigma, rho, beta = parameters
    return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])


@numba.njit
def ring(state, parameters, out):
    """Lorenz-96 of any size."""
    n = state.size
    for i in range(n):
        out[i] = (state[(i + 1) % n] - state[i - 2]) * state[i - 1] - state[i] + parameters[0]


@numba.njit
def logistic(state, parameters, out):
    out[0] = parameters[0] * state[0] * (1.0 - state[0])


@numba.njit
def oscillator(state, parameters, out):
    out[0], out[1] = state[1], -state[0]


@pytest.fixture(scope="module")
def own() -> CompiledSystem:
    equations = {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"}
    return compile_system(system_from(equations, parameters=LORENZ))


@pytest.fixture(scope="module", params=[lorenz, returned_lorenz], ids=["fills", "returns"])
def foreign(request: pytest.FixtureRequest) -> FunctionSystem:
    return function_system(request.param, names="xyz", parameters=LORENZ)


def test_it_looks_like_a_compiled_definition(foreign: FunctionSystem, own: CompiledSystem) -> None:
    states = np.random.default_rng(0).normal(size=(5, 3))
    assert isinstance(foreign, JittedSystem)
    assert (foreign.dimension, foreign.components, foreign.n_parameters) == (3, ("x", "y", "z"), 3)
    np.testing.assert_allclose(foreign.value(states), own.value(states), rtol=1e-14)
    rows = np.tile([9.0, 20.0, 2.0], (5, 1))
    np.testing.assert_allclose(foreign.value(states, rows), own.value(states, rows), rtol=1e-14)


@pytest.mark.parametrize("name", METHODS)
def test_the_trajectory_is_that_of_the_definition(foreign: FunctionSystem, own: CompiledSystem, name: str) -> None:
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(9, 3))
    times = np.linspace(0.0, 3.0, 61)
    options = {"rtol": 1e-11, "atol": 1e-11, "parameters": np.tile([10.0, 27.0, 2.5], (9, 1))}
    ours, theirs = (load("integrators", name)().solve(system, InitialState(states), times, **options) for system in (own, foreign))
    assert theirs.status.tolist() == [Status.OK] * 9
    assert np.abs(theirs.states - ours.states).max() < 1e-8  # rounding alone differs: 1e-15 a step, grown by e^(0.9 * 3)
    np.testing.assert_allclose(theirs.evaluations, ours.evaluations, rtol=0.02)


@pytest.mark.parametrize("name", METHODS)
def test_a_function_that_rounds_like_the_tape_gives_its_bits(name: str) -> None:
    """No product meets a sum in x' = v, v' = -x, so nothing can round in two ways."""
    own = compile_system(system_from({"x": "v", "v": "-x"}))
    foreign = function_system(oscillator, names=["x", "v"])
    times = np.linspace(0.0, 20.0, 77)
    ours, theirs = (load("integrators", name)().solve(system, InitialState(np.array([[1.0, 0.5]])), times) for system in (own, foreign))
    np.testing.assert_array_equal(theirs.states, ours.states)
    assert theirs.evaluations.tolist() == ours.evaluations.tolist()


@pytest.mark.parametrize("name", METHODS)
def test_the_step_and_its_dense_output_have_their_orders(name: str) -> None:
    method = load("integrators", name)()
    system, tableau = function_system(oscillator, names=["x", "v"]), method.tableau
    counts = np.array([16, 22, 30]) if tableau.order > 6 else np.array([60, 90, 130])
    errors, inside = [], []
    for count in counts:
        end = 2.0 * np.pi
        request_times = np.array([0.0, end])
        reached = _fixed(method, system, request_times, end / count)[0, -1]
        errors.append(np.abs(reached - [1.0, 0.0]).max())
        places = end / count * np.arange(22) / 21
        states = _fixed(method, system, places, end / count)[0]
        inside.append(np.sqrt(np.mean((states - np.stack([np.cos(places), -np.sin(places)], axis=-1))[1:-1] ** 2)))
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(tableau.order, abs=0.2)
    assert -np.polyfit(np.log(counts), np.log(inside), 1)[0] - 1.0 == pytest.approx(tableau.dense_order, abs=0.2)


def _fixed(method: Integrator, system: FunctionSystem, times: np.ndarray, step: float) -> np.ndarray:
    initial = InitialState(np.array([[1.0, 0.0]]))
    return method._run(checked(method, system, initial, times, None, (1e-9, 1e-12), 10**6, 1, None), initial, times, fixed=step).states


@pytest.mark.parametrize("size", [5, 8, 40])
def test_large_systems_go_through_vectors(size: int) -> None:
    own = compile_system(system_from({"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + F"}, size={"N": size}, parameters={"F": 8.0}))
    foreign = function_system(ring, dimension=size, parameters={"F": 8.0})
    states = np.random.default_rng(2).normal(size=(2, size))
    ours, theirs = (load("integrators", "dop853")().solve(system, InitialState(states), np.linspace(0.0, 2.0, 21)) for system in (own, foreign))
    assert np.abs(theirs.states - ours.states).max() < 1e-8


def test_the_classical_method_takes_functions_with_its_order() -> None:
    system, end = function_system(oscillator, names=["x", "v"]), 2.0 * np.pi
    counts, errors = np.array([40, 60, 90]), []
    for count in counts:
        method = load("integrators", "rk4")(step=end / count)
        solution = method.solve(system, InitialState(np.array([[1.0, 0.0]])), np.array([0.0, end]))
        errors.append(np.abs(solution.states[0, -1] - [1.0, 0.0]).max())
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(4.0, abs=0.2)


NEEDING_EQUATIONS = [name for name in names("integrators") if load("integrators", name).needs_equations]


@pytest.mark.parametrize("name", NEEDING_EQUATIONS)
def test_methods_that_need_equations_refuse_it_with_the_remedy(foreign: FunctionSystem, name: str) -> None:
    method = load("integrators", name)
    if foreign.definition.kind in method.kinds:
        with pytest.raises(DefinitionError, match=r"is the function .*such as dop853 or tsit5.*system_from"):
            method().solve(foreign, InitialState(np.ones((1, 3))), np.arange(2.0))


def test_a_map_is_iterated_bit_for_bit() -> None:
    system = function_system(logistic, names="x", parameters={"r": 4.0}, kind="maps")
    solution = load("integrators", "iteration")().solve(system, InitialState(np.array([[0.3], [0.4]])), np.arange(50.0))
    expected = np.array([0.3, 0.4])
    for k in range(50):
        np.testing.assert_array_equal(solution.states[:, k, 0], expected)
        expected = 4.0 * expected * (1.0 - expected)
    with pytest.raises(IntegrationError, match="solves flows"):
        load("integrators", "dop853")().solve(system, InitialState(np.array([[0.3]])), np.arange(2.0))


def test_a_forced_system_carries_its_phase() -> None:
    """x' = cos(phase), phase' = w: x = sin(w t) / w."""

    @numba.njit
    def forced(state, parameters, out):
        out[0], out[1] = np.cos(state[1]), parameters[0]

    system = function_system(forced, names=["x", "phase"], parameters={"w": 2.0}, periods={"phase": 2.0 * np.pi})
    times = np.linspace(0.0, 9.0, 31)
    solution = load("integrators", "dop853")().solve(system, InitialState(np.zeros((1, 2))), times, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(solution.states[0, :, 0], np.sin(2.0 * times) / 2.0, atol=1e-9)
    assert np.isnan(system.periods[0])
    assert system.periods[1] == 2.0 * np.pi


def test_results_do_not_depend_on_threads(foreign: FunctionSystem) -> None:
    states, times = np.random.default_rng(1).normal(10.0, 3.0, size=(20, 3)), np.linspace(0.0, 3.0, 20)
    one, many = (load("integrators", "dop853")().solve(foreign, InitialState(states), times, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.states, many.states)


def test_it_travels_to_other_processes(foreign: FunctionSystem) -> None:
    again = pickle.loads(pickle.dumps(foreign))
    np.testing.assert_array_equal(again.value(np.ones((1, 3))), foreign.value(np.ones((1, 3))))
    assert again.components == foreign.components


def test_an_evaluation_costs_less_than_three_of_the_definitions_own_kernels(own: CompiledSystem) -> None:
    system = function_system(lorenz, names="xyz", parameters=LORENZ)
    times, method = np.array([0.0, 150.0]), load("integrators", "dop853")()
    seconds: dict[str, list[float]] = {"own": [], "foreign": []}
    for _ in range(6):
        for name, subject in (("own", own), ("foreign", system)):
            start = time.process_time()
            solution = method.solve(subject, InitialState(np.array([[1.0, 2.0, 20.0]])), times, threads=1)
            seconds[name].append((time.process_time() - start) / solution.evaluations[0])
    ratios = [theirs / ours for theirs, ours in zip(seconds["foreign"], seconds["own"], strict=True)]
    assert statistics.median(ratios[1:]) < 3.0  # measured 1.6; the first round compiles


@pytest.mark.parametrize("ask", [lambda s: s.tape, lambda s: s.tangent_tape, lambda s: s.jacobian(np.ones((1, 3))), lambda s: s.kernels(columns=1)])
def test_what_needs_equations_is_refused_with_the_remedy(foreign: FunctionSystem, ask) -> None:
    with pytest.raises(DefinitionError, match=r"right-hand side is the function .*Runge-Kutta.*system_from"):
        ask(foreign)


def test_it_has_no_identity(foreign: FunctionSystem) -> None:
    with pytest.raises(DefinitionError, match="no equations"):
        foreign.definition.identity  # noqa: B018
    with pytest.raises(DefinitionError, match="no equations"):
        compile_system(foreign.definition)


@pytest.mark.parametrize("name", METHODS)
def test_an_exception_inside_ends_the_trajectory_with_a_status(name: str) -> None:
    """It raises beyond x = 1/2, where x' = 1 arrives at t = 0.3 and x' = -1 never does; every stage counts, also those without weight."""

    @numba.njit
    def failing(state, parameters, out):
        if state[0] >= 0.5:
            raise ValueError("beyond the wall")
        out[0] = parameters[0]

    system = function_system(failing, names="x", parameters={"v": 1.0})
    parameters = np.array([[1.0], [-1.0]])
    solution = load("integrators", name)().solve(system, InitialState(np.full((2, 1), 0.2)), np.array([0.0, 0.1, 0.2, 1.0]), parameters=parameters)
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW, Status.OK]
    np.testing.assert_allclose(solution.states[0, :3, 0], [0.2, 0.3, 0.4], rtol=1e-12)
    assert np.isnan(solution.states[0, 3, 0])
    with pytest.raises(ValueError, match="beyond the wall"):
        system.value(np.ones((1, 1)))


def test_division_by_zero_at_a_state_is_a_number_that_is_none() -> None:
    @numba.njit
    def pole(state, parameters, out):
        out[0] = 1.0 / state[0]

    system = function_system(pole, names="x")
    solution = load("integrators", "tsit5")().solve(system, InitialState(np.array([[0.0], [1.0]])), np.array([0.0, 1.5]))
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW, Status.OK]
    np.testing.assert_allclose(solution.states[1, 1, 0], 2.0, rtol=1e-8)  # x = sqrt(1 + 2 t)


def plain(state, parameters, out):
    out[0] = 1.0


@numba.njit
def too_long(state, parameters):
    return np.ones(state.size + 1)


@numba.njit
def forgetful(state, parameters, out):
    out[0] = 1.0


@numba.njit
def with_time(time, state, parameters, out):
    out[0] = time


@numba.njit
def untyped(state, parameters, out):
    out[0] = state.nothing_of_the_kind


@numba.njit(parallel=True)
def parallel(state, parameters, out):
    for i in numba.prange(state.size):
        out[i] = 1.0


@numba.njit
def raising(state, parameters, out):
    raise ValueError("no")


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (plain, {"names": "x"}, "neither compiled by Numba nor a torch module; decorate it with @numba.njit"),
        (plain, {"names": "x", "language": "numba"}, "not compiled by Numba"),
        (too_long, {"names": "xy"}, r"returned shape \(3,\); rule: \(2,\)"),
        (forgetful, {"names": "xy"}, "component y is nan"),
        (with_time, {"names": "x"}, "takes 4 arguments; .*time is no argument"),
        (untyped, {"names": "x"}, "cannot compile"),
        (parallel, {"names": "xy"}, "parallel=True"),
        (raising, {"names": "x"}, "raised ValueError"),
        (lorenz, {}, "neither names nor dimension"),
        (lorenz, {"names": "xyy"}, "all different"),
        (lorenz, {"names": "xyz", "dimension": 2}, "as many as the dimension"),
        (lorenz, {"names": "xyz", "parameters": {"s": np.nan}}, "not finite"),
        (lorenz, {"names": "xyz", "parameters": LORENZ, "kind": "delays"}, "kind 'delays'"),
        (lorenz, {"names": "xyz", "parameters": LORENZ, "periods": {"X": 1.0}}, "periods names 'X'"),
        (lorenz, {"names": "xyz", "parameters": LORENZ, "example": [1.0]}, r"example has shape \(1,\)"),
    ],
)
def test_misuse_says_value_rule_and_fix(function, options, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        function_system(function, **options)


def test_torch_functions_are_told_where_to_go() -> None:
    linear = function_system(torch.nn.Linear(3, 3), dimension=3)
    assert isinstance(linear, BatchedSystem)
    assert not linear.takes_parameters
    assert function_system(lambda states, parameters: states * parameters, names="x", language="torch", name="decay").takes_parameters
    with pytest.raises(DefinitionError, match=r"TorchEnsemble.*system_from"):
        load("integrators", "dop853")().solve(linear, InitialState(np.ones((1, 3))), np.arange(2.0))
    with pytest.raises(DefinitionError, match="takes 3 arguments"):
        function_system(lambda a, b, c: a, names="x", language="torch")


def test_the_kernels_allow_the_result_at_the_state(foreign: FunctionSystem) -> None:
    """`value` may have its `out` at `u`, as every kernel may."""
    tableaus: list[Tableau | None] = [None, load("integrators", "tsit5")().tableau]
    for tableau in tableaus:
        kernels = foreign.kernels(tableau)
        u, p, work = np.array([1.0, 2.0, 3.0]), foreign.parameter_values, np.zeros(kernels.work_size)
        pointers = [array.ctypes.data for array in (u, p, np.zeros(3), np.zeros(1), work, u)]
        ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(kernels.value)(*pointers)
        np.testing.assert_allclose(u, [10.0 * (2.0 - 1.0), 1.0 * (28.0 - 3.0) - 2.0, 1.0 * 2.0 - 8.0 / 3.0 * 3.0], rtol=1e-14)
