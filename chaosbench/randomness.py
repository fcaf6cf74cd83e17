"""Random streams named by purpose: results never depend on the order or number of workers."""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, identity: str = "", index: int = 0) -> np.random.Generator:
    """Return the random generator of one purpose.

    Parameters: `seed` is the user's non-negative integer; `purpose` says what the numbers are for ("initial", "windows", ...);
    `identity` names the object they belong to; `index` separates trajectories, windows or draws.
    The stream is Philox keyed by all four, so it is independent of every other stream and of call order.
    """
    if isinstance(seed, bool) or int(seed) != seed or seed < 0:
        raise ValueError(f"seed = {seed!r}: a seed is a non-negative integer; pass for example seed=0")
    digest = hashlib.sha256(f"{purpose}|{identity}|{index}".encode()).digest()
    key = tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, 32, 4))
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(int(seed), spawn_key=key)))
