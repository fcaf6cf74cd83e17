"""Ensembles as batched torch operations: exact solutions, the compiled methods' results, orders, statuses, company, modules, tangents."""

import subprocess
import sys

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.functions import function_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import DefinitionError, IntegrationError
from chaosbench.integrators._request import checked
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status
from chaosbench.kernels.tableau import Tableau

torch = pytest.importorskip("torch")
from chaosbench.accelerators.batched import batched_function, tangent_system  # noqa: E402
from chaosbench.accelerators.torch_ensemble import TorchEnsemble  # noqa: E402
from chaosbench.accelerators.torch_steps import after_accepted, after_rejected, exp2, fitted, least_step, log2  # noqa: E402
from chaosbench.integrators import _step_size as compiled_control  # noqa: E402

METHODS = [name for name in names("integrators") if isinstance(getattr(load("integrators", name), "tableau", None), Tableau)]
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch sees")
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> type[Integrator]:
    return load("integrators", request.param)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


@pytest.fixture(scope="module")
def lorenz() -> CompiledSystem:
    return compile_system(system("lorenz63"))


@pytest.fixture(scope="module")
def oscillator() -> CompiledSystem:
    return flow({"x": "v", "v": "-x"})


def solve(integrator: Integrator, subject: CompiledSystem, states, times, **options) -> Solution:
    return integrator.solve(subject, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def test_results_and_work_are_those_of_the_compiled_method(method: type[Integrator], device: str, lorenz: CompiledSystem) -> None:
    states, times = np.random.default_rng(1).normal(10.0, 3.0, size=(40, 3)), np.linspace(0.0, 3.0, 61)
    rows = np.random.default_rng(2).uniform([9.0, 20.0, 2.0], [11.0, 30.0, 3.0], size=(40, 3))
    options = {"rtol": 1e-10, "atol": 1e-10, "parameters": rows}
    ours, batched = (solve(one, lorenz, states, times, **options) for one in (method(), TorchEnsemble(method, device=device)))
    assert batched.status.tolist() == [Status.OK] * 40
    assert np.abs(batched.states - ours.states).max() < 1e-8  # rounding differs, 1e-15 a step, grown by e^(0.9 * 3)
    np.testing.assert_allclose(batched.evaluations, ours.evaluations, rtol=0.02)
    np.testing.assert_array_equal(batched.states[:, -1], batched.final.states)
    np.testing.assert_array_equal(batched.states[:, 0], states)


@pytest.mark.parametrize("name", ["henon_heiles", "lorenz96", "kuramoto", "duffing", "double_pendulum"])
def test_other_systems_of_the_registry_agree_as_well(name: str) -> None:
    subject, method = compile_system(system(name)), load("integrators", "dop853")
    states = 0.1 * np.random.default_rng(3).normal(size=(5, subject.dimension))
    ours, batched = (solve(one, subject, states, np.linspace(0.0, 1.0, 11)) for one in (method(), TorchEnsemble(method, device="cpu")))
    np.testing.assert_allclose(batched.states, ours.states, rtol=1e-8, atol=1e-9)


def test_company_changes_no_bit(method: type[Integrator], device: str, lorenz: CompiledSystem) -> None:
    ensemble = TorchEnsemble(method, device=device)
    states, times = np.random.default_rng(4).normal(10.0, 3.0, size=(37, 3)), np.linspace(0.0, 2.0, 23)
    together = solve(ensemble, lorenz, states, times)
    for part in (slice(5, 6), slice(0, 16), slice(20, 37)):
        np.testing.assert_array_equal(solve(ensemble, lorenz, states[part], times).states, together.states[part])
    few_lanes = solve(TorchEnsemble(method, device=device, lanes=10), lorenz, states, times, threads=1)
    np.testing.assert_array_equal(few_lanes.states, together.states)
    np.testing.assert_array_equal(few_lanes.evaluations, together.evaluations)


def test_company_changes_no_bit_of_a_trigonometric_system(device: str) -> None:
    subject, ensemble = compile_system(system("double_pendulum")), TorchEnsemble(load("integrators", "tsit5"), device=device)
    states = np.random.default_rng(4).normal(size=(37, subject.dimension))
    together = solve(ensemble, subject, states, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(solve(ensemble, subject, states[11:17], [0.0, 0.5, 1.0]).states, together.states[11:17])


def test_a_sum_over_cells_does_not_depend_on_the_company_either(device: str) -> None:
    subject, ensemble = compile_system(system("kuramoto")), TorchEnsemble(load("integrators", "tsit5"), device=device)
    states = np.random.default_rng(4).normal(size=(9, subject.dimension))
    together = solve(ensemble, subject, states, [0.0, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(solve(ensemble, subject, states[3:5], [0.0, 1.0], rtol=1e-6).states, together.states[3:5])


def run_fixed(ensemble: TorchEnsemble, subject: CompiledSystem, state: list[float], times: np.ndarray, step: float) -> np.ndarray:
    request = checked(ensemble, subject, InitialState(np.array([state])), times, None, (1e-9, 1e-12), 10**6, 1, None)
    ensemble._run(request, None, fixed=step)
    return request.out[0]


def test_the_continuous_extension_has_its_order(method: type[Integrator], oscillator: CompiledSystem) -> None:
    """One step, 20 places inside it: order p means a local error that falls like h^(p + 1)."""
    ensemble, steps = TorchEnsemble(method, device="cpu"), np.array([0.9, 0.6, 0.4]) if method.order > 6 else np.array([0.2, 0.13, 0.09])
    errors = []
    for step in steps:
        places = step * np.arange(22) / 21
        states = run_fixed(ensemble, oscillator, [1.0, 0.0], places, step)
        errors.append(np.sqrt(np.mean((states - np.stack([np.cos(places), -np.sin(places)], axis=-1))[1:-1] ** 2)))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] - 1.0 == pytest.approx(method.tableau.dense_order, abs=0.2)


@pytest.mark.parametrize("acceleration", ["none", pytest.param("graph", marks=GPU)])
def test_equal_steps_converge_with_the_order_of_the_method(
    method: type[Integrator], device: str, acceleration: str, oscillator: CompiledSystem
) -> None:
    if acceleration == "graph" and device == "cpu":
        pytest.skip("a graph is for the GPU")
    counts, end = (np.array([8, 11, 15]) if method.order > 6 else np.array([30, 45, 65])), 2.0 * np.pi
    errors = []
    for count in counts:
        ensemble = TorchEnsemble(method, device=device, steps=int(count), acceleration=acceleration)
        solution = solve(ensemble, oscillator, [[1.0, 0.0]], [0.0, end / 2, end])
        errors.append(np.abs(solution.states[0, -1] - [1.0, 0.0]).max())
        assert solution.evaluations.tolist() == [1 + 2 * count * (method.tableau.stages - 1)]
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(method.order, abs=0.2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # inside torch's own compiler
def test_compiled_steps_agree_with_plain_ones(method: type[Integrator], device: str, lorenz: CompiledSystem) -> None:
    states, times = np.random.default_rng(1).normal(10.0, 3.0, size=(16, 3)), np.linspace(0.0, 1.0, 6)
    plain = solve(TorchEnsemble(method, device=device, steps=40), lorenz, states, times)
    fused = solve(TorchEnsemble(method, device=device, steps=40, acceleration="compile"), lorenz, states, times)
    np.testing.assert_allclose(fused.states, plain.states, rtol=1e-10)


def test_times_may_differ_by_trajectory_and_need_no_order_among_them(method: type[Integrator], device: str) -> None:
    decay = flow({"x": "-k*x"}, parameters={"k": 1.0})
    times = np.array([[0.0, 1.0, 2.0, 2.1], [5.0, 5.5, 9.0, 9.5], [-1.0, 0.0, 0.5, 11.0]])
    for ensemble in (TorchEnsemble(method, device=device), TorchEnsemble(method, device=device, steps=200)):
        solution = solve(ensemble, decay, np.ones((3, 1)), times, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(solution.states[:, :, 0], np.exp(-(times - times[:, :1])), rtol=1e-6, atol=1e-12)


def test_a_run_can_be_continued_and_starts_anywhere(method: type[Integrator], oscillator: CompiledSystem) -> None:
    ensemble = TorchEnsemble(method, device="cpu")
    half = solve(ensemble, oscillator, [[1.0, 0.0]], [0.0, 4.0], rtol=1e-11)
    rest = ensemble.solve(oscillator, half.final, np.array([4.0, 9.0]) + 2.0**20, rtol=1e-11)
    np.testing.assert_allclose(rest.states[0, -1], [np.cos(9.0), -np.sin(9.0)], atol=1e-8)


def test_a_single_time_returns_the_initial_state(method: type[Integrator], oscillator: CompiledSystem) -> None:
    solution = solve(TorchEnsemble(method, device="cpu"), oscillator, [[3.0, 1.0]], [4.0])
    assert solution.states.tolist() == [[[3.0, 1.0]]]
    assert solution.evaluations.tolist() == [0]


def test_a_pole_is_a_blow_up_and_leaves_the_others_alone(method: type[Integrator], device: str) -> None:
    """x' = x^2 from 1 is 1/(1 - t), infinite at t = 1; from -1 it is -1/(1 + t)."""
    times = np.linspace(0.0, 2.0, 41)
    for ensemble, beyond in ((TorchEnsemble(method, device=device), 21), (TorchEnsemble(method, device=device, steps=40), 24)):
        solution = solve(ensemble, flow({"x": "x**2"}), [[1.0], [-1.0]], times, rtol=1e-10)
        assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
        np.testing.assert_allclose(solution.states[0, :18, 0], 1.0 / (1.0 - times[:18]), rtol=1e-6)
        assert np.isnan(solution.states[0, beyond:]).all()
        np.testing.assert_allclose(solution.states[1, :, 0], -1.0 / (1.0 + times), rtol=1e-8)
        assert np.isfinite(solution.final.states).all()


def test_the_end_of_the_domain_is_a_step_underflow(method: type[Integrator], device: str) -> None:
    """x' = -1 - sqrt(x) from 1 reaches 0 at 2 - 2 log 2 = 0.6137; there is no real solution beyond."""
    solution = solve(TorchEnsemble(method, device=device), flow({"x": "-1 - sqrt(x)"}), [[1.0], [9.0]], [0.0, 0.6, 0.7])
    assert solution.status.tolist() == [Status.STEP_UNDERFLOW, Status.OK]
    assert np.isfinite(solution.states[0, 1, 0])
    assert np.isnan(solution.states[0, 2, 0])
    assert 0.0 <= solution.final.states[0, 0] < 1e-6


def test_a_step_budget_ends_a_trajectory(method: type[Integrator], lorenz: CompiledSystem) -> None:
    solution = solve(TorchEnsemble(method, device="cpu"), lorenz, [[1.0, 2.0, 20.0]], [0.0, 0.01, 100.0], max_steps=20)
    assert solution.status.tolist() == [Status.TOO_MANY_STEPS]
    assert np.isfinite(solution.states[0, 1]).all()
    assert np.isnan(solution.states[0, 2]).all()
    equal = solve(TorchEnsemble(method, device="cpu", steps=8), lorenz, [[1.0, 2.0, 20.0]], [0.0, 0.01, 0.02, 0.03], max_steps=20)
    assert equal.status.tolist() == [Status.TOO_MANY_STEPS]
    assert np.isfinite(equal.states[0, :3]).all()
    assert np.isnan(equal.states[0, 3]).all()


def test_a_kink_costs_rejections_but_not_the_accuracy(method: type[Integrator]) -> None:
    times = np.linspace(0.0, 2.0, 9)
    solution = solve(TorchEnsemble(method, device="cpu"), flow({"x": "abs(v)", "v": "1"}), [[0.0, -1.0]], times, rtol=1e-10, atol=1e-10)
    exact = np.where(times < 1.0, 1.0 - (1.0 - times) ** 2, 1.0 + (times - 1.0) ** 2) / 2.0
    np.testing.assert_allclose(solution.states[0, :, 0], exact, atol=1e-8)


def test_a_map_is_iterated_bit_for_bit_as_by_the_catalogue(device: str) -> None:
    subject, ensemble = compile_system(system("henon")), TorchEnsemble(load("integrators", "tsit5"), device=device)
    states = np.random.default_rng(0).normal(0.0, 0.1, size=(6, 2))
    states[2] = 50.0
    for times in (np.array([3.0, 4.0, 9.0, 40.0]), np.arange(6.0)[:, None] + np.array([0.0, 2.0, 3.0, 20.0])):
        ours = load("integrators", "iteration")().solve(subject, InitialState(states), times)
        batched = ensemble.solve(subject, InitialState(states), times)
        assert batched.status.tolist() == ours.status.tolist()
        assert batched.status[2] == Status.BLOW_UP
        np.testing.assert_allclose(batched.states, ours.states, rtol=1e-6)  # a fused multiply-add may fall elsewhere; lambda = 0.42 an iteration
        np.testing.assert_array_equal(batched.evaluations, ours.evaluations)
    few = ensemble.solve(subject, InitialState(states), np.arange(9.0), max_steps=5)
    assert few.status.tolist() == [3, 3, 1, 3, 3, 3]
    assert np.isnan(few.states[0, 6:]).all()
    assert np.isfinite(few.states[0, :6]).all()


def test_a_module_integrates_like_the_equations_it_stands_for(method: type[Integrator], device: str) -> None:
    """A linear layer with weights [[0, 1], [-1, 0]] is the harmonic oscillator."""
    layer = torch.nn.Linear(2, 2).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 1.0], [-1.0, 0.0]]))
        layer.bias.zero_()
    subject, times = function_system(layer.to(device), names=["x", "v"], name="layer"), np.linspace(0.0, 9.0, 10)
    solution = solve(TorchEnsemble(method, device=device), subject, [[1.0, 0.0], [0.0, 1.0]], times, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(solution.states[0], np.stack([np.cos(times), -np.sin(times)], axis=-1), atol=1e-8)
    assert layer.weight.grad is None


def test_a_torch_function_gets_its_parameters(device: str) -> None:
    subject = function_system(lambda states, parameters: -parameters * states, names="x", parameters={"k": 2.0}, language="torch", name="decay")
    ensemble = TorchEnsemble(load("integrators", "dop853"), device=device)
    np.testing.assert_allclose(solve(ensemble, subject, [[1.0]], [0.0, 1.0]).states[0, 1, 0], np.exp(-2.0), rtol=1e-8)
    rows = solve(ensemble, subject, [[1.0], [1.0]], [0.0, 1.0], parameters=np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(rows.states[:, 1, 0], np.exp([-1.0, -3.0]), rtol=1e-8)


def test_tangents_by_torch_are_those_of_the_tape(lorenz: CompiledSystem) -> None:
    extended = tangent_system(lorenz, 2)
    random = np.random.default_rng(0)
    base, tangents = random.normal(10.0, 3.0, size=(4, 3)), random.normal(size=(4, 2, 3))
    states = np.concatenate([base, tangents.reshape(4, 6)], axis=1)
    rates = batched_function(extended)(torch.tensor(states), torch.tensor(lorenz.parameter_values)).numpy()
    np.testing.assert_allclose(rates[:, :3], lorenz.value(base), rtol=1e-13)
    for k in range(2):
        np.testing.assert_allclose(rates[:, 3 + 3 * k : 6 + 3 * k], lorenz.tangent(base, tangents[:, k]), rtol=1e-12)
    ensemble = TorchEnsemble(load("integrators", "dop853"), device="cpu")
    end = solve(ensemble, extended, states, [0.0, 0.5], rtol=1e-11).states[:, -1]
    nudged = solve(ensemble, lorenz, base + 1e-6 * tangents[:, 0], [0.0, 0.5], rtol=1e-12).states[:, -1]
    np.testing.assert_allclose((nudged - end[:, :3]) / 1e-6, end[:, 3:6], rtol=1e-3, atol=1e-4)  # a difference quotient of step 1e-6


@pytest.mark.parametrize("error", [*np.logspace(-14, 14, 29).tolist(), 1.0, 0.5])
def test_the_control_is_that_of_the_compiled_methods(error: float) -> None:
    tensor = torch.tensor([error], dtype=torch.float64)
    for rejected in (True, False):
        factor, before = after_accepted(tensor, torch.tensor([-3.0], dtype=torch.float64), 7, torch.tensor([rejected]))
        expected = compiled_control.after_accepted(error, -3.0, 7, rejected)
        np.testing.assert_allclose([factor.item(), before.item()], expected, rtol=1e-14)
    np.testing.assert_allclose(after_rejected(tensor, 7).item(), compiled_control.after_rejected(error, 7), rtol=1e-14)
    np.testing.assert_allclose([log2(tensor).item(), exp2(log2(tensor)).item()], [np.log2(error), error], rtol=3e-6, atol=1e-7)
    assert least_step(tensor).item() == compiled_control.least_step(error)
    for room in (0.5 * error, 1.5 * error, 7.0 * error, 1.005 * error):
        assert fitted(tensor, torch.tensor([room], dtype=torch.float64)).item() == compiled_control.fitted(error, room)


def test_what_is_not_a_number_cuts_the_step_by_ten() -> None:
    bad = torch.tensor([torch.nan, torch.inf], dtype=torch.float64)
    assert after_rejected(bad, 5).tolist() == [0.1, 0.1]


def test_single_precision_is_single_precision(lorenz: CompiledSystem) -> None:
    ensemble = TorchEnsemble(load("integrators", "tsit5"), device="cpu", dtype="float32")
    exact = solve(load("integrators", "tsit5")(), lorenz, [[1.0, 2.0, 20.0]], [0.0, 0.5, 1.0], rtol=1e-10)
    rough = solve(ensemble, lorenz, [[1.0, 2.0, 20.0]], [0.0, 0.5, 1.0], rtol=1e-5, atol=1e-5)
    assert rough.states.dtype == np.float64
    error = np.abs(rough.states - exact.states).max()
    assert 1e-7 < error < 1e-2
    with pytest.raises(IntegrationError, match="float32; rule: at least 1e-06"):
        solve(ensemble, lorenz, [[1.0, 2.0, 20.0]], [0.0, 1.0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float16"}, "'float64', or 'float32'"),
        ({"device": "meta"}, "'cuda' or 'cpu'"),
        ({"steps": 0}, "at least 1 from each sample time"),
        ({"lanes": 0}, "at least one trajectory"),
        ({"acceleration": "compile"}, "without steps"),
        ({"acceleration": "graph", "steps": 1}, "needs a GPU"),
        ({"acceleration": "fast"}, "rule: 'none', 'graph' or 'compile'"),
        pytest.param({"device": "cuda"}, "sees no GPU", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")),
    ],
)
def test_misuse_says_value_rule_and_fix(options: dict, words: str) -> None:
    with pytest.raises(IntegrationError, match=words):
        TorchEnsemble(load("integrators", "tsit5"), **{"device": "cpu", **options})


def test_methods_and_systems_that_do_not_fit_are_refused(lorenz: CompiledSystem) -> None:
    with pytest.raises(IntegrationError, match=r"method is Iteration; rule: an explicit Runge-Kutta"):
        TorchEnsemble(load("integrators", "iteration"), device="cpu")
    ensemble = TorchEnsemble(load("integrators", "tsit5"), device="cpu")
    with pytest.raises(IntegrationError, match="not delays"):
        solve(ensemble, compile_system(system("mackey_glass")), [[1.0]], [0.0, 1.0])
    single = function_system(torch.nn.Linear(3, 3), dimension=3, name="single")
    with pytest.raises(IntegrationError, match=r"weight weight is torch.float32 on cpu; rule: .*call module.to"):
        solve(ensemble, single, [[1.0, 2.0, 3.0]], [0.0, 1.0])
    for function, words in (
        (lambda states: states[:, :1], r"returned \(1, 1\); rule: a tensor \(1, 2\)"),
        (lambda states: states.float(), "returned torch.float32"),
        (lambda states: None, "returned NoneType"),
    ):
        with pytest.raises(IntegrationError, match=words):
            solve(ensemble, function_system(function, dimension=2, language="torch", name="wrong"), [[1.0, 2.0]], [0.0, 1.0])
    with pytest.raises(IntegrationError, match="columns is 0"):
        tangent_system(lorenz, 0)
    with pytest.raises(DefinitionError, match="no tape"):
        function_system(torch.nn.Linear(2, 2), dimension=2).tape  # noqa: B018


def test_progress_is_told_in_chunks(oscillator: CompiledSystem) -> None:
    told: list[tuple[int, int]] = []
    ensemble = TorchEnsemble(load("integrators", "tsit5"), device="cpu", lanes=4)
    solve(ensemble, oscillator, np.ones((10, 2)), [0.0, 1.0], progress=lambda done, count: told.append((done, count)))
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_without_torch_it_says_what_to_install() -> None:
    code = "import sys\nsys.modules['torch'] = None\nfrom chaosbench.accelerators.torch_ensemble import TorchEnsemble"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "NotInstalledError: torch is not installed" in done.stderr
    assert "pip install 'chaosbench[torch]'" in done.stderr


def test_integrating_on_a_processor_never_loads_torch() -> None:
    code = """
import sys
import numba
import numpy as np
from chaosbench.catalogue import load, names
from chaosbench.dynamics.functions import function_system
from chaosbench.integrators.base import InitialState
for name in names("integrators"):
    load("integrators", name)
still = numba.njit(lambda state, parameters: 0.0 * state)
load("integrators", "tsit5")().solve(function_system(still, dimension=2), InitialState(np.ones((1, 2))), np.arange(2.0))
assert "torch" not in sys.modules and "chaosbench.accelerators" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fields_have_no_torch_function() -> None:
    front = system_from({"u": "dx(u, 2)"}, kind="fields", domain={"x": {"length": 1, "points": 16}})
    with pytest.raises(IntegrationError, match="fields have no torch function"):
        batched_function(compile_system(front))
