"""Which stochastic method suits a noise."""

from collections.abc import Sequence
from typing import Any

from chaosbench.dynamics.diffusion import Diffusion


def noise_order(able: Sequence[tuple[str, Any]], diffusion: Diffusion) -> tuple[list[tuple[str, Any]], str]:
    """Return the methods that can take the noise, the best first, and one sentence that says why.

    The best has the highest strong order for this noise; among equals one whose drift is the author's goes before one that corrects it, the first
    name before others.
    """
    noise = diffusion.noise
    if noise.discrete:
        return list(able), "noisy maps are iterated"

    def rank(entry: tuple[str, Any]) -> tuple[float, bool, str]:
        name, method = entry
        return -method.order_for(diffusion), method.order_for(diffusion) <= 0.5 and method.form not in ("both", noise.calculus), name

    ordered = sorted(able, key=rank)
    if noise.hurst is not None:
        return ordered, "fractional noise is additive, and its increments are exact"
    best = ordered[0][1].order_for(diffusion)
    return ordered, f"the noise is {diffusion.structure}: strong order {best:g} is the highest there is for it"
