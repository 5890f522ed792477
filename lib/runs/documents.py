"""Documents of sections, paragraphs, tables and pictures: Markdown, or one HTML page rendered from it.

All text is escaped here and nowhere else: blocks hold plain text. Of HTML and links, the page has
only those that the blocks write themselves.
"""

import base64
import gc
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from lib.common.errors import UserError, reason
from lib.common.filesystem import remedy
from lib.common.reading import open_file, read_bytes

if TYPE_CHECKING:
    from markdown_it.token import Token

LONG_CELL = 40  # length in characters above which a cell may wrap
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PICTURE_BYTES = 1 << 24  # the figures of a run have about 100,000
# Markup in Markdown, in GitHub's tables and in its formulas.
MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$#&])")
SVG = '<svg xmlns="http://www.w3.org/2000/svg"'
# HTML in the Markdown of sections and details; other tags, which escaped text cannot make, are shown as text.
OWN_TAGS = re.compile(r'<a id="run-\d+">|</a>|<details><summary>[\w ,]+</summary>\s*|</details>\s*')
STYLES = {"": "", "bad": "**", "quiet": "*"}  # marks around a paragraph
STYLE = """
:root { color-scheme: light dark; }
:root { --ink: #1c2126; --paper: #fff; --quiet: #5b6570; --line: #d5dadf; --tint: #f3f5f7; }
:root { --link: #0b5cad; --bad: #a3231f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe4e8; --paper: #14181c; --quiet: #9aa5af; --line: #363d44; --tint: #1e2429; }
  :root { --link: #79b8ff; --bad: #ff8f87; }
}
body { margin: 0; background: var(--paper); color: var(--ink); }
body { font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { box-sizing: border-box; max-width: 78rem; margin: auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; margin: 1.5em 0 .5em; }
h2 { border-top: 2px solid var(--line); padding-top: 1em; } h3 { font-size: 1.05rem; }
a { color: var(--link); }
p { margin: .5em 0; } p > em { font-style: normal; } p > strong:only-child { font-weight: normal; }
p > em, p:has(+ .wide) > strong:only-child, figcaption, summary { color: var(--quiet); }
p > strong:only-child { color: var(--bad); }
.wide { overflow-x: auto; margin: .25em 0 .75em; } th, td { text-align: left; vertical-align: top; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25em .5em; border-bottom: 1px solid var(--line); white-space: nowrap; }
td.long { white-space: normal; min-width: 9rem; }
thead th { background: var(--tint); white-space: normal; overflow-wrap: normal; }
thead th:empty { padding: 0; } tbody th { text-align: left !important; }
figure { margin: 1em 0; } svg { max-width: 60rem; } img { max-width: 100%; height: auto; background: #fff; }
pre { background: var(--tint); padding: .75em; white-space: pre-wrap; } summary { cursor: pointer; }
@media print {
  :root { --ink: #000; --paper: #fff; --quiet: #444; --line: #bbb; --tint: #f3f3f3; }
  :root { --link: #000; --bad: #800; }
  main { max-width: none; padding: 0; } .wide { overflow: visible; } table { font-size: .6rem; }
  th, td { white-space: normal; padding: .2em .4em; }
  figure, tr, pre { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""


@dataclass
class PictureFolder:
    """The folder next to a Markdown document that its pictures are copied to.

    Attributes:
        name: name of the folder.
        pictures: name of each picture in the folder, and the file to copy or the content.
    """

    name: str
    pictures: dict[str, Path | bytes] = field(default_factory=dict)

    def add(self, path: Path) -> str:
        """Add a figure of a run folder and return its URL, relative to the document."""
        run = path.resolve().parent.parent.name
        return self.add_content(f"{run}-{path.name}", path)

    def add_content(self, name: str, content: Path | bytes) -> str:
        """Add a file or the content of one and return its URL, relative to the document."""
        name = re.sub(r"[^A-Za-z0-9.-]", "-", f"{len(self.pictures) + 1:02}-{name}")
        self.pictures[name] = content
        return quote(os.fsencode(f"{self.name}/{name}"))


class Block(Protocol):
    """A part of a document; `level` is that of its heading, or of the heading above it."""

    def markdown(self, folder: PictureFolder, level: int) -> str: ...


@dataclass(frozen=True)
class Strong:
    """Bold text in a cell of a table."""

    text: str

    def markdown(self) -> str:
        return f"**{_escape(self.text)}**"


@dataclass(frozen=True)
class Link:
    """A link in a cell of a table, to the section with an anchor."""

    text: str
    anchor: str

    def markdown(self) -> str:
        return f"[{_escape(self.text)}](#{self.anchor})"


Cell = str | Strong | Link


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text; `style` is "", "bad" or "quiet"."""

    text: str
    style: str = ""

    def markdown(self, folder: PictureFolder, level: int) -> str:
        return f"{STYLES[self.style]}{_escape(self.text).strip()}{STYLES[self.style]}"


@dataclass(frozen=True)
class Code:
    """A code block of one line."""

    text: str

    def markdown(self, folder: PictureFolder, level: int) -> str:
        return f"    {_join_lines(self.text)}"  # indented, because the text could close a fence


@dataclass(frozen=True)
class DocumentTable:
    """A table.

    Attributes:
        caption: title above the table, or "".
        head: cells of the head, or () for none.
        rows: cells of each row.
        align: one letter per column, l for left or r for right.
    """

    caption: str
    head: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    align: str

    def markdown(self, folder: PictureFolder, level: int) -> str:
        head = self.head or ("",) * len(self.align)  # GitHub's tables need one
        lines = [f"| {' | '.join(map(_escape, row))} |" for row in (head, *self.rows)]
        lines.insert(1, f"|{'|'.join({'l': '---', 'r': '--:'}[side] for side in self.align)}|")
        return (f"**{_escape(self.caption)}**\n\n" if self.caption else "") + "\n".join(lines)


@dataclass(frozen=True)
class Picture:
    """A PNG file with a caption."""

    path: Path
    caption: str

    def markdown(self, folder: PictureFolder, level: int) -> str:
        return f"![{_escape(self.caption)}]({folder.add(self.path)})"


@dataclass(frozen=True)
class Drawing:
    """An SVG element, whose texts are already escaped, with a caption."""

    svg: str
    caption: str

    def markdown(self, folder: PictureFolder, level: int) -> str:
        svg = self.svg.replace("<svg", SVG, 1)
        return f"![{_escape(self.caption)}]({folder.add_content('drawing.svg', svg.encode())})"


@dataclass(frozen=True)
class Details:
    """Blocks that are shown when their summary, of letters, digits and commas, is clicked."""

    summary: str
    blocks: Sequence[Block]

    def markdown(self, folder: PictureFolder, level: int) -> str:
        content = "\n\n".join(block.markdown(folder, level) for block in self.blocks)
        return f"<details><summary>{_escape(self.summary)}</summary>\n\n{content}\n\n</details>"


@dataclass(frozen=True)
class Section:
    """A heading and the blocks below it; `anchor` is the target of links."""

    title: str
    blocks: Sequence[Block]
    anchor: str = ""

    def markdown(self, folder: PictureFolder, level: int = 1) -> str:
        anchor = f'<a id="{self.anchor}"></a>\n\n' if self.anchor else ""
        heading = f"{anchor}{'#' * level} {_escape(self.title)}"
        return "\n\n".join((heading, *(block.markdown(folder, level + 1) for block in self.blocks)))


def to_html(document: Section, folder: str) -> tuple[str, dict[str, Path | bytes]]:
    """Return a document as one HTML page with embedded pictures, and no files; arguments as `to_markdown`."""
    gc.disable()  # the tokens of large tables are no garbage: to look for it takes 40 % of the time
    try:
        content = _render(*to_markdown(document, folder))
    finally:
        gc.enable()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(document.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""
    return page, {}


def to_markdown(document: Section, folder: str) -> tuple[str, dict[str, Path | bytes]]:
    """Return a document as Markdown, and its pictures.

    Args:
        document: the section with the title of the document.
        folder: name of the folder for pictures, next to the Markdown file.

    Returns:
        The text, and the pictures for the folder: name, and source file or content of each.
    """
    target = PictureFolder(folder)
    return document.markdown(target) + "\n", target.pictures


WRITERS = {".md": to_markdown, ".html": to_html}


def picture_folder(path: Path) -> Path:
    """Return the folder for the pictures of a Markdown file."""
    return path.with_name(f"{path.stem}-figures")


def write_document(document: Section, path: Path) -> list[Path]:
    """Write a document and its pictures, replacing what exists; on an error nothing is left.

    Args:
        document: the section with the title of the document.
        path: the file, with a suffix in `WRITERS`.

    Returns:
        The path, and the folder of the pictures if there are any next to it.

    Raises:
        UserError: a file cannot be written.
    """
    folder = picture_folder(path)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as staging:
            text, pictures = WRITERS[path.suffix](document, folder.name)
            partial = Path(staging) / "report"
            partial.write_text(text, encoding="utf-8")
            for name, source in pictures.items():
                content = source if isinstance(source, bytes) else read_bytes(source, MAX_PICTURE_BYTES)
                (Path(staging) / name).write_bytes(content)
            # The document is moved last: when it exists, so do its pictures.
            if pictures:
                folder.mkdir(exist_ok=True)
            for name in pictures:
                os.replace(Path(staging) / name, folder / name)
            os.replace(partial, path)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise UserError(f"{path}: cannot be written ({reason(error)}); {remedy(error, '--export')}") from None
    return [path, *([folder] if pictures else [])]


def is_png(path: Path) -> bool:
    """Return whether a path is a regular file that begins as a PNG does, and is small enough to embed."""
    try:
        with open_file(path) as file:
            is_small = os.fstat(file.fileno()).st_size <= MAX_PICTURE_BYTES
            return is_small and file.read(16) == PNG_SIGNATURE + b"\0\0\0\rIHDR"
    except (OSError, UserError):
        return False


def _render(markdown: str, pictures: dict[str, Path | bytes]) -> str:
    """Return Markdown as HTML with embedded pictures, heads of rows, wide tables that scroll."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.validateLink = lambda url: ":" not in url  # type: ignore[method-assign]
    rules = {
        **dict.fromkeys(("html_block", "html_inline"), _own_tags),
        "image": _embed_picture,
        "table_open": lambda *_: '<div class="wide" tabindex="0">\n<table>\n',
        "table_close": lambda *_: "</table>\n</div>\n",
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    tokens = parser.parse(markdown)
    for number, token in enumerate(tokens):
        if token.type == "tr_open" and tokens[number + 1].type == "td_open":
            tokens[number + 1].tag = tokens[number + 3].tag = "th"
            tokens[number + 1].attrSet("scope", "row")
        elif token.type == "td_open" and len(tokens[number + 1].content) > LONG_CELL:
            token.attrSet("class", "long")
        elif token.children and [child.type for child in token.children] == ["image"]:
            tokens[number - 1].tag = tokens[number + 1].tag = "figure"
    return parser.renderer.render(tokens, parser.options, {"pictures": pictures})


def _own_tags(renderer, tokens: "Sequence[Token]", number: int, options, environment: dict) -> str:
    content = tokens[number].content
    return content if OWN_TAGS.fullmatch(content) else escape(content)


def _embed_picture(renderer, tokens: "Sequence[Token]", number: int, options, environment: dict) -> str:
    token = tokens[number]
    caption = escape(renderer.renderInlineAsText(token.children, options, environment))
    content = environment["pictures"][str(token.attrs["src"]).rpartition("/")[2]]
    if isinstance(content, bytes):
        element = content.decode().replace(SVG, f'<svg role="img" aria-label="{caption}"', 1)
    else:
        png = read_bytes(content, MAX_PICTURE_BYTES)
        width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        element = f'<img src="{source}" alt="{caption}" width="{width}" height="{height}">'
    return f"{element}\n<figcaption>{caption}</figcaption>"


def _escape(cell: Cell) -> str:
    return MARKDOWN_SPECIAL.sub(r"\\\1", _join_lines(cell)) if isinstance(cell, str) else cell.markdown()


def _join_lines(text: str) -> str:
    return " ".join(text.splitlines())
