"""What one picture's outputs would do to another picture's files."""

import dataclasses
import os

import pytest

from keras_dip import tasks
from keras_dip.cli.batch_files import check_files
from keras_dip.cli.request import Request
from keras_dip.errors import KerasDipError


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "in/b.png", "masks/a.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "out").mkdir()
    return tmp_path


def asked(name, output=None, **more):
    """Return the request of a picture of "in", for a picture of "out"."""
    return Request(
        tasks.declaration("denoise"),
        task_options={},
        settings={"members": None, "preset": "fast"},
        source=f"in/{name}",
        output=output or f"out/{name}",
        **more,
    )


A, B = asked("a.png"), asked("b.png")


def refused(*requests, sources=()):
    with pytest.raises(KerasDipError) as raised:
        check_files(requests, "out", sources)
    return str(raised.value)


def test_pictures_beside_one_another_are_fine(files):
    kept = dataclasses.replace(A, onnx="nets/a.onnx", checkpoint="kept/a.png")
    check_files([kept, dataclasses.replace(B, onnx="nets/b.onnx")], "out", ["in"])


def test_two_pictures_with_one_output(files):
    message = refused(A, asked("b.png", "out/./a.png"))
    assert "'in/a.png' and 'in/b.png', both for 'out/./a.png'" in message


@pytest.mark.parametrize("option", ["onnx", "keras", "uncertainty"])
def test_two_pictures_with_one_file_beside_it(files, option):
    one, other = (dataclasses.replace(x, **{option: "more/a"}) for x in (A, B))
    assert "both for 'more/a'" in refused(one, other)


@pytest.mark.parametrize("option", ["snapshots", "checkpoint"])
def test_two_pictures_with_one_folder(files, option):
    one, other = (dataclasses.replace(x, **{option: "more"}) for x in (A, B))
    assert "both for 'more'" in refused(one, other)


def test_an_output_in_the_place_of_another_input(files):
    assert "'in/b.png'" in refused(asked("a.png", "in/b.png"), B)


def test_a_link_to_another_input(files):
    os.symlink(files / "in/b.png", files / "out/a.png")
    assert "'in/b.png', which would be both" in refused(A, B)


def test_another_name_of_an_input(files):
    os.link(files / "in/b.png", files / "out/a.png")
    assert "'in/b.png', which would be both" in refused(A, B)


def test_an_input_that_is_a_link_to_an_output(files):
    (files / "out/b.png").write_bytes(b"")
    (files / "in/a.png").unlink()
    os.symlink(files / "out/b.png", files / "in/a.png")
    assert "'in/a.png', which would be both" in refused(A, B)


def test_an_output_in_the_place_of_a_reference(files):
    other = dataclasses.replace(B, reference="masks/a.png")
    assert "'masks/a.png'" in refused(asked("a.png", "masks/a.png"), other)


def test_an_output_in_the_place_of_a_list(files):
    (files / "list.csv").write_text("input\n")
    assert "'list.csv'" in refused(asked("a.png", "list.csv"), sources=["list.csv"])


def test_the_manifest_is_no_place_for_a_picture(files):
    message = refused(asked("a.png", "out/manifest.jsonl"))
    assert "the manifest and 'in/a.png', both for 'out/manifest.jsonl'" in message


@pytest.mark.parametrize("option", ["snapshots", "checkpoint"])
def test_an_input_inside_a_folder_that_is_written(files, option):
    other = dataclasses.replace(B, **{option: "in"})
    assert "the input 'in/a.png' in one" in refused(A, other)


def test_urls_are_no_files_of_this_machine(files):
    check_files([dataclasses.replace(A, source="memory://in/a.png")], "out")


def test_the_command_refuses_before_the_start(cli, prior, folder, picture):
    for name in ("in/a.png", "in/a.bmp"):
        (folder / name).parent.mkdir(exist_ok=True)
        picture(name)
    for command in (("-o", "in"), ("-o", "out", "--onnx", "nets")):
        ran = cli("batch", "denoise", "in", *command, "--force")
        assert ran.code == 1 and ran.err.startswith("keras-dip: Expected")
    assert prior.made == [] and not (folder / "out").exists()
