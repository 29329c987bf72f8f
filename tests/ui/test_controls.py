"""What a task declares is what the page asks for, and what the command line takes."""

import pytest

from keras_dip import tasks
from keras_dip.cli.ui import controls
from keras_dip.errors import KerasDipError
from keras_dip.tasks import Declaration, Option

KINDS = (
    Option("sigma", "levels", "Grey levels."),
    Option("factor", "int", "Times.", required=True),
    Option("strength", "float", "How much.", default=2.0),
    Option("kernel", "choice", "Filter.", choices=("box", "gauss")),
    Option("pattern", "choice", "Colours.", default="b", choices=("a", "b")),
    Option("keep_known", "flag", "Paste.", default=True),
    Option("motion", "numbers", "Length and angle."),
    Option("mask", "mask", "White = known."),
    Option("model", "model", "A file."),
)
ALL = Declaration("all", "All", "All of them.", KINDS, {"fast": {}})


def test_every_task_of_the_command_line_is_offered_denoising_first():
    offered = controls.offered()
    assert set(offered) == set(tasks.verbs())
    assert next(iter(offered)) == "denoise"


def test_each_type_of_option_has_its_control():
    made = {control.name: control for control in controls.controls_of(ALL)}
    kinds = {name: control.kind for name, control in made.items()}
    assert kinds == {
        "sigma": "number",
        "factor": "whole",
        "strength": "number",
        "kernel": "choice",
        "pattern": "choice",
        "keep_known": "switch",
        "motion": "text",
        "mask": "file",
        "model": "file",
    }
    assert made["kernel"].choices == (controls.AUTOMATIC, "box", "gauss")
    assert made["pattern"].choices == ("a", "b")
    assert (made["pattern"].value, made["strength"].value) == ("b", 2.0)
    assert made["factor"].label == "Factor (needed)"
    assert made["model"].suffixes == (".keras",)


def test_answers_become_what_the_command_line_would_have_made_of_them():
    answers = {
        "sigma": "25",
        "factor": "4",
        "strength": 3,
        "kernel": controls.AUTOMATIC,
        "pattern": "a",
        "keep_known": False,
        "motion": "15,30",
        "mask": None,
        "model": "",
    }
    assert controls.values_from(ALL, answers) == {
        "sigma": 25.0,  # in grey levels still, as on the command line
        "factor": 4,
        "strength": 3.0,
        "kernel": None,
        "pattern": "a",
        "keep_known": False,
        "motion": (15.0, 30.0),
        "mask": None,
        "model": None,
    }


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "Factor: Expected a value, as all needs one. Received: none."),
        ({"factor": "two"}, "Factor: 'two' is not a valid integer"),
        ({"factor": 2, "sigma": "300"}, "Sigma: 300.0 is not in the range 0<x<=255"),
        ({"factor": 2, "sigma": "nan"}, "Sigma: Expected a finite number"),
        ({"factor": 2, "motion": "15;30"}, "Motion: Expected numbers, as in 15,30"),
        ({"factor": 2, "kernel": "other"}, "Kernel: 'other' is not one of"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(answers, message):
    with pytest.raises(KerasDipError) as error:
        controls.values_from(ALL, answers)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_task_that_a_picture_is_enough_for_needs_no_options():
    needs = {
        verb: controls.needs_options(declaration)
        for verb, declaration in controls.offered().items()
    }
    assert not needs["denoise"] and not needs["inpaint"] and not needs["dejpeg"]
    assert needs["super-resolve"] and needs["flash"] and needs["deblur"]


def test_the_mask_of_inpainting_can_be_painted():
    paints = {
        verb: controls.paints(declaration)
        for verb, declaration in controls.offered().items()
    }
    assert paints["inpaint"].name == "mask"
    assert paints["denoise"] is None
