"""Principal components against those of an SVD. python -m pytest tests/models/test_pca.py"""

import numpy as np
import pytest

from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.models import pca


def subset(images: np.ndarray) -> Subset:
    return Subset(Images(images), np.arange(len(images)))


def smooth_images(count: int, side: int) -> Subset:
    """Random images whose variances fall by ten orders of magnitude, as those of photographs do."""
    rng = np.random.default_rng(0)
    waves = np.exp(-np.add.outer(np.arange(side), np.arange(side)) / 2)
    spectra = rng.standard_normal((count, side, side)) * waves
    images = np.fft.ifft2(spectra).real
    return subset(np.uint8(255 * (images - images.min()) / np.ptp(images))[..., None])


@pytest.mark.parametrize(("count", "side"), [(60, 10), (300, 10), (60, 70)])
def test_components_span_what_those_of_an_svd_do(count, side):
    train = smooth_images(count, side)
    mean, axes = pca.principal_components(train, 20, 0)
    rows = train.take(slice(None)).reshape(count, -1).astype(np.float64) / 255
    centered = rows - rows.mean(axis=0)
    expected = np.linalg.svd(centered, full_matrices=False)[2][:20].T
    assert mean.reshape(-1) == pytest.approx(rows.mean(axis=0), abs=1e-6)
    assert axes.T @ axes == pytest.approx(np.eye(20), abs=1e-4)
    residuals = [np.square(centered - centered @ basis @ basis.T).mean() for basis in (axes, expected)]
    assert residuals[0] == pytest.approx(residuals[1], rel=1e-3)


def test_components_without_variance_are_zero():
    """Four different images have three components, however often each of them occurs."""
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 1), np.uint8).repeat(5, axis=0)
    _, axes = pca.principal_components(subset(images), 10, 0)
    assert np.linalg.norm(axes, axis=0) == pytest.approx([1] * 3 + [0] * 7, abs=1e-5)


def test_large_images_are_sampled(monkeypatch):
    train = smooth_images(60, 70)
    assert pca.sample_size(train) == 60
    monkeypatch.setattr(pca, "MAX_LARGE_IMAGES", 30)
    assert (pca.sample_size(train), pca.available_components(train, 50)) == (30, 30)
    assert pca.principal_components(train, 50, 0)[1].shape == (4900, 30)
