"""Measured facts that ship with the package: present, of the right identity, consistent with themselves and with what is published."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from chaosbench.atlas import measure
from chaosbench.catalogue import load, system_files, systems_folder
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.definition import Known, SystemDefinition
from chaosbench.dynamics.reader import read_definition
from chaosbench.facts import Facts, facts_from_json
from chaosbench.invariants._kaplan_yorke import kaplan_yorke

EXPONENT_QUANTITIES = {"lyapunov_spectrum", "largest_exponent", "kaplan_yorke_dimension", "positive_exponents"}
every_system = pytest.mark.parametrize("name", sorted(system_files()))


@cache
def definition_of(name: str) -> SystemDefinition:
    return read_definition(system_files()[name])


@cache
def facts_of(name: str) -> Facts:
    path = systems_folder() / "measured" / f"{name}.json"
    assert path.is_file(), f"{name} has not been measured; run scripts/measure_registry {name}"
    return facts_from_json(path.read_text(), str(path))


def at_default(definition: SystemDefinition, known: Known) -> bool:
    """Whether a published value holds for the definition's own parameters and size."""
    given = dict(zip(definition.parameter_names, definition.parameter_values, strict=True))
    same = all(given.get(name) == value for name, value in (known.parameters or {}).items())
    return same and all(definition.size == (name, value) for name, value in (known.size or {}).items())


def definition_at(definition: SystemDefinition, known: Known) -> SystemDefinition:
    """Return the definition that a published value belongs to; a variant with its parameters knows how many points fields need there."""
    for variant in definition.variants:
        if known.parameters and dict(variant.parameters) == dict(known.parameters):
            return definition.variant(variant.name)
    return definition.with_parameters({**(known.parameters or {}), **(known.size or {})})


@dataclass(frozen=True)
class Measurement:
    """Value and standard error of one quantity, as arrays of one or more numbers."""

    value: np.ndarray
    error: np.ndarray


def measurement_of(facts: Facts, known: Known) -> Measurement:
    spectrum, error = (np.array(getattr(facts.lyapunov_spectrum, name)) for name in ("value", "standard_error"))
    if known.quantity == "kaplan_yorke_dimension":
        dimension = facts.kaplan_yorke_dimension
        assert dimension is not None, "too few exponents were measured"
        return Measurement(np.array([dimension.value]), np.array([dimension.standard_error]))
    if known.quantity == "positive_exponents":
        return Measurement(np.array([np.count_nonzero(spectrum > 3 * error)]), np.zeros(1))
    if known.without_phase:
        phase = int(np.argmin(np.abs(spectrum)))
        spectrum, error = np.delete(spectrum, phase), np.delete(error, phase)
    count = np.size(known.value) if known.quantity == "lyapunov_spectrum" else 1
    return Measurement(spectrum[:count], error[:count])


def assert_accepted(found: Measurement, known: Known) -> None:
    """|estimate - reference| <= max(tolerance, 4 standard errors) and standard error <= tolerance."""
    reference, tolerance = np.atleast_1d(known.value), np.broadcast_to(known.tolerance, np.shape(np.atleast_1d(known.value)))
    assert (found.error <= tolerance).all(), f"standard errors {found.error} above the tolerance {tolerance}"
    distance = np.abs(found.value - reference)
    assert (distance <= np.maximum(tolerance, 4 * found.error)).all(), f"{found.value} +- {found.error}, published {reference} +- {tolerance}"


def published(default: bool, quantities: set[str]) -> list[pytest.param]:
    return [
        pytest.param(name, known, id=f"{name}-{known.quantity}-{number}")
        for name in sorted(system_files())
        for number, known in enumerate(definition_of(name).known)
        if at_default(definition_of(name), known) == default and known.quantity in quantities
    ]


@every_system
def test_its_facts_belong_to_its_identity(name: str) -> None:
    assert facts_of(name).identity == definition_of(name).identity, f"{name} has changed; run scripts/measure_registry {name}"
    assert facts_of(name).name == name


def test_no_facts_are_kept_of_systems_that_are_gone() -> None:
    assert {path.stem for path in (systems_folder() / "measured").glob("*.json")} <= set(system_files())


def in_a_plane(definition: SystemDefinition) -> bool:
    """Whether it is a system of fields in two dimensions, where an orbit costs so much that fewer and shorter ones have to do."""
    return definition.space is not None and len(definition.space.axes) == 2


def way_to_rest(name: str) -> bool:
    """Whether these are fields that come to rest: what they have to show is the way there, so that no transient is left out."""
    return definition_of(name).kind == "fields" and facts_of(name).regime == "fixed point"


def growing(facts: Facts) -> bool:
    """Whether there is chaos that stays."""
    return facts.regime in ("chaotic", "hyperchaotic", "conservative", "conservative-mixed")


def small(facts: Facts) -> float:
    """A rate that counts as 0: 20 units of ln over the length of one orbit, which is what a polynomial growth leaves."""
    return 20.0 * facts.orbits / facts.duration


def spectrum_of(facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    return np.array(facts.lyapunov_spectrum.value), np.array(facts.lyapunov_spectrum.standard_error)


@every_system
def test_the_spectrum_is_sorted_and_has_errors(name: str) -> None:
    spectrum, errors = spectrum_of(facts_of(name))
    assert spectrum.shape == errors.shape
    known = np.isfinite(spectrum)  # a superstable cycle of a map has -inf
    assert (errors[known] >= 0).all()
    assert (np.diff(spectrum[known]) <= 4 * errors[known][1:] + small(facts_of(name))).all()


@every_system
def test_a_second_run_confirms_it(name: str) -> None:
    """Other starts, a tighter tolerance, ten times the transient (planes: twice): the same exponents, where the motion is one that stays."""
    facts = facts_of(name)
    confirmation = facts.confirmation
    assert confirmation.seed != facts.seed
    if way_to_rest(name):
        assert facts.transient == 0.0
        assert confirmation.transient > 0.0
    elif facts.regime != "metastable":
        assert confirmation.transient == pytest.approx((2 if in_a_plane(definition_of(name)) else 10) * facts.transient)
    if definition_of(name).kind == "flows" and "neighbours" not in facts.method:
        assert facts.rtol is not None
        assert confirmation.rtol is not None
        assert confirmation.rtol <= max(0.11 * facts.rtol, 1e-12)
    if facts.regime not in ("transient", "metastable"):
        assert confirmation.distance <= 1.0
    if facts.regime in ("chaotic", "hyperchaotic"):
        assert not facts.drifting
        assert not facts.mixed


@every_system
def test_the_largest_exponent_of_lasting_chaos_is_known_to_three_per_cent(name: str) -> None:
    """In the plane to ten, as much as a unit of time may be off: three would take hours of some systems."""
    facts = facts_of(name)
    largest, error = facts.lyapunov_spectrum.value[0], facts.lyapunov_spectrum.standard_error[0]
    if facts.regime in ("chaotic", "hyperchaotic"):
        assert error <= (0.1 if in_a_plane(definition_of(name)) else 0.03) * largest
    if growing(facts):
        assert facts.lyapunov_time == 1.0 / largest
    assert (facts.spread is not None) == definition_of(name).conservative


@every_system
def test_chaos_that_does_not_stay_has_a_lifetime(name: str) -> None:
    facts = facts_of(name)
    assert (facts.lifetime is not None) == (facts.regime in ("transient", "metastable"))
    if facts.lifetime is not None:
        assert facts.lifetime.value > 0


@every_system
def test_the_dimension_follows_from_the_spectrum_and_fits_into_the_space(name: str) -> None:
    facts, definition = facts_of(name), definition_of(name)
    if facts.kaplan_yorke_dimension is None:  # fields, too few of whose exponents are known
        assert definition.kind == "fields"
        assert sum(facts.lyapunov_spectrum.value) >= 0.0
        assert facts.correlation_dimension is None
        return
    if growing(facts):
        value, _ = kaplan_yorke(np.array(facts.lyapunov_spectrum.value))
        assert facts.kaplan_yorke_dimension.value == pytest.approx(value, abs=1e-12)
    if definition.kind != "delays":
        assert facts.kaplan_yorke_dimension.value <= definition.dimension
    if growing(facts) and definition.kind == "delays":
        assert facts.kaplan_yorke_dimension.value < len(facts.lyapunov_spectrum.value)
    if facts.correlation_dimension is not None:  # D2 is never above D1
        room = 4 * np.hypot(facts.correlation_dimension.standard_error, facts.kaplan_yorke_dimension.standard_error)
        assert facts.correlation_dimension.value <= facts.kaplan_yorke_dimension.value + room


@every_system
def test_the_regime_fits_the_exponents(name: str) -> None:
    facts, definition = facts_of(name), definition_of(name)
    spectrum, errors = spectrum_of(facts)
    positive = facts.positive_exponents
    assert (spectrum[:positive] > 3 * errors[:positive]).all()
    assert (spectrum[positive:] <= 3 * np.nan_to_num(errors[positive:]) + small(facts)).all()
    if definition.conservative:
        assert facts.regime in (("conservative", "conservative-mixed") if positive else ("quasi-periodic",))
    elif facts.regime in ("chaotic", "hyperchaotic"):
        assert (positive > 1) == (facts.regime == "hyperchaotic")
        assert positive > 0
    elif facts.regime in ("periodic", "quasi-periodic", "fixed point"):
        assert positive == 0
    elif facts.regime == "random fixed point":
        assert definition.noise is not None
        first = int(definition.forcing_period is not None)  # the phase has an exponent 0 of its own
        assert spectrum[first] < -3 * errors[first]
    elif facts.regime == "neutral":
        assert definition.noise is not None
        assert positive == 0
    elif facts.regime == "conservative":  # told by the exponents alone
        assert abs(spectrum.sum()) <= 0.02 * spectrum[0]
    assert (spectrum < np.inf).all()  # and none is NaN; what a map or a reset forgets altogether has the exponent -inf
    if not definition.discrete and definition.kind != "hybrid":  # resets that forget part of the state leave -inf
        assert np.isfinite(spectrum).all()


@every_system
def test_theory_fixes_zeros_and_a_pairing(name: str) -> None:
    """A flow that does not come to rest has the exponent 0, once more for every integral (noise breaks the shift of time, so not under noise);
    Hamiltonian exponents come in pairs."""
    facts, definition = facts_of(name), definition_of(name)
    spectrum, errors = spectrum_of(facts)
    few = definition.kind == "fields" and spectrum[-1] > 3 * errors[-1] + small(facts)  # the first of many positive ones
    if not (definition.discrete or few) and definition.noise is None and facts.regime not in ("fixed point", "transient", "metastable"):
        zeros = 1 + len(definition.integrals or {}) * (len(spectrum) == definition.tangent_dimension)
        nearest = np.argsort(np.abs(spectrum))[:zeros]
        assert (np.abs(spectrum[nearest]) <= 4 * errors[nearest] + small(facts)).all()
    if definition.conservative and len(spectrum) == definition.tangent_dimension:  # volume is kept; in two dimensions that is the pairing
        assert abs(spectrum.sum()) <= 1e-7 * np.abs(spectrum).max()
    if definition.hamiltonian is not None and definition.forcing_period is None:  # columns start conjugate, 2e-9 at most (Kepler)
        assert np.abs(spectrum + spectrum[::-1]).max() <= 1e-8 * np.abs(spectrum).max()


@every_system
def test_the_exponents_sum_to_the_mean_divergence(name: str) -> None:
    facts, definition = facts_of(name), definition_of(name)
    settled = facts.regime not in ("transient", "metastable") and np.isfinite(facts.lyapunov_spectrum.value).all()
    whole = len(facts.lyapunov_spectrum.value) == definition.tangent_dimension
    if whole and definition.kind != "delays" and "neighbours" not in facts.method and settled:
        spectrum, errors = spectrum_of(facts)
        error = 4 * np.hypot(facts.divergence.standard_error, np.sqrt(np.sum(errors**2))) + small(facts)
        assert facts.divergence.value == pytest.approx(spectrum.sum(), abs=error)
    identities = definition.identities or {}
    complete = len(facts.lyapunov_spectrum.value) == definition.dimension
    if "divergence" in identities and definition.kind == "flows" and "neighbours" not in facts.method and complete and settled:
        compiled = compile_system(definition)
        quantity = compiled.quantity(identities["divergence"])
        probe = np.random.default_rng(0).normal(size=(4, definition.dimension))
        values = quantity.value(probe, compiled.parameter_values)
        if np.ptp(values) == 0.0:  # the same everywhere: an exact number
            bias = 1e-7 if facts.method.startswith("Taylor") else 1e-4  # of the tolerance; Runge-Kutta steps at 1e-4 leave 5e-5 (Lorenz 2005 II)
            assert sum(facts.lyapunov_spectrum.value) == pytest.approx(values[0], abs=bias * max(map(abs, facts.lyapunov_spectrum.value)))


@every_system
def test_extent_and_times_make_sense(name: str) -> None:
    facts, definition = facts_of(name), definition_of(name)
    angle = np.zeros(len(facts.mean), dtype=bool) if definition.kind == "fields" else ~np.isnan(definition.periods)
    mean, spread, bounds = np.array(facts.mean), np.array(facts.standard_deviation), np.array(facts.bounds)
    assert np.array_equal(np.isnan(mean), angle)
    free = ~angle
    assert (bounds[free, 0] <= mean[free]).all()
    assert (mean[free] <= bounds[free, 1]).all()
    assert (spread[free] <= 0.5 * np.ptp(bounds[free], axis=1)).all()
    assert facts.transient >= 0
    if facts.regime != "fixed point":
        assert (spread > 0).any() or angle.any()
        assert facts.period > 0
    if definition.discrete:
        assert facts.period == 1.0


@pytest.mark.parametrize(("name", "known"), published(True, EXPONENT_QUANTITIES))
def test_a_published_value_is_confirmed(name: str, known: Known) -> None:
    assert_accepted(measurement_of(facts_of(name), known), known)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "known"), published(False, EXPONENT_QUANTITIES))
def test_a_published_value_at_other_parameters_is_confirmed(name: str, known: Known) -> None:
    assert_accepted(measurement_of(measure(definition_at(definition_of(name), known)), known), known)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "known"), published(True, {"correlation_dimension"}) + published(False, {"correlation_dimension"}))
def test_a_published_correlation_dimension_is_confirmed(name: str, known: Known) -> None:
    definition = definition_of(name).with_parameters({**(known.parameters or {}), **(known.size or {})})
    found = load("invariants", known.quantity)().estimate(compile_system(definition), seed=0, target_error=0.9 * float(known.tolerance))
    assert_accepted(Measurement(np.array([found.value]), np.array([found.standard_error])), known)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant"), [(name, variant.name) for name in sorted(system_files()) for variant in definition_of(name).variants if variant.regime]
)
def test_a_variant_has_the_regime_it_claims(name: str, variant: str) -> None:
    [claimed] = [entry.regime for entry in definition_of(name).variants if entry.name == variant]
    assert measure(definition_of(name).variant(variant)).regime == claimed
