"""Facts: what is measured, how it is kept, and how two measurements are compared."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chaosbench.atlas import facts_of, measure
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import InvariantError
from chaosbench.facts import Facts, Measured, facts_from_json, facts_to_json, load_facts
from chaosbench.remeasured import differences

SCRIPT = Path(__file__).parent.parent / "scripts" / "measure_registry"
BOX = {"box": [[0.1, 0.9]]}


@pytest.fixture(scope="module")
def tent() -> Facts:
    return measure(system_from({"x": "where(x < p, x/p, (1 - x)/(1 - p))"}, parameters={"p": 0.3}, kind="maps", initial=BOX, name="skew"))


def test_facts_of_a_map_whose_density_is_flat(tent: Facts) -> None:
    # invariant density 1 on [0, 1]: mean 1/2, standard deviation 1/sqrt(12); exponent 0.610864; one dimension
    assert tent.regime == "chaotic"
    assert tent.lyapunov_spectrum.value[0] == pytest.approx(0.610864, abs=4 * tent.lyapunov_spectrum.standard_error[0])
    assert tent.lyapunov_spectrum.standard_error[0] <= 0.0011 * 0.61
    assert tent.mean[0] == pytest.approx(0.5, abs=0.005)
    assert tent.standard_deviation[0] == pytest.approx(1 / np.sqrt(12), abs=0.005)
    assert tent.bounds[0] == pytest.approx((0.0, 1.0), abs=1e-3)
    assert tent.kaplan_yorke_dimension == Measured(1.0, 0.0)
    assert tent.divergence.value == pytest.approx(0.610864, abs=4 * float(tent.divergence.standard_error))
    assert tent.lyapunov_time == pytest.approx(1 / tent.lyapunov_spectrum.value[0])
    assert tent.period == 1.0


def test_facts_survive_their_file(tent: Facts) -> None:
    assert facts_from_json(facts_to_json(tent), "here") == tent


def test_measuring_again_gives_the_same_bits(tent: Facts) -> None:
    definition = system_from({"x": "where(x < p, x/p, (1 - x)/(1 - p))"}, parameters={"p": 0.3}, kind="maps", initial=BOX, name="skew")
    assert measure(definition, threads=1) == tent


def test_a_limit_cycle_has_the_period_it_should() -> None:
    # radius settles to 1, angle turns at 2: period pi, exponents 0 and -2, dimension 1
    cycle = measure(
        system_from({"x": "x - 2*y - x*(x**2 + y**2)", "y": "y + 2*x - y*(x**2 + y**2)"}, initial={"centre": [0.5, 0.0], "spread": 0.1}, name="cycle")
    )
    assert cycle.regime == "periodic"
    assert cycle.period == pytest.approx(np.pi, rel=0.01)
    assert cycle.lyapunov_spectrum.value == pytest.approx([0.0, -2.0], abs=0.02)
    assert cycle.kaplan_yorke_dimension.value == pytest.approx(1.0, abs=1e-6)
    assert cycle.lyapunov_time is None
    assert cycle.bounds == (pytest.approx((-1.0, 1.0), abs=0.01), pytest.approx((-1.0, 1.0), abs=0.01))


def test_a_system_that_comes_to_rest_is_a_fixed_point() -> None:
    rest = measure(system_from({"x": "-x + y", "y": "-2*y - x"}, initial={"centre": [1.0, 1.0], "spread": 0.1}, name="rest"))
    assert rest.regime == "fixed point"
    assert rest.kaplan_yorke_dimension.value == 0.0
    assert np.isnan(rest.period)


HOLE = "where(abs(x - 0.3005) < 0.0005, {out}, where(x < p, x/p, (1 - x)/(1 - p)))"


def test_chaos_that_falls_through_a_hole_onto_a_fixed_point_is_a_transient_with_its_lifetime() -> None:
    # flat density, a hole of width 1/1000: 1000 iterations; what remains contracts by 2 an iteration
    equation = f"where(x > 1, 1.5 + 0.5*(x - 1.5), {HOLE.format(out='2 + x')})"
    found = measure(system_from({"x": equation}, parameters={"p": 0.3}, kind="maps", initial=BOX, name="hole"))
    assert found.regime == "transient"
    assert found.lifetime is not None
    assert found.lifetime.value == pytest.approx(1000.0, abs=4 * float(found.lifetime.standard_error))
    assert found.lyapunov_spectrum.value == pytest.approx([-np.log(2)], abs=1e-3)  # a few orbits stay long
    assert found.correlation_dimension is None


def test_chaos_that_falls_through_a_hole_to_infinity_is_metastable() -> None:
    equation = f"where(x > 1, 10*x, {HOLE.format(out='2 + x')})"
    found = measure(system_from({"x": equation}, parameters={"p": 0.3}, kind="maps", initial=BOX, name="hole"))
    assert found.regime == "metastable"
    assert found.lifetime is not None
    assert found.lifetime.value == pytest.approx(1000.0, abs=4 * float(found.lifetime.standard_error))


def test_a_second_run_confirms_the_first(tent: Facts) -> None:
    second = tent.confirmation
    assert (second.seed, second.transient, second.rtol) == (1, 10 * tent.transient, None)
    assert second.distance <= 1.0
    assert second.value[0] == pytest.approx(0.610864, abs=4 * second.standard_error[0])
    assert second.standard_error[0] > 2 * tent.lyapunov_spectrum.standard_error[0]


def test_a_system_that_runs_away_is_an_error_with_a_remedy() -> None:
    with pytest.raises((InvariantError, ValueError), match=r"narrow|shorten"):
        measure(system_from({"x": "1.5*x"}, kind="maps", initial={"box": [[1.0, 2.0]]}, name="away"))


def test_facts_are_measured_once_and_then_read(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definition = system_from({"x": "where(x < p, x/p, (1 - x)/(1 - p))"}, parameters={"p": 0.4}, kind="maps", initial=BOX, name="skew")
    first = facts_of(definition)
    monkeypatch.setattr("chaosbench.atlas.measure", None)
    assert facts_of(definition) == first
    assert len(list(fresh_cache.rglob("skew-*.json"))) == 1


def test_two_seeds_agree_within_four_joint_standard_errors_and_an_altered_value_does_not(tent: Facts) -> None:
    definition = system_from({"x": "where(x < p, x/p, (1 - x)/(1 - p))"}, parameters={"p": 0.3}, kind="maps", initial=BOX, name="skew")
    other = measure(definition, seed=1)
    assert differences(tent, other, exact=False) == []
    assert {one.quantity for one in differences(tent, other, exact=True)} >= {"lyapunov_spectrum[0]", "mean"}
    error = tent.lyapunov_spectrum.standard_error[0]
    moved = replace(tent, lyapunov_spectrum=Measured((tent.lyapunov_spectrum.value[0] + 10 * error,), (error,)))
    [found] = differences(tent, moved, exact=False)
    assert found.quantity == "lyapunov_spectrum[0]"
    assert found.distance == pytest.approx(10 / np.sqrt(2))
    assert [one.quantity for one in differences(tent, replace(tent, regime="periodic"), exact=False)] == ["regime"]


def test_facts_of_a_flow_have_its_entropy_bound_dimensions_and_stiffness() -> None:
    facts = load_facts(system("lorenz63"))
    assert facts is not None
    assert facts.entropy_bound.value == pytest.approx(0.9056, abs=0.006)
    assert facts.correlation_dimension is not None
    assert facts.correlation_dimension.value == pytest.approx(2.05, abs=0.13)
    assert facts.stiffness is not None  # decay at about 14 while it turns with a period near 0.8
    assert facts.stiffness == pytest.approx(14 * 0.8 / (2 * np.pi), rel=0.3)


def test_the_script_measures_skips_and_checks(tmp_path: Path) -> None:
    """Run on the shipped registry: the fastest map's entry repeats, and nothing is written."""
    done = subprocess.run([sys.executable, str(SCRIPT), "henon", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "henon: repeats" in done.stderr or "henon: agrees" in done.stderr
    skipped = subprocess.run([sys.executable, str(SCRIPT), "henon", "--json"], capture_output=True, text=True, check=False)
    assert "measured already" in skipped.stderr
    assert system("henon").identity in skipped.stdout
    unknown = subprocess.run([sys.executable, str(SCRIPT), "henonn"], capture_output=True, text=True, check=False)
    assert unknown.returncode == 1
    assert "did you mean 'henon'" in unknown.stderr
