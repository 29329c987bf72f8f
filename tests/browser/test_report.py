"""The report as a person uses it: by mouse, by keyboard, on a phone, in the dark."""

from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.browser

TITLE = "<script>alert(1)</script>.png"
SHARE = "e => parseFloat(e.style.clipPath.split(' ')[1])"
"""Percent of the picture that is cut off on the right."""


@pytest.fixture(scope="module")
def report(made, with_iterates, tmp_path_factory):
    """Write a report with everything in it; return its address."""
    plain = made(48, 64, 3)
    settings = {
        **plain.settings,
        "task_options": {"sigma": 0.1, "noise": "gaussian"},
        "network": "a_network_with_a_long_name_" * 4,
    }
    restoration = replace(
        with_iterates(
            plain, (25, 50, 75, 100), lambda step: plain.image * np.float32(step / 100)
        ),
        history={**plain.history, "psnr": np.array([20.0, 24.0, 27.0, 26.0])},
        settings=settings,
        uncertainty=np.full((48, 64, 3), 0.01, "float32"),
        evidence=replace(plain.evidence, reference=plain.image),
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    command = f"keras-dip denoise {'long_name_' * 30}.png -o out.png"
    restoration.report(path, title=TITLE, command=command, onnx=path.parent / "a.onnx")
    return path.as_uri()


def cut_off(visited):
    return visited.page.eval_on_selector("#before", SHARE)


def test_it_opens_without_errors_and_asks_for_nothing(visit, report):
    visited = visit(report)
    visited.page.wait_for_load_state("networkidle")
    assert visited.errors == [] and visited.requests == []
    assert visited.page.title().startswith(TITLE)
    assert visited.page.inner_text("h1") == TITLE
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert visited.page.evaluate(broken) == 0


def test_its_policy_forbids_the_network(visit, report):
    visited = visit(report)
    refused = "fetch('https://example.com').then(() => false, () => true)"
    assert visited.page.evaluate(refused)
    assert visited.requests == []
    assert any("Content Security Policy" in error for error in visited.errors)


def test_the_divider_follows_the_mouse(visit, report):
    visited = visit(report)
    mouse, box = visited.page.mouse, visited.page.locator("#view").bounding_box()
    assert cut_off(visited) == pytest.approx(50, abs=0.5)
    y = box["y"] + 30
    mouse.move(box["x"] + box["width"] / 2, y)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.8, y, steps=4)
    mouse.up()
    mouse.move(box["x"] + box["width"] * 0.1, y)  # no longer held
    assert cut_off(visited) == pytest.approx(20, abs=1)
    # Anywhere on the picture brings it there.
    mouse.click(box["x"] + box["width"] * 0.25, y + 60)
    assert cut_off(visited) == pytest.approx(75, abs=1)
    handle = visited.page.locator("#handle").bounding_box()
    middle = handle["x"] + handle["width"] / 2 - box["x"]
    assert middle == pytest.approx(box["width"] * 0.25, abs=6)
    assert visited.errors == []


def test_the_divider_moves_by_keyboard(visit, report):
    visited = visit(report)
    visited.page.focus("#divider")
    for _ in range(3):
        visited.page.keyboard.press("ArrowRight")
    assert cut_off(visited) == pytest.approx(47, abs=0.5)
    visited.page.keyboard.press("Home")
    assert cut_off(visited) == pytest.approx(100, abs=0.5)
    spoken = visited.page.get_attribute("#divider", "aria-valuetext")
    assert spoken == "0 percent before, the rest after"


def test_everything_can_be_reached_by_the_tab_key(visit, report):
    visited = visit(report)
    reached = set()
    for _ in range(30):
        visited.page.keyboard.press("Tab")
        reached.add(visited.page.evaluate("document.activeElement.outerHTML"))
    together = "".join(reached)
    for sign in ('id="view"', 'id="divider"', 'data-zoom="4"', 'id="crisp"'):
        assert sign in together
    assert 'data-step="25"' in together and "<a " in together and "<pre" in together


def test_zoom_enlarges_and_the_divider_stays_where_it_is(visit, report):
    visited = visit(report)
    page = visited.page
    width = "document.getElementById('canvas').getBoundingClientRect().width"
    page.click('[data-zoom="1"]')
    assert page.evaluate(width) == 64
    page.click("text='8×'")  # noqa: RUF001
    assert page.evaluate(width) == 512
    pressed = page.locator('[data-zoom][aria-pressed="true"]')
    assert pressed.count() == 1 and pressed.inner_text() == "8×"  # noqa: RUF001
    page.click('[data-zoom="fit"]')
    assert page.evaluate(width) == page.locator("#view").bounding_box()["width"]
    assert cut_off(visited) == pytest.approx(50, abs=0.5)


def test_an_enlarged_picture_is_moved_by_mouse_and_by_arrow_keys(visit, report):
    visited = visit(report, width=390)
    page = visited.page
    page.click('[data-zoom="8"]')
    scrolled = "document.getElementById('view').scrollLeft"
    start = page.evaluate(scrolled)
    assert start > 0  # the middle stays in the middle
    page.locator("#view").scroll_into_view_if_needed()
    box = page.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] * 0.25, box["y"] + 40
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y, steps=4)
    page.mouse.up()
    assert page.evaluate(scrolled) == pytest.approx(start + 40, abs=1)
    page.focus("#view")
    page.evaluate(
        """() => { window.moved = new Promise(resolve => document
            .getElementById('view').addEventListener('scroll', resolve)); }"""
    )
    page.keyboard.press("ArrowLeft")
    page.evaluate("window.moved.then(() => 0)")
    assert page.evaluate(scrolled) < start + 40
    assert visited.errors == []


def test_crisp_pixels(visit, report):
    page = visit(report).page
    rendering = "getComputedStyle(document.getElementById('after')).imageRendering"
    assert page.evaluate(rendering) == "auto"
    page.check("#crisp")
    assert page.evaluate(rendering) == "pixelated"
    page.focus("#crisp")
    page.keyboard.press("Space")
    assert page.evaluate(rendering) == "auto"


def test_an_iterate_of_the_film_strip_comes_into_the_comparison(visit, report):
    visited = visit(report)
    page = visited.page
    result = page.get_attribute("#after", "src")
    page.focus('[data-step="25"]')
    page.keyboard.press("Enter")
    assert page.get_attribute("#after", "src") != result
    assert page.inner_text("#right-name") == "Step 25"
    assert "step 25" in page.get_attribute("#divider", "aria-valuetext")
    assert page.get_attribute('[data-step="25"]', "aria-pressed") == "true"
    page.click('[data-step="75"]')  # the chosen one
    assert page.get_attribute("#after", "src") == result
    assert page.inner_text("#right-name") == "After"
    assert visited.errors == []


def test_the_undamaged_picture_can_be_on_the_left(visit, report):
    page = visit(report).page
    seen = page.get_attribute("#before", "src")
    page.click("text=Undamaged")
    assert page.get_attribute("#before", "src") != seen
    assert page.inner_text("#left-name") == "Undamaged"
    page.click('[data-name="Before"]')
    assert page.get_attribute("#before", "src") == seen


@pytest.mark.parametrize("zoom", ["fit", "8"])
def test_a_phone_does_not_scroll_sideways(visit, report, zoom):
    page = visit(report, width=390, height=844, has_touch=True, is_mobile=True).page
    page.click(f'[data-zoom="{zoom}"]')
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    small = """[...document.querySelectorAll('p, td, th, dd, dt, code, figcaption')]
        .filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length"""
    assert page.evaluate(small) == 0


def test_the_dark_scheme_changes_the_colours(visit, report):
    def colours(scheme):
        page = visit(report, scheme=scheme).page
        return page.evaluate(
            """() => {
                const colour = (e, name) => getComputedStyle(e)[name]
                    .match(/[0-9.]+/g).slice(0, 3).reduce((sum, x) => sum + +x, 0);
                const text = document.querySelector('.plot text');
                return [colour(document.body, 'backgroundColor'),
                        colour(document.body, 'color'), colour(text, 'fill')];
            }"""
        )

    light, dark = colours("light"), colours("dark")
    assert light[0] > 600 > 200 > light[1]
    assert dark[0] < 200 < 600 < dark[1]
    assert light[2] < 400 < dark[2]  # the words of the plots follow
