"""Fractional noise as ordinary noise: a sum of Ornstein-Uhlenbeck processes that one Wiener process drives.

B(t) = 1/Gamma(H + 1/2) int_0^t (t - s)^(H - 1/2) dW(s), the fractional Brownian motion of type II, is replaced by sum_k w_k Y_k with
dY_k = -g_k Y_k dt + dW and rates g_k = 2^(k - (K + 1)/2). The weights make the mean of int_0^T (sum_k w_k Y_k - B)^2 dt least: A w = b with
A_kl = T/(g_k + g_l) + (exp(-(g_k + g_l) T) - 1)/(g_k + g_l)^2, b_k = T g_k^-a P(a, g_k T) - a g_k^(-a-1) P(a + 1, g_k T), a = H + 1/2, P the
regularised lower incomplete gamma function. Type II has the variance t^(2H)/(2H Gamma(a)^2), not t^(2H), and its increments become stationary only
in time.

Source: R. Daems, M. Opper, G. Crevecoeur, T. Birdal, Variational inference for SDEs driven by fractional noise, ICLR (2024), arXiv:2310.12975.
"""

from typing import Any

import numpy as np
from scipy.special import gamma, gammainc

from chaosbench.dynamics.data import definition_from_data, definition_to_data
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import DefinitionError
from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.text import to_text

_LEAST, _MOST = 2, 40


def markov_approximation(definition: SystemDefinition, terms: int = 10, horizon: float = 10.0) -> SystemDefinition:
    """Return a system with ordinary noise whose first variables move as those of `definition` with its fractional noise, approximately.

    terms: K, Ornstein-Uhlenbeck variables for each process; below 10 the variance may be wrong by a factor of 4. horizon: T, the time over which the
    weights are the best, from a start at which all of them are 0. The Hurst exponent is taken at the definition's parameters.
    Error: see `squared_error`. Raises DefinitionError where the noise is not fractional or has one process a cell.
    """
    noise = definition.noise
    if noise is None or noise.hurst is None:
        raise DefinitionError(f"{definition.label}: its noise is not fractional; only a system with hurst has an approximation; pass such a one")
    if not _LEAST <= terms <= _MOST or not (np.isfinite(horizon) and horizon > 0):
        raise DefinitionError(f"{definition.label}: terms = {terms}, horizon = {horizon}; rule: {_LEAST} to {_MOST} terms over a positive time")
    if any(process.per_cell for process in noise.processes):
        raise DefinitionError(f"{definition.label}: one process a cell; the approximation needs variables for each; write scalar variables")
    hurst = constant_value(noise.hurst, definition.scalars, where=f"{definition.label}: hurst")
    rates, weights = rates_and_weights(hurst, terms, horizon)
    data = definition_to_data(definition)
    data["equations"] = {key: f"{text}" for key, text in data["equations"].items()}
    table: dict[str, Any] = {}
    for process in noise.processes:
        names = [f"memory_{process.name}_{k}" for k in range(1, terms + 1)]
        pull = " - ".join(f"{float(w * g)!r}*{name}" for w, g, name in zip(weights, rates, names, strict=True)).replace("- -", "+ ")
        shared = {}
        for name, tree in process.coefficients.items():
            data["equations"][name] = f"{data['equations'][name]} + ({to_text(tree)})*(-{pull})".replace("(--", "(")
            shared[name] = f"({to_text(tree)})*({float(np.sum(weights))!r})"
        for name, rate in zip(names, rates, strict=True):
            data["state"][name] = {"meaning": f"Ornstein-Uhlenbeck process of rate {rate:g}"}
            data["equations"][name] = f"-{float(rate)!r}*{name}"
            shared[name] = "1"
        table[f"white_{process.name}"] = shared
    extra = terms * len(noise.processes)
    data["initial"] = _with_zeros(data["initial"], extra, len(definition.state))
    data |= {"diffusion": table, "calculus": "ito", "name": f"{definition.name}_markov{terms}"}
    used = set() if noise.hurst is None else {name for name in definition.scalars if name == to_text(noise.hurst)}
    data["parameters"] = {name: entry for name, entry in data["parameters"].items() if name not in used}
    for key in ("hurst", "identities", "symmetries", "balances", "fixed_points", "integrals", "known", "variant", "peer"):
        data.pop(key, None)
    return definition_from_data(data)


def rates_and_weights(hurst: float, terms: int, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rates g (K,) and the weights w (K,)."""
    rates = 2.0 ** (np.arange(1, terms + 1) - (terms + 1) / 2.0)
    return rates, np.linalg.solve(*_normal_equations(hurst, rates, horizon))


def squared_error(hurst: float, terms: int, horizon: float = 10.0) -> float:
    """Return the mean of int_0^T (sum_k w_k Y_k - B)^2 dt over that of int_0^T B^2 dt."""
    rates, weights = rates_and_weights(hurst, terms, horizon)
    _, products = _normal_equations(hurst, rates, horizon)
    whole = horizon ** (2.0 * hurst + 1.0) / ((2.0 * hurst + 1.0) * 2.0 * hurst * gamma(hurst + 0.5) ** 2)
    return float(1.0 - weights @ products / whole)


def _normal_equations(hurst: float, rates: np.ndarray, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    sums, a = rates[:, None] + rates[None, :], hurst + 0.5
    matrix = horizon / sums + np.expm1(-sums * horizon) / sums**2
    products = horizon * rates**-a * gammainc(a, rates * horizon) - a * rates ** (-a - 1.0) * gammainc(a + 1.0, rates * horizon)
    return matrix, products


def _with_zeros(rule: dict[str, Any], extra: int, variables: int) -> dict[str, Any]:
    """Return the initial rule with `extra` more variables that start at 0."""
    if "box" in rule:
        return {**rule, "box": [*rule["box"], *[[0.0, 0.0]] * extra]}
    if "points" in rule:
        return {**rule, "points": [[*point, *[0.0] * extra] for point in rule["points"]]}
    spread = rule["spread"]
    spread = [*(spread if isinstance(spread, list) else [spread] * variables), *[0.0] * extra]
    return {**rule, "centre": [*rule["centre"], *[0.0] * extra], "spread": spread}
