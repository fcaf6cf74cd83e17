"""The automatic choice: by kind, by stiffness, by what a method needs; told in a sentence, remembered, in the provenance."""

import json

import numba
import numpy as np
import pytest

from chaosbench.catalogue import load, names, system_files
from chaosbench.cli.system_page import system_data, system_text
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.functions import function_system
from chaosbench.dynamics.reader import read_definition, system, system_from
from chaosbench.errors import IntegrationError
from chaosbench.integrators import _choice
from chaosbench.integrators._choice import choose, supporting
from chaosbench.integrators.base import InitialState
from chaosbench.trajectories import simulate

STIFF = {
    "van der pol": system_from({"x": "v", "v": "mu*(1 - x*x)*v - x"}, parameters={"mu": 1e3}),
    "robertson": system_from({"x": "-0.04*x + 1e4*y*z", "y": "0.04*x - 1e4*y*z - 3e7*y*y", "z": "3e7*y*y"}, initial={"points": [[1.0, 0.0, 0.0]]}),
    "oregonator": system_from(
        {"x": "77.27*(y + x*(1 - 8.375e-6*x - y))", "y": "(z - (1 + x)*y)/77.27", "z": "0.161*(x - z)"},
        initial={"box": [[1, 2], [1, 2], [1, 3]]},
    ),
}


def explicit(kind: str) -> str:
    """The method of highest order that is neither implicit nor a reference."""
    return next(name for name in supporting(kind) if not load("integrators", name).implicit and not load("integrators", name).reference)


@pytest.mark.parametrize("name", sorted(name for name, path in system_files().items() if path.parent.name != "stochastic"))
def test_no_shipped_system_is_stiff(name: str) -> None:
    definition = read_definition(system_files()[name])
    choice = choose(compile_system(definition))
    assert choice.name == explicit(definition.kind)
    assert type(choice.integrator) is load("integrators", choice.name)
    assert choice.reason


@pytest.mark.parametrize("name", sorted(STIFF))
def test_stiff_flows_get_the_implicit_method(name: str) -> None:
    choice = choose(compile_system(STIFF[name]))
    assert type(choice.integrator).implicit
    assert choice.reason.startswith("stiff: accuracy's steps times the fastest decay rate are ")
    assert choice.reason.endswith("more than 50; implicit method of highest order")


def test_stiffness_is_a_matter_of_the_parameters() -> None:
    assert choose(compile_system(STIFF["van der pol"].with_parameters({"mu": 1.0}))).reason.startswith("not stiff: ")
    assert choose(compile_system(STIFF["van der pol"])).reason.startswith("stiff: ")


def test_the_answer_is_remembered_by_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    first = choose(compile_system(STIFF["robertson"]))
    monkeypatch.setattr(_choice, "probe", None)
    again = choose(compile_system(STIFF["robertson"]))
    assert (again.name, again.reason) == (first.name, first.reason)


def test_a_large_and_full_system_gets_the_explicit_method() -> None:
    choice = choose(compile_system(system_from({"x[i]": "1e6*(mean(x) - x[i])"}, size={"N": 300})))
    assert choice.name == explicit("flows")
    assert choice.reason.startswith("too large")


def test_a_function_gets_a_method_that_needs_no_equations() -> None:
    choice = choose(function_system(_decay, dimension=1))
    assert not type(choice.integrator).needs_equations
    assert choice.reason == "highest order of the methods for functions"


@numba.njit
def _decay(state, parameters, out):
    out[0] = -state[0]


def test_methods_that_choose_their_steps_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixed-step method is never the default, whatever its order."""
    monkeypatch.setattr(load("integrators", "rk4"), "order", 99)
    assert supporting("flows")[0] == "rk4"
    assert choose(compile_system(system_from({"x": "v", "v": "-x"}))).name != "rk4"


def test_a_reference_method_is_never_chosen_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = choose(_lorenz()).name
    monkeypatch.setattr(load("integrators", usual), "reference", True)
    assert choose(_lorenz()).name != usual


def test_without_an_integrator_the_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_choice, "supporting", lambda kind: ())
    with pytest.raises(IntegrationError, match="no integrator solves flows; write one as a file"):
        choose(compile_system(system_from({"x": "-x"})))


def test_supporting_lists_the_highest_order_first() -> None:
    for kind in ("flows", "maps", "delays"):
        orders = [load("integrators", name).order for name in supporting(kind)]
        assert orders == sorted(orders, reverse=True)
        assert set(supporting(kind)) == {name for name in names("integrators") if kind in load("integrators", name).kinds}


def test_a_dataset_tells_why_and_its_recipe_does_not_depend_on_it() -> None:
    arguments = {"n_trajectories": 1, "n_samples": 3, "seed": 0, "dt": 0.1, "transient": 0.0}
    chosen, named = (json.loads(simulate(system("lorenz63"), **arguments, integrator=name).attrs["chaosbench"]) for name in (None, explicit("flows")))
    assert chosen["integrator_reason"].startswith("not stiff: ")
    assert named["integrator_reason"] == "named by the caller"
    assert chosen["recipe_sha256"] == named["recipe_sha256"]
    assert chosen["recipe"] == named["recipe"]


def test_a_stiff_system_is_simulated_without_being_told_how() -> None:
    dataset = simulate(STIFF["van der pol"], n_trajectories=2, n_samples=50, seed=0, dt=40.0, transient=500.0)
    assert dataset["status"].values.tolist() == [0, 0]
    assert json.loads(dataset.attrs["chaosbench"])["recipe"]["integrator"] == choose(compile_system(STIFF["van der pol"])).name
    largest = np.abs(dataset["state"].values[:, :, 0]).max()
    assert 1.9 < largest < 2.1  # the amplitude of the relaxation oscillation is 2 + 0.78 mu^(-4/3)


def test_the_page_of_a_system_tells_method_and_reason() -> None:
    choice = choose(_lorenz())
    assert f"Integrator\n  {choice.name}: {choice.reason}\n" in system_text(system("lorenz63"))
    assert system_data(system("lorenz63"))["integrator"] == {"name": choice.name, "reason": choice.reason}


def _lorenz() -> CompiledSystem:
    return compile_system(system("lorenz63"))


def test_the_chosen_method_solves() -> None:
    for definition in STIFF.values():
        tried = compile_system(definition)
        start = np.full((1, tried.dimension), 0.5)
        assert choose(tried).integrator.solve(tried, InitialState(start), np.array([0.0, 1e3])).status.tolist() == [0]
