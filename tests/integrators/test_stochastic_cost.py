"""How often stochastic methods evaluate the drift: once a stage, whatever the noise."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators.base import InitialState


@pytest.mark.parametrize(
    ("name", "diffusion", "stages"),
    [("euler_maruyama", "s", 1), ("milstein", "s*x", 1), ("stochastic_heun", "s*x", 2), ("sra1", "s", 2), ("sriw1", "s*x", 2)],
)
def test_a_step_costs_as_many_drifts_as_it_has_stages(name: str, diffusion: str, stages: int) -> None:
    definition = system_from({"x": "-x"}, kind="stochastic", calculus="ito", diffusion={"x": diffusion}, parameters={"s": 0.1}, name="pull")
    method = load("integrators", name)(step=1 / 64)
    solution = method.solve(compile_system(definition), InitialState(np.ones((2, 1))), np.array([0.0, 1.0]), seed=0)
    assert solution.evaluations.tolist() == [64 * stages] * 2
