"""The contract of a reference: an answer made with what no forecaster may see, to say what the scores of forecasters mean.

1. It is given the prepared task with its system, and answers in the same standardised units and shapes as a forecaster.
2. The same task and seed give the same answer, bit for bit.
3. Constructor arguments are keyword-only with defaults.
4. It is scored like a forecaster, and marked in its record: rankings and pages show it apart, never as a competitor.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from chaosbench.tasks import Prepared


class Reference(ABC):
    """One answer with inside knowledge. source: where the idea comes from."""

    version: ClassVar[str] = "1"
    source: ClassVar[str]

    def unsupported(self, prepared: Prepared) -> str | None:
        """Return the reason why this reference does not exist for the task, or None."""
        return None

    @abstractmethod
    def windows(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (W, 1, H, D), its answer for the H samples that follow each context."""

    @abstractmethod
    def climate(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (R, 1, T, D), its answer for the free runs, dropped samples included."""
