"""An HTML page that compares pictures before and after a model with a slider, in one file."""

from typing import NamedTuple

from lib.worker.html_pages import data_uri, html_page, html_text

STYLE = """
:root { color-scheme: light dark; --line: #8888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
section { margin: 2.5rem 0; }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .2rem 0 .5rem; }
.pair { position: relative; display: inline-block; max-width: 100%; --at: 50%; }
.pair img { display: block; max-width: 100%; height: auto; }
.pair img.after { position: absolute; inset: 0; width: 100%; height: 100%;
  clip-path: inset(0 0 0 var(--at)); }
.pair::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--at); width: 2px;
  margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.pair input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; }
.pair:focus-within { outline: 3px solid #38f; outline-offset: 2px; }
.labels { display: flex; justify-content: space-between; font-size: .9rem; }
select { font: inherit; max-width: 100%; }
@media print { .pair::after { background: #000; } }
""".strip()

SCRIPT = """
for (const section of document.querySelectorAll("section")) {
  const pair = section.querySelector(".pair"), slider = pair.querySelector("input");
  slider.addEventListener("input", () => pair.style.setProperty("--at", slider.value + "%"));
  for (const select of section.querySelectorAll("select")) {
    const shown = pair.querySelector("img." + select.dataset.side);
    select.addEventListener("change", () => {
      shown.src = section.querySelectorAll("template")[select.value].content.firstElementChild.src;
    });
  }
}
""".strip()


class ComparedPicture(NamedTuple):
    """A picture: its name, a text about it, and media type and file content of its input and each output."""

    name: str
    text: str
    pictures: list[tuple[str, bytes]]


def comparison_page(title: str, heads: list[str], pictures: list[ComparedPicture]) -> str:
    """Return the page.

    Args:
        title: above the pictures.
        heads: name of each picture of an example; the first one is shown on the left, the second one right.
        pictures: the examples.
    """
    sections = "\n".join(_section(picture, heads) for picture in pictures)
    body = f"""<h1>{html_text(title)}</h1>
<p>Move the line with the mouse, a finger, or the arrow keys.</p>
{sections}"""
    return html_page(title, STYLE, SCRIPT, body)


def _section(picture: ComparedPicture, heads: list[str]) -> str:
    sources = [data_uri(kind, data) for kind, data in picture.pictures]
    name = html_text(picture.name)
    left, right = html_text(heads[0]), html_text(heads[1])
    stored = ""
    if len(sources) > 2:
        stored = "".join(f'<template><img src="{source}" alt=""></template>\n' for source in sources)
        left, right = _choice(heads, "before", 0), _choice(heads, "after", 1)
    return f"""<section>
<h2>{name}</h2>
<p>{html_text(picture.text)}</p>
<div class="pair">
<img class="before" src="{sources[0]}" alt="{html_text(heads[0])}">
<img class="after" src="{sources[1]}" alt="{html_text(heads[1])}">
<input type="range" min="0" max="100" step="1" value="50" aria-label="{name}: where the two pictures meet">
</div>
<div class="labels"><span>{left}</span><span>{right}</span></div>
{stored}</section>"""


def _choice(heads: list[str], side: str, chosen: int) -> str:
    """A choice of the picture on one side."""
    options = "".join(
        f'<option value="{index}"{" selected" if index == chosen else ""}>{html_text(head)}</option>'
        for index, head in enumerate(heads)
    )
    return f'<select data-side="{side}" aria-label="picture on this side">{options}</select>'
