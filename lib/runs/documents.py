"""Documents as files: Markdown with a folder of pictures, or one HTML page rendered from it.

Of HTML and links, the page has only those that the blocks of `document_blocks` write themselves.
"""

import base64
import gc
import os
import re
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from lib.common.errors import UserError, reason
from lib.common.filesystem import remedy
from lib.common.reading import open_file, read_bytes
from lib.runs.document_blocks import SVG, PictureFolder, Section

if TYPE_CHECKING:
    from markdown_it.token import Token

LONG_CELL = 40  # length in characters above which a cell may wrap
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PICTURE_BYTES = 1 << 24  # the figures of a run have about 100,000
# HTML in the Markdown of sections and details; other tags, which escaped text cannot make, are shown as text.
OWN_TAGS = re.compile(r'<a id="run-\d+">|</a>|<details><summary>[\w ,]+</summary>\s*|</details>\s*')
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
