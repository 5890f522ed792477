"""A headless browser for pages that the programs write."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@contextmanager
def browser() -> Iterator[Any]:
    """Context of a Chromium of this machine; without one, or without playwright, the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class OpenPage:
    """A page of a file, and what a browser says about it.

    Args:
        chromium: of `browser`.
        path: of the file.
        **options: of the browser's context, such as `viewport` and `color_scheme`.
    """

    def __init__(self, chromium: Any, path: Path, **options: Any):
        self.context = chromium.new_context(**{"viewport": {"width": 1100, "height": 800}} | options)
        self.page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self._note(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.resolve().as_uri())

    def _note(self, text: str) -> None:
        if "willReadFrequently" not in text:  # advice about reading pixels, as the tests do
            self.messages.append(text)

    def evaluate(self, script: str) -> Any:
        """The value of a script in the page."""
        return self.page.evaluate(script)

    def place(self, index: int) -> tuple[float, float]:
        """Where a point of the map is in the window."""
        x, y = self.evaluate(f"map.screenOf({index})")
        box = self.page.locator("#overlay").bounding_box()
        return box["x"] + x, box["y"] + y

    def text(self, selector: str) -> str:
        """The text of an element."""
        return self.page.inner_text(selector)

    def pixels(self, selector: str) -> list[int]:
        """The bytes of a canvas of the size of its picture: red, green, blue and opacity of each pixel."""
        self.page.wait_for_timeout(100)  # until the sheet is decoded
        return self.evaluate(
            f"(() => {{ const c = document.querySelector({selector!r}); return "
            "Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data); })()"
        )

    def close(self) -> None:
        self.context.close()
