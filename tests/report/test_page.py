"""The page: everything is inside, nothing is left unescaped, nothing overwritten."""

import os
import re
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from keras_dip import memory
from keras_dip.errors import ImageError
from keras_dip.report import page_of
from keras_dip.report.reproduction import python_of
from keras_dip.restoration import Evidence, Tiles

EVIL = "<script>alert(1)</script>\"'&.png"
MEGABYTE = 2**20


class Parsed(HTMLParser):
    """Tags of a page, with their attributes, and its text."""

    VOID = ("meta", "img", "input")

    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(fitted):
    return page_of(fitted, "report.html", title="noisy.png")


def test_the_page_is_well_formed_and_has_all_its_parts(page, fitted):
    parsed = Parsed(page)
    assert parsed.open == []
    titles = re.findall(r"<h2[^>]*>([^<]+)", page)
    assert titles == [
        "Before and after",
        "On the way",
        "Curves",
        "What was left out",
        "Network and input",
        "Make it again",
        "Settings",
    ]
    ids = [a["id"] for _, a in parsed.tags if "id" in a]
    assert len(set(ids)) == len(ids)
    assert all(a.get("alt") is not None for a in parsed.all("img"))
    frames = [a for a in parsed.all("button") if "data-step" in a]
    assert [int(a["data-step"]) for a in frames] == list(fitted.snapshots)
    (chosen,) = [a for a in frames if a["aria-pressed"] == "true"]
    assert int(chosen["data-step"]) == fitted.best_step


def test_everything_is_inside_the_file(page):
    parsed = Parsed(page)
    for _, attributes in parsed.tags:
        for name in ("src", "href", "xlink:href", "data-left"):
            value = attributes.get(name)
            assert not value or value.startswith(("data:", "#")), value
    assert "url(http" not in page and "@import" not in page
    (policy,) = [
        a["content"]
        for a in parsed.all("meta")
        if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_the_chosen_step_is_marked_in_every_curve(page, fitted):
    plots = re.findall(r'<svg class="plot".*?</svg>', page, re.DOTALL)
    assert len(plots) == 4  # data term, criterion, PSNR, SSIM
    for plot in plots:
        assert f"Step {fitted.best_step} was chosen." in plot
        assert plot.count('-chosen"') == 1
        assert "var(--mark)" in plot and "#0102" not in plot


def test_iterates_are_told_by_the_pictures_that_are_shown(made, with_iterates):
    clean = made(24, 32, 3).image
    off = {25: 0.1, 50: 0.01, 75: 0.05, 100: 0.001}
    # The curves are of the last of several members; the pictures are the mean of all.
    several = made(
        *(24, 32, 3),
        image=clean + np.float32(off[75]),
        evidence=Evidence(np.zeros((24, 32, 3), "uint8"), reference=clean),
        history={**made(24, 32, 3).history, "psnr": np.full(4, 12.34)},
    )
    iterates = with_iterates(several, off, lambda step: clean + np.float32(off[step]))
    page = page_of(iterates, "report.html")
    told = re.findall(r'>Step (\d+)</span>\s*<span class="note">([^<]*)', page)
    # By definition -20 log10 of the distance.
    values = [("25", "20.00"), ("50", "40.00"), ("75", "26.02"), ("100", "60.00")]
    assert told == [(step, f"{decibels} dB") for step, decibels in values]
    unjudged = replace(iterates, evidence=None)
    assert page_of(unjudged, "report.html").count("criterion 0.1<") == 4


def test_the_mark_stands_where_the_step_is(made):
    # 25, 50, 75, 100: the third of four points is the chosen one.
    page = page_of(made(24, 32, 3), "report.html")
    (plot,) = re.findall(r'<svg class="plot"[^>]*data term.*?</svg>', page, re.S | re.I)
    (curve,) = re.findall(r'<path d="([^"]*)"[^>]*stroke: var\(--accent\)', plot)
    points = re.findall(r"[ML] ([\d.]+) ([\d.]+)", curve)
    mark = re.search(r'-chosen".*?<use [^>]*x="([\d.]+)" y="([\d.]+)"', plot, re.S)
    np.testing.assert_allclose(
        [float(x) for x in mark.groups()], [float(x) for x in points[2]], atol=0.01
    )


def test_names_and_settings_are_escaped(made):
    restoration = made(24, 32, 3)
    settings = {**restoration.settings, "note": EVIL, "network": EVIL}
    evil = replace(restoration, settings=settings, stop_reason=EVIL)

    page = page_of(evil, "report.html", title=EVIL, command=EVIL, onnx=f"x/{EVIL}.onnx")

    parsed = Parsed(page)
    assert page.count("<script>") == 1 and len(parsed.all("script")) == 1
    assert parsed.text.count(EVIL) >= 5
    (link,) = [a["href"] for a in parsed.all("a")]
    assert unquote(link) == f"./x/{EVIL}.onnx" and "<" not in link


def test_the_link_to_the_onnx_file_is_relative(made, tmp_path):
    page = page_of(made(24, 32), tmp_path / "a/b.html", onnx=tmp_path / "c/d e.onnx")
    assert '<a href="./../c/d%20e.onnx">d e.onnx</a>' in page
    assert str(tmp_path) not in page


def test_python_makes_it_again(fitted):
    text = Parsed(page_of(fitted, "report.html")).text
    assert (
        "restoration = DeepImagePrior( Denoise(sigma=0.1), seed=0, network=..., "
        "steps=100, stop='wmv', snapshots=4, ).fit(picture, reference=reference)"
    ) in text


def test_python_leaves_what_it_cannot_know_to_its_reader(made):
    restoration = made(24, 32, 3)

    def called(task, options):
        settings = {**restoration.settings, "task": task, "task_options": options}
        return python_of(replace(restoration, settings=settings)).splitlines()[3]

    given = {"mask": "given", "invert_mask": False, "keep_known": True}
    assert called("inpaint", given) == "    Inpaint(mask=..., keep_known=True),"
    alpha = {"mask": "alpha", "invert_mask": False, "keep_known": False}
    assert called("inpaint", alpha) == "    Inpaint(),"
    colour = {"mask": "#ff0000", "invert_mask": True, "keep_known": False}
    assert called("inpaint", colour) == (
        "    Inpaint(mask_color='#ff0000', invert_mask=True),"
    )
    assert called("flash", {}) == "    FlashNoFlash(flash=...),"
    motion = {"gaussian": None, "motion": [15.0, 30.0], "disk": None}
    assert called("deblur", motion) == "    Deblur(motion=[15.0, 30.0]),"
    assert called("operator", {"fn": "blur", "sigma": 0.1}) == "    Operator(...),"


def test_a_command_is_shown_as_it_is(made):
    text = Parsed(page_of(made(24, 32), "r.html", command="keras-dip x 'a b'")).text
    assert "keras-dip x 'a b'" in text and "DeepImagePrior" not in text


@pytest.mark.parametrize("shape", [(7, 9), (24, 32, 1), (24, 32, 3), (24, 32, 5)])
def test_pictures_of_all_kinds(made, shape):
    page = Parsed(page_of(made(*shape), "report.html"))
    assert f"{shape[1]} × {shape[0]}" in page.text  # noqa: RUF001
    assert "Whiteness" in page.text
    assert "No iterates were kept" in page.text


def test_without_evidence_there_is_no_before(made):
    page = Parsed(page_of(made(24, 32, 3, evidence=None), "report.html"))
    assert "Before" not in page.text and "left out" not in page.text
    assert not [a for a in page.all("input") if a["type"] == "range"]


def test_where_no_pixels_are_compared_there_is_no_residual(made):
    given = np.zeros((24, 32, 3), "uint8")
    page = page_of(made(24, 32, 3, evidence=Evidence(given)), "report.html")
    assert "Before" in page and "Whiteness" not in page


def test_a_residual_of_nothing_has_no_whiteness(made):
    evidence = Evidence(np.zeros((24, 32, 3), "uint8"), lambda x: x * 0)
    text = Parsed(page_of(made(24, 32, 3, evidence=evidence), "report.html")).text
    assert "Nothing was left out" in text and "hiteness" not in text


def test_an_enlargement_says_how_before_is_shown(made):
    evidence = Evidence(np.zeros((12, 16, 3), "uint8"), lambda x: x[:, ::2, ::2])
    text = Parsed(page_of(made(24, 32, 3, evidence=evidence), "report.html")).text
    assert "Before: 16 × 12 pixels" in text and "Whiteness" in text  # noqa: RUF001


def test_uncertainty_has_a_map_and_a_scale(made):
    deviation = np.full((24, 32, 3), 3 / 255, "float32")
    text = Parsed(page_of(made(24, 32, 3, uncertainty=deviation), "r.html")).text
    assert "How far it may be off" in text and "3 grey levels of 255" in text


def test_tiles_have_no_film_strip_and_say_so(made):
    restoration = made(24, 32, 3)
    tiles = Tiles(None, restoration.source.network, (None,) * 6)
    history = {**restoration.history, "tile": np.array([0, 0, 1, 1])}
    page = page_of(replace(restoration, tiles=tiles, history=history), "r.html")
    assert "There is no film strip" in page and "in 6 tiles" in page
    assert "was chosen" not in page


def test_a_page_of_512_pixels_is_below_5_megabytes(made, with_iterates):
    # The worst case: nothing of all this can be compressed.
    noise = np.random.default_rng(0).random((512, 512, 3)).astype("float32")
    given = (noise * 255).astype("uint8")
    restoration = made(
        *(512, 512, 3),
        image=noise,
        uncertainty=noise,
        evidence=Evidence(given, lambda x: x * 0.5, reference=noise),
    )
    steps = (25, 30, 40, 50, 60, 75, 90, 100)
    full = with_iterates(restoration, steps, lambda step: noise)

    page = page_of(full, "report.html")

    assert len(Parsed(page).all("img")) > 14
    assert MEGABYTE < len(page.encode()) < 5 * MEGABYTE


def test_a_page_takes_no_more_memory_than_the_estimate_of_a_fit_has(made, monkeypatch):
    # That has memory.PER_VALUE bytes for each number of the picture. What is looked at
    # for whiteness is of one size, however large the picture.
    monkeypatch.setattr("keras_dip.report.page.MIDDLE", 128)
    shape = (1200, 1600, 3)
    flat = np.full(shape, 0.5, "float32")
    evidence = Evidence(np.full(shape, 120, "uint8"), lambda x: x, known=flat)
    large = made(*shape, image=flat, uncertainty=flat, evidence=evidence)
    tracemalloc.start()
    try:
        page_of(large, "report.html")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 1 < peak / flat.size < memory.PER_VALUE / 2


def test_report_writes_the_page_and_overwrites_nothing(made, tmp_path):
    restoration, path = made(24, 32, 3), tmp_path / "report.html"
    restoration.report(path, title="a picture")
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    path.write_bytes(b"mine")
    with pytest.raises(ImageError, match="exist"):
        restoration.report(path)
    assert path.read_bytes() == b"mine"
    restoration.report(path, force=True)
    assert path.read_bytes() != b"mine"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_names_that_are_no_text_are_shown_as_far_as_they_are(made, tmp_path):
    name, path = os.fsdecode(b"a\xff.png"), tmp_path / "r.html"
    made(24, 32, 3).report(path, title=name, onnx=tmp_path / f"{name}.onnx")
    text = path.read_bytes().decode()  # all of it is UTF-8
    assert "<h1>a?.png</h1>" in text
    if os.name != "nt":
        assert 'href="./a%FF.png.onnx"' in text


def test_a_bad_suffix_is_refused(made, tmp_path):
    with pytest.raises(ImageError, match=r"\.html, \.htm.*report\.pdf"):
        made(24, 32, 3).report(tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []


def test_the_same_restoration_gives_the_same_page(made):
    restoration = made(24, 32, 3)
    assert page_of(restoration, "r.html") == page_of(restoration, "r.html")
