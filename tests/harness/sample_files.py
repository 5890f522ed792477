"""Data files made by hand, byte for byte as their formats are published, without the code under test."""

import gzip
import struct
from pathlib import Path

import numpy as np


def shapes(
    count: int, height: int = 12, width: int = 10, channels: int = 0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of three classes: a bright band on the left, in the middle, or at the bottom."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = random.integers(0, 40, (count, height, width), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[
            (slice(2, -2), slice(1, 4))
            if label == 0
            else (slice(2, -2), slice(5, 7))
            if label == 1
            else slice(-4, -1)
        ] = 220
    return (np.stack([images] * channels, axis=-1) if channels else images), labels.astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    return (
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    )


def write_idx(path: Path, array: np.ndarray) -> Path:
    path.write_bytes(gzip.compress(idx(array)) if path.suffix == ".gz" else idx(array))
    return path


def cifar(images: np.ndarray, labels: np.ndarray) -> bytes:
    """images: uint8, shape (n, 32, 32, 3)."""
    return b"".join(
        bytes([label]) + image.transpose(2, 0, 1).tobytes()
        for image, label in zip(images, labels, strict=True)
    )
