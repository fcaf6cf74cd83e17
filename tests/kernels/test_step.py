import math
from fractions import Fraction

import numpy as np
import pytest

H = 0.02
ATOL, RTOL = 1e-6, 1e-4


def _fma(a, b, c):
    return np.vectorize(lambda x, y, z: float(Fraction(x) * Fraction(y) + Fraction(z)))(a, b, c)


def _combine(weights, rates):
    """Sum of weights * rates, oldest first, one rounding for each product and addition together."""
    total = None
    for weight, rate in zip(weights, rates, strict=True):
        if weight != 0.0:
            total = weight * rate if total is None else _fma(weight, rate, total)
    return total


def _plain_step(run, tableau, u):
    """A Runge-Kutta step in Python around the value kernel: new state, all stages, extra stages."""
    rows, rates = [*tableau.a, *tableau.dense_a], []
    for s, row in enumerate(rows):
        state = u if s == 0 else _fma(H, _combine(row, rates), u)
        first_row = run.past[0].copy()
        run.past[0] = run.past[min(s, len(run.past) - 1)]
        rates.append(run.value(state))
        run.past[0] = first_row
        if s == tableau.stages - 1:
            new = state
    return new, np.array(rates)


def _mean_square(error, before, after):
    scale = ATOL + RTOL * np.maximum(np.abs(before), np.abs(after))
    return np.mean((error / scale) ** 2)


def _run(runner, sample, tableau, columns, straight):
    run = runner(sample, tableau, columns=columns, straight=straight)
    rng = np.random.default_rng(3)
    run.past[:] = rng.normal(size=run.past.shape)
    return run, 0.5 * rng.normal(size=run.kernels.size)


@pytest.mark.parametrize("columns", [0, 2])
def test_a_step_is_a_plain_runge_kutta_step_bit_for_bit(sample, modes, runner, pair, columns):
    for straight in modes(sample):
        run, u = _run(runner, sample, pair, columns, straight)
        expected, rates = _plain_step(run, pair, u)
        new, _ = run.step(u, H, ATOL, RTOL)
        assert new.tobytes() == expected.tobytes()
        assert run.stages().tobytes() == rates.tobytes()


def test_the_error_norm_is_the_root_mean_square_over_the_state_alone(sample, modes, runner, pair):
    d = sample.tape.dimension
    for straight in modes(sample):
        run, u = _run(runner, sample, pair, 2, straight)
        new, error = run.step(u, -H, ATOL, RTOL)
        estimate = H * np.dot(pair.error, run.stages())[:d]
        assert error == pytest.approx(math.sqrt(_mean_square(estimate, u[:d], new[:d])), rel=1e-11)


def test_two_error_estimates_are_combined_as_in_hairers_code(sample, modes, runner, extended_pair):
    d = sample.tape.dimension
    for straight in modes(sample):
        run, u = _run(runner, sample, extended_pair, 0, straight)
        new, error = run.step(u, H, ATOL, RTOL)
        e5, e3 = (d * _mean_square(np.dot(row, run.stages()), u, new) for row in (extended_pair.error, extended_pair.error_second))
        assert error == pytest.approx(H * e5 / math.sqrt((e5 + 0.01 * e3) * d), rel=1e-10)


def test_a_state_at_rest_has_no_error_rather_than_zero_over_zero(samples, runner, extended_pair):
    for straight in (False, True):
        run = runner(samples["polynomial"], extended_pair, straight=straight)
        assert run.step(np.zeros(3), H)[1] == 0.0


def test_a_state_that_is_not_a_number_gives_an_error_that_is_not_a_number(samples, runner, pair, extended_pair):
    for tableau in (pair, extended_pair):
        for straight in (False, True):
            run = runner(samples["polynomial"], tableau, straight=straight)
            assert math.isnan(run.step(np.array([1e200, -1e200, 1e200]), H)[1])


@pytest.mark.parametrize("columns", [0, 2])
def test_the_continuous_extension_joins_both_ends_of_the_step(sample, modes, runner, pair, extended_pair, columns):
    for tableau in (pair, extended_pair):
        for straight in modes(sample):
            run, u = _run(runner, sample, tableau, columns, straight)
            new, _ = run.step(u, H, ATOL, RTOL)
            rows = run.dense()
            assert rows.shape == (tableau.degree + 1, u.size)
            assert rows[0].tobytes() == u.tobytes()
            np.testing.assert_allclose(rows.sum(0), new, rtol=0, atol=4e-15 * np.abs(rows).sum(0).max())


@pytest.mark.parametrize("columns", [0, 2])
def test_the_continuous_extension_follows_its_weights(sample, modes, runner, extended_pair, columns):
    for straight in modes(sample):
        run, u = _run(runner, sample, extended_pair, columns, straight)
        _, rates = _plain_step(run, extended_pair, u)
        run.step(u, H, ATOL, RTOL)
        rows = run.dense()
        for row, weights in zip(rows[1:], extended_pair.dense, strict=True):
            assert row.tobytes() == (H * _combine(weights, rates)).tobytes()


def test_straight_line_and_rolled_steps_give_the_same_bits(sample_without_cells, runner, extended_pair):
    results = []
    for straight in (False, True):
        run, u = _run(runner, sample_without_cells, extended_pair, 3, straight)
        new, error = run.step(u, H, ATOL, RTOL)
        results.append((new.tobytes(), error, run.stages().tobytes(), run.dense().tobytes()))
    assert results[0] == results[1]


def test_one_step_converges_at_the_order_of_the_method(samples, runner, pair):
    run = runner(samples["polynomial"], pair)
    u = np.array([1.0, 2.0, 20.0])

    def solve(steps):
        state = u
        for _ in range(steps):
            state = run.step(state, 0.2 / steps)[0]
        return state

    exact = solve(5_000)
    errors = [np.abs(solve(steps) - exact).max() for steps in (100, 200, 400)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(slopes, pair.order, atol=0.2)
