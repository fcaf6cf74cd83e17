"""The right-hand side of any system as a torch function of a batch, with its tangents."""

import warnings
from typing import TYPE_CHECKING, Any, Literal

from chaosbench.dynamics.compile import FieldSystem
from chaosbench.dynamics.foreign import BatchedSystem, FunctionSystem
from chaosbench.dynamics.functions import function_system
from chaosbench.errors import IntegrationError, NotInstalledError

try:
    import torch
except ModuleNotFoundError as missing:
    raise NotInstalledError("torch is not installed; ensembles on a GPU and torch modules need it; pip install 'chaosbench[torch]'") from missing

from chaosbench.expressions.torch import RightHandSide, torch_function

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


def batched_function(system: "CompiledSystem") -> RightHandSide:
    """Return f(states (B, D), parameters (P,) or (B, P)) -> (B, D): the tape of a definition, or the system's own torch function.

    Raises IntegrationError for a function that is not torch's, and for fields.
    """
    if isinstance(system, BatchedSystem):
        function = system.function
        return function if system.takes_parameters else lambda states, parameters: function(states)
    if isinstance(system, FunctionSystem):
        name = system.definition.name
        raise IntegrationError(f"{name}: a function compiled by Numba; torch cannot call it; use an explicit integrator of the catalogue")
    if isinstance(system, FieldSystem):
        name = system.definition.name
        raise IntegrationError(f"{name}: fields have no torch function, their tape is that of one grid point; use an integrator that takes fields")
    return torch_function(system.tape)


def tangent_system(system: "CompiledSystem", columns: int) -> FunctionSystem:
    """Return the system that carries `columns` tangent vectors beside its state: components [x, v_1, ..., v_K], D (1 + K) in all.

    Method: forward-mode derivatives by torch (exact), for torch modules as for definitions. The error of the tangents takes part in the step
    control. Start the tangents in the initial state; over long times they align and grow, so orthonormalise them between runs.
    """
    if columns < 1:
        raise IntegrationError(f"columns is {columns}; rule: at least one tangent vector; pass 1 or more")
    function, dimension = batched_function(system), system.dimension
    _load_derivatives()

    def extended(states: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
        base = states[:, :dimension]
        tangents = states[:, dimension:].reshape(len(states), columns, dimension)

        def along(direction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            pushed: Any = torch.func.jvp(lambda x: function(x, parameters), (base,), (direction,))
            return pushed[0], pushed[1]

        several: Any = torch.func.vmap
        value, slopes = several(along, in_dims=1, out_dims=(None, 1))(tangents)
        return torch.cat([value, slopes.reshape(len(states), columns * dimension)], dim=1)

    definition = system.definition
    names = [*system.components, *(f"{name}_tangent{k}" for k in range(1, columns + 1) for name in system.components)]
    values = dict(zip(definition.parameter_names, system.parameter_values.tolist(), strict=True))
    title = f"{definition.name} with tangents"
    kind: Literal["flows", "maps"] = "maps" if definition.kind == "maps" else "flows"
    return function_system(extended, names=names, parameters=values, kind=kind, language="torch", name=title)


def _load_derivatives() -> None:
    """Let torch load its rules now: they bring a deprecation warning of torch's own code, about which no caller can do anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.neg, (torch.zeros(1),), (torch.zeros(1),))
