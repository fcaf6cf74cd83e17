from pathlib import Path

import pytest

from chaosbench.errors import TaskError
from chaosbench.suites import Suite, TaskSpec, read_suite, suite_from_data, suite_names

TASK = '[[task]]\nsystem = "henon"\ntraining_samples = 100\ncontext = 4\nhorizon = 3\nwindows = 10\n'
HEAD = 'schema = 1\nname = "toy"\nversion = 1\nseed = 0\nmetrics = ["valid_prediction_time", "nrmse@1"]\n'


def _written(folder: Path, text: str) -> Path:
    path = folder / "toy.toml"
    path.write_text(text)
    return path


def test_a_suite_file_becomes_tasks_with_their_defaults(tmp_path: Path) -> None:
    suite = read_suite(_written(tmp_path, HEAD + TASK))
    assert suite.metrics == ("valid_prediction_time", "nrmse@1")
    assert suite.tasks == (TaskSpec("henon", training_samples=100, context=4, horizon=3.0, windows=10),)
    assert suite.tasks[0].label == "henon"
    assert (suite.tasks[0].climate_runs, suite.tasks[0].climate_samples) == (5, 20_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + TASK + "contxt = 5\n", r"toy\.toml: task\[0\]: unknown key 'contxt'; keys are .*; did you mean 'context'\?"),
        (HEAD + "sed = 3\n" + TASK, r"toy\.toml: suite: unknown key 'sed'; .*did you mean 'seed'\?"),
        (HEAD + TASK.replace("windows = 10\n", ""), r"task\[0\]: windows is missing; add it"),
        (HEAD + TASK.replace("= 10\n", "= 0\n"), r"task 'henon': windows = 0: must be a whole number, at least 1"),
        (HEAD + TASK.replace("= 10\n", "= 2.5\n"), r"windows = 2\.5: must be of type int"),
        (HEAD + TASK.replace("= 10\n", "= true\n"), r"windows = True: must be of type int"),
        (HEAD + TASK.replace("horizon = 3", "horizon = -1"), r"horizon = -1\.0: must be a positive number"),
        (HEAD + TASK + "dt = 0.1\nsamples_per_period = 30\n", r"dt and samples_per_period both set the sampling interval; give one"),
        (HEAD + TASK + "climate_runs = 1\n", r"climate_runs = 1: the floor needs two true runs"),
        (HEAD + TASK + "samples = 0\n", r"samples = 0: must be a whole number, at least 1"),
        (HEAD + TASK + "view = [3]\n", r"task\[0\]\.view: 3: must be text"),
        (HEAD + TASK + 'parameters = { a = "x" }\n', r"task\[0\]\.parameters: a = 'x': must be of type int or float"),
        (HEAD + TASK + TASK, r"suite 'toy': task 'henon' appears twice"),
        (HEAD.replace("nrmse@1", "nrmsd@1") + TASK, r"unknown metric 'nrmsd'; metrics are .*; did you mean 'nrmse'\?"),
        (HEAD.replace("nrmse@1", "nrmse@one") + TASK, r"metric 'nrmse@one': what stands after @ must be a number"),
        (HEAD.replace("schema = 1", "schema = 2") + TASK, r"schema = 2: this version reads schema 1"),
        (HEAD, r"task is missing"),
        ("schema = ", r"toy\.toml: not TOML"),
    ],
)
def test_a_broken_rule_names_the_file_the_key_and_the_fix(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read_suite(_written(tmp_path, text))


def test_an_unknown_suite_is_named_with_what_there_is() -> None:
    with pytest.raises(TaskError, match=r"no suite 'nonesuch'; suites are .*\.toml file"):
        read_suite("nonesuch")


def test_comments_and_layout_leave_the_identity_alone_and_content_does_not(tmp_path: Path) -> None:
    plain = read_suite(_written(tmp_path, HEAD + TASK)).sha256
    assert read_suite(_written(tmp_path, "# a comment\n" + HEAD + "\n\n" + TASK)).sha256 == plain
    assert read_suite(_written(tmp_path, HEAD + TASK.replace("horizon = 3", "horizon = 3.0"))).sha256 == plain
    for changed in (
        HEAD.replace("seed = 0", "seed = 1") + TASK,
        HEAD + TASK.replace("context = 4", "context = 5"),
        HEAD + TASK + "climate_runs = 3\n",
    ):
        assert read_suite(_written(tmp_path, changed)).sha256 != plain


def test_a_key_at_its_default_is_not_part_of_the_identity_so_that_new_keys_keep_old_hashes(tmp_path: Path) -> None:
    plain = read_suite(_written(tmp_path, HEAD + TASK)).sha256
    for line in ("climate_runs = 5\n", "samples = 1\n"):
        assert read_suite(_written(tmp_path, HEAD + TASK + line)).sha256 == plain
    assert read_suite(_written(tmp_path, HEAD + TASK + "samples = 20\n")).sha256 != plain


def test_a_suite_survives_the_way_to_data_and_back() -> None:
    task = TaskSpec("lorenz63", 100, 4, 2.5, 10, name="other", parameters=(("rho", 30.0),), view=("x",), samples_per_period=30.0)
    suite = Suite("toy", 3, 1, ("nrmse@0.5",), (task,))
    assert suite_from_data(suite.to_data()) == suite
    assert suite.task("other") is task
    with pytest.raises(TaskError, match=r"no task 'othr'; tasks are other; did you mean 'other'\?"):
        suite.task("othr")


def test_shipped_suites_are_found_by_name() -> None:
    assert suite_names()
    for name in suite_names():
        assert read_suite(name).name == name
