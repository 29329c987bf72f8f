"""All tasks: their names, declarations and presets, and the base that they share."""

import dataclasses
import inspect
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_dip
from keras_dip import models, tasks
from keras_dip.settings import DEFAULT, PICTURE_FIRST, Settings, resolve
from keras_dip.tasks.base import Task, check_positive_number

LEAST = {
    "activation_maximization": lambda: {**classifier(), "unit": 0},
    "feature_inversion": lambda: classifier(),
    "compose": {"degradation": [Task()]},
    "deblur": {"gaussian": 1.0},
    "operator": {"fn": lambda x: x},
    "flash": {"flash": np.zeros((8, 8, 3), "float32")},
    "super_resolve": {"factor": 2},
}
"""Arguments of the tasks that need some."""


def make(name):
    """Return a task with the least of arguments."""
    least = LEAST.get(name, {})
    return tasks.get(name)(**(least() if callable(least) else least))


def classifier():
    z = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2, 3, name="conv")(z)
    return {"model": keras.Model(z, x), "layer": "conv"}


def test_a_file_of_the_folder_is_a_task():
    files = {path.stem for path in Path(tasks.__file__).parent.glob("*.py")}
    assert set(tasks.names()) == files - {"__init__", "base"}


@pytest.mark.parametrize("name", tasks.names())
def test_a_declaration_tells_what_the_class_takes(name):
    declared = tasks.declaration(name)
    assert declared.name == name == make(name).name
    assert tasks.get(name).__name__ == declared.class_name
    assert getattr(keras_dip, declared.class_name) is tasks.get(name)
    assert declared.summary.endswith(".")
    parameters = dict(inspect.signature(tasks.get(name).__init__).parameters)
    del parameters["self"]
    parameters.pop("preprocess", None)  # a function cannot be typed
    parameters.pop("tasks", None)  # Compose(*tasks): the same as its option
    if declared.verb is None or "args" in parameters:  # Python alone, or none at all
        parameters = {}
    assert list(parameters) == [option.name for option in declared.options]
    for option in declared.options:
        has_default = parameters[option.name].default is not inspect.Parameter.empty
        assert has_default is not option.required or name == "compose"
        assert option.help.endswith(".")


@pytest.mark.parametrize("name", tasks.names())
def test_every_preset_makes_settings(name):
    for preset in tasks.declaration(name).presets:
        settings = resolve(make(name), preset)
        assert isinstance(settings, Settings)
        assert settings.steps > 0


@pytest.mark.parametrize("name", tasks.names())
def test_the_default_preset_makes_either_network(name):
    settings = resolve(make(name), DEFAULT)
    for network in ("skip", "hourglass"):
        built = models.build(network, (64, 64), **settings.network_options)
        assert built.output_shape == (None, 64, 64, 3)


def test_presets_are_listed_by_task():
    listed = keras_dip.presets()
    assert list(listed) == tasks.names()
    assert {"fast", "paper"} <= set(listed["denoise"]) & set(listed["super_resolve"])
    variants = {"paper-text", "paper-hole", "paper-large-hole", "paper-random"}
    assert {"fast", "best", *variants} <= set(listed["inpaint"])
    assert "best" in listed["denoise"]


@pytest.mark.parametrize("name", ["denoise", "inpaint"])
def test_the_best_preset_is_the_mean_of_several_fast_fits(name):
    fast, best = (resolve(make(name), preset) for preset in ("fast", "best"))
    assert fast.members == 1
    assert best.members >= 2
    assert dataclasses.replace(best, members=1) == fast


@pytest.mark.parametrize(
    ("name", "what"), [("denoise", "recorruption"), ("inpaint", "hiding")]
)
def test_a_z_without_the_picture_has_the_published_jitter(name, what):
    fast = resolve(make(name), "fast")
    assert fast.latent == PICTURE_FIRST
    assert getattr(fast, what) > 0
    assert fast.jitter == 0
    other = resolve(make(name), "fast", latent="noise")
    assert (getattr(other, what), other.jitter) == (0, pytest.approx(1 / 30))


def test_changes_that_are_given_replace_the_presets_values():
    task = make("super_resolve")
    changed = resolve(task, "paper", steps=7, learning_rate=None, network="hourglass")
    assert (changed.steps, changed.network) == (7, "hourglass")
    assert changed.learning_rate == resolve(task, "paper").learning_rate
    # And leave the preset as it was.
    assert resolve(task, "paper").steps == 2000


@pytest.mark.parametrize("function", [tasks.declaration, tasks.get])
def test_an_unknown_task(function):
    with pytest.raises(ValueError, match=r"super_resolve.*Received: 'super-resolve'"):
        function("super-resolve")


@pytest.mark.parametrize("name", ["denoise", "super_resolve"])
def test_an_unknown_preset(name):
    message = rf"Expected a preset of {name}: .*paper.* Received: 'quick'"
    with pytest.raises(ValueError, match=message):
        resolve(make(name), "quick")


def test_an_unknown_preset_for_inpainting():
    message = r"Expected a preset of inpaint: .*paper-text.* Received: 'papers'"
    with pytest.raises(ValueError, match=message):
        resolve(make("inpaint"), "papers")


def test_the_base_is_the_identity(picture):
    task, observed = Task(), picture(4, 5, 3)
    problem = task.prepare(observed)
    assert problem.shape == (4, 5, 3)
    assert list(problem.observed) == ["picture"]
    np.testing.assert_array_equal(problem.observed["picture"], observed[np.newaxis])
    np.testing.assert_array_equal(problem.guess, observed[np.newaxis])
    x = picture(1, 4, 5, 3, seed=1)
    assert task.degrade(x) is x
    assert task.finish(x, problem.observed) is x
    loss = keras.ops.convert_to_numpy(task.data_term(x, problem.observed))
    assert loss.shape == ()
    assert loss == pytest.approx(np.mean((x - observed) ** 2), rel=1e-5)
    assert task.settings() == {}


@pytest.mark.parametrize("value", [0, -0.1, 1.5, float("nan"), True, "0.1", None])
def test_numbers_out_of_range(value):
    with pytest.raises(ValueError, match="Expected amount as a number above 0 and at"):
        check_positive_number(value, "amount", 1.0)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_in_range(value):
    checked = check_positive_number(value, "amount", 1.0)
    assert type(checked) is float
    assert checked == value
