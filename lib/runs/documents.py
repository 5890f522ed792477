"""A document in two forms: Markdown with its pictures in a folder beside it, and one HTML page that holds
everything.

Text is only text: whatever stands in a record is escaped here, in each form, and nowhere else.
"""

import base64
import html as escapes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

LONG_CELL = 40  # characters of a cell that may be broken anywhere
PNG = b"\x89PNG\r\n\x1a\n"
MARKDOWN_SPECIAL = re.compile(
    r"([\\`*_{}\[\]<>|~$#&])"
)  # what Markdown, GitHub's tables and its formulas would read as theirs
STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --paper: #fff; --quiet: #5b6570; --line: #d5dadf; --tint: #f3f5f7; }
:root { --link: #0b5cad; --bad: #a3231f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe4e8; --paper: #14181c; --quiet: #9aa5af; --line: #363d44; --tint: #1e2429; --link: #79b8ff; --bad: #ff8f87; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { box-sizing: border-box; max-width: 78rem; margin: auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; margin: 1.5em 0 .5em; }
h2 { border-top: 2px solid var(--line); padding-top: 1em; } h3 { font-size: 1.05rem; } a { color: var(--link); }
p { margin: .5em 0; white-space: pre-wrap; }
.quiet, caption, figcaption, summary { color: var(--quiet); } .bad { color: var(--bad); }
.wide { overflow-x: auto; margin: .75em 0; } caption, th, td { text-align: left; vertical-align: top; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; } caption { padding-bottom: .3em; }
th, td { padding: .25em .5em; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.long { white-space: normal; min-width: 9rem; }
thead th { background: var(--tint); white-space: normal; overflow-wrap: normal; } th.r, td.r { text-align: right; }
figure { margin: 1em 0; } img { max-width: 100%; height: auto; background: #fff; }
pre { background: var(--tint); padding: .75em; white-space: pre-wrap; } summary { cursor: pointer; }
@media print {
  :root { --ink: #000; --paper: #fff; --quiet: #444; --line: #bbb; --tint: #f3f3f3; --link: #000; --bad: #800; }
  main { max-width: none; padding: 0; } .wide { overflow: visible; } table { font-size: .6rem; }
  th, td { white-space: normal; padding: .2em .4em; }
  figure, tr, pre { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""


class Block(Protocol):
    """What a document is made of, in both forms; `level` is that of the heading above it."""

    def html(self, page: "Page", level: int) -> str: ...

    def markdown(self, page: "Page", level: int) -> str: ...


@dataclass(frozen=True)
class Strong:
    """A word that stands out."""

    text: str

    def html(self) -> str:
        return f"<strong>{_escape_html(self.text)}</strong>"

    def markdown(self) -> str:
        return f"**{_escape_markdown(self.text)}**"


@dataclass(frozen=True)
class Link:
    """A word that leads to the section with that anchor."""

    text: str
    anchor: str

    def html(self) -> str:
        return f'<a href="#{self.anchor}">{_escape_html(self.text)}</a>'

    def markdown(self) -> str:
        return f"[{_escape_markdown(self.text)}](#{self.anchor})"


@dataclass(frozen=True)
class Paragraph:
    """A sentence or a line of numbers; `style` is nothing, "bad" or "quiet"."""

    text: str
    style: str = ""

    def html(self, page: "Page", level: int) -> str:
        return f"<p{_class_attribute(self.style)}>{_escape_html(self.text)}</p>"

    def markdown(self, page: "Page", level: int) -> str:
        return _escape_markdown(self.text)


@dataclass(frozen=True)
class Code:
    """A line to be copied."""

    text: str

    def html(self, page: "Page", level: int) -> str:
        return f"<pre><code>{_escape_html(self.text)}</code></pre>"

    def markdown(self, page: "Page", level: int) -> str:
        return f"    {_join_lines(self.text)}"  # indented, since a fence could be closed from within


@dataclass(frozen=True)
class Table:
    """Rows of cells, each a text, `Strong` or `Link`; `align` has an l or an r per column. Without a head it
    lists facts.
    """

    caption: str
    head: tuple
    rows: list[tuple]
    align: str

    def html(self, page: "Page", level: int) -> str:
        caption = f"<caption>{_escape_html(self.caption)}</caption>\n" if self.caption else ""
        cells = (
            f'<th scope="col"{_class_attribute("r" * (a == "r"))}>{_escape_html(cell)}</th>'
            for a, cell in zip(self.align, self.head, strict=False)
        )
        head = f"<thead><tr>{''.join(cells)}</tr></thead>\n" if self.head else ""
        rows = "\n".join(f"<tr>{''.join(map(self._cell, range(len(row)), row))}</tr>" for row in self.rows)
        return (
            f'<div class="wide" '
            f'tabindex="0">\n<table>\n{caption}{head}<tbody>\n{rows}\n</tbody>\n</table>\n</div>'
        )

    def _cell(self, place: int, cell) -> str:
        if place == 0:
            return f'<th scope="row">{_escape_html(cell)}</th>'
        style = (
            "r"
            if self.align[place] == "r"
            else "long"
            if isinstance(cell, str) and len(cell) > LONG_CELL
            else ""
        )
        return f"<td{_class_attribute(style)}>{_escape_html(cell)}</td>"

    def markdown(self, page: "Page", level: int) -> str:
        width = len(self.align)
        lines = [self.head or ("",) * width, *self.rows]
        texts = [f"| {' | '.join(map(_escape_markdown, line))} |" for line in lines]
        texts.insert(1, f"|{'|'.join({'l': '---', 'r': '--:'}[a] for a in self.align)}|")
        return (f"**{_escape_markdown(self.caption)}**\n\n" if self.caption else "") + "\n".join(texts)


@dataclass(frozen=True)
class Picture:
    """A PNG file."""

    path: Path
    caption: str

    def html(self, page: "Page", level: int) -> str:
        content = self.path.read_bytes()
        width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
        source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        image = f'<img src="{source}" alt="{_escape_html(self.caption)}" width="{width}" height="{height}">'
        return f"<figure>\n{image}\n<figcaption>{_escape_html(self.caption)}</figcaption>\n</figure>"

    def markdown(self, page: "Page", level: int) -> str:
        return f"![{_escape_markdown(self.caption)}]({page.place(self.path)})"


@dataclass(frozen=True)
class Details:
    """What most readers pass over."""

    summary: str
    blocks: Sequence[Block]

    def html(self, page: "Page", level: int) -> str:
        inside = "\n".join(block.html(page, level) for block in self.blocks)
        return f"<details>\n<summary>{_escape_html(self.summary)}</summary>\n{inside}\n</details>"

    def markdown(self, page: "Page", level: int) -> str:
        inside = "\n\n".join(block.markdown(page, level) for block in self.blocks)
        return f"<details><summary>{_escape_html(self.summary)}</summary>\n\n{inside}\n\n</details>"


@dataclass(frozen=True)
class Section:
    """A heading and what is below it."""

    title: str
    blocks: Sequence[Block]
    anchor: str = ""

    def html(self, page: "Page", level: int = 1) -> str:
        inside = "\n".join(block.html(page, level + 1) for block in self.blocks)
        anchor = f' id="{self.anchor}"' if self.anchor else ""
        return f"<section{anchor}>\n<h{level}>{_escape_html(self.title)}</h{level}>\n{inside}\n</section>"

    def markdown(self, page: "Page", level: int = 1) -> str:
        anchor = f'<a id="{self.anchor}"></a>\n\n' if self.anchor else ""
        parts = [
            f"{anchor}{'#' * level} {_escape_markdown(self.title)}",
            *(block.markdown(page, level + 1) for block in self.blocks),
        ]
        return "\n\n".join(parts)


@dataclass
class Page:
    """Where the pictures of a Markdown file are: names in its folder, and the files that are to be copied
    there.
    """

    folder: str
    figures: dict[str, Path] = field(default_factory=dict)

    def place(self, path: Path) -> str:
        run = path.resolve().parent.parent.name
        name = re.sub(r"[^A-Za-z0-9.-]", "-", f"{len(self.figures) + 1:02}-{run}-{path.name}")
        self.figures[name] = path
        return quote(f"{self.folder}/{name}")


def to_html(document: Section, folder: str) -> tuple[str, dict[str, Path]]:
    """The page, and no file beside it."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{_escape_html(document.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{document.html(Page(folder))}
</main>
</body>
</html>
""",
        {},
    )


def to_markdown(document: Section, folder: str) -> tuple[str, dict[str, Path]]:
    """The text, and the pictures that belong into `folder` beside it: name and file."""
    page = Page(folder)
    return document.markdown(page) + "\n", page.figures


def is_png(path: Path) -> bool:
    """Whether a file is a picture that both forms can hold; whatever else lies among the figures is left
    there.
    """
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return file.read(16) == PNG + b"\0\0\0\rIHDR"
    except OSError:
        return False


def _escape_html(cell) -> str:
    return escapes.escape(cell) if isinstance(cell, str) else cell.html()


def _escape_markdown(cell) -> str:
    return MARKDOWN_SPECIAL.sub(r"\\\1", _join_lines(cell)) if isinstance(cell, str) else cell.markdown()


def _join_lines(text: str) -> str:
    return " ".join(text.splitlines())


def _class_attribute(name: str) -> str:
    return f' class="{name}"' if name else ""
