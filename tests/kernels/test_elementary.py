"""The elementary functions: accuracy against longer arithmetic, special values, and the same bits at every width and on every processor."""

import ctypes
import hashlib
import math
import platform
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import mpmath
import numpy as np
import pytest

from chaosbench.kernels.control import counted
from chaosbench.kernels.elementary import ELEMENTARY, call_elementary
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.target import Processor, compile_assembly, load_object, processor

NAMES = sorted(ELEMENTARY)
OTHERS = [Processor("generic"), Processor("haswell")] if platform.machine() in {"x86_64", "AMD64"} else [Processor("generic")]
COUNT = 16384
INF, NAN = math.inf, math.nan

# Units in the last place, as the docstrings state them.
BOUNDS = {"sin": 0.8, "cos": 0.8, "tan": 0.9, "exp": 0.7, "log": 0.9, "pow": 0.85, "sinh": 0.65, "cosh": 0.65, "tanh": 0.85}
BOUNDS |= {"atan": 0.7, "atan2": 0.8, "asin": 0.7, "acos": 0.7}

NUMPY = {name: getattr(np, {"pow": "power"}.get(name, name.replace("a", "arc", 1) if name[0] == "a" else name)) for name in NAMES}


class Compiled:
    """An elementary function over arrays of a length that the widths divide."""

    def __init__(self, names, width, *, count=COUNT, cpu=None, library=False, wide=False, rounds=1):
        assembly = Assembly()
        w = Writer(assembly, "value", KERNEL_POINTERS, wide=wide)
        with counted(w, rounds, 1) as again:
            with counted(w, count, width) as loop:
                arguments = [w.load(base, 0, loop.index, width=width) for base in ("%u", "%p")[: ELEMENTARY[names[0]].arguments]]
                for k, name in enumerate(names):
                    result = w.call(name, *arguments) if library else call_elementary(w, name, *arguments)
                    w.store(result, "%out", k * count, loop.index)
                loop.close([])
            again.close([])
        w.finish()
        self.text = assembly.text()
        loaded = load_object(compile_assembly(self.text, cpu or processor()), ("value",))
        self.library = loaded.library
        self.function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(loaded.addresses[0])
        self.shape = (len(names), count)

    def __call__(self, x, y=None):
        x = np.ascontiguousarray(x, dtype=float)
        y = x if y is None else np.ascontiguousarray(y, dtype=float)
        out = np.full(self.shape, 7e77)
        assert x.size == y.size == self.shape[1]
        self.function(x.ctypes.data, y.ctypes.data, 0, 0, 0, out.ctypes.data)
        return out


@cache
def compiled(name, width=8):
    return Compiled([name], width)


def _signed(rng, low, high, count=COUNT):
    return 10.0 ** rng.uniform(low, high, count) * rng.choice([-1.0, 1.0], count)


def _arguments(name):
    """Lists of arrays, one list for each kind of arguments."""
    rng = np.random.default_rng(11)
    ordinary = [rng.uniform(-1, 1, COUNT), rng.uniform(-20, 20, COUNT), _signed(rng, -300, 0)]
    if name in {"sin", "cos", "tan"}:
        near_multiples = np.rint(10 ** rng.uniform(0, 9.3, COUNT)) * (math.pi / 2)
        kinds = [*ordinary, _signed(rng, 0, 8), _signed(rng, 8, 308), near_multiples]
    elif name == "exp":
        kinds = [*ordinary, rng.uniform(-708, 709.7, COUNT)]
    elif name in {"sinh", "cosh"}:
        kinds = [*ordinary, rng.uniform(-710.4, 710.4, COUNT)]
    elif name == "log":
        kinds = [rng.uniform(0.5, 2, COUNT), np.abs(_signed(rng, -307, 308)), 1 + _signed(rng, -16, -1), np.abs(_signed(rng, -323, -308))]
    elif name in {"asin", "acos"}:
        kinds = [ordinary[0], ordinary[2], 1 - 10 ** rng.uniform(-16, 0, COUNT)]
    elif name == "pow":
        pairs = [(rng.uniform(0, 2, COUNT), rng.uniform(-10, 10, COUNT)), (rng.uniform(0.5, 2, COUNT), rng.uniform(-700, 700, COUNT))]
        return [*pairs, (np.abs(_signed(rng, -300, 300)), rng.uniform(-1, 1, COUNT)), (1 + _signed(rng, -10, -1), _signed(rng, 0, 6))]
    elif name == "atan2":
        return [(rng.uniform(-1, 1, COUNT), rng.uniform(-1, 1, COUNT)), (_signed(rng, -5, 5), _signed(rng, -5, 5)),
                (_signed(rng, -300, 300), _signed(rng, -300, 300))]  # fmt: skip
    else:
        kinds = [*ordinary, _signed(rng, -300, 300)]
    return [(kind,) for kind in kinds]


def _errors(result, exact):
    """In units in the last place of the result, where it is a normal number; `exact` in longer arithmetic."""
    nearest = exact.astype(float)
    usual = np.isfinite(nearest) & (np.abs(nearest) >= 2.0**-1022)
    unit = np.spacing(np.abs(nearest[usual])).astype(exact.dtype)
    return np.abs((result[usual].astype(exact.dtype) - exact[usual]) / unit).astype(float)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long doubles of this machine are no longer than doubles")
@pytest.mark.filterwarnings("ignore:overflow", "ignore:underflow", "ignore:invalid", "ignore:divide by zero")
@pytest.mark.parametrize("name", NAMES)
def test_the_error_is_below_the_stated_bound(name):
    for arguments in _arguments(name):
        exact = NUMPY[name](*(a.astype(np.longdouble) for a in arguments))
        [result] = compiled(name)(*arguments)
        assert _errors(result, exact).max() < BOUNDS[name]
        nearest = exact.astype(float)
        tiny = np.abs(nearest) < 2.0**-1022
        assert (np.abs(result[tiny].astype(np.longdouble) - exact[tiny]) <= 2.0**-1074).all()
        assert (result[np.isinf(nearest)] == nearest[np.isinf(nearest)]).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_error_is_below_the_stated_bound_against_arbitrary_precision(name):
    function = getattr(mpmath, {"pow": "power"}.get(name, name))
    for arguments in _arguments(name):
        chosen = [a[:: COUNT // 64] for a in arguments]
        [result] = compiled(name)(*arguments)
        with mpmath.workprec(1200):  # enough for sines of 1e308
            exact = [function(*map(mpmath.mpf, row)) for row in zip(*map(np.ndarray.tolist, chosen), strict=True)]
            for value, wanted in zip(result[:: COUNT // 64].tolist(), exact, strict=True):
                if 2.0**-1022 <= abs(wanted) <= sys.float_info.max:
                    assert abs(mpmath.mpf(value) - wanted) < BOUNDS[name] * math.ulp(float(wanted))


def test_the_double_nearest_to_a_multiple_of_half_pi_keeps_its_digits():
    """Muller, Elementary Functions, 3rd ed., chapter 11: no double comes nearer than 6381956970095103 * 2**797."""
    x = 6381956970095103.0 * 2.0**797
    arguments = np.full(COUNT, x)
    with mpmath.workprec(1200):
        expected = float(mpmath.cos(mpmath.mpf(x)))
    assert expected == -4.687165924254628e-19
    assert compiled("cos")(arguments)[0, 0] == expected
    assert abs(compiled("tan")(arguments)[0, 0] * expected) == pytest.approx(1.0, abs=4e-16)
    assert compiled("sin")(np.full(COUNT, 1e22))[0, 0] == -0.8522008497671888  # K. C. Ng's example: a short reduction loses every digit


SPECIAL = [-INF, -1e300, -(2.0**53), -2.5, -2.0, -1.0, -0.5, -1e-300, -5e-324, -0.0]
SPECIAL += [0.0, 5e-324, 1e-300, 0.5, 1.0, 2.0, 3.0, 2.0**53 - 1, 1e300, INF, NAN]
# What the C standard fixes (annex F), and where results leave the range of doubles.
EXACT = {
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (5e-324, 5e-324)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-5e-324, -5e-324)],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (709.8, INF), (1e300, INF), (-745.2, 0.0), (-745.1, 5e-324), (1.0, math.e)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN), (-5e-324, NAN), (5e-324, -744.4400719213812)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (5e-324, 5e-324), (710.5, INF), (-1e300, -INF)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (710.5, INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (1e300, 1.0), (-5e-324, -5e-324)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (INF, math.pi / 2), (-INF, -math.pi / 2), (1.0, math.pi / 4), (-5e-324, -5e-324)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.0, math.pi / 2), (-1.0, -math.pi / 2), (1.5, NAN), (-INF, NAN), (5e-324, 5e-324)],
    "acos": [(1.0, 0.0), (-1.0, math.pi), (0.0, math.pi / 2), (-0.0, math.pi / 2), (1.5, NAN), (INF, NAN)],
}  # fmt: skip


def _same(a, b):
    return (np.isnan(a) & np.isnan(b)) | ((a == b) & (np.signbit(a) == np.signbit(b)))


@pytest.mark.parametrize("name", sorted(EXACT))
def test_special_arguments_give_what_the_standard_says(name):
    padded, expected = (np.resize(column, COUNT) for column in np.array([*EXACT[name], (NAN, NAN)]).T)
    for width in (1, 8):
        [result] = compiled(name, width)(padded)
        assert _same(result, expected).all(), dict(zip(padded, result, strict=True))


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero", "ignore:overflow")
@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_special_pairs_give_what_the_library_gives(name):
    x, y = (np.resize(column, COUNT) for column in np.array([(a, b) for a in SPECIAL for b in SPECIAL]).T)
    expected = NUMPY[name](x, y)
    for width in (1, 8):
        [result] = compiled(name, width)(x, y)
        decided = np.isnan(expected) | (expected == 0) | np.isinf(expected) | (np.abs(expected) == 1)
        assert _same(result, expected)[decided].all()
        np.testing.assert_array_max_ulp(result[~decided], expected[~decided], maxulp=2)


def test_powers_that_are_doubles_are_exact():
    bases, exponents = np.meshgrid(np.arange(-12.0, 13.0), np.arange(0.0, 15.0))
    x, y = np.resize(bases, COUNT), np.resize(exponents, COUNT)
    expected = [float(int(a) ** int(b)) for a, b in zip(x, y, strict=True)]  # below 2**53 or powers of two times such
    [result] = compiled("pow")(x, y)
    assert result.tolist() == expected


def _all_arguments(name):
    """Every kind of argument side by side, so that ordinary lanes stand next to far ones, infinities and NaN."""
    kinds = _arguments(name)
    mixed = [np.concatenate([kind[place] for kind in kinds]) for place in range(len(kinds[0]))]
    order = np.random.default_rng(3).permutation(mixed[0].size)[:COUNT]
    special = np.array([(a, b) for a in SPECIAL for b in SPECIAL]).T
    result = []
    for place, column in enumerate(mixed):
        chosen = column[order].copy()
        chosen[::16][: special.shape[1]] = special[place]
        result.append(chosen)
    return result


def _bits(values):
    return np.where(np.isnan(values), NAN, values).tobytes()  # one NaN for all


@pytest.mark.parametrize("name", NAMES)
def test_every_width_gives_the_same_bits(name):
    arguments = _all_arguments(name)
    expected = _bits(compiled(name, 1)(*arguments))
    for width in (2, 4, 8):
        assert _bits(compiled(name, width)(*arguments)) == expected
    for width in (3, 5, 7):
        count = COUNT - COUNT % width
        part = [a[:count] for a in arguments]
        assert _bits(Compiled([name], width, count=count)(*part)) == _bits(compiled(name, 1)(*arguments)[:, :count])
    assert _bits(Compiled([name], 8, wide=True)(*arguments)) == expected, "called from a function with wider registers"


@pytest.mark.parametrize("name", NAMES)
def test_every_processor_gives_the_same_bits(name):
    arguments = _all_arguments(name)
    expected = _bits(compiled(name, 8)(*arguments))
    for cpu in OTHERS:
        for width in (1, 8):
            assert _bits(Compiled([name], width, cpu=cpu)(*arguments)) == expected


GOLDEN = {
    "acos": "b968a8adc44362ac",
    "asin": "f8a57dd08bbb24bb",
    "atan": "ed7b6d9f3bb5b37c",
    "atan2": "f483c9417b8ffb42",
    "cos": "8dc8802fdea524fa",
    "cosh": "80cb1b6f2f805c21",
    "exp": "52e3eb9069508993",
    "log": "d647d783066736ab",
    "pow": "0d8e2b13d065cedb",
    "sin": "d394af4ffe9857d5",
    "sinh": "efeddb5ed53d8bb8",
    "tan": "01ea0bfe0b1cd842",
    "tanh": "016cf88c49ef39c4",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_bits_are_those_of_every_other_machine(name):
    x = np.arange(-COUNT // 2, COUNT // 2) * (25 / 2048)  # without rounding, so that the arguments are the same everywhere
    x = x / 128 if name in {"asin", "acos"} else x
    assert hashlib.sha256(_bits(compiled(name)(x, np.roll(x, 4321)))).hexdigest()[:16] == GOLDEN[name]


@pytest.mark.parametrize("pair", [family.members for family in set(ELEMENTARY.values()) if len(family.members) > 1])
@pytest.mark.parametrize("width", [1, 3, 8])
def test_two_results_of_one_argument_come_from_one_call_with_the_same_bits(pair, width):
    count = COUNT - COUNT % width
    arguments = [a[:count] for a in _all_arguments(pair[0])]
    for names in (pair, pair[::-1], (*pair, *pair)):
        together = Compiled(names, width, count=count)
        body = together.text[together.text.index("@value") : together.text.index("ret void")]
        assert body.count("call {") == 1
        assert together.text.count("define internal { ") == 1 + (pair[0] == "sin"), "the functions of one result are left out"
        for name, result in zip(names, together(*arguments), strict=True):
            assert _bits(result) == _bits(compiled(name, 1)(*_all_arguments(pair[0]))[0, :count])


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"exp", "log", "pow", "acos", "atan2"}))
def test_odd_and_even_functions_are_exactly_so(name):
    x = _all_arguments(name)[0]
    there, back = compiled(name)(x), compiled(name)(-x)
    assert _bits(back) == _bits(there if name in {"cos", "cosh"} else -there)


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="measured on processors with vectors of 256 bits")
@pytest.mark.parametrize("name", NAMES)
def test_eight_lanes_take_less_time_than_eight_calls_of_the_library(name):
    count, rounds = 1024, 30
    arguments = [np.resize(a[:count], count) for a in _arguments(name)[0]]
    runs = [Compiled([name], 8, count=count, rounds=rounds, library=library) for library in (False, True)]
    best = [INF, INF]
    for _ in range(9):
        for k, run in enumerate(runs):
            start = time.process_time()
            run(*arguments)
            best[k] = min(best[k], time.process_time() - start)
    assert best[0] < best[1]


@pytest.mark.slow
def test_the_stored_numbers_are_those_of_the_script():
    script = Path(__file__).parents[2] / "scripts" / "elementary_coefficients"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
