"""The state of a training on disk: written whole at every evaluation, read back only by the very same training.

A file is torch's own format read with `weights_only`: tensors, numbers and texts, never code. Its name is a hash of everything that decides the
training, so another recipe, seed, model or data set finds nothing.
"""

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chaosbench.folders import write_whole
from chaosbench.identity import sha256_of, sha256_of_array

_log = logging.getLogger(__name__)


def place_of(folder: Path, states: Sequence[np.ndarray], weights: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Return the file of the training that `facts` (JSON data), initial `weights` and training series decide."""
    hashed = {name: sha256_of_array(values.detach().cpu().numpy()) for name, values in weights.items()}
    return folder / f"training-{sha256_of({'facts': facts, 'weights': hashed, 'states': [sha256_of_array(series) for series in states]})[:32]}.pt"


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write `state` whole or not at all."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_whole(path, buffer.getvalue())


def load(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the state kept in `path`, or None when there is none or the file is damaged: the training then starts anew."""
    try:
        found: dict[str, Any] = torch.load(io.BytesIO(path.read_bytes()), map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as reason:
        _log.warning("%s: not a whole checkpoint (%s); the training starts anew", path, reason)
        return None
    return found
