"""The contract of references/base.py, checked on every reference that the catalogue finds, on a map whose data are a few iterations."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from chaosbench import plans
from chaosbench.catalogue import load, names
from chaosbench.evaluation import evaluate
from chaosbench.forecasters.base import Forecaster
from chaosbench.references.base import Reference
from chaosbench.suites import Suite, TaskSpec
from chaosbench.tasks import Prepared, prepare

NAMES = names("references")
TASK = TaskSpec("henon", training_samples=400, context=5, horizon=4.0, windows=12, climate_runs=3, climate_samples=400)
SUITE = Suite("toy", 1, 0, ("valid_prediction_time", "attractor_divergence", "spectral_hellinger"), (TASK,))


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Prepared:
    measured = SimpleNamespace(value=(0.41922, -1.62319), standard_error=(1e-3, 1e-3))
    monkeypatch.setattr(plans, "facts_of", lambda definition, progress=None: SimpleNamespace(period=1.0, lyapunov_spectrum=measured))
    return prepare(TASK, SUITE)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    kind = load("references", name)
    assert len(kind.source) > 10
    assert not issubclass(kind, Forecaster)
    for word in ("method", "cost", "fail"):
        assert word in (kind.__doc__ or "").lower()
    for option in inspect.signature(kind).parameters.values():
        assert option.kind is inspect.Parameter.KEYWORD_ONLY
        assert option.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", NAMES)
def test_answers_have_the_shapes_of_forecasts_and_are_the_same_again(name: str, prepared: Prepared) -> None:
    reference: Reference = load("references", name)()
    assert reference.unsupported(prepared) is None
    windows, climate = reference.windows(prepared, 3), reference.climate(prepared, 3)
    assert windows.shape == (12, 1, prepared.problem.horizon, 2)
    assert climate.shape == (3, 1, 400, 2)
    assert np.isfinite(windows).all()
    np.testing.assert_array_equal(load("references", name)().windows(prepared, 3), windows)
    np.testing.assert_array_equal(load("references", name)().climate(prepared, 3), climate)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_without_free_runs_has_an_empty_climate(name: str, prepared: Prepared) -> None:
    spec = TaskSpec("henon", training_samples=400, context=5, horizon=4.0, windows=4, climate_runs=0, climate_samples=400)
    without = prepare(spec, Suite("toy", 1, 0, ("valid_prediction_time",), (spec,)))
    assert load("references", name)().climate(without, 0).shape == (0, 1, 400, 2)
    assert load("references", name)().windows(without, 0).shape == (4, 1, without.problem.horizon, 2)


@pytest.mark.parametrize("name", NAMES)
def test_its_record_says_that_it_is_a_reference(name: str, prepared: Prepared) -> None:
    record = evaluate(name, SUITE)
    assert record.identity["reference"] is True
    assert record.reference
    assert len(record.identity["source_sha256"]) == 64
    assert [cell["status"] for cell in record.cells] == ["ok"]
