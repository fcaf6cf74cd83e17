"""What every definition in the catalogue must satisfy, exactly, at random states: nothing here integrates anything.

A new definition file is tested by existing: the sweep is over `system_files()`, and no system is named.
"""

import ctypes
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy import stats

from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.definition import Known, SystemDefinition
from chaosbench.dynamics.reader import definition_from_data, definition_to_data, read_definition, read_headline
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.evaluate import evaluate
from chaosbench.expressions.latex import latex
from chaosbench.expressions.trace import trace
from chaosbench.expressions.tree import names_in
from chaosbench.initial import draw_initial
from chaosbench.randomness import generator
from chaosbench.trajectories import simulate

STATES = 8
every_system = pytest.mark.parametrize("name", sorted(system_files()))
# systems of fields have no Jacobian, no tape of the whole right-hand side and no components one by one: test_every_field has their contract
every_tape = pytest.mark.parametrize("name", sorted(name for name, path in system_files().items() if path.parent.name != "fields"))


@cache
def definition_of(name: str) -> SystemDefinition:
    return read_definition(system_files()[name])


@cache
def compiled_of(name: str) -> CompiledSystem:
    return compile_system(definition_of(name))


@dataclass(frozen=True)
class Sample:
    """Random states (B, D) about the region of initial states, and for delays one state (B, D) for each lag."""

    states: np.ndarray
    lagged: tuple[np.ndarray, ...]

    def past(self, compiled: CompiledSystem) -> np.ndarray | None:
        """The delayed values (B, n_delayed), or None without delays."""
        if not compiled.delayed:
            return None
        return np.stack([self.lagged[lag][:, slot] for slot, lag in compiled.delayed], axis=1)


def sample_of(name: str) -> Sample:
    compiled, stream = compiled_of(name), generator(0, "contract", name)
    drawn = draw_initial(compiled, seed=0, n=STATES).states
    count = len(compiled.lags()) if compiled.delayed else 0
    noise = stream.standard_normal((1 + count, *drawn.shape))
    states, *lagged = drawn + 0.2 * (1 + np.abs(drawn)) * noise
    return Sample(states, tuple(lagged))


def value_of(compiled: CompiledSystem, sample: Sample) -> np.ndarray:
    return compiled.value(sample.states, past=sample.past(compiled))


def quantity_at(compiled: CompiledSystem, tree, sample: Sample) -> np.ndarray:
    return compiled.quantity(tree).value(sample.states, compiled.parameter_values)


@every_system
def test_the_file_says_what_it_is_and_where_it_comes_from(name):
    definition = definition_of(name)
    assert definition.path is not None
    assert (definition.name, definition.kind) == (name, definition.path.parent.name)
    headline = read_headline(definition.path)
    assert (headline.title, headline.kind, headline.dimension) == (definition.title, definition.kind, definition.dimension)
    assert definition.summary.endswith(".")
    assert "\n" not in definition.summary
    assert definition.tags
    assert definition.sources, "a system without a source cannot be checked"
    for source in definition.sources:
        assert re.search(r"\b(1[89]|20)\d\d\b", source.cite), f"{source.key}: the citation has no year"
        assert not source.doi or re.fullmatch(r"10\.\d{4,9}/\S+", source.doi), source.doi
    assert {known.source for known in definition.known} <= {source.key for source in definition.sources}


@every_system
def test_every_variable_and_parameter_has_a_meaning(name):
    definition = definition_of(name)
    for entry in (*definition.state, *definition.parameters):
        assert len(entry.meaning) > 3, entry.name


@every_system
def test_a_default_inside_its_chaotic_range_and_variants_that_differ_from_it(name):
    definition = definition_of(name)
    for parameter in definition.parameters:
        if parameter.chaotic:
            assert parameter.chaotic[0] <= parameter.value <= parameter.chaotic[1], parameter.name
    identities = [definition.identity, *(definition.variant(variant.name).identity for variant in definition.variants)]
    assert len(set(identities)) == len(identities)


@every_system
def test_initial_states_are_finite_distinct_and_on_their_level_set(name):
    compiled = compiled_of(name)
    initial = draw_initial(compiled, seed=3, n=STATES)
    assert initial.states.shape == (STATES, compiled.dimension)
    assert np.isfinite(initial.states).all()
    assert len(np.unique(initial.states, axis=0)) == STATES
    at_once = Sample(initial.states, (initial.states,) * len(compiled.lags() if compiled.delayed else ()))
    assert np.isfinite(value_of(compiled, at_once)).all()
    for integral, level in (compiled.definition.initial.on or {}).items():
        reached = quantity_at(compiled, compiled.definition.integrals[integral], at_once)
        wanted = quantity_at(compiled, level, at_once)
        assert reached == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@every_tape
def test_the_jacobian_is_the_derivative_of_the_right_hand_side(name):
    compiled, sample = compiled_of(name), sample_of(name)
    past = sample.past(compiled)
    jacobian = compiled.jacobian(sample.states, past=past)
    for column in range(compiled.dimension):
        direction = np.eye(compiled.dimension)[column]
        assert_derivative(compiled, jacobian[:, :, column], lambda step, unit=direction: compiled.value(sample.states + step * unit, past=past))
    for place in range(len(compiled.delayed)):
        slopes = np.zeros_like(past)
        slopes[:, place] = 1.0
        tangent = compiled.tangent(sample.states, np.zeros_like(sample.states), past=past, past_tangents=slopes)
        assert_derivative(compiled, tangent, lambda step, unit=slopes: compiled.value(sample.states, past=past + step * unit))


def assert_derivative(compiled: CompiledSystem, found: np.ndarray, along) -> None:
    """`found` is the derivative of along(step) at 0: by a complex step, or by a central difference where the system has kinks."""
    if compiled.tape.smooth:
        wanted, tolerance = np.imag(along(1e-30j)) / 1e-30, 1e-13
    else:
        wanted, tolerance = (along(1e-5) - along(-1e-5)) / 2e-5, 1e-8
    assert np.abs(found - wanted).max() <= tolerance * (1 + np.abs(found).max())


@every_tape
def test_stated_divergence_or_determinant_holds(name):
    compiled, sample = compiled_of(name), sample_of(name)
    jacobian = compiled.jacobian(sample.states, past=sample.past(compiled))
    found = {"divergence": np.trace(jacobian, axis1=1, axis2=2), "determinant": np.linalg.det(jacobian)}
    scale = 1 + np.abs(jacobian).max() ** (1 if not compiled.definition.discrete else compiled.dimension)
    for identity, tree in (compiled.definition.identities or {}).items():
        assert np.abs(found[identity] - quantity_at(compiled, tree, sample)).max() <= 1e-13 * compiled.dimension * scale


def test_conservative_systems_conserve_volume():
    for name in (name for name in system_files() if definition_of(name).conservative and definition_of(name).space is None):
        jacobian = compiled_of(name).jacobian(sample_of(name).states)
        scale = 1e-13 * (1 + np.abs(jacobian).max())
        if definition_of(name).discrete:
            assert np.abs(np.abs(np.linalg.det(jacobian)) - 1).max() <= scale * compiled_of(name).dimension, name
        else:
            assert np.abs(np.trace(jacobian, axis1=1, axis2=2)).max() <= scale * compiled_of(name).dimension, name


@every_tape
def test_declared_integrals_are_constant(name):
    compiled, sample = compiled_of(name), sample_of(name)
    values = value_of(compiled, sample)
    for integral, tree in (compiled.definition.integrals or {}).items():
        quantity = compiled.quantity(tree)
        if compiled.definition.discrete:
            before, after = (quantity.value(states, compiled.parameter_values) for states in (sample.states, values))
            assert np.abs(after - before).max() <= 1e-12 * (1 + np.abs(before).max()), integral
        else:
            terms = quantity.gradient(sample.states, compiled.parameter_values) * values
            assert (np.abs(terms.sum(axis=1)) <= 1e-13 * np.abs(terms).sum(axis=1)).all(), integral
            for process in np.eye(compiled.diffusion.count) if compiled.diffusion is not None else ():
                assert compiled.definition.noise.calculus == "stratonovich", "the chain rule holds in this calculus alone"
                along = quantity.gradient(sample.states, compiled.parameter_values) * compiled.diffusion.value(sample.states, process)
                assert (np.abs(along.sum(axis=1)) <= 1e-13 * np.abs(along).sum(axis=1)).all(), integral


@every_tape
def test_declared_fixed_points_rest(name):
    compiled = compiled_of(name)
    definition, anywhere = compiled.definition, np.zeros((1, compiled.dimension))
    for point in (definition.fixed_points or {}).values():
        values = [compiled.quantity(point[entry.name]).value(anywhere, compiled.parameter_values)[0] for entry in definition.state]
        slots = [variable.slots for variable in definition.scope.variables]
        state = np.repeat(values, slots)[None]
        past = state[:, [slot for slot, _ in compiled.delayed]] if compiled.delayed else None  # at rest the past is the present
        moved = compiled.value(state, past=past) - (state if definition.discrete else 0.0)
        size = np.abs(compiled.jacobian(state, past=past)[0]) @ np.abs(state[0])
        assert (np.abs(moved[0]) <= 1e-13 * compiled.dimension * (1 + size)).all()


@pytest.mark.parametrize("name", [name for name in sorted(system_files()) if definition_of(name).balances and definition_of(name).space is None])
def test_declared_balances_hold_over_simulated_data(name):
    """The mean over 16 independent orbits is 0 (odds of a false alarm: one in a million), and its error small against the terms themselves."""
    compiled = compiled_of(name)
    states = simulate(compiled.definition, n_trajectories=16, n_samples=4000, seed=0)["state"].values
    for balance, tree in compiled.definition.balances.items():
        values = quantity_values(compiled, tree, states)
        means = values.mean(axis=1)
        error = means.std(ddof=1) / 4.0
        assert abs(means.mean()) <= stats.t.ppf(1 - 5e-7, df=15) * error, balance
        assert error <= 0.05 * values.std(), balance


def quantity_values(compiled: CompiledSystem, tree, states: np.ndarray) -> np.ndarray:
    return compiled.quantity(tree).value(states.reshape(-1, compiled.dimension), compiled.parameter_values).reshape(states.shape[:2])


@every_tape
def test_symmetries_commute_with_the_dynamics(name):
    compiled, sample = compiled_of(name), sample_of(name)
    definition, parameters = compiled.definition, compiled.parameter_values
    for symmetry, images in (definition.symmetries or {}).items():
        tape = trace(images, definition.scope)
        images_of = [evaluate(tape, states, parameters)[0] for states in (sample.states, *sample.lagged)]
        moved = Sample(images_of[0], tuple(images_of[1:]))
        values, left = value_of(compiled, sample), value_of(compiled, moved)
        if definition.discrete:
            right = evaluate(tape, values, parameters)[0]
        else:
            right = evaluate(tangent_tape(tape), sample.states, parameters, tangents=values)[1]
        assert np.abs(moved.states - sample.states).max() > 1e-3, f"{symmetry} moves nothing"
        turns = np.nan_to_num(compiled.periods) * (definition.discrete)  # angles agree modulo their period; 0 for the others
        difference = left - right - turns * np.round((left - right) / np.where(turns > 0, turns, 1.0))
        assert np.abs(difference).max() <= 1e-13 * (1 + np.abs(values).max()), symmetry


@every_tape
def test_the_compiled_kernel_agrees_with_the_readable_evaluation(name):
    compiled, sample = compiled_of(name), sample_of(name)
    kernels, past = compiled.kernels(), sample.past(compiled)
    pointer = ctypes.POINTER(ctypes.c_double)
    call = ctypes.CFUNCTYPE(None, *[pointer] * 6)(kernels.value)
    parameters, settings, work = compiled.parameter_values, np.zeros(3), np.zeros(max(kernels.work_size, 1))
    wanted = value_of(compiled, sample)
    for row, state in enumerate(sample.states):
        out = np.full(kernels.out_size, np.nan)
        delayed = np.zeros(1) if past is None else past[row].copy()
        buffers = (state.copy(), parameters, settings, delayed, work, out)
        call(*(buffer.ctypes.data_as(pointer) for buffer in buffers))
        assert np.abs(out[: compiled.dimension] - wanted[row]).max() <= 1e-13 * (1 + np.abs(wanted).max())


@every_tape
def test_the_torch_function_agrees_with_the_readable_evaluation(name):
    torch = pytest.importorskip("torch")
    from chaosbench.expressions.torch import torch_function

    compiled, sample = compiled_of(name), sample_of(name)
    past, wanted = sample.past(compiled), value_of(compiled, sample)
    function = torch_function(compiled.tape)
    tensors = [torch.from_numpy(array) for array in (sample.states, compiled.parameter_values)]
    found = function(*tensors, None if past is None else torch.from_numpy(past)).numpy()
    assert np.abs(found - wanted).max() <= 1e-13 * (1 + np.abs(wanted).max())


every_noisy_system = pytest.mark.parametrize("name", [name for name in sorted(system_files()) if definition_of(name).noise is not None])


def noise_of(name: str) -> tuple[CompiledSystem, np.ndarray, np.ndarray]:
    """A stochastic system, random states (B, D) and numbers (B, M) for its processes."""
    compiled, sample = compiled_of(name), sample_of(name)
    return compiled, sample.states, generator(1, "contract", name).standard_normal((STATES, compiled.diffusion.count))


@every_noisy_system
def test_the_tangent_of_the_noise_is_its_derivative(name):
    compiled, states, weights = noise_of(name)
    direction = generator(2, "contract", name).standard_normal(states.shape)
    found = compiled.diffusion.tangent(states, direction, weights)
    assert_derivative(compiled, found, lambda step: compiled.diffusion.value(states + step * direction, weights))


@every_noisy_system
def test_compiled_noise_agrees_with_the_readable_evaluation_and_with_torch(name):
    compiled, states, weights = noise_of(name)
    kernels, wanted = compiled.diffusion.kernels(), compiled.diffusion.value(states, weights)
    pointer = ctypes.POINTER(ctypes.c_double)
    call = ctypes.CFUNCTYPE(None, *[pointer] * 6)(kernels.value)
    for row, state in enumerate(states):
        out = np.full(kernels.out_size, np.nan)
        buffers = (
            state.copy(),
            np.concatenate([compiled.parameter_values, weights[row]]),
            np.zeros(3),
            np.zeros(1),
            np.zeros(kernels.work_size + 1),
            out,
        )
        call(*(buffer.ctypes.data_as(pointer) for buffer in buffers))
        assert np.abs(out[: compiled.dimension] - wanted[row]).max() <= 1e-13 * (1 + np.abs(wanted).max())
    torch = pytest.importorskip("torch")
    from chaosbench.expressions.torch import torch_function

    rows = np.concatenate([np.tile(compiled.parameter_values, (STATES, 1)), weights], axis=1)
    found = torch_function(compiled.diffusion.tape)(torch.from_numpy(states), torch.from_numpy(rows), None).numpy()
    assert np.abs(found - wanted).max() <= 1e-13 * (1 + np.abs(wanted).max())


@every_system
def test_every_equation_has_latex(name):
    for variable, tree in definition_of(name).equations.items():
        assert latex(tree).strip(), variable


@every_system
def test_json_brings_back_the_same_definition(name):
    definition = definition_of(name)
    again = definition_from_data(json.loads(json.dumps(definition_to_data(definition))))
    assert (again.identity, again.structure, again.form) == (definition.identity, definition.structure, definition.form)
    assert (again.known, again.sources, again.variants) == (definition.known, definition.sources, definition.variants)


def test_no_two_systems_are_the_same_equations_under_other_names():
    forms = {name: definition_of(name).form for name in system_files()}
    repeated = {form for form, count in Counter(forms.values()).items() if count > 1}
    assert not {name: form for name, form in forms.items() if form in repeated}


def test_no_alias_hides_another_system():
    taken = Counter([*system_files(), *(alias for name in system_files() for alias in definition_of(name).aliases)])
    assert max(taken.values()) == 1


@every_system
def test_published_values_agree_with_each_other_and_with_the_exact_sum_of_exponents(name):
    definition = definition_of(name)
    spectra = [known for known in definition.known if known.quantity == "lyapunov_spectrum"]
    for known in spectra:
        system = settings_of(definition, known)
        if len(known.value) == system.dimension and (total := sum_of_exponents(system)) is not None:
            assert sum(known.value) == pytest.approx(total, abs=sum(known.tolerance))
    for known in definition.known:
        system = settings_of(definition, known)
        if known.quantity == "kaplan_yorke_dimension" and definition.kind != "delays":
            assert 0 <= known.value <= system.dimension
        for spectrum in spectra:
            same = settings_of(definition, spectrum).identity == system.identity
            if same and known.quantity == "largest_exponent":
                assert known.value == pytest.approx(spectrum.value[0], abs=known.tolerance + spectrum.tolerance[0])
            if same and known.quantity == "kaplan_yorke_dimension" and sum(spectrum.value) < 0:
                assert known.value == pytest.approx(kaplan_yorke(spectrum.value), abs=known.tolerance)


def settings_of(definition: SystemDefinition, known: Known) -> SystemDefinition:
    return definition.with_parameters({**(known.parameters or {}), **(known.size or {})})


def sum_of_exponents(definition: SystemDefinition) -> float | None:
    """The exact sum of all exponents, where a stated identity does not depend on the state."""
    names = {entry.name for entry in definition.state}
    for identity, tree in (definition.identities or {}).items():
        if not names & names_in(tree) and definition.kind != "delays":
            compiled = compile_system(definition)
            value = compiled.quantity(tree).value(np.zeros((1, definition.dimension)), compiled.parameter_values)[0]
            return float(value) if identity == "divergence" else float(np.log(abs(value)))
    return None


def kaplan_yorke(exponents: tuple[float, ...]) -> float:
    """The number of leading exponents whose sum is not negative, and the fraction of the next one."""
    sums = np.cumsum(exponents)
    place = int((sums >= 0).sum())
    return place + (sums[place - 1] / -exponents[place] if 0 < place < len(exponents) else 0.0)


def test_the_kaplan_yorke_dimension_of_these_tests_is_the_known_one():
    assert kaplan_yorke((1.0, 0.0, -4.0)) == 2.25  # 2 + (1 + 0)/4
    assert kaplan_yorke((-1.0, -2.0)) == 0.0
    assert kaplan_yorke((1.0, -0.5)) == 2.0
