"""The page of an exploration: its data as JSON, with its HTML, style and scripts in one file."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.common.errors import printable
from lib.common.formatting import format_shape
from lib.evaluation.projections import Projection
from lib.worker.exploration.decoded_codes import DecodedCodes
from lib.worker.exploration.encoded_images import EncodedImages
from lib.worker.exploration.sprite_sheets import make_sheets
from lib.worker.html_pages import base64_text, html_page

NEIGHBORS = 12  # that the page shows of a picture
SCRIPTS = ("data.js", "colors.js", "map.js", "details.js", "decoded.js", "search.js", "main.js")
FOLDER = Path(__file__).parent


class Exploration(NamedTuple):
    """What the page shows.

    Attributes:
        title: of the page.
        images: with their codes.
        projections: at least one.
        neighbors: positions and distances of the nearest codes of each, (n, neighbors).
        decoded: pictures of codes, or None.
        refusal: why nothing is decoded from codes; empty if it is.
        decoded_part: the part of images that is decoded; empty for whole images.
        decoded_class: the class of what is decoded, of a conditional autoencoder; else empty.
        output_name: what the outputs of the model are called.
    """

    title: str
    images: EncodedImages
    projections: list[Projection]
    neighbors: tuple[np.ndarray, np.ndarray]
    decoded: DecodedCodes | None
    refusal: str
    decoded_part: str
    decoded_class: str
    output_name: str


def exploration_page(exploration: Exploration) -> str:
    """Return the page."""
    script = '"use strict";\n' + "\n".join(_read(name) for name in SCRIPTS)
    return html_page(exploration.title, _read("page.css"), script, _read("page.html"), _data(exploration))


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").strip()


def _data(exploration: Exploration) -> dict[str, Any]:
    """The data of the page; arrays of numbers are base64 of 32 bits each, little-endian."""
    images, decoded = exploration.images, exploration.decoded
    positions, distances = exploration.neighbors
    return {
        "title": printable(exploration.title),
        "shape": format_shape(images.codes.shape[1:]),
        "count": len(images.names),
        "names": images.names,
        "classes": images.classes,
        "labels": None if images.labels is None else _integers(images.labels),
        "errors": _floats(images.errors),
        "inputs": make_sheets(images.inputs).to_json(),
        "outputs": make_sheets(images.outputs).to_json(),
        "projections": [
            {"title": view.title, "positions": _floats(view.positions), "isCode": view.is_code}
            for view in exploration.projections
        ],
        "neighbors": positions.shape[1],
        "neighborPositions": _integers(positions),
        "neighborDistances": _floats(distances),
        "grid": None,
        "directions": None,
        "decoded": None if decoded is None else make_sheets(decoded.pictures).to_json(),
        "decodedPart": exploration.decoded_part,
        "decodedClass": printable(exploration.decoded_class),
        "outputName": exploration.output_name,
        "refusal": printable(exploration.refusal),
        **({} if decoded is None else decoded.content),
    }


def _floats(values: np.ndarray) -> str:
    return base64_text(np.ascontiguousarray(values, "<f4").tobytes())


def _integers(values: np.ndarray) -> str:
    return base64_text(np.ascontiguousarray(values, "<u4").tobytes())
