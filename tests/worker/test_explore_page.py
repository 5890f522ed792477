"""The page of `explore` in a headless Chromium, with real mouse, touch and keys.

python -m pytest tests/worker/test_explore_page.py
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.worker.explore_messages import Explore
from tests.harness import sample_files
from tests.harness.browser import OpenPage, browser
from tests.worker.test_exploration import floats, integers, page_data, pictures
from tests.worker.test_model_jobs import run_job, save_autoencoder

HOSTILE = "<img src=x onerror=window.hacked=1>"
COUNT = 400  # more than are shown as pictures


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory, chromium):
    """Pages about a model with codes of two numbers, one with five, and one with skip connections."""
    folder, before = tmp_path_factory.mktemp("pages"), Path.cwd()
    os.chdir(folder)
    try:
        images, labels = sample_files.shapes(COUNT)
        np.savez("many.npz", images=images, labels=labels)
        for number, array in enumerate(images[:9]):
            own = Path("own", HOSTILE if number % 3 else "plain")
            own.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(own / f"{number}{HOSTILE}.png")
        for name, data, values in (
            ("two", "many.npz", {"latent_dim": 2}),
            ("five", "many.npz", {"latent_dim": 5}),
            ("skip", "own", {"task": "denoise", "skip": True}),
        ):
            models = save_autoencoder(name, **values)
            options = {"data": data, "output": f"{name}.html", "projection": ("pca", "t-sne")}
            run_job(Explore, models, **options)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def opened(pages, chromium):
    """A function that opens one of the pages."""
    windows = []

    def opened(name: str, **options) -> OpenPage:
        windows.append(OpenPage(chromium, pages / f"{name}.html", **options))
        return windows[-1]

    yield opened
    for window in windows:
        assert window.messages == []
        assert [url for url in window.requests if not url.startswith(("data:", "file:"))] == []
        window.close()


def data_of(pages: Path, name: str) -> dict:
    return page_data(str(pages / f"{name}.html"))


def gray(pixels: list[int], shape: tuple[int, int]) -> np.ndarray:
    return np.array(pixels, np.uint8).reshape(*shape, 4)[..., 0]


ISOLATED = """(() => {
  let best = 0, most = 0;
  for (let i = 0; i < count; i++) {
    let least = Infinity;
    const [x, y] = map.screenOf(i);
    for (let j = 0; j < count; j++) {
      const [u, v] = map.screenOf(j);
      if (i !== j) least = Math.min(least, Math.hypot(x - u, y - v));
    }
    if (least > most) [best, most] = [i, least];
  }
  return best;
})()"""
DRAWN_PIXELS = """(() => {
  const bytes = map.canvas.getContext("2d").getImageData(0, 0, map.canvas.width, map.canvas.height).data;
  return bytes.filter((byte, number) => number % 4 === 3 && byte).length;
})()"""


def isolated(window: OpenPage) -> int:
    """The point that is farthest from the nearest other one on the screen."""
    return window.evaluate(ISOLATED)


def test_a_picture_and_its_reconstruction_appear_under_the_mouse(opened, pages):
    window, data = opened("five"), data_of(pages, "five")
    index = isolated(window)
    window.page.mouse.move(*window.place(index))
    assert window.page.is_visible("#card")
    text = window.text("#card")
    label = data["classes"][integers(data["labels"])[index]]
    assert data["names"][index] in text
    assert label in text.split("\n")[-2]
    assert float(re.search(r"error \(MSE\) ([\d.e-]+)", text)[1]) == pytest.approx(
        floats(data["errors"])[index], rel=0.01
    )
    for number, kind in enumerate(("inputs", "outputs"), start=1):
        shown = window.pixels(f"#card figure:nth-of-type({number}) canvas")
        assert np.array_equal(gray(shown, (12, 10)), pictures(data[kind])[index, ..., 0])
    window.page.mouse.move(5, 5)
    assert not window.page.is_visible("#card")


def test_hovering_does_not_draw_the_points_again(opened):
    window = opened("five")
    window.page.wait_for_timeout(200)  # until it is drawn
    window.evaluate(
        "window.draws = 0; const draw = map.draw;"
        "map.draw = function () { window.draws++; draw.call(this); }; 0"
    )
    for index in range(0, COUNT, 10):
        window.page.mouse.move(*window.place(index))
    assert window.evaluate("window.draws") == 0
    window.page.mouse.wheel(0, -100)
    window.page.wait_for_timeout(100)
    assert window.evaluate("window.draws") > 0


def test_a_click_shows_neighbors_in_order_and_these_can_be_clicked(opened, pages):
    window, data = opened("five"), data_of(pages, "five")
    index = isolated(window)
    window.page.mouse.click(*window.place(index))
    assert data["names"][index] in window.text("#selected-picture")
    neighbors = integers(data["neighborPositions"]).reshape(COUNT, -1)[index]
    distances = floats(data["neighborDistances"]).reshape(COUNT, -1)[index]
    buttons = window.page.locator("#neighbor-list button")
    assert buttons.count() == len(neighbors)
    for number, (neighbor, distance) in enumerate(zip(neighbors, distances, strict=True)):
        label = buttons.nth(number).get_attribute("aria-label")
        assert label.startswith(data["names"][neighbor])
        assert float(label.split()[-1]) == pytest.approx(distance, rel=0.01)
    shown = window.pixels("#neighbor-list li:nth-child(2) canvas")
    assert np.array_equal(gray(shown, (12, 10)), pictures(data["inputs"])[neighbors[1], ..., 0])
    buttons.nth(1).click()
    assert window.evaluate("map.selected") == neighbors[1]
    assert data["names"][neighbors[1]] in window.text("#selected-picture")


def test_classes_are_filtered(opened, pages):
    window, data = opened("five"), data_of(pages, "five")
    labels = integers(data["labels"])
    assert window.evaluate("map.drawn") == COUNT
    entry = window.page.locator("#legend button[aria-pressed]").nth(1)
    assert data["classes"][1] in entry.inner_text()
    entry.click()
    window.page.wait_for_timeout(100)
    assert entry.get_attribute("aria-pressed") == "false"
    assert window.evaluate("map.drawn") == (labels != 1).sum()
    index = int(np.argmax(labels == 1))
    window.page.mouse.move(*window.place(index))
    assert window.evaluate("map.hovered") != index
    window.page.get_by_role("button", name="None").click()
    window.page.wait_for_timeout(100)
    assert window.evaluate("map.drawn") == 0
    window.page.mouse.move(*window.place(0))
    assert not window.page.is_visible("#card")
    window.page.get_by_role("button", name="All", exact=True).click()
    window.page.wait_for_timeout(100)
    assert window.evaluate("map.drawn") == COUNT


def test_colors_are_those_of_classes_or_errors(opened, pages):
    window = opened("five")
    index = isolated(window)

    def center() -> list[int]:
        window.page.wait_for_timeout(100)
        return window.evaluate(
            f"(() => {{ const [x, y] = map.screenOf({index}); return Array.from(map.canvas.getContext('2d')"
            ".getImageData(Math.round(x * map.ratio), Math.round(y * map.ratio), 1, 1).data); })()"
        )

    label = integers(data_of(pages, "five")["labels"])[index]
    first = [(31, 119, 180), (255, 127, 14), (44, 160, 44)][label]
    assert center()[:3] == list(first)
    window.page.select_option("#coloring", "none")
    assert center()[:3] == [59, 130, 196]
    window.page.select_option("#coloring", "error")
    assert center()[:3] not in ([59, 130, 196], list(first))
    assert "error" in window.text("#legend")


def test_the_wheel_zooms_at_the_pointer_and_dragging_moves_the_map(opened):
    window = opened("five")
    index = isolated(window)
    x, y = window.place(index)
    window.page.mouse.move(x, y)
    scale = window.evaluate("map.scale")
    window.page.mouse.wheel(0, -400)
    window.page.wait_for_timeout(100)
    assert window.evaluate("map.scale") > 1.5 * scale
    assert window.place(index) == pytest.approx((x, y), abs=1)
    window.page.mouse.down()
    window.page.mouse.move(x + 30, y + 10, steps=4)
    window.page.mouse.move(x + 60, y - 40, steps=4)
    window.page.mouse.up()
    assert window.place(index) == pytest.approx((x + 60, y - 40), abs=1)
    assert window.evaluate("map.selected") == -1  # that was no click
    window.page.get_by_role("button", name="Show all").click()
    assert window.evaluate("map.scale") == pytest.approx(scale)


def test_few_points_in_view_are_pictures(opened):
    window = opened("skip")
    window.page.wait_for_timeout(200)
    with_pictures = window.evaluate(DRAWN_PIXELS)
    window.page.uncheck("#show-pictures")
    window.page.wait_for_timeout(100)
    assert 0 < window.evaluate(DRAWN_PIXELS) < with_pictures / 4


def test_the_map_is_used_with_keys_alone(opened, pages):
    window, data = opened("five"), data_of(pages, "five")
    window.page.focus("#overlay")
    window.page.keyboard.press("ArrowRight")
    first = window.evaluate("map.hovered")
    assert window.page.is_visible("#card")
    assert data["names"][first] in window.text("#status")
    window.page.keyboard.press("ArrowRight")
    second = window.evaluate("map.hovered")
    assert second != first
    assert window.place(second)[0] > window.place(first)[0]
    window.page.keyboard.press("ArrowUp")
    third = window.evaluate("map.hovered")
    assert window.place(third)[1] < window.place(second)[1]
    window.page.keyboard.press("Enter")
    assert window.evaluate("map.selected") == third
    assert "Selected" in window.text("#status")
    before = window.evaluate("map.scale")
    window.page.keyboard.press("+")
    assert window.evaluate("map.scale") > before
    window.page.keyboard.press("0")
    assert window.evaluate("map.scale") == pytest.approx(before)
    place = window.place(third)
    window.page.keyboard.press("Shift+ArrowRight")
    assert window.place(third)[0] < place[0]
    window.page.keyboard.press("Escape")
    assert window.evaluate("map.selected") == -1
    assert window.page.is_visible("#selected-hint")


def test_every_control_has_a_name_and_can_be_reached_with_tab(opened):
    for name in ("two", "five"):
        window = opened(name)
        reached = set()
        for _ in range(60):
            window.page.keyboard.press("Tab")
            reached.add(window.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert {"coloring", "search", "overlay", "zoom-in"} <= reached
        assert ("direction-0" in reached) == (name == "five")
        nameless = window.evaluate(
            "[...document.querySelectorAll('button, input, select, canvas[role]')].filter((node) =>"
            " node.checkVisibility() && !node.getAttribute('aria-label') && !node.textContent.trim()"
            " && !node.labels?.length).map((node) => node.outerHTML)"
        )
        assert nameless == []


def test_touch_selects_drags_and_pinches(opened):
    window = opened("five", has_touch=True, viewport={"width": 390, "height": 844})
    index = isolated(window)
    x, y = window.place(index)
    window.page.touchscreen.tap(x, y)
    assert window.evaluate("map.selected") == index
    assert window.page.is_visible("#card")
    device = window.context.new_cdp_session(window.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", (x, y))
    for step in (10, 20, 40):
        touch("touchMove", (x + step, y + step))
    touch("touchEnd")
    assert window.place(index) == pytest.approx((x + 40, y + 40), abs=2)
    assert window.evaluate("scrollY") == 0
    scale = window.evaluate("map.scale")
    middle = window.evaluate("[map.width / 2, map.height / 2]")
    left, top = window.evaluate("(() => { const b = overlay.getBoundingClientRect(); return [b.x, b.y]; })()")
    cx, cy = left + middle[0], top + middle[1]
    touch("touchStart", (cx - 30, cy), (cx + 30, cy))
    for spread in (40, 60, 90):
        touch("touchMove", (cx - spread, cy), (cx + spread, cy))
    touch("touchEnd")
    assert window.evaluate("map.scale") == pytest.approx(3 * scale, rel=0.1)
    assert window.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_picture_is_found_by_its_name(opened, pages):
    window, data = opened("five"), data_of(pages, "five")
    window.page.get_by_role("button", name=re.compile(r"^1")).click()  # a class that is filtered out
    index = int(np.flatnonzero(integers(data["labels"]) == 1)[20])
    name = data["names"][index]
    window.page.fill("#search", name[-2:])
    options = window.page.locator("#matches li")
    assert options.count() == 4
    assert all(name[-2:] in text for text in options.all_inner_texts())
    window.page.fill("#search", name)
    window.page.keyboard.press("Enter")
    assert window.evaluate("map.selected") == index
    assert window.evaluate(f"isShown({index})")
    window.page.wait_for_timeout(100)
    box = window.page.locator("#overlay").bounding_box()
    x, y = window.place(index)
    assert box["x"] < x < box["x"] + box["width"]
    assert box["y"] < y < box["y"] + box["height"]
    window.page.fill("#search", "nothing like this")
    assert window.text("#matches") == "no picture has this name"
    window.page.fill("#search", name[:2])
    options.nth(2).click()
    assert data["names"][window.evaluate("map.selected")].startswith(name[:2])


def test_codes_are_decoded_under_the_pointer(opened, pages):
    window, data = opened("two"), data_of(pages, "two")
    grid, shown = data["grid"], pictures(data["decoded"])
    box = window.page.locator("#overlay").bounding_box()
    for part in (0.3, 0.5, 0.6):
        x, y = box["x"] + part * box["width"], box["y"] + part * box["height"]
        window.page.mouse.move(x, y)
        px, py = window.evaluate(f"map.toPlane({x - box['x']}, {y - box['y']})")
        column, row = (px - grid["left"]) / grid["cellWidth"], (grid["top"] - py) / grid["cellHeight"]
        assert 0 <= column < grid["columns"]
        expected = shown[int(row) * grid["columns"] + int(column), ..., 0]
        assert np.array_equal(gray(window.pixels("#grid-picture canvas"), (12, 10)), expected)
    nearest = [float(part) for part in re.findall(r"-?[\d.]+(?:e-?\d+)?", window.text("#grid-picture"))[:2]]
    assert abs(nearest[0] - px) <= 0.6 * grid["cellWidth"] + 1e-3 * abs(px)
    assert abs(nearest[1] - py) <= 0.6 * grid["cellHeight"] + 1e-3 * abs(py)
    window.page.check("#show-grid")
    window.page.wait_for_timeout(200)
    assert window.evaluate(
        "map.canvas.getContext('2d').getImageData(map.canvas.width / 2, map.canvas.height / 2, 1, 1).data[3]"
    )
    window.page.get_by_label("t-SNE").check()
    assert not window.page.is_visible("#decoded-grid")
    assert not window.page.is_visible("#show-grid")


def test_sliders_show_codes_along_principal_directions(opened, pages):
    window, data = opened("five"), data_of(pages, "five")
    directions, shown = data["directions"], pictures(data["decoded"])
    steps, count = directions["steps"], len(directions["shares"])

    def assert_shown(center: int, direction: int, step: int) -> None:
        number = (center * count + direction) * len(steps) + step
        pixels = window.pixels(f".direction:nth-child({direction + 1}) canvas")
        assert np.array_equal(gray(pixels, (12, 10)), shown[number, ..., 0])

    assert_shown(0, 1, steps.index(0))
    window.page.focus("#direction-1")
    window.page.keyboard.press("ArrowRight")
    window.page.keyboard.press("ArrowRight")
    assert_shown(0, 1, steps.index(0) + 2)
    assert "+1 σ" in window.text(".direction:nth-child(2)")
    index = isolated(window)
    window.page.mouse.click(*window.place(index))
    center = directions["nearest"][index] + 1
    assert window.page.input_value("#center") == str(center)
    assert_shown(center, 1, steps.index(0) + 2)
    window.page.get_by_role("button", name="Reset").click()
    assert_shown(center, 1, steps.index(0))
    window.page.select_option("#center", "0")
    assert_shown(0, 0, steps.index(0))
    window.page.uncheck("#follow")
    window.page.mouse.click(*window.place(index))
    assert window.page.input_value("#center") == "0"


def test_names_of_files_are_text_and_the_page_says_why_nothing_is_decoded(opened):
    window = opened("skip")
    window.page.mouse.click(*window.place(1))
    assert HOSTILE in window.text("#selected-picture")
    assert HOSTILE in window.text("#legend")
    window.page.fill("#search", "img")
    assert HOSTILE in window.text("#matches")
    assert window.evaluate("window.hacked") is None
    assert window.page.locator("img").count() == 0
    assert "the decoder needs more than a latent code" in window.text("#refusal")
    assert not window.page.is_visible("#directions")
    assert not window.page.is_visible("#decoded-grid")


def test_the_policy_of_the_page_forbids_connections_and_other_scripts(pages, chromium):
    window = OpenPage(chromium, pages / "five.html")
    assert window.evaluate("fetch('https://example.org').then(() => 'sent', () => 'refused')") == "refused"
    added = "(() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
    assert window.evaluate(f"{added} document.body.append(s); return window.hacked; }})()") is None
    assert [text for text in window.messages if "Content Security Policy" in text]
    window.close()


def test_light_and_dark_follow_the_system(opened):
    light, dark = (opened("five", color_scheme=scheme) for scheme in ("light", "dark"))
    colors = [
        tuple(
            map(int, re.findall(r"\d+", window.evaluate("getComputedStyle(document.body).backgroundColor")))
        )
        for window in (light, dark)
    ]
    assert min(colors[0]) > 200
    assert max(colors[1][:3]) < 60
    dark.page.emulate_media(color_scheme="light")
    assert dark.evaluate("map.backgroundColor()") == light.evaluate("map.backgroundColor()")


def test_a_narrow_window_has_one_column_and_keeps_the_view(opened):
    window = opened("five")
    window.page.set_viewport_size({"width": 380, "height": 700})
    window.page.wait_for_timeout(200)
    boxes = [window.page.locator(name).bounding_box() for name in ("#plane", "aside")]
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"]
    assert window.evaluate("document.documentElement.scrollWidth") <= 380
    assert window.evaluate("map.drawn") == COUNT
