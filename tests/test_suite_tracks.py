"""Tracks: every task once in each, under the track's conditions; mistakes named."""

from pathlib import Path

import pytest

from chaosbench.errors import TaskError
from chaosbench.suites import Suite, TaskSpec, read_suite, suite_from_data

HEAD = 'schema = 1\nname = "toy"\nversion = 1\nseed = 0\nmetrics = ["valid_prediction_time"]\n'
DEFAULTS = "[defaults]\ntraining_samples = 100\ncontext = 4\nhorizon = 3\nwindows = 10\nclimate_runs = 0\n"
TRACKS = '[[track]]\nname = "clean"\n[[track]]\nname = "noisy"\nnoise = 0.05\nwindows = 20\n[[track]]\nname = "partial"\npartial = true\n'
TASKS = '[[task]]\nsystem = "henon"\npartial = ["x"]\n[[task]]\nsystem = "lorenz63"\nname = "weather"\nsamples_per_period = 30\n'


def read(folder: Path, text: str) -> Suite:
    path = folder / "toy.toml"
    path.write_text(text)
    return read_suite(path)


def test_every_task_is_in_each_track_with_its_conditions(tmp_path: Path) -> None:
    suite = read(tmp_path, HEAD + DEFAULTS + TRACKS + TASKS)
    shared = {"training_samples": 100, "context": 4, "horizon": 3.0, "windows": 10, "climate_runs": 0}
    henon, weather = TaskSpec("henon", **shared), TaskSpec("lorenz63", **shared, samples_per_period=30.0)  # type: ignore[arg-type]
    wanted = {
        "henon/clean": vars(henon) | {"track": "clean"},
        "weather/clean": vars(weather) | {"track": "clean"},
        "henon/noisy": vars(henon) | {"track": "noisy", "noise": 0.05, "windows": 20},
        "weather/noisy": vars(weather) | {"track": "noisy", "noise": 0.05, "windows": 20},
        "henon/partial": vars(henon) | {"track": "partial", "view": ("x",)},  # the other names no components and is left out
    }
    assert {task.label: vars(task) for task in suite.tasks} == {label: entry | {"name": label} for label, entry in wanted.items()}
    assert suite.tracks == ("clean", "noisy", "partial")
    assert suite.in_tracks(["noisy", "partial"]) == ("henon/noisy", "weather/noisy", "henon/partial")
    assert suite.in_tracks([]) == tuple(wanted)


def test_what_is_expanded_reads_back_as_the_same_suite(tmp_path: Path) -> None:
    suite = read(tmp_path, HEAD + DEFAULTS + TRACKS + TASKS)
    again = suite_from_data(suite.to_data())
    assert again == suite
    assert again.sha256 == suite.sha256


def test_a_track_may_name_its_tasks_and_its_metrics(tmp_path: Path) -> None:
    track = '[[track]]\nname = "long"\ntasks = ["weather"]\nclimate_runs = 2\nmetrics = ["blow_up", "nrmse@1"]\n[[track]]\nname = "clean"\n'
    suite = read(tmp_path, HEAD + DEFAULTS + track + TASKS.replace('partial = ["x"]\n', ""))
    assert [task.label for task in suite.tasks] == ["weather/long", "henon/clean", "weather/clean"]
    assert suite.metrics_of(suite.tasks[0]) == ("blow_up", "nrmse@1")
    assert suite.metrics_of(suite.tasks[1]) == ("valid_prediction_time",)


def test_without_tracks_the_old_form_and_hash_stay(tmp_path: Path) -> None:
    plain = TASKS.replace('partial = ["x"]\n', "")
    suite = read(tmp_path, HEAD + DEFAULTS + plain)
    written_out = DEFAULTS.replace("[defaults]\n", "")
    assert suite.sha256 == read(tmp_path, HEAD + plain.replace("[[task]]\n", "[[task]]\n" + written_out)).sha256
    assert suite.tracks == ("",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DEFAULTS + "[[track]]\nnoise = 0.1\n" + TASKS, r"track\[0\]: .* a track is a table with a name"),
        (DEFAULTS + TRACKS + '[[track]]\nname = "noisy"\n' + TASKS, r"track\[3\]: name 'noisy' appears twice"),
        (
            DEFAULTS + '[[track]]\nname = "a"\ntasks = ["wether"]\n' + TASKS,
            r"tasks names 'wether'; tasks are henon, weather; did you mean 'weather'\?",
        ),
        (DEFAULTS + '[[track]]\nname = "a"\nsystem = "henon"\n' + TASKS, r"track\[0\]: system: belongs to a task"),
        (DEFAULTS + '[[track]]\nname = "a"\npartial = "x"\n' + TASKS, r"partial = 'x': must be true or false"),
        (DEFAULTS + '[[track]]\nname = "a"\nnoize = 0.1\n' + TASKS, r"task\[0\]: unknown key 'noize'; .*did you mean 'noise'\?"),
        (DEFAULTS + '[[track]]\nname = "a"\nnoise = -0.1\n' + TASKS, r"task 'henon/a': noise = -0\.1: must be a number of at least 0"),
        (DEFAULTS + '[[track]]\nname = "a"\nblind = 1\n' + TASKS, r"blind = 1: must be of type bool"),
        (DEFAULTS + '[[track]]\nname = "a"\nblind = true\npartial = true\n' + TASKS, r"blind tasks choose parameters and mix components themselves"),
        (DEFAULTS + '[[track]]\nname = "a"\npartial = true\n' + TASKS.replace('partial = ["x"]\n', ""), r"track 'a': no task is left in it"),
        (DEFAULTS + '[[track]]\nname = "a"\nmetrics = ["blow_upp"]\n' + TASKS, r"unknown metric 'blow_upp'"),
        (DEFAULTS + TASKS, r"task\[0\]: unknown key 'partial'"),
    ],
)
def test_a_broken_rule_of_tracks_names_key_and_fix(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read(tmp_path, HEAD + text)


def test_an_unknown_track_is_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no track 'noise'; tracks are clean, noisy, partial"):
        read(tmp_path, HEAD + DEFAULTS + TRACKS + TASKS).in_tracks(["noise"])


SHIFT = '[[task]]\nsystem = "lorenz63"\nshift = { parameter = "rho", training = [26, 30], interpolation = 28, extrapolation = 35 }\n'


def test_a_shifted_task_is_trained_at_some_parameters_and_tested_at_another(tmp_path: Path) -> None:
    tracks = '[[track]]\nname = "in"\nshift = "interpolation"\n[[track]]\nname = "out"\nshift = "extrapolation"\n[[track]]\nname = "clean"\n'
    suite = read(tmp_path, HEAD + DEFAULTS + tracks + SHIFT + '[[task]]\nsystem = "henon"\n')
    assert [task.label for task in suite.tasks] == ["lorenz63/in", "lorenz63/out", "lorenz63/clean", "henon/clean"]
    inside, outside, clean, _ = suite.tasks
    assert (inside.parameters, outside.parameters, clean.parameters) == ((("rho", 28.0),), (("rho", 35.0),), ())
    assert inside.training_parameters == outside.training_parameters == ((("rho", 26.0),), (("rho", 30.0),))
    assert clean.training_parameters == ()
    assert suite_from_data(suite.to_data()) == suite


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[track]]\nname = "a"\nshift = "sideways"\n' + SHIFT, r"shift = 'sideways': must be interpolation or extrapolation"),
        ('[[track]]\nname = "a"\nshift = "interpolation"\n' + SHIFT.replace("training = [26, 30], ", ""), r"task 'lorenz63': shift = .*training"),
        ('[[track]]\nname = "a"\nshift = "interpolation"\nblind = true\n' + SHIFT, "blind tasks choose parameters"),
        ('[[track]]\nname = "a"\nshift = "interpolation"\nzero_shot = true\n' + SHIFT, "zero_shot has no training data"),
        ('[[track]]\nname = "a"\nzero_shot = true\nclimate_runs = 5\n' + TASKS, "zero_shot has no training data"),
        ('[[track]]\nname = "a"\nshift = "interpolation"\ntraining_trajectories = 2\n' + SHIFT, "training_parameters give one trajectory each"),
    ],
)
def test_a_broken_rule_of_shifts_names_key_and_fix(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read(tmp_path, HEAD + DEFAULTS + text)


def test_a_track_of_another_basin_starts_its_tests_elsewhere(tmp_path: Path) -> None:
    suite = read(
        tmp_path, HEAD + DEFAULTS + '[[track]]\nname = "b"\nbasin = true\n' + '[[task]]\nsystem = "lorenz63"\nbasin = [1, 2.5, -3]\n' + TASKS
    )
    assert [(task.label, task.start) for task in suite.tasks] == [("lorenz63/b", (1.0, 2.5, -3.0))]
    assert suite_from_data(suite.to_data()) == suite
    with pytest.raises(TaskError, match=r"start: \[1\] = 'x': must be of type int or float"):
        read(tmp_path, HEAD + DEFAULTS + '[[task]]\nsystem = "lorenz63"\nstart = [1, "x", 3]\n')
