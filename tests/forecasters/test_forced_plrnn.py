"""The recurrence shared by the piecewise-linear networks: hand-made steps, gradients, Jacobians, forcing and observation models."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from chaosbench.forecasters._forced_plrnn import Weights, forced_states, forward_tangents, free_step, inputs_of_units, slopes
from chaosbench.forecasters._plrnn_forcing import jacobians, spectral_norms, stretching
from chaosbench.forecasters._plrnn_network import clipped_units
from chaosbench.forecasters._plrnn_observation import AffineObservation, FirstLatents
from chaosbench.forecasters._plrnn_sums import padded, pairwise_sum

INF = torch.inf


def draw(*shape: int, seed: int = 2) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(runs: int, latent: int, hidden: int, *, inner: bool = True) -> Weights:
    """Return clipped units behind V, or rectified latents without V."""
    scale = hidden**-0.5
    A, W, h = draw(runs, latent, seed=1), scale * draw(runs, latent, hidden, seed=3), draw(runs, latent, seed=4)
    if inner:
        sign, c, low, high = clipped_units(draw(runs, hidden, seed=5))
        return Weights(0.5 * A, W * sign[:, None], h, low, high, draw(runs, hidden, latent, seed=6), c)
    low = torch.full((runs, latent), -INF, dtype=torch.float64)
    low[:, 1:] = 0.0
    return Weights(0.5 * A, W, h, low, torch.full_like(low, INF))


@pytest.mark.parametrize(("high", "expected"), [(0.5, 1.45), (INF, 1.85)])
def test_one_step_by_hand(high: float, expected: float) -> None:
    # z = 1 forced half way to 3: 2. A z = 1; V z + c = 0.2 * 2 + 0.5 = 0.9, at most 0.5 when clipped: relu(0.9) - relu(0.4); W = 1, h = -0.05
    one = torch.ones(1, 1, dtype=torch.float64)
    given = Weights(0.5 * one, one[None], -0.05 * one, 0 * one, high * one, 0.2 * one[None], 0.5 * one)
    states = forced_states(one[None], 3 * one[None, None], 0.5 * one[None, None], given)
    assert states.item() == pytest.approx(expected, abs=1e-15)


def test_a_clamp_is_the_difference_of_two_rectifiers() -> None:
    h2, u = draw(1, 200, seed=8), 2.0 * draw(50, 200, seed=9)
    sign, c, low, high = clipped_units(h2)
    np.testing.assert_allclose(sign * torch.clamp(u + c, low, high), torch.relu(u + h2) - torch.relu(u), rtol=0, atol=1e-14)


@pytest.mark.parametrize("inner", [True, False])
def test_the_written_out_backward_pass_is_the_gradient(inner: bool) -> None:
    given = weights(2, 4, 4 if not inner else 6, inner=inner)
    signal, start = draw(5, 2, 3, 4, seed=10), draw(2, 3, 4, seed=11).requires_grad_(True)
    keep = torch.tensor([0.7, 0.0, 1.0, 1.0], dtype=torch.float64).expand(5, 2, 3, 4).contiguous()
    trained = [values for values in (given.A, given.W, given.h, given.high if inner else None, given.V, given.c) if values is not None]
    trained = [values.clone().requires_grad_(True) for values in trained]

    def states(z: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        A, W, h, *rest = values
        now = Weights(A, W, h, given.low, rest[0], rest[1], rest[2]) if inner else Weights(A, W, h, given.low, given.high)
        return forced_states(z, signal, keep, now)

    assert torch.autograd.gradcheck(states, (start, *trained))


@pytest.mark.parametrize("inner", [True, False])
def test_the_recurrence_without_forcing_is_the_free_step_repeated(inner: bool) -> None:
    given = weights(2, 5, 7 if inner else 5, inner=inner)
    state = draw(2, 3, 5, seed=12)
    states = forced_states(state, torch.zeros(6, 2, 3, 5, dtype=torch.float64), torch.ones(6, 2, 3, 5, dtype=torch.float64), given)
    for found in states:
        state = free_step(state, given)
        np.testing.assert_allclose(found, state, rtol=0, atol=1e-14)


@pytest.mark.parametrize("inner", [True, False])
def test_the_analytic_jacobian_is_that_of_differentiation_by_torch(inner: bool) -> None:
    given = weights(1, 5, 9 if inner else 5, inner=inner)
    points = draw(1, 6, 5, seed=13)
    slope = slopes(inputs_of_units(points, given), given)
    for n, jacobian in enumerate(jacobians(slope, given)[0]):
        exact = torch.autograd.functional.jacobian(lambda z: free_step(z[None, None], given)[0, 0], points[0, n])
        np.testing.assert_allclose(jacobian, exact, rtol=0, atol=1e-14)
        tangents = draw(1, 3, 5, seed=14)
        np.testing.assert_allclose(forward_tangents(tangents, slope[:, n : n + 1], given)[0], tangents[0] @ exact.T, rtol=0, atol=1e-14)


def test_power_iteration_finds_the_spectral_norm() -> None:
    given = weights(2, 4, 9)
    slope = slopes(inputs_of_units(draw(2, 50, 4, seed=15), given), given)
    exact = torch.linalg.matrix_norm(jacobians(slope, given), 2)
    found = spectral_norms(slope, given)
    assert torch.all(found <= exact * (1 + 1e-12))  # a lower bound
    assert float((found / exact).median()) > 0.999


def test_the_three_estimates_agree_where_jacobians_commute() -> None:
    # W f(V z) without active units leaves J = A, a diagonal: every mean over time is A itself, of norm 0.9
    given = replace(weights(1, 3, 4), A=torch.tensor([[0.9, -0.5, 0.3]], dtype=torch.float64))
    slope = torch.zeros(1, 6, 2, 4, dtype=torch.float64)
    for estimate in ("norms", "mean", "logarithms"):
        assert float(stretching(slope, given, estimate)) == pytest.approx(0.9, rel=1e-5), estimate


def test_the_estimates_are_what_they_are_called() -> None:
    given = weights(1, 3, 8)
    given = replace(given, A=given.A.abs() + 1.0, W=0.1 * given.W)  # near a positive diagonal, so that logarithms are real
    slope = slopes(inputs_of_units(draw(1, 14, 3, seed=16), given), given).unflatten(1, (7, 2))
    matrices = jacobians(slope.flatten(1, 2), given)[0].unflatten(0, (7, 2))
    norms = torch.linalg.matrix_norm(matrices, 2)
    assert float(stretching(slope, given, "norms")) == pytest.approx(float(norms.log().mean(0).exp().max()), rel=1e-3)
    assert float(stretching(slope, given, "mean")) == pytest.approx(float(torch.linalg.matrix_norm(matrices.mean(0), 2).max()), rel=1e-3)
    one = weights(1, 1, 4)
    slope = slopes(inputs_of_units(draw(1, 6, 1, seed=17), one), one)[:, :, None]
    scalar = jacobians(slope.flatten(1, 2), one)[0].abs().log().mean().exp()  # for numbers it is the geometric mean
    assert float(stretching(slope, one, "logarithms")) == pytest.approx(float(scalar), rel=1e-10)


@pytest.mark.parametrize(("dimension", "latent"), [(3, 3), (3, 5), (5, 3), (20, 17)])
def test_an_affine_observation_is_inverted_by_the_pseudo_inverse(dimension: int, latent: int) -> None:
    observation = AffineObservation(dimension, latent)
    named = {"B": draw(2, dimension, latent, seed=18)}
    bound = observation.bound(named)
    samples = draw(2, 7, dimension, seed=19)
    exact = torch.linalg.pinv(named["B"]) @ samples.mT
    np.testing.assert_allclose(bound.signal(samples)[..., :latent], exact.mT, rtol=0, atol=1e-11)
    states = padded(draw(2, 7, latent, seed=20), 1)
    np.testing.assert_allclose(bound.seen(states), states[..., :latent] @ named["B"].mT, rtol=0, atol=1e-13)
    if latent >= dimension:  # what the data tell is taken over exactly
        np.testing.assert_allclose(bound.seen(bound.corrected(states, samples)), samples, rtol=0, atol=1e-11)
    basis = observation.initial(torch.Generator().manual_seed(1))["B"]
    gram = basis @ basis.T if dimension <= latent else basis.T @ basis
    np.testing.assert_allclose(gram, np.eye(min(dimension, latent)), atol=1e-6)


def test_first_latents_are_the_data_and_the_others_start_linear_in_them() -> None:
    bound = FirstLatents(3, 5).bound({"lift": draw(2, 2, 3, seed=21)})
    samples = draw(2, 4, 3, seed=22)
    start = bound.start(bound.signal(samples))
    np.testing.assert_array_equal(bound.seen(start), samples)
    np.testing.assert_allclose(start[..., 3:5], samples @ draw(2, 2, 3, seed=21).mT, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(bound.corrected(start, 2 * samples)[..., :3], 2 * samples)
    np.testing.assert_array_equal(bound.corrected(start, 2 * samples)[..., 3:], start[..., 3:])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_pairwise_sum_is_the_sum(size: int) -> None:
    values = draw(4, size, seed=23)
    np.testing.assert_allclose(pairwise_sum(values), values.sum(-1), rtol=1e-12)
