"""Pretrained networks: blocks join the context, components go their own way, and a missing library says what to install."""

import importlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from chaosbench.catalogue import load
from chaosbench.errors import ForecasterError, NotInstalledError
from chaosbench.forecasters._zero_shot import ZeroShotForecaster
from chaosbench.forecasters.base import Training

SERIES = np.arange(20.0).reshape(10, 2)


class _Counting(ZeroShotForecaster):
    """Answers with the number of samples read, in every component."""

    source = "a test"

    def continue_block(self, context: np.ndarray, count: int) -> np.ndarray:
        return np.full((count, context.shape[1]), float(len(context)))


def test_blocks_join_the_context_up_to_what_the_network_reads() -> None:
    model = _Counting(reads=8, block=3)
    model.fit(Training([SERIES], 0.1), seed=0)
    assert model.forecast(SERIES[None, :4], 7)[0, 0, :, 1].tolist() == [4.0, 4.0, 4.0, 7.0, 7.0, 7.0, 8.0]


def test_a_block_of_another_shape_is_an_error() -> None:
    class Short(_Counting):
        def continue_block(self, context: np.ndarray, count: int) -> np.ndarray:
            return np.zeros((1, 2))

    model = Short(reads=8, block=3)
    with pytest.raises(ForecasterError, match="Short: not fitted"):
        model.forecast(SERIES[None], 3)
    model.fit(Training([SERIES], 0.1), seed=0)
    with pytest.raises(ForecasterError, match=r"continue_block returned \(1, 2\); \(3, 2\) is needed"):
        model.forecast(SERIES[None], 3)


@pytest.mark.skipif(find_spec("chronos") is not None, reason="chronos is installed")
def test_a_missing_library_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(NotInstalledError, match=r"needs chronos, which is not installed; pip install 'chaosbench\[chronos\]'"):
        load("forecasters", "chronos_zero_shot")


@pytest.fixture
def chronos_stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A library of the same interface whose median continues each series by its last difference."""
    asked: list[Any] = []

    def predict_quantiles(series: torch.Tensor, *, prediction_length: int, quantile_levels: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append((tuple(series.shape), prediction_length, quantile_levels))
        step = series[:, -1:] - series[:, -2:-1]
        median = series[:, -1:] + step * torch.arange(1, prediction_length + 1)
        return median[:, :, None], median

    def from_pretrained(model: str, **settings: Any) -> SimpleNamespace:
        asked.append((model, settings["device_map"]))
        return SimpleNamespace(predict_quantiles=predict_quantiles)

    module = ModuleType("chronos")
    module.BaseChronosPipeline = SimpleNamespace(from_pretrained=from_pretrained)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chronos", module)
    monkeypatch.delitem(sys.modules, "chaosbench.forecasters.chronos_zero_shot", raising=False)
    yield asked
    sys.modules.pop("chaosbench.forecasters.chronos_zero_shot", None)


def test_every_component_is_one_series_and_medians_are_the_answer(chronos_stand_in: list[Any]) -> None:
    kind = importlib.import_module("chaosbench.forecasters.chronos_zero_shot").ChronosZeroShot
    model = kind(model="folder", reads=6, block=4)
    model.fit(Training([SERIES], 0.1), seed=0)
    forecast = model.forecast(SERIES[None], 5)[0, 0]
    np.testing.assert_allclose(forecast, SERIES[-1] + 2.0 * np.arange(1, 6)[:, None])
    assert chronos_stand_in == [("folder", "cpu"), ((2, 6), 4, [0.5]), ((2, 6), 1, [0.5])]
