"""What holds for every suite that comes with the package."""

import pytest

from chaosbench.catalogue import data_folder
from chaosbench.dynamics.reader import system
from chaosbench.facts import load_facts
from chaosbench.suites import Suite, metric_from, read_suite, suite_names
from chaosbench.tasks import prepare

FOR_TRIALS = "smoke"  # small enough to run while trying things out; every other suite must support conclusions


@pytest.fixture(params=suite_names())
def suite(request: pytest.FixtureRequest) -> Suite:
    return read_suite(request.param)


def test_its_name_is_its_file(suite: Suite) -> None:
    assert (data_folder("_suites", "leaderboard/suites") / f"{suite.name}.toml").is_file()


def test_its_systems_exist_with_these_parameters_and_components(suite: Suite) -> None:
    for task in suite.tasks:
        definition = system(task.system, dict(task.parameters))
        assert set(task.view) <= set(definition.components), task.label
        if definition.kind == "maps":
            assert task.dt is None, task.label
            assert task.samples_per_period is None, task.label


def test_its_systems_are_certified_to_be_chaotic(suite: Suite) -> None:
    """Those at their default parameters; what a task changes is measured when it is planned."""
    tasks = [task for task in suite.tasks if system(task.system, dict(task.parameters)).identity == system(task.system).identity]
    assert tasks
    for task in tasks:
        facts = load_facts(system(task.system))
        assert facts is not None, task.label
        assert facts.regime in ("chaotic", "hyperchaotic", "conservative", "conservative-mixed"), task.label
        assert facts.lyapunov_spectrum.value[0] > 10 * facts.lyapunov_spectrum.standard_error[0], task.label
        assert facts.confirmation.distance <= 1.0, task.label


def test_its_metrics_can_be_made_and_cover_short_and_long_forecasts(suite: Suite) -> None:
    metrics = [metric_from(label) for label in {label for task in suite.tasks for label in suite.metrics_of(task)}]
    assert {metric.needs for metric in metrics} >= {"windows", "climate"}
    assert any(metric.needs == "windows" and metric.better == "higher" for metric in metrics)  # the page needs a headline


def test_it_has_windows_enough_for_its_claims(suite: Suite) -> None:
    for task in suite.tasks:
        assert task.windows >= (10 if suite.name == FOR_TRIALS else 100), task.label
        if any(metric_from(label).needs == "climate" for label in suite.metrics_of(task)):
            assert task.climate_runs >= (2 if suite.name == FOR_TRIALS else 5), task.label
            assert task.climate_samples >= 20 * task.context, task.label


@pytest.mark.slow
def test_its_first_track_can_be_prepared(suite: Suite) -> None:
    """Every system is simulated and observed as the task says, its metrics can be computed; five minutes for the largest suite."""
    for task in suite.tasks:
        if task.track == suite.tasks[0].track:
            assert prepare(task, suite).problem.horizon >= 1


def test_no_two_suites_share_an_identity() -> None:
    identities = [read_suite(name).sha256 for name in suite_names()]
    assert len(set(identities)) == len(identities)


def test_the_demo_covers_at_least_eight_systems_of_different_kinds() -> None:
    definitions = {task.system: system(task.system, dict(task.parameters)) for task in read_suite("demo").tasks}
    assert len(definitions) >= 8
    assert {definition.kind for definition in definitions.values()} == {"flows", "maps", "delays"}
    assert any(definition.size is not None for definition in definitions.values())
    assert any(definition.hamiltonian is not None for definition in definitions.values())
    assert any(definition.forcing_period is not None for definition in definitions.values())


def test_one_suite_has_a_task_of_every_physical_kind() -> None:
    definitions = [system(task.system, dict(task.parameters)) for task in read_suite("physical").tasks]
    assert {definition.kind for definition in definitions} >= {"fields", "hybrid", "stochastic"}
    assert any(definition.hamiltonian is not None for definition in definitions)
