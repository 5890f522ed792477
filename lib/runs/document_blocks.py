"""Parts of a document – sections, paragraphs, tables, pictures – each of which writes itself as Markdown.

All text is escaped here and nowhere else: blocks hold plain text.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

# Markup in Markdown, in GitHub's tables and in its formulas.
MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~$#&])")
SVG = '<svg xmlns="http://www.w3.org/2000/svg"'
STYLES = {"": "", "bad": "**", "quiet": "*"}  # marks around a paragraph


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


def _escape(cell: Cell) -> str:
    return MARKDOWN_SPECIAL.sub(r"\\\1", _join_lines(cell)) if isinstance(cell, str) else cell.markdown()


def _join_lines(text: str) -> str:
    return " ".join(text.splitlines())
