"""Impulse responses: one generating function against powers of matrices, and systems whose answer is known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from chaosbench.forecasters._hippo import Start, fout_start, legs, legs_start
from chaosbench.forecasters._kernels import bilinear, companion, krylov, rank_one_response, segment_matrix, toeplitz
from chaosbench.forecasters.s4 import _RankOne, _Recurrence

STEP = 0.01


def real_system(start: Start, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return A, B, C on [real, imaginary] of z' = Lambda z - 2 p Re(p^H z) + b u, y = 2 Re(c z), written out."""
    decay, frequency = torch.diag(torch.as_tensor(start.decay)), torch.diag(torch.as_tensor(start.frequency))
    p = torch.as_tensor(np.concatenate((start.p.real, start.p.imag)))
    A = torch.cat((torch.cat((-decay, -frequency), 1), torch.cat((frequency, -decay), 1))) - 2.0 * torch.outer(p, p)
    return A, torch.as_tensor(np.concatenate((start.b.real, start.b.imag))), 2.0 * torch.cat((c.real, -c.imag))


@pytest.mark.parametrize("length", [7, 256, 1024])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.complex128, 2e-14), (torch.complex64, 1e-6)])
def test_the_response_from_its_generating_function_is_that_of_powers_of_the_matrix(length: int, dtype: torch.dtype, tolerance: float) -> None:
    start = legs_start(32)
    c = torch.randn(32, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    A, B, C = real_system(start, c)
    step, hold = bilinear(A, B, torch.tensor(STEP, dtype=torch.float64))
    exact = krylov(step, hold, length) @ C
    cut = C - torch.linalg.matrix_power(step, length).T @ C
    weights = torch.complex(cut[:32], -cut[32:]) / 2.0
    modes = torch.complex(-torch.as_tensor(start.decay), torch.as_tensor(start.frequency))
    given = (part.to(dtype) for part in (modes, torch.as_tensor(start.p), torch.as_tensor(start.b), weights))
    found = rank_one_response(*given, STEP, length)
    assert float((found - exact).abs().max() / exact.abs().max()) < tolerance


@pytest.mark.parametrize("length", [1, 5, 8])
def test_krylov_rows_are_powers_of_the_matrix_times_the_vector(length: int) -> None:
    draws = torch.Generator().manual_seed(1)
    A, B = (torch.randn(*shape, dtype=torch.float64, generator=draws) / 2 for shape in ((2, 4, 4), (2, 4)))
    rows = krylov(A, B, length)
    assert rows.shape == (2, length, 4)
    for n in range(length):
        expected = torch.linalg.matrix_power(A, n) @ B[..., None]
        np.testing.assert_allclose(rows[:, n], expected[..., 0], rtol=1e-12, atol=1e-14)


def test_the_bilinear_rule_of_one_real_mode() -> None:
    # x' = -2 x + 3 u, dt = 0.1: (1 - 0.1) / (1 + 0.1) and 0.3 / 1.1
    step, hold = bilinear(torch.tensor([[-2.0]]), torch.tensor([3.0]), torch.tensor(0.1))
    assert float(step) == pytest.approx(0.9 / 1.1)
    assert float(hold) == pytest.approx(0.3 / 1.1)


def test_a_companion_matrix_shifts_and_adds_its_column() -> None:
    matrix = companion(torch.tensor([5.0, 6.0, 7.0]))
    np.testing.assert_array_equal(matrix @ torch.tensor([1.0, 2.0, 3.0]), [15.0, 1.0 + 18.0, 2.0 + 21.0])


def test_a_segment_matrix_repeats_the_steps_of_its_system() -> None:
    draws = torch.Generator().manual_seed(2)
    A, B, C = (torch.randn(*shape, dtype=torch.float64, generator=draws) / 3 for shape in ((1, 4, 4), (1, 4), (1, 4)))
    through = torch.tensor([0.7], dtype=torch.float64)
    inputs, state = torch.randn(6, dtype=torch.float64, generator=draws), torch.randn(4, dtype=torch.float64, generator=draws)
    both = torch.cat((inputs, state)) @ segment_matrix(A, B, C, through, 6)[0]
    for t in range(6):
        state = A[0] @ state + B[0] * inputs[t]
        assert float(both[t]) == pytest.approx(float(C[0] @ state + 0.7 * inputs[t]), rel=1e-12)
    np.testing.assert_allclose(both[6:], state, rtol=1e-12)
    response = torch.tensor([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(torch.tensor([1.0, 0.0, 2.0]) @ toeplitz(response), [1.0, 2.0, 3.0 + 2.0])


@pytest.mark.parametrize("start", [legs_start(4), fout_start(4)], ids=["legs", "fout"])
def test_matrices_by_the_rank_one_formula_are_those_of_solving(start: Start) -> None:
    part = _RankOne(3, start, torch.Generator().manual_seed(3)).double().requires_grad_(False)
    with torch.no_grad():
        A, B, C = part.dense()
        for n in range(3):
            exact_A, exact_B, exact_C = real_system(start, torch.complex(*part.output[n].unbind(-1)))
            step, hold = bilinear(exact_A, exact_B, torch.exp(part.log_step[n]))
            for found, exact in ((A[n], step), (B[n], hold), (C[n], exact_C)):
                np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6)  # the start is rounded to float32
        recurrence = _Recurrence(part)
        real, imaginary = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 3, 4, dtype=torch.float64)
        inputs = torch.randn(2, 3, dtype=torch.float64)
        seen, after_real, after_imaginary = recurrence.step(inputs, real, imaginary)
        state = torch.einsum("hij,whj->whi", A, torch.cat((real, imaginary), -1)) + B * inputs[..., None]
        np.testing.assert_allclose(torch.cat((after_real, after_imaginary), -1), state, rtol=0, atol=1e-13)
        np.testing.assert_allclose(seen, (C * state).sum(-1) + part.through * inputs, rtol=0, atol=1e-13)


def test_the_tied_rank_one_term_never_makes_a_system_grow_and_an_untied_one_can() -> None:
    random = np.random.default_rng(0)
    tied, untied = [], []
    for _ in range(200):
        modes = -np.exp(random.normal(size=8)) + 1j * random.normal(0.0, 5.0, 8)
        p, q = (random.normal(size=8) + 1j * random.normal(size=8) for _ in range(2))
        tied.append(np.linalg.eigvals(np.diag(modes) - np.outer(p, p.conj())).real.max())
        untied.append(np.linalg.eigvals(np.diag(modes) - np.outer(p, q.conj())).real.max())
    assert max(tied) < 0.0
    assert max(untied) > 0.0


def test_the_diagonal_limit_of_the_dense_system_has_its_slowest_mode() -> None:
    A, B = legs(6)
    step, hold = bilinear(torch.as_tensor(A), torch.as_tensor(B), torch.tensor(STEP, dtype=torch.float64))
    response = krylov(step, hold, 3000)[:, 0]
    assert float(response[-1] / response[-2]) == pytest.approx((1.0 - STEP / 2) / (1.0 + STEP / 2), rel=1e-9)  # eigenvalue -1
