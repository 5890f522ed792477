"""Cases that provoke each error about the page of a latent space, by module; see `error_cases_models`."""

import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.evaluation import projections
from lib.models.saving import model_files
from lib.worker.explore_messages import Explore
from tests.harness import sample_files
from tests.worker.test_model_jobs import GRAY, run_job, save_autoencoder


def explore(images: np.ndarray, models: list[str] | None = None, output: str = "page.html", **more) -> None:
    np.save("images.npy", images)
    options = {"data": "images.npy", "output": output, "projection": ("pca",), **more}
    run_job(Explore, models or save_autoencoder(latent_dim=4), **options)


def without_encoder() -> list[str]:
    """The path of a file of these programs that has no encoder."""
    image = keras.Input(GRAY)
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image), name="autoencoder")
    model_files.save_model(model, Path("whole.h5"), AutoencoderHyperparameters())
    return ["whole.h5"]


def require_umap(code: str = "") -> None:
    """Require UMAP, whose package has this code; without it, it is missing."""
    with mock.patch.dict(sys.modules):
        sys.modules.pop("umap", None)
        if not code:
            sys.modules["umap"] = None  # type: ignore[assignment]
        Path("umap.py").write_text(code, encoding="utf-8")
        with mock.patch.object(sys, "path", [str(Path.cwd()), *sys.path]):
            projections.require_projections(("umap",))


def over_another_page() -> None:
    Path("page.html").touch()
    explore(sample_files.shapes(9)[0])


CASES = {
    "evaluation/projections": [
        (
            require_umap,
            "--projection umap",
            'umap-learn is not installed; pip install "umap-learn>=0.5", or use --projection pca,t-sne',
        ),
        (
            lambda: require_umap("raise ImportError('Numba needs an older NumPy')"),
            "umap-learn",
            "cannot be imported (Numba needs an older NumPy); pip install",
        ),
    ],
    "worker/exploration/job": [
        (
            lambda: explore(sample_files.shapes(9)[0], output="page.htm"),
            "page.htm",
            "the name must end in .html",
        ),
        (over_another_page, "page.html", "exists already; choose another --output"),
        (
            lambda: explore(np.zeros((9, 12, 10), np.uint8)),
            "images.npy",
            "are equal, so there is nothing to explore; use another model, or other images",
        ),
        (
            lambda: explore(sample_files.shapes(9)[0], label="3"),
            "ae/autoencoder.h5",
            "--label requires a model that was trained with --conditional",
        ),
    ],
    "worker/exploration/encoded_images": [
        (
            lambda: explore(sample_files.shapes(2)[0]),
            "images.npy",
            "2 images cannot show a latent space; it requires 3 at least",
        ),
    ],
    "worker/saved_models": [
        (
            lambda: explore(sample_files.shapes(9)[0], without_encoder()),
            "whole.h5",
            "contains no model named encoder; use an autoencoder.h5",
        ),
    ],
}
