import os
import zipfile

import pytest

from keras_dip.batch.worklist import (
    Picture,
    beside,
    find_pictures,
    with_suffix,
)
from keras_dip.errors import KerasDipError

SUFFIXES = (".png", ".jpg")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Work in a folder with pictures and other files."""
    monkeypatch.chdir(tmp_path)
    for name in (
        *("in/b.png", "in/a.JPG", "in/notes.md", "in/.hidden.png"),
        *("in/deep/c.png", "in/deep/er/d.png", "in/.cache/e.png"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "in/folder.png").mkdir()
    return tmp_path


def find(*sources, **options):
    found = find_pictures(map(str, sources), suffixes=SUFFIXES, **options)
    return [(picture.source, picture.name) for picture in found]


def below(*names):
    return [(os.path.join("in", *name.split("/")), name) for name in names]


def test_a_folder_with_its_folders(tree):
    assert find("in") == below("a.JPG", "b.png", "deep/c.png", "deep/er/d.png")
    assert find("in", recursive=False) == below("a.JPG", "b.png")


def test_folders_of_outputs_and_masks_are_no_inputs(tree):
    assert find("in", exclude=["in/deep/er", "elsewhere"]) == below(
        "a.JPG", "b.png", "deep/c.png"
    )
    assert find("in/**/*.png", exclude=["in/deep"]) == below("b.png")
    # As a shell expands in/*; but the only source is taken.
    assert find("in/deep", "in/b.png", exclude=["in/deep"]) == [("in/b.png", "b.png")]
    assert len(find("in/deep", exclude=["in/deep"])) == 2


def test_a_pattern_keeps_the_folders_below_its_fixed_part(tree):
    assert find("in/**/*.png") == below("b.png", "deep/c.png", "deep/er/d.png")
    assert find("in/*/c.png") == below("deep/c.png")
    assert find(tree / "in" / "*.png") == [(str(tree / "in/b.png"), "b.png")]


def test_a_name_like_a_pattern_is_a_name_if_it_exists(tree):
    (tree / "a[1].png").write_bytes(b"x")
    assert find("a[1].png") == [("a[1].png", "a[1].png")]


def test_a_text_list(tree):
    (tree / "in/list.txt").write_text("b.png\r\n\n deep/c.png\n../up.png\n/far/x.png\n")
    assert find("in/list.txt") == [
        ("in/b.png", "b.png"),
        ("in/deep/c.png", "deep/c.png"),
        ("in/../up.png", "up.png"),
        ("/far/x.png", "x.png"),
    ]


def test_a_csv_list_with_outputs_and_options(tree):
    (tree / "in/list.csv").write_text(
        "sigma, input,output,mask\n25,b.png,,\n,deep/c.png,new/c.jpg,m.png\n"
    )
    first, second = find_pictures(["in/list.csv"], suffixes=SUFFIXES)
    assert first == Picture("in/b.png", "b.png", {"sigma": "25"}, "in/list.csv, line 2")
    assert (second.source, second.name) == ("in/deep/c.png", "new/c.jpg")
    assert second.options == {"mask": "m.png"}
    assert beside(second, second.options["mask"]) == "in/m.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "among them 'input', in 'l.csv'. Received: nothing"),
        ("picture,sigma\n", "Received: picture, sigma"),
        ("input,sigma,sigma\n", "each once"),
        ("input,sigma\na.png,1,2\n", "Expected 2 cells in l.csv, line 2"),
        ("input,sigma\na.png,1\n,2\n", "Expected an input in l.csv, line 3"),
        ("input,output\na.png,../a.png\n", "below the output folder in l.csv, line 2"),
        ("input,output\na.png,/a.png\n", "Received: '/a.png'"),
        ("input\n", "where there are none"),
        (b"input\n\xff.png\n", "Expected a list in UTF-8"),
        (b"input\na\0.png\n", "Received: 'l.csv' (it has a zero byte)"),
        ("input\n" + "a" * 200_000, "Received: 'l.csv' (field larger"),
    ],
)
def test_lists_that_are_wrong(tree, text, message):
    (tree / "l.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(KerasDipError) as error:
        find("l.csv")
    assert message in str(error.value)


@pytest.mark.parametrize("source", ["missing", "in/deep/er/no*.png", "in/notes"])
def test_a_source_that_is_not_there(tree, source):
    with pytest.raises(KerasDipError, match=r"^Expected .* Received: '"):
        find(source)


def test_another_suffix():
    found = [Picture("x", "a.b/c.d.png"), Picture("x", "e.TIFF")]
    names = [picture.name for picture in with_suffix(found, (".tif", ".tiff"))]
    assert names == ["a.b/c.d.tif", "e.TIFF"]


@pytest.fixture
def memory():
    """A file system of fsspec, emptied in the end."""
    fs = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("b.png", "a.JPG", "deep/c.png", "notes.md"):
        fs.pipe_file(f"/in/{name}", b"x")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def test_urls_of_a_folder_a_pattern_and_a_file(memory):
    a, b, c = (f"memory:///in/{name}" for name in ("a.JPG", "b.png", "deep/c.png"))
    assert find("memory://in") == [(a, "a.JPG"), (b, "b.png"), (c, "deep/c.png")]
    assert find("memory://in/", recursive=False) == [(a, "a.JPG"), (b, "b.png")]
    assert find("memory://in/**/*.png") == [(b, "b.png"), (c, "deep/c.png")]
    assert find("memory://in/b.png") == [("memory://in/b.png", "b.png")]
    assert find("memory://in/notes.md") == [("memory://in/notes.md", "notes.md")]


def test_a_list_behind_a_url(memory):
    memory.pipe_file("/in/l.csv", b"input,mask\ndeep/c.png,m.png\n")
    (picture,) = find_pictures(["memory://in/l.csv"], suffixes=SUFFIXES)
    assert (picture.source, picture.name) == ("memory://in/deep/c.png", "deep/c.png")
    assert beside(picture, "m.png") == "memory://in/m.png"


def test_a_list_may_name_urls(memory, tree):
    (tree / "l.txt").write_text("memory://in/deep/c.png\n")
    assert find("l.txt") == [("memory://in/deep/c.png", "c.png")]


def test_pictures_in_an_archive(tree):
    pytest.importorskip("fsspec")
    with zipfile.ZipFile(tree / "p.zip", "w") as archive:
        archive.writestr("one/a.png", b"x")
    url = f"zip://**/*.png::file://{tree.as_posix()}/p.zip"
    ((source, name),) = find(url)
    assert name == "one/a.png"
    assert source == f"zip://one/a.png::file://{tree.as_posix()}/p.zip"


@pytest.mark.parametrize("url", ["memory://nowhere", "nonsense://x/a.png"])
def test_urls_that_lead_nowhere(memory, url):
    with pytest.raises(KerasDipError, match=f"Received: '{url}'"):
        find(url)
