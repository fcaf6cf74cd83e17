"""Blind tasks: a system of the registry that cannot be looked up, because its parameters, its coordinates and its unit of time are changed.

Whoever knows every system of the registry up to a linear map and a unit of time still does not know the parameters: they differ from all that are
written down, by an amount only the seed knows, and chaos is measured again with them. The equations are not hidden: who fits their parameters
together with the linear map has a model of a few numbers, and may be right for it.
"""

from collections.abc import Callable

import numpy as np

from chaosbench.atlas import facts_of
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import ChaosbenchError, TaskError
from chaosbench.facts import Facts
from chaosbench.randomness import generator

CHANGE, LEAST = 0.05, 0.5  # largest relative change of a parameter at the first attempt, half as much at each later one; least share of it
ATTEMPTS = 6
_CERTAIN = 4.0  # standard errors by which the largest exponent must exceed 0
_CHAOS = ("chaotic", "hyperchaotic", "conservative", "conservative-mixed")

Progress = Callable[[float, str], None]


def changed_system(definition: SystemDefinition, seed: int, progress: Progress | None = None) -> tuple[SystemDefinition, Facts]:
    """Return `definition` with changed parameters, certified chaotic, and its measured facts.

    Method: every number among the parameters that is not 0 is multiplied by 1 + c u, u of either sign and uniform between 0.5 and 1 in size (a
    change near 0 would hide nothing), c = 5 %, kept inside its declared chaotic range, if any. The facts are measured as the registry's are (seconds
    to minutes, kept in the user's cache); where they cannot be, the regime is not chaotic, or the largest exponent is not 4 standard errors above 0,
    another draw is made with half the c, up to six in all.
    Raises TaskError when none is chaotic, or there is nothing to change.
    """
    numbers = [parameter for parameter in definition.parameters if not parameter.shape and parameter.value != 0]
    if not numbers:
        raise TaskError(f"{definition.label}: no parameter to change, so it would be recognised; leave it out of blind tracks")
    for attempt in range(ATTEMPTS):
        stream = generator(seed, "blind parameters", definition.identity, attempt)
        draws = stream.choice((-1.0, 1.0), len(numbers)) * stream.uniform(LEAST, 1.0, len(numbers))
        values = {}
        for parameter, draw in zip(numbers, draws, strict=True):
            low, high = parameter.chaotic or (-np.inf, np.inf)
            values[parameter.name] = float(np.clip(float(np.ravel(parameter.value)[0]) * (1.0 + CHANGE * 0.5**attempt * draw), low, high))
        try:
            changed = definition.with_parameters(values)
            facts = facts_of(changed, progress=progress)
        except ChaosbenchError:
            continue  # it leaves, or breaks a rule of the definition, with these values
        largest, error = (float(np.ravel(numbers)[0]) for numbers in (facts.lyapunov_spectrum.value, facts.lyapunov_spectrum.standard_error))
        if facts.regime in _CHAOS and largest > _CERTAIN * error:
            return changed, facts
    raise TaskError(f"{definition.label}: no chaos at {ATTEMPTS} choices of changed parameters; leave it out of blind tracks")


def mixing(seed: int, identity: str, dimension: int) -> np.ndarray:
    """Return (D, D), an orthogonal matrix uniform over all, that mixes the standardised components of a blind task."""
    draws = generator(seed, "blind mixing", identity).standard_normal((dimension, dimension))
    q, r = np.linalg.qr(draws)
    return np.asarray(q * np.sign(np.diag(r)))


def mixed(states: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return states (..., D) times matrix (D, D), summed in one fixed order whatever the number of states."""
    total = np.zeros((*states.shape[:-1], matrix.shape[1]))
    for index in range(len(matrix)):
        total += states[..., index, None] * matrix[index]
    return total
