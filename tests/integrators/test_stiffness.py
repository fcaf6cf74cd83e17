"""The criterion of stiffness on the classical examples, and an explicit method that is told when it fails for that reason."""

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.integrators import _stiffness
from chaosbench.integrators._stiffness import LIMIT, probe, stiff_at, too_large
from chaosbench.integrators.base import InitialState, Status

VAN_DER_POL = {"x": "v", "v": "mu*(1 - x*x)*v - x"}
ROBERTSON = {"x": "-0.04*x + 1e4*y*z", "y": "0.04*x - 1e4*y*z - 3e7*y*y", "z": "3e7*y*y"}
OREGONATOR = {"x": "77.27*(y + x*(1 - 8.375e-6*x - y))", "y": "(z - (1 + x)*y)/77.27", "z": "0.161*(x - z)"}
DIFFUSION = {"u[i]": "k*(u[i-1] - 2*u[i] + u[i+1]) + u[i]*(1 - u[i]**2)"}
FLOWS = [name for name in names("integrators") if not load("integrators", name).implicit and "flows" in load("integrators", name).kinds]
EXPLICIT = [name for name in FLOWS if load("integrators", name).unsupported(compile_system(system_from({"x": "-x"}))) is None]


def flow(equations: dict[str, str], **options) -> CompiledSystem:
    return compile_system(system_from(equations, **options))


def product(tried: CompiledSystem, state) -> float:
    return probe(tried, np.array(state, dtype=float), tried.parameter_values).product


@pytest.mark.parametrize(
    ("equations", "options", "state"),
    [
        (VAN_DER_POL, {"parameters": {"mu": 1e3}}, [2.0, 0.0]),
        (VAN_DER_POL, {"parameters": {"mu": 1e3}}, [0.1, 0.1]),
        (VAN_DER_POL, {"parameters": {"mu": 1e6}}, [2.0, 0.0]),
        (ROBERTSON, {}, [1.0, 0.0, 0.0]),
        (OREGONATOR, {}, [1.0, 2.0, 3.0]),
        ({"x": "-1e4*(x - cos(t))"}, {"forcing_period": "2*pi"}, [0.0, 0.0]),
        (DIFFUSION, {"size": {"N": 64}, "parameters": {"k": 400.0}}, np.sin(np.arange(64))),
    ],
    ids=["van der pol", "van der pol off its cycle", "van der pol 1e6", "robertson", "oregonator", "slaved", "diffusion"],
)
def test_the_classical_stiff_problems_are_stiff(equations, options, state) -> None:
    assert product(flow(equations, **options), state) > 2.0 * LIMIT


@pytest.mark.parametrize(
    ("equations", "options", "state"),
    [
        ({"x": "v", "v": "-x"}, {}, [1.0, 0.0]),
        ({"x": "-x"}, {}, [1.0]),
        ({"x": "-1e6*x"}, {}, [1.0]),
        ({"x": "-x", "y": "-20*y"}, {}, [1.0, 1.0]),
        ({"x": "1"}, {}, [0.0]),
        ({"x": "x**2"}, {}, [1.0]),
        ({"x": "-1 - sqrt(x)"}, {}, [1.0]),
        (VAN_DER_POL, {"parameters": {"mu": 1.0}}, [2.0, 0.0]),
        (VAN_DER_POL, {"parameters": {"mu": 10.0}}, [2.0, 0.0]),
        ({"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + 8"}, {"size": {"N": 200}}, 8.0 + np.sin(np.arange(200.0))),
        (DIFFUSION, {"size": {"N": 64}, "parameters": {"k": 1.0}}, np.sin(np.arange(64))),
    ],
)
def test_others_are_not(equations, options, state) -> None:
    assert product(flow(equations, **options), state) < 0.5 * LIMIT


@pytest.mark.parametrize("rho", [0.5, 14.0, 28.0, 100.0])
def test_lorenz_is_not_stiff_whether_chaotic_or_coming_to_rest(rho: float) -> None:
    assert product(compile_system(system("lorenz63", {"rho": rho})), [1.0, 2.0, 20.0]) < 0.2 * LIMIT


def test_a_flow_at_rest_is_not_stiff() -> None:
    found = probe(flow({"x": "-x", "y": "-1e6*y"}), np.zeros(2), np.empty(0))
    assert (found.product, found.steps, found.stiff) == (0.0, 0, False)


def test_units_of_time_change_nothing() -> None:
    fast, slow = (flow(VAN_DER_POL | {"x": f"{unit}*v", "v": f"{unit}*(mu*(1 - x*x)*v - x)"}, parameters={"mu": 100.0}) for unit in (1024, 1 / 1024))
    assert product(fast, [2.0, 0.0]) == pytest.approx(product(slow, [2.0, 0.0]), rel=0.05)


def test_the_mean_is_over_the_steps_that_move_and_counts_none_above_the_cap() -> None:
    """Decay rate 100, column sum 100: steps 0.5, 2 and 30 have the products 50, 200 and (3000, capped) 1000; the last two steps move nothing."""
    decay = flow({"x": "-100*x"})
    trace = np.array([[0.5, 100.0, 4.0], [2.0, 100.0, 3.0], [30.0, 100.0, 2.0], [1e6, 100.0, 1.0], [1e9, 100.0, 1.0], [1e9, 100.0, 1.0]])
    found = _stiffness._judged(decay, np.empty(0), trace, 1e-6, 1e-9)
    assert found.steps == 3
    assert found.product == pytest.approx((50.0 + 200.0 + 1000.0) / 3.0, rel=1e-12)


def test_only_decay_counts_once_the_column_sums_leave_the_question_open() -> None:
    """x' = 100 y, y' = -100 x - 2 y decays at rate 1 while its column sums are 102; a product of 102 is suspected, 1 is found."""
    spiral = flow({"x": "100*y", "y": "-100*x - 2*y"})
    trace = np.array([[1.0, 102.0, x, 0.0] for x in (4.0, 3.0, 2.0, 1.0)])
    assert _stiffness._judged(spiral, np.empty(0), trace, 1e-6, 1e-9).product == pytest.approx(1.0, rel=1e-9)


def test_a_slaved_variable_makes_the_product_its_rate_times_the_step_of_what_it_follows() -> None:
    for rate in (500.0, 1000.0):
        slaved = flow({"x": "-k*(x - cos(t))"}, parameters={"k": rate}, forcing_period="2*pi")
        assert 0.1 * rate < product(slaved, [1.0, 0.0]) < rate  # order 5 at 1e-6 follows a cosine in steps between 0.1 and 1


def test_a_large_full_jacobian_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    coupled = flow({"x[i]": "mean(x) - x[i]"}, size={"N": 300})
    chain = flow({"x[i]": "x[i-1] - x[i]"}, size={"N": 3000})
    assert (too_large(coupled), too_large(chain)) == (True, False)
    monkeypatch.setattr(_stiffness, "probe", None)
    assert not stiff_at(coupled, np.ones(300), np.empty(0), 1e-6, 1e-9)


@pytest.mark.parametrize("name", EXPLICIT)
def test_an_explicit_method_that_runs_out_of_steps_on_a_stiff_flow_is_told_so(name: str) -> None:
    """From the slow branch 2000 explicit steps pass a few units of time only; the unstiff companion just had too few."""
    tried = flow(VAN_DER_POL, parameters={"mu": 1.0})
    solution = load("integrators", name)().solve(
        tried, InitialState(np.array([[2.0, 0.0]] * 2)), np.array([0.0, 1e4]), parameters=np.array([[1e3], [1.0]]), max_steps=2000
    )
    assert solution.status.tolist() == [Status.STIFF, Status.TOO_MANY_STEPS]
    assert "implicit integrator" in Status(solution.status[0]).sentence


def test_the_implicit_method_itself_is_never_told() -> None:
    solution = load("integrators", "rodas5p")().solve(
        flow(VAN_DER_POL, parameters={"mu": 1e3}), InitialState(np.array([[2.0, 0.0]])), np.array([0.0, 1e4]), max_steps=50
    )
    assert solution.status.tolist() == [Status.TOO_MANY_STEPS]


def test_success_costs_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stiffness, "probe", None)
    for name in EXPLICIT:
        solution = load("integrators", name)().solve(flow({"x": "-x"}), InitialState(np.ones((1, 1))), np.arange(3.0))
        assert solution.status.tolist() == [Status.OK]
