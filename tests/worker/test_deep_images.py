"""Saved models on images of more than 8 bits: python -m pytest tests/worker/test_deep_images.py"""

from pathlib import Path

import numpy as np
import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.value_range import BYTES, ValueRange
from lib.models.saving import model_files
from lib.models.saving.file_attributes import read_value_range
from lib.worker.generate_messages import Generate
from lib.worker.messages import Apply, Predict
from lib.worker.open_data import open_dataset
from lib.worker.picture_encoding import encode_picture
from tests.harness import sample_files
from tests.worker.test_model_jobs import read_pixels, run_job, save_autoencoder, save_classifier

TWELVE_BITS = ValueRange(0, 4095, "integer")


def resave(path: str, value_range: ValueRange) -> None:
    """Save a model again as one that was trained on images of this range."""
    saved = model_files.load_saved_model(Path(path))
    assert saved.hp is not None
    model_files.save_model(saved.model, Path(path), saved.hp, saved.classes, value_range)


@pytest.mark.parametrize("value_range", [TWELVE_BITS, ValueRange(-1, 2.5, "float")])
def test_outputs_have_the_depth_and_the_range_of_the_images(value_range):
    (path,) = save_autoencoder(image=(12, 10, 5))
    resave(path, value_range)
    assert read_value_range(Path(path)) == value_range
    pixels = np.random.default_rng(0).random((6, 12, 10, 5), np.float32)
    images = value_range.low + pixels * (value_range.high - value_range.low)
    images = images.astype(np.uint16 if value_range.kind == "integer" else np.float32)
    np.save("all.npy", images)
    run_job(Apply, models=[path], data="all.npy", output="out")
    written = np.load("out/pictures.npy")
    outputs = model_files.load_model(Path(path)).predict(
        ((images - value_range.low) / (value_range.high - value_range.low)).astype(np.float32), verbose=0
    )
    assert written.dtype == images.dtype
    expected = value_range.low + outputs.clip(0, 1) * (value_range.high - value_range.low)
    tolerance = 1 if value_range.kind == "integer" else 2 / 65_535 * 3.5
    np.testing.assert_allclose(written, expected, atol=tolerance)
    run_job(Generate, models=[path], count=2, steps=2, data="all.npy", output="new")
    assert Path("new/1.tif").is_file()


def test_pictures_of_16_bits_become_pictures_of_16_bits():
    Path("own").mkdir()
    for number, image in enumerate(sample_files.shapes(3, 12, 10)[0]):
        Path(f"own/{number}.png").write_bytes(encode_picture(image[..., None].astype(np.uint16) * 10))
    (path,) = save_autoencoder()
    resave(path, TWELVE_BITS)
    run_job(Apply, models=[path], data="own", output="out")
    assert read_pixels("out/pictures/0.png").dtype == np.uint16
    assert read_pixels("out/pictures/0.png").max() <= 4095
    (classifier,) = save_classifier()
    resave(classifier, TWELVE_BITS)
    result = run_job(Predict, models=[classifier], data="own", output="labels")
    assert result.pictures["images"]["shape"] == (3, 12, 10, 1)


def test_a_classifier_reads_images_as_its_encoder_did():
    (path,) = save_autoencoder()
    resave(path, TWELVE_BITS)
    images, labels = sample_files.shapes(40)
    np.savez("deep.npz", images=images.astype(np.uint16) * 2, labels=labels)
    hp = ClassifierHyperparameters(dataset="deep.npz", model=path)
    assert open_dataset(hp).value_range == TWELVE_BITS
    assert open_dataset(AutoencoderHyperparameters(dataset="deep.npz")).value_range.high == 511
    given = ClassifierHyperparameters(dataset="deep.npz", model=path, pixel_range="0-600")
    dataset = open_dataset(given)
    assert dataset.to_json()["pixel_range"] == {"low": 0, "high": 600, "kind": "integer"}


@pytest.mark.parametrize("record", [None, [], {}, {"low": 1, "high": 0, "kind": "float"}, {"low": "0"}])
def test_an_invalid_attribute_means_bytes(record):
    assert ValueRange.from_json(record) == BYTES
    assert ValueRange.from_json({"low": float("nan"), "high": 1, "kind": "float"}) == BYTES
