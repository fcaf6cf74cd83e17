"""Compiled systems: Jacobians, integrals, Hamilton's equations, checks at the border and the kernels against the readable evaluation."""

import ctypes
import pickle

import numpy as np
import pytest
import sympy

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.printing import equation_lines, equations_in_latex
from chaosbench.dynamics.reader import definition_from_data, definition_to_data, system_from
from chaosbench.errors import DefinitionError

LORENZ = system_from({"x": "s*(y - x)", "y": "x*(r - z) - y", "z": "x*y - b*z"}, parameters={"s": 10, "r": 28, "b": "8/3"})
STATES = np.random.default_rng(0).normal(size=(4, 3))
HAMILTONIANS = {
    "(px**2 + py**2)/2 + (x**2 + y**2)/2 + x**2*y - y**3/3": ["x", "y", "px", "py"],
    "(p1**2 + 2*p2**2 - 2*p1*p2*cos(q1 - q2))/(2*(1 + sin(q1 - q2)**2)) - 2*cos(q1) - cos(q2)": ["q1", "q2", "p1", "p2"],
    "p**2/(2*m) + exp(-q)/sqrt(1 + q**2) - log(1 + q**2)*tanh(q)": ["q", "p"],
}


def test_the_jacobian_of_lorenz_is_the_textbook_one():
    x, y, z = STATES[0]
    expected = [[-10, 10, 0], [28 - z, -1, -x], [y, x, -8 / 3]]
    np.testing.assert_allclose(compile_system(LORENZ).jacobian(STATES)[0], expected, rtol=1e-15)


def test_parameters_may_differ_in_each_row():
    compiled = compile_system(LORENZ)
    rows = np.array([[10.0, 28.0, 8 / 3], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.0, 1.0, 0.0]])
    for row in range(4):
        one = compile_system(LORENZ.with_parameters(dict(zip("srb", rows[row], strict=True))))
        np.testing.assert_array_equal(compiled.value(STATES, rows)[row], one.value(STATES)[row])
        np.testing.assert_array_equal(compiled.jacobian(STATES, rows)[row], one.jacobian(STATES)[row])


@pytest.mark.parametrize("text", HAMILTONIANS)
def test_hamiltons_equations_agree_with_sympy_and_conserve_the_energy(text):
    names = HAMILTONIANS[text]
    parameters = {"m": 1.5} if "*m" in text else {}
    definition = system_from(hamiltonian=text, state=names, parameters=parameters)
    compiled = compile_system(definition)
    assert definition.conservative
    symbols = sympy.symbols(names)
    energy = sympy.sympify(text, locals=dict(zip(names, symbols, strict=True))).subs("m", 1.5)
    half = len(names) // 2
    rates = [sympy.diff(energy, p) for p in symbols[half:]] + [-sympy.diff(energy, q) for q in symbols[:half]]
    states = np.random.default_rng(1).normal(size=(5, len(names)))
    expected = np.array([[float(rate.subs(dict(zip(symbols, state, strict=True)))) for rate in rates] for state in states])
    found = compiled.value(states)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)
    gradient = compiled.quantity(definition.integrals["H"]).gradient(states, compiled.parameter_values)
    np.testing.assert_allclose((gradient * found).sum(axis=1), 0.0, atol=1e-13 * np.abs(gradient).max() * np.abs(found).max())


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_a_chain_of_oscillators_conserves_its_energy_with_either_boundary(boundary):
    text = "sum(j, p[j]**2/2 + (q[j+1] - q[j])**2/2 + a*(q[j+1] - q[j])**3/3 + j*q[j]*q[j-1])"
    definition = system_from(hamiltonian=text, state=["q[i]", "p[i]"], parameters={"a": 0.25}, size={"N": 6}, boundary=boundary)
    compiled = compile_system(definition)
    states = np.random.default_rng(2).normal(size=(3, 12))
    rates = compiled.value(states)
    energy = compiled.quantity(definition.integrals["H"])
    gradient = energy.gradient(states, compiled.parameter_values)
    np.testing.assert_allclose(rates, np.concatenate([gradient[:, 6:], -gradient[:, :6]], axis=1), rtol=1e-12, atol=1e-13)
    stepped = [energy.value(states + 1e-30j * np.eye(12)[k], compiled.parameter_values).imag / 1e-30 for k in range(12)]
    np.testing.assert_allclose(gradient, np.transpose(stepped), rtol=1e-12, atol=1e-13)


def test_a_forced_hamiltonian_has_no_energy_integral():
    definition = system_from(hamiltonian="p**2/2 + cos(q - t)", state=["q", "p"], forcing_period="2*pi")
    assert definition.integrals is None
    assert definition.components == ("q", "p", "phase")
    value = compile_system(definition).value(np.array([[0.3, 0.7, 0.1]]))
    np.testing.assert_allclose(value[0], [0.7, np.sin(0.2), 1.0], rtol=1e-15)


def test_shapes_are_checked_at_the_border():
    compiled = compile_system(LORENZ)
    with pytest.raises(DefinitionError, match=r"states of shape \(3,\); rule: \(B, 3\)"):
        compiled.value(STATES[0])
    with pytest.raises(DefinitionError, match=r"parameters of shape \(2,\); rule: \(3,\) or \(4, 3\)"):
        compiled.value(STATES, np.ones(2))
    delayed = compile_system(system_from({"x": "delay(x, 2)"}, kind="delays"))
    with pytest.raises(DefinitionError, match=r"past of shape None; rule: \(1, 1\)"):
        delayed.value(np.zeros((1, 1)))


def test_a_compiled_system_travels_between_processes():
    compiled = compile_system(LORENZ)
    again = pickle.loads(pickle.dumps(compiled))
    assert again.definition == LORENZ
    np.testing.assert_array_equal(again.value(STATES), compiled.value(STATES))


def test_the_value_kernel_is_the_readable_evaluation(fresh_cache):
    compiled = compile_system(LORENZ)
    kernels = compiled.kernels(columns=2)
    assert compiled.kernels(columns=2) is kernels
    state, tangents = STATES[0], STATES[1:3]
    extended, past = np.concatenate([state, tangents.ravel()]), np.zeros(1)
    parameters, settings = compiled.parameter_values, np.zeros(3)
    work, out = np.zeros(max(kernels.work_size, 1)), np.zeros(kernels.out_size)
    kernel = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(kernels.value)
    kernel(*(array.ctypes.data for array in (extended, parameters, settings, past, work, out)))
    slopes = [compiled.tangent(state[None], tangent[None])[0] for tangent in tangents]
    np.testing.assert_allclose(out, np.concatenate([compiled.value(state[None])[0], *slopes]), rtol=1e-14, atol=1e-14)


def test_equations_are_printed_as_lines_and_as_latex():
    assert equation_lines(LORENZ)[0] == "dx/dt = s*(y - x)"
    forced = system_from({"x": "cos(w*t) - x"}, parameters={"w": 2}, forcing_period="2*pi/w")
    assert equation_lines(forced) == ("dx/dt = cos(w*t) - x",)
    assert equation_lines(system_from({"x[i]": "1 - x[i]**2"}, kind="maps", size={"N": 2})) == ("x[i] -> 1 - x[i]**2",)
    hamiltonian = system_from(hamiltonian="p**2/2 + q**2/2", state=["q", "p"])
    assert equation_lines(hamiltonian) == ("H = p**2/2 + q**2/2", "dq/dt = p", "dp/dt = -q")
    assert equations_in_latex(hamiltonian).splitlines()[1:3] == [r"H &= \frac{p^{2}}{2} + \frac{q^{2}}{2} \\", r"\dot{q} &= p \\"]


def test_an_expression_of_the_greatest_depth_survives_every_walk_over_it():
    text = "x" + " + x*t" * 199
    definition = system_from({"x": text}, forcing_period="1")
    compiled = compile_system(definition)
    assert len(definition.identity) == len(definition.form) == 64
    assert equation_lines(definition) == (f"dx/dt = {text}",)
    assert equations_in_latex(definition).count("x t") == 199
    assert definition_from_data(definition_to_data(definition)) == definition
    assert pickle.loads(pickle.dumps(definition)) == definition
    np.testing.assert_allclose(compiled.value(np.array([[2.0, 3.0]])), [[2.0 + 199 * 6.0, 1.0]])
    np.testing.assert_allclose(compiled.jacobian(np.array([[2.0, 3.0]]))[0], [[1 + 199 * 3.0, 199 * 2.0], [0, 0]])
    hamiltonian = system_from(hamiltonian="p**2/2" + " + x*x" * 198, state=["x", "p"])
    assert compile_system(hamiltonian).value(np.array([[1.0, 0.0]])).tolist() == [[0.0, -198 * 2.0]]
