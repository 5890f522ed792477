"""Images as JSON values, for the pipe between the program and its worker process."""

import base64

import numpy as np


def pack_images(images: np.ndarray) -> dict:
    """Encode images as a JSON value.

    Args:
        images: uint8 array of any shape.

    Returns:
        A dict with `shape` and `data`, the bytes in base64.
    """
    return {"shape": images.shape, "data": base64.b64encode(np.ascontiguousarray(images).data).decode()}


def unpack_images(packed: dict) -> np.ndarray:
    """The inverse of `pack_images`: a read-only uint8 array."""
    return np.frombuffer(base64.b64decode(packed["data"]), np.uint8).reshape(packed["shape"])
