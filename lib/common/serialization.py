"""Both ends of the pipe between the program that talks to the person and the process that trains.

Requests go down the worker's standard input, events come up what was its standard output, one JSON object a
line.
"""

import base64

import numpy as np


def pack_images(images: np.ndarray) -> dict:
    """uint8 images as JSON can carry them."""
    return {"shape": images.shape, "data": base64.b64encode(np.ascontiguousarray(images).data).decode()}


def unpack_images(packed: dict) -> np.ndarray:
    """The inverse of `pack`."""
    return np.frombuffer(base64.b64decode(packed["data"]), np.uint8).reshape(packed["shape"])
