"""Systems that are functions: what integrators take in place of a compiled definition, with numbers but without equations.

They have no tangent, no Jacobian, no Taylor series and no identity; asking for one is refused with what works instead.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numba import cfunc, njit
from numba import types as numba_types
from numba.core.dispatcher import Dispatcher
from numba.np.numpy_support import carray

from chaosbench.dynamics.compile import CompiledSystem
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import DefinitionError
from chaosbench.expressions.tape import Tape
from chaosbench.expressions.tree import Expression
from chaosbench.kernels.build import Kernels, PairKernels
from chaosbench.kernels.foreign import foreign_kernels
from chaosbench.kernels.tableau import Tableau

types: Any = numba_types
_KERNEL = types.void(*[types.CPointer(types.float64)] * 6)
_DEFINE = "or write the equations as a definition, chaosbench.system_from"


@dataclass(frozen=True)
class NoEquations(Mapping[str, Expression]):
    """The equations of a definition that has none: asking for one says so."""

    name: str

    def __getitem__(self, key: str) -> NoReturn:
        raise DefinitionError(
            f"{self.name}: no equations: its right-hand side is a function, from which no tape, identity or text can be made; "
            f"give the system to an explicit integrator, {_DEFINE}"
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self[""])

    def __len__(self) -> int:
        return 0


class FunctionSystem(CompiledSystem):
    """A system that is a function; integrators take it in place of a compiled definition. Made by `function_system`."""

    function: Callable

    def __init__(self, definition: SystemDefinition, function: Callable, remake: Callable[[], "FunctionSystem"]) -> None:
        fields = {"definition": definition, "function": function, "_remake": remake, "_kernels": {}, "_quantities": {}}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> Any:
        return vars(self)["_remake"], ()

    @property
    def tape(self) -> Tape:
        """Refused: a function has no tape."""
        self._refuse("no tape, hence no tangent, Jacobian, Taylor series or extended precision")

    @property
    def halves(self) -> NoReturn:
        """Refused: a function does not say which variables move which."""
        self._refuse("no halves that move each other")

    @property
    def dimension(self) -> int:
        """D."""
        return self.definition.dimension

    @property
    def n_parameters(self) -> int:
        """P."""
        return len(self.definition.parameters)

    @property
    def delayed(self) -> tuple[tuple[int, int], ...]:
        """No delays."""
        return ()

    def pair_kernels(self, tableau: Tableau, width: int) -> PairKernels | None:
        """None: a function takes one state at a time."""
        return None

    def _refuse(self, lack: str) -> NoReturn:
        what = getattr(self.function, "__name__", type(self.function).__name__)
        raise DefinitionError(f"{self.definition.name}: {lack}: its right-hand side is the function {what!r}; {self._remedy}, {_DEFINE}")

    @property
    def _remedy(self) -> str:
        raise NotImplementedError


class JittedSystem(FunctionSystem):
    """A function compiled by Numba: explicit Runge-Kutta methods and the iteration of maps run it without the interpreter.

    An exception inside the function counts as a state that is not a number, so the trajectory ends with a status; `value` raises it.
    """

    @property
    def _remedy(self) -> str:
        return "take an explicit Runge-Kutta method such as dop853 or tsit5, for a map its iteration"

    def value(self, states: np.ndarray, parameters: np.ndarray | None = None, past: np.ndarray | None = None) -> np.ndarray:
        """Return the right-hand side (B, D) at states (B, D); parameters (P,) or (B, P)."""
        states, parameters = self._checked(np.asarray(states, dtype=np.float64), parameters, past)
        rows = np.broadcast_to(parameters, (len(states), self.n_parameters)).astype(np.float64)
        out = np.empty(states.shape)
        for state, row, place in zip(states.copy(), rows, out, strict=True):
            _fill(self.function)(state, row, place)
        return out

    def kernels(self, tableau: Tableau | None = None, columns: int = 0) -> Kernels:
        """Return kernels that call the function; made once for each method."""
        if columns:
            self._refuse("no tangents")
        key = (tableau, 0)
        if key not in self._kernels:
            compiled = _compiled(self.function, self.dimension, self.n_parameters)
            self._kernels[key] = foreign_kernels(compiled.address, self.dimension, tableau, compiled)
        kernels: Kernels = self._kernels[key]
        return kernels


class BatchedSystem(FunctionSystem):
    """A torch module or function of a batch of states (B, D), and of parameters (B, P) if it takes a second argument."""

    @property
    def _remedy(self) -> str:
        return "take chaosbench.accelerators.torch_ensemble.TorchEnsemble, on a processor or a GPU"

    @property
    def takes_parameters(self) -> bool:
        """Whether the function wants the parameters as its second argument."""
        return positional(self.function) == 2

    def value(self, states: np.ndarray, parameters: np.ndarray | None = None, past: np.ndarray | None = None) -> np.ndarray:
        """Refused: NumPy arrays are no tensors."""
        self._refuse("no evaluation on NumPy arrays")

    def kernels(self, tableau: Tableau | None = None, columns: int = 0) -> Kernels:
        """Refused: torch code does not run inside a kernel."""
        self._refuse("no compiled kernels")


def positional(function: Any) -> int:
    """Return the number of arguments that must be given by position."""
    target = function.py_func if isinstance(function, Dispatcher) else function.forward if hasattr(function, "forward") else function
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(entry.kind in kinds and entry.default is entry.empty for entry in inspect.signature(target).parameters.values())


def _fill(function: Any) -> Any:
    """Return the function in its filling form f(state, parameters, out)."""
    if positional(function) == 3:
        return function

    @njit
    def fill(state: np.ndarray, parameters: np.ndarray, out: np.ndarray) -> None:
        returned = function(state, parameters)
        if returned.size != out.size:
            raise ValueError("the function returned another number of components")
        for i in range(out.size):
            out[i] = returned[i]

    return fill


def _compiled(function: Any, dimension: int, n_parameters: int) -> Any:
    """Return the function as a C function of the kernels' arguments."""
    fill = _fill(function)

    @cfunc(_KERNEL)
    def kernel(u: Any, p: Any, a: Any, past: Any, work: Any, out: Any) -> None:
        rates = carray(out, (dimension,))
        try:
            fill(carray(u, (dimension,)), carray(p, (n_parameters,)), rates)
        except Exception:  # the only form that Numba compiles; without it the old rates would stay and pass for new ones
            for i in range(dimension):
                rates[i] = np.nan

    return kernel
