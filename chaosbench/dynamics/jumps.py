"""The functions of a hybrid system's events: guards, conditions and resets as tapes, kernels and readable evaluations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.events import DIRECTIONS
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.evaluate import evaluate, outputs_of
from chaosbench.expressions.tape import Tape, Variable
from chaosbench.expressions.trace import trace, trace_expressions
from chaosbench.expressions.tree import ONE, ZERO, Expression, Name
from chaosbench.kernels.build import Kernels, build

_SIGNS = dict(zip(DIRECTIONS, (1, -1, 0), strict=True))


@dataclass(frozen=True, eq=False)
class Jumps:
    """The events of one definition, G of them, ready to run.

    Kernels carry one tangent beside the state. `conditions` give the G guards and then the G values of `when` (1 where there is none) as the first of
    `width` outputs, for a state that is followed by zeros up to `width` numbers. A reset gives the D numbers of the new state.
    """

    definition: SystemDefinition

    @property
    def count(self) -> int:
        """G, the number of events in the file."""
        return len(self.definition.events)

    @property
    def width(self) -> int:
        """Numbers that the conditions read and write."""
        return max(self.definition.dimension, 2 * self.count)

    @cached_property
    def directions(self) -> np.ndarray:
        """+1 for rising, -1 for falling, 0 for both: (G,) int64."""
        return np.array([_SIGNS[event.direction] for event in self.definition.events], dtype=np.int64)

    @cached_property
    def discrete(self) -> np.ndarray:
        """Whether each component (D,) is changed by events only."""
        return np.array([entry.discrete for entry in self.definition.state])

    @cached_property
    def conditions_tape(self) -> Tape:
        """The tape of guards and conditions, padded to `width` outputs."""
        definition = self.definition
        trees = [event.guard for event in definition.events] + [event.when or ONE for event in definition.events]
        room = range(definition.dimension, self.width)
        padding = tuple(Variable(f"_{slot}", slot) for slot in room)
        scope = replace(definition.scope, variables=(*definition.scope.variables, *padding))
        return tangent_tape(trace_expressions([*trees, *[ZERO] * (self.width - len(trees))], scope))

    @cached_property
    def reset_tapes(self) -> tuple[tuple[Tape, Tape | None], ...]:
        """For every event the tape of its reset and that of its rest, None where it has none."""
        pairs = ((event.reset, None if event.rest is None else event.rest.reset) for event in self.definition.events)
        return tuple((self._reset_tape(reset), None if rest is None else self._reset_tape(rest)) for reset, rest in pairs)

    def _reset_tape(self, reset: Mapping[str, Expression]) -> Tape:
        images = {entry.name: reset.get(entry.name, Name(entry.name)) for entry in self.definition.state}
        return tangent_tape(trace(images, self.definition.scope))

    @cached_property
    def conditions(self) -> Kernels:
        """The compiled guards and conditions."""
        return build(self.conditions_tape, structure=f"{self.definition.structure}: events", columns=1)

    @cached_property
    def resets(self) -> tuple[tuple[Kernels, Kernels | None], ...]:
        """The compiled resets, as in `reset_tapes`."""
        structure = f"{self.definition.structure}: reset"
        return tuple(
            (build(reset, structure=structure, columns=1), None if rest is None else build(rest, structure=structure, columns=1))
            for reset, rest in self.reset_tapes
        )

    def limits(self, parameters: np.ndarray) -> np.ndarray:
        """Return (B, G + 1) at parameters (B, P): the speeds below which the events' rests hold, 0 without one, and the longest step, inf without."""
        definition = self.definition
        belows = [ZERO if event.rest is None else event.rest.below for event in definition.events]
        longest = [] if definition.longest_step is None else [definition.longest_step]
        tape = trace_expressions([*belows, *longest], definition.scope)
        found, _ = outputs_of(tape, np.zeros((len(parameters), definition.dimension)), parameters)
        columns = [np.broadcast_to(column, (len(parameters), 1)) for column in found]
        return np.concatenate([*columns, *([] if longest else [np.full((len(parameters), 1), np.inf)])], axis=1)

    def conditions_at(self, states: np.ndarray, parameters: np.ndarray, along: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return guards (B, G), conditions (B, G) and the derivatives (B, G) of the guards along `along` (B, D), 0 without it; the readable way."""
        padding = ((0, 0), (0, self.width - states.shape[1]))
        tangents = np.pad(np.zeros_like(states) if along is None else along, padding)
        values, slopes = evaluate(self.conditions_tape, np.pad(states, padding), parameters, tangents=tangents)
        assert slopes is not None
        return values[:, : self.count], values[:, self.count : 2 * self.count], slopes[:, : self.count]

    def reset_at(self, event: int, states: np.ndarray, parameters: np.ndarray, *, rest: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the states (B, D) after event number `event` from those before, and the Jacobian (B, D, D) of its reset; the readable way."""
        tape = self.reset_tapes[event][rest]
        if tape is None:
            raise ValueError(f"event {event} of {self.definition.name} has no rest; ask for its reset")
        batch, dimension = states.shape
        rows = np.repeat(states, dimension, axis=0)
        values = parameters if parameters.ndim == 1 else np.repeat(parameters, dimension, axis=0)
        after, columns = evaluate(tape, rows, values, tangents=np.tile(np.eye(dimension), (batch, 1)))
        assert columns is not None
        return after[::dimension], columns.reshape(batch, dimension, dimension).transpose(0, 2, 1)
