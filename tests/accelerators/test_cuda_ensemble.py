"""One trajectory a thread: the program on this processor gives the compiled methods' bits, and becomes PTX that an assembler takes."""

import ctypes
import math
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import chaosbench
from chaosbench.accelerators import cuda_driver, cuda_ensemble
from chaosbench.accelerators.cuda_driver import Gpu
from chaosbench.accelerators.cuda_ensemble import CudaEnsemble
from chaosbench.accelerators.cuda_host import Host
from chaosbench.accelerators.device_code import Program, device_text, host_text, program
from chaosbench.accelerators.ptx import to_ptx
from chaosbench.catalogue import load, names, system_files
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.functions import function_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import DefinitionError, IntegrationError, KernelError, NotInstalledError
from chaosbench.integrators._request import checked
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.target import compile_assembly, load_object, processor

PAIRS = [name for name in names("integrators") if isinstance(getattr(load("integrators", name), "tableau", None), Tableau)]
METHODS = [name for name in PAIRS if "flows" in load("integrators", name).kinds]
SYSTEMS = [name for name in system_files() if system(name).kind in ("flows", "maps")]


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> type[Integrator]:
    return load("integrators", request.param)


@pytest.fixture(scope="module")
def lorenz() -> CompiledSystem:
    return compile_system(system("lorenz63"))


@pytest.fixture(scope="module")
def oscillator() -> CompiledSystem:
    return compile_system(system_from({"x": "v", "v": "-x"}))


def on_host(method: type[Integrator], **options) -> CudaEnsemble:
    return CudaEnsemble(method, device="cpu", **options)


def solve(integrator: Integrator, subject: CompiledSystem, states, times, **options) -> Solution:
    return integrator.solve(subject, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def assert_same(found: Solution, expected: Solution) -> None:
    np.testing.assert_array_equal(found.states, expected.states)
    np.testing.assert_array_equal(found.final.states, expected.final.states)
    for name in ("status", "evaluations", "rejected"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def both(name: str, ensemble: type[CudaEnsemble] | None = None, device: str = "cpu") -> tuple[Solution, Solution]:
    """A short run of a system of the registry, by the ensemble and by the compiled method."""
    subject = compile_system(system(name))
    states = np.random.default_rng(7).normal(0.2, 0.1, size=(6, subject.dimension))
    flow = subject.definition.kind == "flows"
    times = np.linspace(0.0, 1.0, 9) if flow else np.array([0.0, 1.0, 2.0, 7.0, 25.0])
    tableau = load("integrators", "dop853")
    compiled = tableau() if flow else load("integrators", "iteration")()
    return solve(CudaEnsemble(tableau, device=device), subject, states, times), solve(compiled, subject, states, times)


@pytest.mark.parametrize("name", [name if place % 12 == 0 else pytest.param(name, marks=pytest.mark.slow) for place, name in enumerate(SYSTEMS)])
def test_every_system_gets_the_bits_of_the_compiled_method(name: str) -> None:
    assert_same(*both(name))


@pytest.mark.parametrize("name", ["lorenz63", "double_pendulum", "lorenz96", "henon", "ikeda"])
def test_a_gpu_gives_the_bits_of_the_compiled_method(gpu: Gpu, name: str) -> None:
    assert_same(*both(name, device="cuda"))


def test_long_runs_keep_the_bits_whatever_the_launches(method: type[Integrator], lorenz: CompiledSystem) -> None:
    states, times = np.random.default_rng(1).normal(10.0, 3.0, size=(20, 3)), np.linspace(0.0, 5.0, 101)
    rows = np.random.default_rng(2).uniform([9.0, 20.0, 2.0], [11.0, 30.0, 3.0], size=(20, 3))
    options = {"rtol": 1e-10, "atol": 1e-10, "parameters": rows}
    expected = solve(method(), lorenz, states, times, **options)
    for settings in ({}, {"rounds": 1}, {"rounds": 17, "lanes": 7}):
        assert_same(solve(on_host(method, **settings), lorenz, states, times, **options), expected)


def test_times_may_differ_by_trajectory(method: type[Integrator], lorenz: CompiledSystem) -> None:
    times = np.array([[0.0, 1.0, 2.0], [5.0, 5.5, 9.0], [-3.0, -2.999, -1.0]])
    states = np.random.default_rng(1).normal(10.0, 3.0, size=(3, 3))
    assert_same(solve(on_host(method), lorenz, states, times), solve(method(), lorenz, states, times))


@pytest.mark.parametrize(
    ("equations", "states", "times", "options", "status"),
    [
        ({"x": "x**2"}, [[1.0], [-1.0]], np.linspace(0.0, 2.0, 41), {"rtol": 1e-10}, [Status.BLOW_UP, Status.OK]),
        ({"x": "-1 - sqrt(x)"}, [[1.0], [9.0]], [0.0, 0.6, 0.7], {}, [Status.STEP_UNDERFLOW, Status.OK]),
        ({"x": "1 - x"}, [[1e-30], [2.0]], 2.0**24 + np.array([0.0, 1.0, 5.0]), {}, [Status.OK, Status.OK]),
        ({"x": "x - x**3"}, [[0.0], [2.0]], [0.0, 100.0], {}, [Status.OK, Status.OK]),
        ({"x": "log(x)"}, [[-1.0], [2.0]], [0.0, 0.1], {}, [Status.STEP_UNDERFLOW, Status.OK]),
        ({"x": "cos(20*x) + 1.1"}, [[0.1], [2.0]], [0.0, 0.01, 100.0], {"max_steps": 20}, [Status.TOO_MANY_STEPS] * 2),
        ({"x": "-x"}, [[1.0], [2.0]], [4.0], {}, [Status.OK, Status.OK]),
    ],
)
def test_failures_are_those_of_the_compiled_method(method: type[Integrator], equations, states, times, options, status) -> None:
    subject = compile_system(system_from(equations))
    found = solve(on_host(method), subject, states, times, **options)
    expected = solve(method(), subject, states, times, **options)
    np.testing.assert_array_equal(found.status, status)
    np.testing.assert_array_equal(found.states, expected.states)
    np.testing.assert_array_equal(found.evaluations, expected.evaluations)


def run_fixed(subject: CompiledSystem, method: type[Integrator], times: np.ndarray, step: float) -> np.ndarray:
    ensemble = on_host(method)
    request = checked(ensemble, subject, InitialState(np.array([[1.0, 0.0]])), times, None, (1e-9, 1e-12), 10**6, 1, None)
    ensemble._run(request, fixed=step)
    return request.out[0]


def test_the_continuous_extension_has_its_order(method: type[Integrator], oscillator: CompiledSystem) -> None:
    steps = np.array([0.9, 0.6, 0.4]) if method.order > 6 else np.array([0.2, 0.13, 0.09])
    errors = []
    for step in steps:
        places = step * np.arange(22) / 21
        states = run_fixed(oscillator, method, places, step)
        errors.append(np.sqrt(np.mean((states - np.stack([np.cos(places), -np.sin(places)], axis=-1))[1:-1] ** 2)))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] - 1.0 == pytest.approx(method.tableau.dense_order, abs=0.2)


def test_equal_steps_converge_with_the_order_of_the_method(method: type[Integrator], oscillator: CompiledSystem) -> None:
    counts, end = (np.array([8, 11, 15]) if method.order > 6 else np.array([30, 45, 65])), 2.0 * np.pi
    errors = []
    for count in counts:
        solution = solve(on_host(method, steps=int(count)), oscillator, [[1.0, 0.0]], [0.0, end / 2, end])
        errors.append(np.abs(solution.states[0, -1] - [1.0, 0.0]).max())
        assert solution.evaluations.tolist() == [1 + 2 * count * (method.tableau.stages - 1)]
        assert solution.final.states.tolist() == solution.states[:, -1].tolist()
    assert -np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(method.order, abs=0.2)


def test_equal_steps_end_with_the_same_statuses(method: type[Integrator]) -> None:
    subject, times = compile_system(system_from({"x": "x**2"})), np.linspace(0.0, 2.0, 41)
    solution = solve(on_host(method, steps=40, rounds=3), subject, [[1.0], [-1.0]], times)
    assert solution.status.tolist() == [Status.BLOW_UP, Status.OK]
    np.testing.assert_allclose(solution.states[0, :18, 0], 1.0 / (1.0 - times[:18]), rtol=1e-6)
    assert np.isnan(solution.states[0, 24:]).all()
    np.testing.assert_allclose(solution.states[1, :, 0], -1.0 / (1.0 + times), rtol=1e-8)
    few = solve(on_host(method, steps=8), subject, [[-1.0]], times, max_steps=20)
    assert few.status.tolist() == [Status.TOO_MANY_STEPS]
    assert np.isfinite(few.states[0, :3]).all()
    assert np.isnan(few.states[0, 3:]).all()


def test_maps_escape_and_run_out_of_steps_like_the_iteration() -> None:
    subject, iterate = compile_system(system("henon")), load("integrators", "iteration")()
    states = np.random.default_rng(0).normal(0.0, 0.1, size=(6, 2))
    states[2] = 50.0
    for options, times in (({}, [3.0, 4.0, 9.0, 40.0]), ({}, np.arange(6.0)[:, None] + [0.0, 2.0, 3.0]), ({"max_steps": 5}, np.arange(9.0))):
        ensemble = on_host(load("integrators", "tsit5"), rounds=4)
        assert_same(solve(ensemble, subject, states, times, **options), solve(iterate, subject, states, times, **options))
    with pytest.raises(IntegrationError, match="whole numbers"):
        solve(ensemble, subject, states, [0.0, 0.5])


def remainder_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The device's remainder of each pair, run on this processor."""
    tape = compile_system(system_from({"x": "x % y", "y": "y"})).tape
    text = program(tape, load("integrators", "tsit5").tableau, False).text
    text += """define void @pairs(ptr %x, ptr %y, ptr %out) {
  %a = load double, ptr %x
  %b = load double, ptr %y
  %r = call double @exact_remainder(double %a, double %b)
  store double %r, ptr %out
  ret void
}
"""
    loaded = load_object(compile_assembly(text, processor()), ("pairs",))
    call, out = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(loaded.addresses[0]), np.empty_like(x)
    for k in range(x.size):
        call(*(array[k:].ctypes.data for array in (x, y, out)))
    return out


def test_the_remainder_far_out_is_exact() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(size=300) * 2.0 ** random.integers(-1000, 1000, 300), [0.0, -0.0, 1e308, -1e308, 5e-324, 3.0, -3.0, 7.0]])
    y = np.concatenate([random.normal(size=300) * 2.0 ** random.integers(-1000, 1000, 300), [2.0, 2.0, 5e-324, 3e-310, 1e308, math.inf, 3.0, -2.5]])
    np.testing.assert_array_equal(remainder_of(x, y), np.fmod(x, y))
    odd = remainder_of(np.array([math.inf, math.nan, 1.0, 1.0]), np.array([1.0, 1.0, 0.0, math.nan]))
    assert np.isnan(odd).all()


def programs(name: str) -> list[Program]:
    subject = compile_system(system(name))
    if subject.definition.kind == "maps":
        return [program(subject.tape, None, False)]
    return [program(subject.tape, load("integrators", each).tableau, equal) for each in METHODS for equal in (False, True)]


@pytest.mark.parametrize("name", ["lorenz63", "kuramoto", "chua", "henon", "standard", "coupled_logistic"])
def test_ptx_is_exact_arithmetic_and_needs_nothing_from_outside(name: str) -> None:
    for built in programs(name):
        ptx = to_ptx(device_text(built), "ensemble")
        assert ptx.count(".entry") == 1
        assert ".extern" not in ptx
        assert not re.search(r"\.approx|\.ftz|div\.full|\.f32", ptx)
        assert "fma.rn.f64" in ptx or built.sizes.dimension == 1
        assert not re.search(r"\b(add|sub|mul)\.f64", ptx)  # without .rn the driver's compiler may contract


def test_small_systems_live_in_registers() -> None:
    for built in programs("lorenz63"):
        assert ".local" not in to_ptx(device_text(built), "ensemble")


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("double_pendulum", "kuramoto", "lorenz96")]


@pytest.mark.parametrize("name", ["lorenz63", "henon", "standard", *SLOW])
def test_nvidias_assembler_takes_the_ptx(name: str, ptxas: str, tmp_path: Path) -> None:
    for built in programs(name):
        source = tmp_path / "ensemble.ptx"
        source.write_text(to_ptx(device_text(built), "ensemble"))
        for architecture in ("sm_75", "sm_90"):
            done = subprocess.run(
                [ptxas, f"-arch={architecture}", str(source), "-o", str(tmp_path / "out")], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


def test_a_function_of_the_c_library_is_refused() -> None:
    text = "declare double @sin(double)\ndefine ptx_kernel void @k(ptr %p) {\n  %a = call double @sin(double 1.0)\n  ret void\n}\n"
    with pytest.raises(KernelError, match="sin is a function of the C library"):
        to_ptx(text, "k")


class FakeDriver:
    """The driver's C interface over this processor's memory, behind pointers of the real signatures: what the calls hand over is what arrives."""

    def __init__(self, host_program: str) -> None:
        self.host_program, self.live, self.launches, self.ptx = host_program, {}, [], b""
        self.failing: dict[str, int] = {}
        self.kept = Host()
        for symbol, arguments in cuda_driver._SIGNATURES.items():
            function = ctypes.CFUNCTYPE(ctypes.c_int, *arguments)(getattr(self, symbol, lambda *_: 0))
            setattr(self, f"{symbol}_callback", function)

    def __getattribute__(self, name: str):
        if name in cuda_driver._SIGNATURES and f"{name}_callback" in self.__dict__:
            failing = self.__dict__["failing"]
            return (lambda *_: failing[name]) if name in failing else self.__dict__[f"{name}_callback"]
        return super().__getattribute__(name)

    def cuDeviceGetCount(self, count) -> int:  # noqa: N802
        count[0] = 1
        return 0

    def cuMemGetInfo_v2(self, free, total) -> int:  # noqa: N802
        free[0] = total[0] = 1 << 20
        return 0

    def cuMemAlloc_v2(self, address, size: int) -> int:  # noqa: N802
        array = np.full(-(-size // 8), np.nan)
        self.live[array.ctypes.data] = array
        address[0] = array.ctypes.data
        return 0

    def cuMemFree_v2(self, address: int) -> int:  # noqa: N802
        del self.live[address]
        return 0

    def cuMemcpyHtoD_v2(self, target: int, source: int, size: int) -> int:  # noqa: N802
        ctypes.memmove(target, source, size)
        return 0

    def cuMemcpyDtoH_v2(self, target: int, source: int, size: int) -> int:  # noqa: N802
        ctypes.memmove(target, source, size)
        return 0

    def cuModuleLoadDataEx(self, module, image: bytes, count: int, options, values) -> int:  # noqa: N802
        self.ptx, module[0] = image, 77
        assert [options[k] for k in range(count)] == [5, 6]
        return 0

    def cuModuleGetFunction(self, function, module: int, name: bytes) -> int:  # noqa: N802
        assert (module, name) == (77, b"ensemble")
        function[0] = 78
        return 0

    def cuLaunchKernel(self, function: int, *rest) -> int:  # noqa: N802
        grid, block, arguments = rest[:3], rest[3:6], rest[8]
        values = [ctypes.cast(arguments[k], ctypes.POINTER(ctypes.c_int64))[0] for k in range(10)]
        lanes = values[0]
        assert function == 78
        assert grid[0] * block[0] >= lanes > (grid[0] - 1) * block[0]
        self.launches.append(lanes)
        kernel = self.kept.kernel(self.host_program, "ensemble")
        ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5, *[ctypes.c_void_p] * 6)(kernel)(0, *values)
        return 0

    def cuGetErrorString(self, code: int, text) -> int:  # noqa: N802
        text[0] = b"out of memory"
        return 0


@pytest.fixture
def fake(lorenz: CompiledSystem, monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    driver = FakeDriver(host_text(program(lorenz.tape, load("integrators", "tsit5").tableau, False)))
    monkeypatch.setattr(cuda_driver, "_library", lambda: driver)
    return driver


def test_the_drivers_calls_carry_what_the_kernel_needs(fake: FakeDriver, lorenz: CompiledSystem) -> None:
    method, told = load("integrators", "tsit5"), []
    states, times = np.random.default_rng(1).normal(10.0, 3.0, size=(150, 3)), np.linspace(0.0, 1.0, 11)
    rows = np.tile(lorenz.parameter_values, (150, 1))
    ensemble = CudaEnsemble(method, rounds=50, lanes=100)
    found = solve(ensemble, lorenz, states, times, parameters=rows, progress=lambda done, count: told.append((done, count)))
    assert_same(found, solve(method(), lorenz, states, times, parameters=rows))
    assert told == [(100, 150), (150, 150)]
    assert set(fake.launches) == {100, 50}
    assert len(fake.launches) > 2
    assert fake.live == {}
    assert b".entry ensemble" in fake.ptx


class Emulator(FakeDriver):
    """The same, but every thread goes through the PTX that was handed over, instruction by instruction."""

    def __init__(self, interpreter: ModuleType) -> None:
        super().__init__("")
        self.interpreter = interpreter

    def cuLaunchKernel(self, function: int, *rest) -> int:  # noqa: N802
        grid, block, arguments = rest[0], rest[3], rest[8]
        values = [ctypes.cast(arguments[k], ctypes.POINTER(ctypes.c_int64))[0] for k in range(10)]
        kernel = self.interpreter.Kernel(self.ptx.decode())
        for number in range(grid * block):
            kernel.run(values, {"%ctaid.x": number // block, "%ntid.x": block, "%tid.x": number % block})
        return 0


@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize("equations", [{"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8/3*z"}, {"x": "x**2"}, {"x": "1 + abs(x) % 0.7"}])
def test_the_ptx_itself_gives_the_bits(monkeypatch: pytest.MonkeyPatch, interpreter: ModuleType, method, equations, steps) -> None:
    monkeypatch.setattr(cuda_driver, "_library", lambda: driver)
    driver, subject = Emulator(interpreter), compile_system(system_from(equations))
    states, times = np.array([[1.0, 2.0, 20.0], [-3.0, -4.0, 15.0]])[:, : subject.dimension], [0.0, 0.03, 0.2]
    options = {"rtol": 1e-6, "atol": 1e-6}
    found = solve(CudaEnsemble(method, steps=steps, rounds=5), subject, states, times, **options)
    assert_same(found, solve(on_host(method, steps=steps), subject, states, times, **options))


def test_the_ptx_of_a_map_gives_the_bits(monkeypatch: pytest.MonkeyPatch, interpreter: ModuleType) -> None:
    monkeypatch.setattr(cuda_driver, "_library", lambda: driver)
    driver, subject = Emulator(interpreter), compile_system(system("henon"))
    states, times = np.array([[0.1, 0.1], [50.0, 1.0]]), [0.0, 3.0, 9.0]
    found = solve(CudaEnsemble(load("integrators", "tsit5")), subject, states, times)
    assert_same(found, solve(load("integrators", "iteration")(), subject, states, times))


def test_a_small_memory_means_small_chunks(fake: FakeDriver, lorenz: CompiledSystem) -> None:
    """Of 1 MiB three quarters are used: 900 samples of three doubles and their times take 29 kB a trajectory."""
    found = solve(CudaEnsemble(load("integrators", "tsit5")), lorenz, np.ones((60, 3)), np.linspace(0.0, 0.1, 900))
    assert max(fake.launches) == 27
    assert found.status.tolist() == [0] * 60


def test_an_error_of_the_driver_frees_the_memory_and_says_what_failed(fake: FakeDriver, lorenz: CompiledSystem) -> None:
    ensemble = CudaEnsemble(load("integrators", "tsit5"))
    fake.failing["cuLaunchKernel"] = 2
    with pytest.raises(KernelError, match=r"cuLaunchKernel failed: out of memory \(CUDA error 2\); take fewer lanes"):
        solve(ensemble, lorenz, np.ones((2, 3)), [0.0, 1.0])
    assert fake.live == {}
    fake.failing = {"cuModuleLoadDataEx": 218}
    with pytest.raises(KernelError, match="the driver's compiler says: nothing"):
        solve(CudaEnsemble(load("integrators", "tsit5")), lorenz, np.ones((2, 3)), [0.0, 1.0])


def test_a_gpu_that_is_not_there_is_told(fake: FakeDriver) -> None:
    with pytest.raises(NotInstalledError, match=r"GPU 3 of 1: .*pass a number below 1, or device='cpu'"):
        CudaEnsemble(load("integrators", "tsit5"), device="cuda:3")


def test_without_a_driver_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    cuda_driver._library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(NotInstalledError, match=r"no CUDA driver .*install the driver, or pass device='cpu'"):
        CudaEnsemble(load("integrators", "tsit5"))
    cuda_driver._library.cache_clear()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "tpu"}, "rule: 'cuda', 'cuda:1'"),
        ({"device": "cuda:x"}, "rule: 'cuda', 'cuda:1'"),
        ({"device": "cpu", "steps": 0}, "at least 1 from each sample time"),
        ({"device": "cpu", "lanes": 0}, "at least one trajectory"),
        ({"device": "cpu", "rounds": 0}, "at least one step a launch"),
    ],
)
def test_misuse_says_value_rule_and_fix(options: dict, words: str) -> None:
    with pytest.raises(IntegrationError, match=words):
        CudaEnsemble(load("integrators", "tsit5"), **options)


def test_methods_and_systems_that_do_not_fit_are_refused(lorenz: CompiledSystem) -> None:
    with pytest.raises(IntegrationError, match=r"method is Iteration; rule: an explicit Runge-Kutta"):
        on_host(load("integrators", "iteration"))
    with pytest.raises(IntegrationError, match="not delays"):
        solve(on_host(load("integrators", "tsit5")), compile_system(system("mackey_glass")), [[1.0]], [0.0, 1.0])
    foreign = function_system(lambda states: states, dimension=1, language="torch", name="foreign")
    with pytest.raises(DefinitionError, match="no tape"):
        solve(on_host(load("integrators", "tsit5")), foreign, [[1.0]], [0.0, 1.0])


def test_simulate_takes_it_and_says_so() -> None:
    method, options = load("integrators", "dop853"), {"n_trajectories": 3, "n_samples": 20, "seed": 1}
    usual = chaosbench.simulate(system("lorenz63"), integrator="dop853", **options)
    ours = chaosbench.simulate(system("lorenz63"), integrator=on_host(method), **options)
    np.testing.assert_array_equal(ours.state.values, usual.state.values)
    assert on_host(method).options == {"order": 8.0}
    assert on_host(method, steps=3).options == {"order": 8.0, "steps": 3.0}
    assert '"order":8' in ours.attrs["chaosbench"].replace(" ", "")


def test_it_needs_no_torch() -> None:
    code = "import sys\nfrom chaosbench.accelerators.cuda_ensemble import CudaEnsemble\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_programs_are_made_once(lorenz: CompiledSystem) -> None:
    tableau = load("integrators", "tsit5").tableau
    assert program(lorenz.tape, tableau, False) is program(compile_system(system("lorenz63")).tape, tableau, False)
    assert cuda_ensemble._code(program(lorenz.tape, tableau, False), True).startswith("define")
