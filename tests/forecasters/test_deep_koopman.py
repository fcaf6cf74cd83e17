"""The deep Koopman autoencoder: its code advances linearly and never grows, and an exact linear system costs nothing."""

import numpy as np
import pytest
import torch

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._koopman_network import KoopmanNetwork
from chaosbench.forecasters._training import torch_generator
from chaosbench.forecasters.base import Training
from chaosbench.forecasters.deep_koopman import DeepKoopman

ANGLE = 0.3


def network(dimension: int = 3, latents: int = 8, sizes: tuple[int, ...] = (16,), *, by_radius: bool = False, stable: bool = True) -> KoopmanNetwork:
    draws = torch_generator(0, "test")
    return KoopmanNetwork(dimension, latents, list(sizes), "silu", by_radius, stable, (1.0, 1.0), False, draws)


def circle(samples: int) -> np.ndarray:
    phase = ANGLE * np.arange(samples)
    return np.stack([np.cos(phase), np.sin(phase)], axis=1)


def test_a_rotation_in_identity_coordinates_has_no_loss() -> None:
    exact = network(2, 2, ())
    with torch.no_grad():
        for part in (exact.encode, exact.decode):
            part.layers[0].weight.copy_(torch.eye(2))
            part.layers[0].bias.zero_()
        exact.angle.fill_(ANGLE)
        exact.decay.fill_(-60.0)  # modulus exp(-softplus(-60)) = 1
    run = torch.as_tensor(circle(41), dtype=torch.float32)[None]
    with torch.no_grad():
        loss, last = exact.segment_loss(run[:, :-1], run[:, 1:], None)
    assert float(loss) < 1e-10  # float32 over 40 steps
    torch.testing.assert_close(last, run[:, -1], atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("by_radius", [False, True])
def test_training_and_closed_loop_advance_the_code_alike(by_radius: bool) -> None:
    made = network(by_radius=by_radius).double()
    loop = made.closed_loop()
    state = loop.start(torch.randn(4, 1, 3, dtype=torch.float64, generator=torch_generator(1, "x")))
    with torch.no_grad():
        ahead = made.followed(state, 12)
        for n in range(12):
            state = loop.step(state)
            torch.testing.assert_close(state, ahead[:, n], atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("by_radius", [False, True])
def test_a_stable_code_never_grows(by_radius: bool) -> None:
    loop = network(by_radius=by_radius).closed_loop()
    code = 5.0 * torch.randn(6, 8, dtype=torch.float64, generator=torch_generator(2, "x"))
    for _ in range(200):
        after = loop.step(code)
        assert bool((after.norm(dim=1) <= code.norm(dim=1) * (1 + 1e-12)).all())
        code = after


def test_fixed_eigenvalues_make_a_linear_map() -> None:
    loop = network(stable=False).closed_loop()
    codes = torch.randn(2, 8, dtype=torch.float64, generator=torch_generator(3, "x"))
    combined = loop.step(2.0 * codes[:1] - 3.0 * codes[1:])
    torch.testing.assert_close(combined, 2.0 * loop.step(codes[:1]) - 3.0 * loop.step(codes[1:]))


def test_a_rotation_is_learned_for_the_length_of_a_segment() -> None:
    forecaster = DeepKoopman(latents=4, width=16, layers=1, segment=20, updates=300, learning_rate=1e-2)
    forecaster.fit(Training([circle(400)], dt=1.0), seed=0)
    truth = circle(30)
    assert np.abs(forecaster.forecast(truth[None, :10], 20)[0, 0] - truth[10:]).mean() < 0.1  # repeating the last sample is off by 0.85


def test_re_encoding_makes_a_map_of_the_sample() -> None:
    forecaster = DeepKoopman(latents=4, width=16, updates=3, segment=10, reencode=True)
    forecaster.fit(Training([circle(100)], dt=1.0), seed=0)
    model = forecaster.as_map()
    assert model.dimension == 2
    np.testing.assert_array_equal(model.observe(model.start(circle(5))), circle(5)[-1])


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match="latents = 7: must be even"):
        DeepKoopman(latents=7)
    with pytest.raises(ForecasterError, match="width = 50: must be a multiple of 16"):
        DeepKoopman(width=50)
