"""Exceptions, one class a layer, each also the standard-library type a caller would expect.

Every message says value, rule and fix. Misuse raises; numerical failure is a status, never an exception.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ChaosbenchError(Exception):
    """Base of every exception raised on purpose by this package."""


class CatalogueError(ChaosbenchError, LookupError):
    """A name is unknown, ambiguous or its file does not hold exactly one plug-in."""


class NotInstalledError(ChaosbenchError, ImportError):
    """An optional extra is missing; the message says what to install."""


class DefinitionError(ChaosbenchError, ValueError):
    """A system definition breaks a rule of the grammar."""


class KernelError(ChaosbenchError, RuntimeError):
    """A kernel could not be generated, compiled or loaded."""


class IntegrationError(ChaosbenchError, ValueError):
    """An integrator was called with arguments it cannot take."""


class DatasetError(ChaosbenchError, ValueError):
    """A trajectory request is impossible or a dataset lacks what it must have."""


class StoreError(ChaosbenchError, OSError):
    """A store on disk is missing, partial, damaged, of another version, or in the way."""


class InvariantError(ChaosbenchError, ValueError):
    """An invariant was asked of a subject or with a setting that it cannot take."""


class TaskError(ChaosbenchError, ValueError):
    """A suite or task breaks a rule."""


class ForecasterError(ChaosbenchError, ValueError):
    """A forecaster was given, or returned, something outside its contract."""


class OutputError(ForecasterError, TypeError):
    """A forecaster returned what is no answer: no array, no real numbers, no message."""


class MemoryCapError(ForecasterError, MemoryError):
    """A forecaster needed more memory than it may have."""


class MetricError(ChaosbenchError, ValueError):
    """A metric was asked for something it cannot score."""


class RecordError(ChaosbenchError, ValueError):
    """A record does not match its schema or its hash."""


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the candidate closest to `name`, or an empty string."""
    found = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""
