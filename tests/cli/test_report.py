"""--report: the page is written beside the picture, and names what made it."""

import dataclasses
import os
import shlex
import shutil
import subprocess

import click
import pytest

from keras_dip import tasks
from keras_dip.cli.app import app
from keras_dip.cli.reproduction import command_of
from keras_dip.cli.request import Request

ARGUMENTS = ("denoise", "in.png", "-o", "out.png", "--report", "page.html")


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_the_report_has_title_command_and_onnx_file(cli, prior, picture, folder):
    picture()

    ran = cli(*ARGUMENTS, "--onnx", "o.onnx", "--sigma", "25", "--force")

    assert ran.code == 0 and "out.png and o.onnx and page.html" in ran.err
    assert lines(folder / "page.html") == [
        "in.png",
        "keras-dip denoise --sigma 25.0 -o out.png --onnx o.onnx --report page.html "
        "in.png",
        "o.onnx",
    ]
    # About eight iterates, unless the picture is cut into tiles.
    assert prior.made[0].settings["snapshots"] == "auto"


def test_snapshots_that_were_asked_for_stay(cli, prior, picture):
    picture()
    assert cli(*ARGUMENTS, "--snapshots", "along").code == 0
    assert prior.made[0].settings["snapshots"] == 8


def test_an_existing_report_is_not_replaced_without_force(cli, prior, picture, folder):
    picture()
    (folder / "page.html").write_bytes(b"mine")

    ran = cli(*ARGUMENTS)

    assert ran.code == 1 and ran.err.count("\n") == 1 and "'page.html'" in ran.err
    assert prior.made == [] and (folder / "page.html").read_bytes() == b"mine"
    assert cli(*ARGUMENTS, "--force").code == 0
    assert (folder / "page.html").read_bytes() != b"mine"


@pytest.mark.parametrize("name", ["page.pdf", "page", "no/page.html", "in.png"])
def test_a_place_that_will_not_do_is_refused_before_the_fit(
    cli, prior, picture, folder, name
):
    picture()
    ran = cli(*ARGUMENTS[:-1], name)
    assert ran.code == 1 and ran.err.count("\n") == 1 and "Received" in ran.err
    assert prior.made == [] and not (folder / "out.png").exists()


def test_two_outputs_of_one_name_are_refused(cli, prior, picture):
    picture()
    ran = cli("denoise", "in.png", "-o", "o.npy", "--report", "./o.npy")
    assert ran.code == 2 and "another file for each output" in ran.err


@pytest.mark.parametrize(
    "typed",
    [
        "denoise in.png -o out.png",
        "denoise 'a b'\"'\"'.png' -o - --steps 7 --blend 0.25 --seed 3 --half "
        "--onnx o.onnx --strip --depth 16 --data-range=-1,2.5 --max-memory 4G",
        "super-resolve --factor 4 -o out.png -- -in.png",
        "inpaint in.png --mask m.png --keep-known --no-invert-mask -o out.png "
        "--preset paper-random --report page.html --snapshots along",
        "inpaint in.png --mask-color '#ff0000' -o out.png --tikhonov 0.5",
        "deblur in.png --gaussian 1.5 -o out.png --stop emv --time-limit 2.5",
    ],
)
def test_the_command_asks_for_the_same(typed):
    asked = request_of(shlex.split(typed))
    again = request_of(shlex.split(command_of(asked))[1:])
    assert again == asked


def test_what_only_keeps_a_run_is_left_out():
    asked = request_of(shlex.split("denoise a.png -o b.png --checkpoint c --force"))
    assert command_of(asked) == "keras-dip denoise -o b.png a.png"


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_a_name_that_is_no_text_is_written_as_the_shell_reads_it():
    name = os.fsdecode(b"a '\xff\\.png")
    asked = request_of(["denoise", name, "-o", "b.png"])
    command = command_of(asked)
    assert command == r"keras-dip denoise -o b.png $'a \'\xff\\.png'"
    bash = shutil.which("bash")
    if bash is not None:
        script = f"keras-dip() {{ printf '%s' \"${{@: -1}}\"; }}; {command}"
        done = subprocess.run([bash, "-c", script], capture_output=True, check=True)
        assert done.stdout == os.fsencode(name)


def request_of(words):
    """Return the request of a command line, as the command makes it."""
    context = click.Context(app)
    command = app.get_command(context, words[0])
    values = command.make_context(words[0], words[1:], parent=context).params
    declaration = next(d for d in declarations() if d.title == words[0])
    own = {option.name for option in declaration.options}
    fields = {f.name for f in dataclasses.fields(Request)} & set(values)
    return Request(
        declaration,
        task_options={name: values.pop(name) for name in own},
        **{name: values.pop(name) for name in fields},
        settings=values,
    )


def declarations():
    return [tasks.declaration(name) for name in tasks.names()]
