"""scripts/benchmark: its arithmetic on made-up numbers, its translations and its reference against exact answers, and a short run of the command."""

import ctypes
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from chaosbench.catalogue import load, system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import read_definition, system, system_from
from chaosbench.initial import draw_initial
from chaosbench.kernels.target import compile_assembly, load_object, processor

SCRIPTS = Path(__file__).parent.parent / "scripts"
FLOWS = [name for name, path in system_files().items() if path.parent.name == "flows"]


@pytest.fixture(scope="module")
def parts() -> ModuleType:
    """The package `benchmarks` with every module that the tests use."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        import benchmarks
        import benchmarks.arrays
        import benchmarks.measure
        import benchmarks.operations
        import benchmarks.peak
        import benchmarks.plain_fields
        import benchmarks.reference
        import benchmarks.scalars
        import benchmarks.systems
        import benchmarks.translate
    finally:
        sys.path.remove(str(SCRIPTS))
    return benchmarks


def flow(name: str) -> CompiledSystem:
    return compile_system(read_definition(system_files()[name]))


def test_the_front_drops_settings_that_another_one_beats(parts: ModuleType) -> None:
    points = [(1e-2, 10.0), (1e-4, 30.0), (1e-6, 20.0), (1e-8, 50.0), (math.inf, 1.0)]
    assert parts.measure.front(points) == [(1e-2, 10.0), (1e-6, 20.0), (1e-8, 50.0)]


def test_times_are_interpolated_between_logarithms(parts: ModuleType) -> None:
    points = [(1e-4, 10.0), (1e-8, 1000.0)]
    assert parts.measure.time_at(points, 1e-6) == pytest.approx(100.0)  # half way in both logarithms
    assert parts.measure.time_at(points, 1e-8) == pytest.approx(1000.0)
    assert parts.measure.time_at(points, 1e-2) == 10.0  # the fastest setting is better than asked for
    assert parts.measure.time_at(points, 1e-9) is None  # nothing is extrapolated


def test_a_ratio_compares_times_at_one_error(parts: ModuleType) -> None:
    ours = [(1e-4, 10.0), (1e-8, 40.0)]  # 20 at 1e-6
    theirs = [(1e-5, 100.0), (1e-7, 400.0)]  # 200 at 1e-6
    assert parts.measure.ratio_at(theirs, ours, 1e-6) == pytest.approx(10.0)
    assert parts.measure.ratio_at(theirs, ours, 1e-8) is None
    assert parts.measure.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_rounds_go_through_all_methods_in_turn_and_medians_are_taken(parts: ModuleType) -> None:
    calls: list[str] = []
    points = [
        parts.measure.Point("peer", name, "1", lambda name=name: calls.append(name), samples=10, judge=lambda _: 0.5, slow=name == "slow")
        for name in ("a", "b", "slow")
    ]
    broken = parts.measure.Point("peer", "broken", "1", lambda: 1 / 0, samples=10, judge=lambda _: 0.0)
    parts.measure.measure([*points, broken], rounds=3, at_least=0.0)
    assert calls == ["a", "a", "b", "b", "slow", *["a", "b"] * 3]
    assert [len(point.ns) for point in points] == [3, 3, 1]
    assert points[0].error == 0.5
    points[0].ns = [3.0, 1.0, 50.0]
    assert points[0].to_json()["ns_per_sample"] == 3.0
    assert broken.failure.startswith("ZeroDivisionError")
    assert broken.to_json()["error"] is None


@pytest.mark.parametrize("name", [name if place % 12 == 0 else pytest.param(name, marks=pytest.mark.slow) for place, name in enumerate(FLOWS)])
def test_translated_systems_are_the_systems(name: str, parts: ModuleType, fresh_cache: Path) -> None:
    compiled = flow(name)
    states = [f"x{k}" for k in range(compiled.dimension)]
    opening = f"{', '.join(states)} = s.tolist()"
    scalars = parts.scalars.Scalars(compiled.tape, compiled.parameter_values)
    rates = parts.translate.scalar_function(scalars, parts.translate.PYTHON, head="t, s", opening=opening, states=states, closing="return [{rates}]")
    start = draw_initial(compiled, seed=0, n=3).states
    expected = compiled.value(start)
    size = np.abs(expected).max()
    np.testing.assert_allclose([rates(0.0, row) for row in start], expected, rtol=1e-13, atol=1e-14 * size)  # constants are folded: an ulp or two
    if parts.arrays.suits(compiled.tape):
        whole = parts.arrays.array_function(compiled.tape, compiled.parameter_values, parts.arrays.NUMPY, "t, s", rolled=False)
        np.testing.assert_allclose([whole(0.0, row) for row in start], expected, rtol=1e-13, atol=1e-14 * size)


@pytest.mark.parametrize("name", ["lorenz63", "double_pendulum", "lorenz96", "kuramoto"])
def test_translated_jacobians_are_the_jacobians(name: str, parts: ModuleType, fresh_cache: Path) -> None:
    compiled = flow(name)
    states = [f"x{k}" for k in range(compiled.dimension)]
    dialect = parts.translate.Dialect("import numpy as np\n" + parts.translate.PYTHON.imports, parts.translate.PYTHON.forms)
    scalars = parts.scalars.Scalars(compiled.tangent_tape, compiled.parameter_values, jacobian=True)
    jacobian = parts.translate.jacobian_function(scalars, dialect, head="s", opening=f"{', '.join(states)} = s.tolist()", states=states)
    start = draw_initial(compiled, seed=0, n=1).states
    expected = compiled.jacobian(start)[0]
    np.testing.assert_allclose(jacobian(start[0]), expected, rtol=1e-13, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["kuramoto_sivashinsky", "navier_stokes_2d"])
def test_the_plain_stepper_of_fields_takes_our_steps(name: str, parts: ModuleType) -> None:
    compiled = flow(name)
    plain, scalars, shape = parts.plain_fields, compiled.definition.scalars, compiled.shape[1:]
    line = len(shape) == 1
    linear, nonlinear = plain.kuramoto_sivashinsky(scalars["L"], *shape) if line else plain.vorticity(shape[0], scalars["nu"])
    start = draw_initial(compiled, seed=0, n=1)
    axes = tuple(range(-len(shape), 0))
    spectrum = plain.stepped(np.fft.rfftn(start.states[0].reshape(shape), axes=axes), nonlinear, plain.weights(linear, 0.01), 5)
    found = np.fft.irfftn(spectrum, s=shape, axes=axes).ravel()
    ours = load("integrators", "etdrk4")(0.01).solve(compiled, start, np.array([0.0, 0.05])).states[0, 1]
    assert np.abs(found - ours).max() <= 1e-12 * np.abs(ours).max()


def test_the_flows_added_to_the_registry_are_smooth_and_stay_bounded(parts: ModuleType) -> None:
    for definition in parts.systems.extra_flows():
        compiled = compile_system(definition)
        assert compiled.tape.smooth
        assert np.isfinite(compiled.value(draw_initial(compiled, seed=0, n=2).states)).all()
    assert len(parts.systems.smooth_flows()) >= 20


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no 80-bit arithmetic here")
def test_the_reference_is_exact_far_beyond_double_precision(parts: ModuleType, fresh_cache: Path) -> None:
    circle = compile_system(system_from({"x": "v", "v": "-x"}))
    found = parts.reference.reference(circle, np.array([[1.0, 0.0]]), 0.25, 41, np.ones(2))
    times = np.longdouble(0.25) * np.arange(41)
    exact = np.stack([np.cos(times), -np.sin(times)], axis=1)
    # 40 steps of a rotation, each rounded to 2^-64 = 5e-20 and left to agree to 2e-18
    assert np.abs(found.states[:, 0] - exact).max() < 1e-16
    assert found.uncertainty[0] < 1e-16
    between = np.array([0.1, 3.3, 9.99])
    assert np.abs(found.at(between)[:, 0] - np.cos(between.astype(np.longdouble))).max() < 1e-16
    again = parts.reference.reference(circle, np.array([[1.0, 0.0]]), 0.25, 41, np.ones(2))  # from disk, as two doubles
    assert np.abs(again.states - found.states).max() < 1e-30 or np.array_equal(again.states, found.states)


@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_the_reference_has_the_order_it_claims(pairs: int, parts: ModuleType) -> None:
    rates = parts.reference.rates_of(flow("lorenz63"))
    start = np.array([[1.0, 2.0, 20.0]], dtype=np.longdouble)
    whole = np.longdouble(0.1)
    truth = parts.reference.advance(rates, start, np.array([[whole]]))

    def error(parts_of_it: int) -> float:
        state = start
        for _ in range(parts_of_it):
            state, _ = _extrapolated(parts, rates, state, whole / parts_of_it, pairs)
        return float(np.abs(state - truth).max())

    slope = math.log2(error(8) / error(16))
    assert slope == pytest.approx(2 * pairs, abs=0.2)


def _extrapolated(parts: ModuleType, rates: object, state: np.ndarray, step: np.longdouble, pairs: int) -> tuple[np.ndarray, None]:
    # one pair has no second result to compare with, so a row more is computed and the first column taken
    if pairs > 1:
        return parts.reference.extrapolated(rates, state, np.array([[step]]), pairs)[0], None
    first = parts.reference.extrapolated(rates, state, np.array([[step]]), 2)
    return first[0] - first[1], None


def test_operations_are_counted_as_by_hand(parts: ModuleType) -> None:
    lorenz = compile_system(system("lorenz63"))
    # sigma*(y - x): 2, x*(rho - z) - y: 3, x*y - beta*z: 3; the first coefficient of the state is the rate
    assert parts.operations.of_coefficients(lorenz, 1) == 8
    # order 1 of the rates: sigma*(y - x): 2; rho - z is a change of sign, its product with x 1 + 2, minus y 1; x*y 1 + 2, beta*z 1, difference 1;
    # and three halves
    assert parts.operations.of_coefficients(lorenz, 2) == 8 + 2 + 4 + 5 + 3
    assert parts.operations.of_sample(lorenz, 12) == 2 * 3 * 12


def test_the_peak_is_measured_on_work_that_is_done(parts: ModuleType) -> None:
    loaded = load_object(compile_assembly(parts.peak.assembly(), processor()), ("chains",))
    room = (ctypes.c_double * 96)()
    ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(loaded.addresses[0])(1, ctypes.addressof(room))
    assert list(room) == [0.5 * 1e-3 + 1e-3] * 96
    assert 1e8 < parts.peak.peak(rounds=1) < 1e13


def command(folder: Path, *arguments: str) -> tuple[dict, str]:
    environment = {**os.environ, "CHAOSBENCH_CACHE": str(folder / "cache")}
    files = ("--json", str(folder / "speed.json"), "--markdown", str(folder / "speed.md"))
    call = [sys.executable, str(SCRIPTS / "benchmark"), "--quick", "--rounds", "1", *arguments, *files]
    ended = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    text = (folder / "speed.md").read_text()
    assert text == ended.stdout
    return json.loads((folder / "speed.json").read_text()), text


def reached(points: list[dict], method: str) -> float:
    errors = [point["error"] for point in points if point["peer"] == "chaosbench" and point["method"] == method]
    assert errors
    assert all(error is not None and math.isfinite(error) for error in errors)
    return min(errors)


def test_a_quick_run_reaches_the_errors_it_compares_at(tmp_path: Path) -> None:
    cases = ("--case", "trajectories", "--case", "ensembles", "--case", "threads", "--system", "lorenz63", "--peer", "chaosbench")
    result, text = command(tmp_path, *cases)
    assert set(result["cases"]) == {"trajectories", "ensembles", "threads"}
    assert result["machine"]["processor"]
    assert result["machine"]["versions"]["numpy"] == np.__version__
    [single] = result["cases"]["trajectories"]["systems"]
    assert single["reference_uncertainty"] < min(result["cases"]["trajectories"]["targets"]) / 100
    assert reached(single["points"], "taylor") < min(result["cases"]["trajectories"]["targets"])
    [many] = result["cases"]["ensembles"]["sizes"]
    assert reached(many["points"], "taylor") < min(result["cases"]["ensembles"]["targets"])
    assert all(point["ns_per_sample"] > 0 for point in [*single["points"], *many["points"]])
    assert all(0 < entry["share"] < 1 for entry in result["cases"]["ensembles"]["shares_of_peak"])
    assert result["cases"]["threads"]["systems"]["lorenz63"]["same_bits"]
    assert text.count("\n## ") == 3
    assert "| lorenz63 | 3 | taylor |" in text


@pytest.mark.slow
def test_a_quick_run_of_everything(tmp_path: Path) -> None:
    result, text = command(tmp_path, "--peer", "scipy")
    assert set(result["cases"]) == {path.stem for path in (SCRIPTS / "benchmarks" / "cases").glob("*.py")} - {"__init__"}
    assert not any(entry["status"] for entry in result["cases"]["registry"]["flows"].values())
    for task in result["cases"]["exponents"]["tasks"]:
        assert max(task["ours"]["standard_error"]) <= task["target"]
        assert abs(sum(task["ours"]["value"]) - task["exact_sum"]) < 1e-3  # exact identity; only the method's bias is left
    for row in result["cases"]["compiling"]["kernels"].values():
        assert 0 < row["from_disk"] < row["compiled"]
    assert "Failed" not in text
    assert "scipy" in text
