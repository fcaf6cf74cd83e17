"""The diagonal state-space channels: exact one-mode numbers, the known S4 against S4D differences, and one segment against many steps."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from chaosbench.forecasters._ssm import Modes, Recurrence, discretise, segment_operator


def random_modes(dtype: torch.dtype, channels: int = 4, modes: int = 8) -> Modes:
    draws = torch.Generator().manual_seed(3)
    log_step = math.log(0.01) + (math.log(0.2) - math.log(0.01)) * torch.rand(channels, generator=draws, dtype=torch.float64)
    frequency = (math.pi * torch.arange(modes, dtype=torch.float64)).expand(channels, modes)
    output = torch.randn(channels, modes, 2, generator=draws, dtype=torch.float64)
    through = torch.randn(channels, generator=draws, dtype=torch.float64)
    decay = torch.full((channels, modes), math.log(0.5), dtype=torch.float64)
    return discretise(*(values.to(dtype) for values in (log_step, decay, frequency, output, through)))


def impulse_response(modes: Modes, segment: int, segments: int) -> torch.Tensor:
    """Return the response (H, segment * segments) to a unit input, the state carried from segment to segment."""
    operator = segment_operator(modes, segment)
    state = operator.new_zeros(len(operator), 1, operator.shape[-1] - segment)
    inputs = operator.new_zeros(len(operator), 1, segment)
    inputs[..., 0] = 1.0
    seen = []
    for _ in range(segments):
        both = torch.bmm(torch.cat((inputs, state), -1), operator)
        seen.append(both[:, 0, :segment])
        state, inputs = both[..., segment:], torch.zeros_like(inputs)
    return torch.cat(seen, -1)


def test_one_real_mode_is_the_exact_hold_of_a_leaky_integrator() -> None:
    # x' = -x/2 + u, y = 2 * 3 x + 5 u, dt = 0.1: K_l = 6 e^{-0.05 l} (1 - e^{-0.05}) / 0.5, and D = 5 on top of K_0
    one = torch.ones(1, 1, dtype=torch.float64)
    output = torch.stack((3.0 * one, torch.zeros_like(one)), -1)
    modes = discretise(math.log(0.1) * one[0], math.log(0.5) * one, 0.0 * one, output, 5.0 * one[0])
    expected = 12.0 * (1.0 - math.exp(-0.05)) * np.exp(-0.05 * np.arange(6))
    expected[0] += 5.0
    np.testing.assert_allclose(segment_operator(modes, 6)[0, 0, :6], expected, rtol=1e-14)


def test_a_mode_that_turns_by_more_than_half_a_turn_a_step_is_silent() -> None:
    one = torch.ones(1, 2, dtype=torch.float64)
    output = torch.ones(1, 2, 2, dtype=torch.float64)
    frequency = torch.tensor([[3.0, 3.3]], dtype=torch.float64)  # dt = 1: below and above pi
    modes = discretise(0.0 * one[:, 0], 0.0 * one, frequency, output, 0.0 * one[:, 0])
    assert modes.real[0, 0] != 0.0
    assert modes.real[0, 1] == 0.0
    assert modes.imaginary[0, 1] == 0.0


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_one_segment_equals_many_segments_equals_single_steps(dtype: torch.dtype, tolerance: float) -> None:
    modes, length = random_modes(dtype), 1024
    inputs = torch.randn(3, length, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)  # (W, L, H)
    state = inputs.new_zeros(4, 3, 16)
    whole = torch.bmm(torch.cat((inputs.permute(2, 0, 1), state), -1), segment_operator(modes, length))
    pieces, carried = [], state
    for piece in inputs.permute(2, 0, 1).split(32, -1):
        both = torch.bmm(torch.cat((piece, carried), -1), segment_operator(modes, 32))
        pieces.append(both[..., :32])
        carried = both[..., 32:]
    recurrence = Recurrence(modes)
    real, imaginary = inputs.new_zeros(3, 4, 8), inputs.new_zeros(3, 4, 8)
    steps = []
    for t in range(length):
        seen, real, imaginary = recurrence.step(inputs[:, t], real, imaginary)
        steps.append(seen)
    scale = float(whole.abs().max())
    single = torch.stack(steps, -1).permute(1, 0, 2)
    assert float((whole[..., :length] - torch.cat(pieces, -1)).abs().max()) < tolerance * scale
    assert float((whole[..., :length] - single).abs().max()) < tolerance * scale
    assert float((whole[..., length:] - torch.cat((real, imaginary), -1).permute(1, 0, 2)).abs().max()) < tolerance * scale


def test_the_operator_differentiates_like_its_finite_differences() -> None:
    draws = torch.Generator().manual_seed(0)
    parameters = [torch.randn(shape, generator=draws, dtype=torch.float64) for shape in ((2,), (2, 3), (2, 3), (2, 3, 2), (2,))]
    parameters[0] -= 3.0  # dt about 0.05
    inputs = tuple(values.requires_grad_(True) for values in parameters)
    assert torch.autograd.gradcheck(lambda *values: segment_operator(discretise(*values), 5), inputs)


def test_all_modes_forget() -> None:
    assert 0.0 < Recurrence(random_modes(torch.float64)).slowest() < 1.0


def legs(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the HiPPO-LegS pair: A_nk = -sqrt((2n+1)(2k+1)) below the diagonal, -(n+1) on it; B_n = sqrt(2n+1)."""
    root = np.sqrt(2.0 * np.arange(size) + 1.0)
    return -np.tril(np.outer(root, root), -1) - np.diag(np.arange(size) + 1.0), root


def diagonal_of_legs(size: int, dt: float) -> Modes:
    """S4D-LegS with C = e_0: eigenvalues of A + P P' with P_n = sqrt(n + 1/2), input B / 2 in its eigenbasis, one of each conjugate pair."""
    A, B = legs(size)
    P = np.sqrt(np.arange(size) + 0.5)
    skew = A + np.outer(P, P) + 0.5 * np.eye(size)
    values, vectors = np.linalg.eigh(-1j * skew)  # A + P P' = -1/2 + i values
    weights = vectors[0] * (vectors.conj().T @ (0.5 * B))
    upper = values > 0
    output = np.stack([weights[upper].real, weights[upper].imag], -1)[None]
    as_tensor = [torch.as_tensor(part, dtype=torch.float64) for part in (np.full((1, upper.sum()), math.log(0.5)), values[None, upper], output)]
    return discretise(torch.tensor([math.log(dt)], dtype=torch.float64), *as_tensor, torch.zeros(1, dtype=torch.float64))


def held_legs(size: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Return exp(dt A) and its hold of B, the dense oracle."""
    A, B = legs(size)
    step = expm(dt * A)
    return step, np.linalg.solve(A, (step - np.eye(size)) @ B)


@pytest.mark.parametrize(("size", "expected"), [(16, 0.0436), (32, 0.0227), (64, 0.0111)])
def test_the_transfer_function_at_one_frequency_approaches_that_of_the_dense_system(size: int, expected: float) -> None:
    dt, segment, segments = 0.002, 100, 200  # 40 time units: e^{-20} is left
    response = impulse_response(diagonal_of_legs(size, dt), segment, segments)[0].numpy()
    turn = np.exp(-1j * dt)
    step, hold = held_legs(size, dt)
    dense = np.linalg.solve(np.eye(size) - turn * step, hold)[0]
    difference = abs(np.sum(response * turn ** np.arange(len(response))) - dense)
    assert difference == pytest.approx(expected, rel=0.01)  # the hold itself changes |dG| by about dt/2 = 0.1 %


@pytest.mark.parametrize(("size", "expected"), [(16, 0.0552), (32, 0.0292), (64, 0.0141)])
def test_the_response_to_a_cosine_approaches_that_of_the_dense_system(size: int, expected: float) -> None:
    dt, samples = 0.002, 5000
    drive = np.cos(2.0 * dt * np.arange(samples))
    response = impulse_response(diagonal_of_legs(size, dt), 100, samples // 100)[0].numpy()
    ours = np.convolve(drive, response)[:samples]
    step, hold = held_legs(size, dt)
    state, dense = np.zeros(size), np.empty(samples)
    for t in range(samples):
        state = step @ state + hold * drive[t]
        dense[t] = state[0]
    assert np.abs(ours - dense).max() == pytest.approx(expected, rel=0.02)
