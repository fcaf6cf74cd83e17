"""Systems whose right-hand side is a function of the user: compiled by Numba for processors, or batched for torch.

Such a system has numbers but no equations: no tangent, no Jacobian, no Taylor series, no identity. Time is no argument: a forced system carries its
phase as a state of rate 1, as definitions do.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from chaosbench.dynamics.definition import Parameter, SystemDefinition
from chaosbench.dynamics.foreign import BatchedSystem, FunctionSystem, JittedSystem, NoEquations, positional
from chaosbench.dynamics.parts import InitialRule, StateVariable
from chaosbench.errors import DefinitionError, nearest
from chaosbench.expressions.tree import number


def function_system(
    function: Callable,
    *,
    names: Sequence[str] | None = None,
    dimension: int | None = None,
    parameters: Mapping[str, float] | None = None,
    kind: Literal["flows", "maps"] = "flows",
    language: Literal["numba", "torch"] | None = None,
    periods: Mapping[str, float] | None = None,
    example: Sequence[float] | None = None,
    name: str | None = None,
) -> FunctionSystem:
    """Return `function` as a system that integrators take like a compiled definition.

    Parameters
    ----------
    function: the rate of a flow or the next state of a map, one of
        (1) compiled by `numba.njit`: `f(state, parameters, out)` fills out (D,), or `f(state, parameters)` returns an array (D,), which is allocated
        at every call and so slower; it must not write to state or parameters;
        (2) a `torch.nn.Module` or other torch function: `f(states)` or `f(states, parameters)` takes states (B, D) and parameters (B, P) and
        returns (B, D), each row from its own row alone.
    names, dimension: the D components by name, or their number (then they are called x0, x1, ...).
    parameters: name to value; the function receives the values in this order.
    language: what (1) or (2) it is; needed for a plain function, which could be anything.
    periods: of the components that are angles.
    example: a state (D,) where a Numba function is tried; default 0.1, 0.2, 0.3, ...
    name: what messages call the system, default the function's name.

    Raises
    ------
    DefinitionError: not compiled, not compilable, wrong number of arguments, wrong shape, or not finite at `example`.
    """
    title = name or str(getattr(function, "__name__", type(function).__name__))
    components = _components(names, dimension, title)
    definition = _definition(title, kind, components, parameters or {}, periods or {})
    remake = partial(
        function_system,
        function,
        names=components,
        parameters=parameters,
        kind=kind,
        language=language,
        periods=periods,
        example=example,
        name=name,
    )
    if (language or _language(function, title)) == "torch":
        _check_arguments(function, (1, 2), title, "f(states) or f(states, parameters)")
        return BatchedSystem(definition, function, remake)
    if not isinstance(function, Dispatcher):
        raise DefinitionError(f"{title}: {type(function).__name__} is not compiled by Numba; language 'numba' needs it; decorate it with @numba.njit")
    if function.targetoptions.get("parallel"):
        raise DefinitionError(f"{title}: compiled with parallel=True; the trajectories already take all cores; compile it without")
    _check_arguments(function, (2, 3), title, "f(state, parameters) or f(state, parameters, out)")
    system = JittedSystem(definition, function, remake)
    state = 0.1 * np.arange(1.0, len(components) + 1.0) if example is None else np.asarray(example, dtype=np.float64)
    _try(system, state)
    return system


def _components(names: Sequence[str] | None, dimension: int | None, title: str) -> list[str]:
    if names is None and dimension is None:
        raise DefinitionError(f"{title}: neither names nor dimension is given; a function does not tell its dimension; pass one of them")
    found = list(names) if names is not None else [f"x{k}" for k in range(dimension or 0)]
    if not found or len(set(found)) != len(found) or dimension not in (None, len(found)):
        raise DefinitionError(
            f"{title}: names {found}, dimension {dimension}: at least one name, all different, as many as the dimension; correct them"
        )
    return found


def _definition(title: str, kind: Any, components: list[str], parameters: Mapping[str, float], periods: Mapping[str, float]) -> SystemDefinition:
    if kind not in ("flows", "maps"):
        raise DefinitionError(f"{title}: kind {kind!r}; a function is one of flows and maps; delays need a definition, chaosbench.system_from")
    for angle in periods:
        if angle not in components:
            raise DefinitionError(f"{title}: periods names {angle!r}; components are {', '.join(components)}{nearest(angle, components)}")
    bad = {key: value for key, value in (*parameters.items(), *periods.items()) if not np.isfinite(value)}
    if bad:
        raise DefinitionError(f"{title}: {bad} is not finite; parameters and periods are finite numbers; correct it")
    return SystemDefinition(
        name=title,
        kind=kind,
        title=title,
        summary="",
        tags=(),
        state=tuple(StateVariable(key, "", period=number(periods[key]) if key in periods else None) for key in components),
        parameters=tuple(Parameter(key, float(value), "") for key, value in parameters.items()),
        equations=NoEquations(title),
        initial=InitialRule(),
    )


def _language(function: Callable, title: str) -> str:
    torch = sys.modules.get("torch")  # whoever passes a module has imported torch
    if isinstance(function, Dispatcher):
        return "numba"
    if torch is not None and isinstance(function, torch.nn.Module):
        return "torch"
    raise DefinitionError(
        f"{title}: {type(function).__name__} is neither compiled by Numba nor a torch module; decorate it with @numba.njit, or, if it takes and "
        "returns batches of torch tensors, pass language='torch'"
    )


def _check_arguments(function: Callable, allowed: tuple[int, int], title: str, rule: str) -> None:
    if positional(function) not in allowed:
        raise DefinitionError(f"{title}: takes {positional(function)} arguments; rule: {rule}; time is no argument, add a state of rate 1 for it")


def _try(system: JittedSystem, state: np.ndarray) -> None:
    """Evaluate once, so that what is wrong is said here and not as a trajectory of NaN."""
    title, size = system.definition.name, system.dimension
    out, parameters = np.full(size, np.nan), system.parameter_values
    if state.shape != (size,):
        raise DefinitionError(f"{title}: example has shape {state.shape}; rule: ({size},), one state; correct it")
    try:
        if positional(system.function) == 2:
            returned = np.asarray(system.function(state.copy(), parameters))
            if returned.shape != (size,):
                raise DefinitionError(f"{title}: the function returned shape {returned.shape}; rule: ({size},), one number a component; correct it")
            out[:] = returned
        else:
            system.function(state.copy(), parameters, out)
    except NumbaError as error:
        raise DefinitionError(f"{title}: Numba cannot compile the function for float64 arrays: {error}; correct it") from error
    except (ArithmeticError, ValueError, IndexError) as error:
        if isinstance(error, DefinitionError):
            raise
        raise DefinitionError(f"{title}: the function raised {error!r} at {state.tolist()}; pass an example where it is defined") from error
    if not np.isfinite(out).all():
        place = system.components[int(np.argmin(np.isfinite(out)))]
        raise DefinitionError(
            f"{title}: component {place} is {out[~np.isfinite(out)][0]} at {state.tolist()}; every component must be set and finite there; "
            "correct the function or pass an example where it is defined"
        )
