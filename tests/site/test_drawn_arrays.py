"""What records keep to be drawn: the first free run beside the truth, thinned, in half precision, in a plane that shows something."""

import numpy as np

from chaosbench.evaluation import evaluate
from chaosbench.records import Record
from chaosbench.scoring import _second
from chaosbench.suites import Suite, TaskSpec


def test_free_runs_are_kept_where_there_are_some(records: list[Record]) -> None:
    for record in records:
        for cell in record.cells:
            windows = record.windows[cell["windows_sha256"]]
            kept = {name for name in windows if name in ("picture_run", "picture_climate")}
            assert kept == ({"picture_run", "picture_climate"} if cell["track"] == "climate" else set())
            for name in kept:
                assert windows[name].shape == (300, 2)  # 400 samples, the first quarter dropped
                assert windows[name].dtype == np.float16


def test_the_truth_drawn_is_the_attractor(records: list[Record]) -> None:
    cell = next(cell for cell in records[0].cells if cell["task"] == "henon/climate")
    x, y = records[0].windows[cell["windows_sha256"]]["picture_climate"].astype(float).T
    # y' = 0.3 x: standardised, each y is the x before it, within the statistics of another series and three digits
    assert np.corrcoef(y[1:], x[:-1])[0, 1] > 0.999
    assert np.abs(x).max() < 4


def test_one_component_is_drawn_against_itself_later() -> None:
    spec = TaskSpec("logistic", 300, 5, 2.0, 4, climate_runs=2, climate_samples=1600)
    record = evaluate("persistence", Suite("toy", 1, 0, ("attractor_divergence",), (spec,)))
    truth = record.windows[record.cells[0]["windows_sha256"]]["picture_climate"].astype(float)
    assert truth.shape == (1000, 2)  # 1199 pairs, thinned
    parabola = np.polyfit(truth[:, 0], truth[:, 1], 2)
    assert np.abs(np.polyval(parabola, truth[:, 0]) - truth[:, 1]).max() < 0.01  # x' = 4 x (1 - x) whatever the units; three digits


def test_both_parts_of_an_angle_are_not_drawn_against_each_other() -> None:
    angle = np.linspace(0, 20, 500)
    ring = np.column_stack([(np.cos(angle) - 0.3) / 0.7, (np.sin(angle) + 0.1) / 0.6, angle])
    assert _second(ring) == 2
    assert _second(np.random.default_rng(0).standard_normal((500, 3))) == 1
    assert _second(ring[:, :2]) == 1
