import numpy as np
import pytest

STATES = 4


def _states(sample, columns=0, seed=1):
    return np.random.default_rng(seed).normal(size=(STATES, sample.tape.dimension * (1 + columns)))


def _past(run, seed=2):
    run.past[:] = np.random.default_rng(seed).normal(size=run.past.shape)


def test_the_value_kernel_agrees_with_numpy_to_rounding(sample, modes, runner, reading):
    for straight in modes(sample):
        run = runner(sample, straight=straight)
        _past(run)
        for u in _states(sample):
            expected, scale = reading(sample.tape, u, sample.parameters, run.past[0, 0])
            assert (np.abs(run.value(u) - expected) <= 1e-13 * scale).all()


@pytest.mark.parametrize("columns", [1, 3, 11])
def test_tangent_columns_are_the_directional_derivatives(sample, modes, runner, reading, columns):
    dimension = sample.tape.dimension
    for straight in modes(sample):
        run = runner(sample, straight=straight, columns=columns)
        _past(run)
        for u in _states(sample, columns):
            result = run.value(u).reshape(1 + columns, dimension)
            x, directions = u[:dimension], u[dimension:].reshape(columns, dimension)
            for v, tangent, late in zip(directions, result[1:], run.past[0, 1:], strict=True):
                step = 1e-30j if sample.smooth else 1e-6
                ahead = reading(sample.tape, x + step * v, sample.parameters, run.past[0, 0] + step * late)[0]
                if sample.smooth:
                    np.testing.assert_allclose(tangent, ahead.imag / 1e-30, rtol=1e-12, atol=1e-12)
                else:
                    behind = reading(sample.tape, x - step * v, sample.parameters, run.past[0, 0] - step * late)[0]
                    np.testing.assert_allclose(tangent, (ahead - behind) / 2e-6, rtol=1e-8, atol=1e-8)


def test_straight_line_and_rolled_code_give_the_same_bits(sample_without_cells, runner):
    runs = [runner(sample_without_cells, straight=straight, columns=3) for straight in (False, True)]
    for u in _states(sample_without_cells, 3):
        for run in runs:
            _past(run)
        assert runs[0].value(u).tobytes() == runs[1].value(u).tobytes()


def test_carrying_tangents_changes_no_bit_of_the_state(sample, modes, runner):
    for straight in modes(sample):
        alone, carrying = (runner(sample, straight=straight, columns=columns) for columns in (0, 2))
        _past(carrying)
        alone.past[:, 0] = carrying.past[0, 0]
        for u in _states(sample, 2):
            d = sample.tape.dimension
            assert alone.value(u[:d]).tobytes() == carrying.value(u)[:d].tobytes()


def test_value_may_write_its_result_over_the_state_or_into_work(sample, modes, runner):
    for straight in modes(sample):
        run = runner(sample, straight=straight, columns=1)
        _past(run)
        u = _states(sample, 1)[0]
        expected = run.value(u)
        run.out = run.u
        assert run.value(u).tobytes() == expected.tobytes()
        run.out = run.work
        assert run.value(u).tobytes() == expected.tobytes()
