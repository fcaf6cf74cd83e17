"""Memory matrices: tabulated numbers, the polynomials and waves they stand for, and the spectra of what is derived from them."""

import numpy as np
import pytest
from numpy.polynomial.legendre import Legendre
from scipy.linalg import expm

from chaosbench.forecasters._hippo import DIAGONAL, fout, fout_start, legs, legs_normal, legs_start, legt, perturbed_legs, ring


def legendre(n: int, at: np.ndarray) -> np.ndarray:
    """Return sqrt(2n + 1) P_n."""
    values: np.ndarray = np.sqrt(2.0 * n + 1.0) * Legendre.basis(n)(at)
    return values


def transfer(A: np.ndarray, B: np.ndarray, C: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return C (i w - A)^-1 B."""
    return np.array([C @ np.linalg.solve(1j * w * np.eye(len(A)) - A, B) for w in frequencies])


def test_the_matrix_of_scaled_legendre_memory_has_its_tabulated_entries() -> None:
    A, B = legs(4)
    rows = [[-1.0, 0, 0, 0], [-1.732051, -2, 0, 0], [-2.236068, -3.872983, -3, 0], [-2.645751, -4.582576, -5.916080, -4]]
    np.testing.assert_allclose(A, rows, atol=5e-7)
    np.testing.assert_allclose(B, [1.0, 1.732051, 2.236068, 2.645751], atol=5e-7)


@pytest.mark.parametrize(("size", "ratio"), [(16, 0.99360), (64, 0.99960)])
def test_scaled_legendre_memory_is_a_normal_matrix_minus_rank_one(size: int, ratio: float) -> None:
    A, _ = legs(size)
    frequency, vectors, P = legs_normal(size)
    rest = A + np.outer(P, P) + 0.5 * np.eye(size)
    np.testing.assert_allclose(rest, -rest.T, atol=1e-12)
    np.testing.assert_allclose(2.0 * (vectors * 1j * frequency @ vectors.conj().T).real, rest, atol=1e-10)
    assert pytest.approx(size**2 / 2, rel=1e-14) == P @ P
    assert frequency.max() * np.pi / size**2 == pytest.approx(ratio, abs=5e-6)


def test_its_impulse_responses_are_legendre_polynomials_of_exponential_time() -> None:
    A, B = legs(8)
    for t in np.linspace(0.0, 6.0, 13):
        decay = np.exp(-t)
        exact = [legendre(n, np.array(2.0 * decay - 1.0)) * decay for n in range(8)]
        np.testing.assert_allclose(expm(t * A) @ B, exact, rtol=0, atol=1e-13)


def test_the_responses_of_windowed_legendre_memory_are_polynomials_on_the_window_and_end_with_it() -> None:
    A, B = legt(64)
    for t in (0.25, 0.5, 0.75):
        exact = [float(legendre(n, np.array(1.0 - 2.0 * t))) for n in range(3)]
        np.testing.assert_allclose((expm(t * A) @ B)[:3], exact, rtol=0, atol=0.08)  # the window has a soft edge at finite size
    assert np.abs((expm(1.5 * A) @ B)[:3]).max() < 1e-3


def test_fourier_memory_is_stable_once_the_sine_that_nothing_drives_is_left_out() -> None:
    A, B = fout(8)
    assert A.shape == (15, 15)
    assert np.linalg.eigvals(A).real.max() < -1e-3
    with_sine = np.insert(np.insert(A, 1, 0.0, axis=0), 1, 0.0, axis=1)
    assert np.abs(np.linalg.eigvals(with_sine)).min() == 0.0
    start = fout_start(8)
    w = np.array([0.3, 2.0, 7.0])
    read = np.zeros(15)
    read[3] = 1.0  # the cosine of frequency 2
    modes = -0.0 * start.decay + 1j * start.frequency
    for expected, s in zip(transfer(A, B, read, w), 1j * w, strict=True):
        every = np.diag(np.concatenate((modes, modes.conj())))  # pairs: z' = i w z - 2 p Re(p^H z) + b u
        p, b = (np.concatenate((part, part.conj())) for part in (start.p, start.b))
        states = np.linalg.solve(s * np.eye(16) - every + np.outer(p, p.conj()), b)
        assert (states[2] + states[10]) / 2 == pytest.approx(expected, rel=1e-10)


def test_the_modes_of_scaled_legendre_memory_have_its_transfer_function() -> None:
    start, (A, B) = legs_start(8), legs(16)
    frequency, vectors, _ = legs_normal(16)
    np.testing.assert_array_equal(frequency, start.frequency)
    w = np.array([0.5, 3.0])
    for expected, s in zip(transfer(A, B, np.eye(16)[0], w), 1j * w, strict=True):
        modes = -start.decay + 1j * start.frequency
        every = np.diag(np.concatenate((modes, modes.conj())))
        p, b, c = (np.concatenate((part, part.conj())) for part in (start.p, start.b, vectors[0]))
        assert c @ np.linalg.solve(s * np.eye(16) - every + np.outer(p, p.conj()), b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("norm", [1e-1, 1e-2, 1e-3])
def test_a_perturbation_changes_the_transfer_function_by_a_bounded_multiple_of_its_norm(size: int, norm: float) -> None:
    A, B = legs(size)
    disturbed = perturbed_legs(size, norm, np.random.default_rng(size))
    assert np.linalg.norm(disturbed - A, 2) == pytest.approx(norm, rel=1e-6)
    assert np.linalg.eigvals(disturbed).real.max() < 0.0
    w = np.concatenate(([0.0], np.geomspace(1e-2, 1e4, 60)))
    C = np.eye(size)[0]
    difference = np.abs(transfer(A, B, C, w) - transfer(disturbed, B, C, w)).max()
    assert difference <= (2.0 * np.log(size) + 4.0) * norm


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_the_response_of_the_diagonal_part_differs_by_two_over_pi_at_the_largest_frequency_whatever_the_size(size: int) -> None:
    A, B = legs(size)
    frequency, vectors, _ = legs_normal(size)
    weights = vectors[0] * (vectors.conj().T @ (0.5 * B))
    w = frequency.max() + np.linspace(-1.0, 1.0, 101)
    pairs = zip(weights, frequency, strict=True)
    diagonal = np.sum([c / (1j * w + 0.5 - 1j * at) + c.conj() / (1j * w + 0.5 + 1j * at) for c, at in pairs], axis=0)
    assert np.abs(diagonal - transfer(A, B, np.eye(size)[0], w)).max() == pytest.approx(2.0 / np.pi, abs=0.002)


@pytest.mark.parametrize("name", sorted(DIAGONAL))
def test_every_diagonal_start_decays_and_turns_one_way(name: str) -> None:
    start = DIAGONAL[name](8, np.random.default_rng(0))
    assert start.decay.shape == start.frequency.shape == start.b.shape == (8,)
    assert start.decay.min() > 0.0
    assert start.frequency.min() >= 0.0
    assert not start.p.any()


def test_the_inverse_start_follows_the_fast_quarter_of_the_frequencies_of_legs() -> None:
    random = np.random.default_rng(0)
    exact, guessed = (np.sort(DIAGONAL[name](32, random).frequency)[-16:] for name in ("legs", "inv"))
    np.testing.assert_allclose(guessed, exact, rtol=0.221)  # 0.2208 at the slow end


def test_a_ring_is_filled_evenly_by_area() -> None:
    modulus, phase = ring(20_000, 0.5, 0.9, np.pi, np.random.default_rng(0))
    assert modulus.min() >= 0.5
    assert modulus.max() <= 0.9
    assert np.mean(modulus**2) == pytest.approx((0.25 + 0.81) / 2, abs=0.005)  # 4 standard errors of 0.0011
    assert np.mean(phase) == pytest.approx(np.pi / 2, abs=0.03)


@pytest.mark.parametrize(("centred", "order", "expected"), [(False, 1.0, 0.0305), (True, 2.0, 2.52e-4)])
def test_online_projection_reconstructs_the_whole_history_of_a_cubic(centred: bool, order: float, expected: float) -> None:
    # c' = (A c + B f) / t by the bilinear rule with f at the middle of a step: of order 1 with t at its end, of order 2 with t at its middle
    def cubic(s: np.ndarray | float) -> np.ndarray:
        return np.asarray(1.0 - 3.0 * s + 4.0 * s**2 - 2.0 * s**3)

    A, B = legs(8)
    at = np.linspace(0.0, 1.0, 401)
    errors = []
    for steps in (100, 1000):
        c = np.zeros(8)
        for k in range(steps):
            t = k + 0.5 if centred else k + 1.0
            half = A / (2.0 * t)
            c = np.linalg.solve(np.eye(8) - half, c + half @ c + B * cubic((k + 0.5) / steps) / t)
        found = np.sum([c[n] * legendre(n, 2.0 * at - 1.0) for n in range(8)], axis=0)
        errors.append(np.abs(found - cubic(at)).max())
    assert np.log10(errors[0] / errors[1]) == pytest.approx(order, abs=0.05)
    assert errors[1] == pytest.approx(expected, rel=0.01)
