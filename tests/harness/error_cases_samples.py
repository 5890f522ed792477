"""What provokes each error about samples and their evaluation, by module: (what to do, what is named, what is
said).
"""

from pathlib import Path
from unittest import mock

import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.value_range import ValueRange
from lib.evaluation.sample_quality import features
from lib.models import second_stage
from lib.models.saving import model_files
from lib.worker.evaluate_messages import Evaluate
from lib.worker.generate_messages import Generate
from lib.worker.messages import ItemProgress
from tests.harness import sample_files
from tests.harness.error_cases_settings import called
from tests.harness.in_process_worker import RecordingChannel
from tests.worker.test_model_jobs import GRAY, run_job, save_autoencoder, save_classifier


def data() -> str:
    np.save("all.npy", sample_files.shapes(60)[0])
    return "all.npy"


def generated(channel=None, **options):
    """Samples of a plain autoencoder, or of another one."""
    model = options.pop("model", {})
    with mock.patch.object(second_stage, "STEPS", 2):
        path = save_autoencoder(**{"latent_dim": 2} | model)
        run_job(Generate, path, channel, data=data(), count=4, **options)


def evaluated(channel=None, features_of: str | None = "classifier.h5", model=(), **options):
    """Samples of a plain autoencoder, or of another one, compared in the features of a classifier."""
    save_classifier()
    path = save_autoencoder(**{"latent_dim": 2} | dict(model))
    values = {"data": data(), "features": features_of, "count": 10, "samplers": ("mixture",)}
    run_job(Evaluate, path, channel, **values | options)


def stopped() -> RecordingChannel:
    channel = RecordingChannel(stop_after=0)
    channel.emit(ItemProgress(0, 1, "steps"))
    return channel


def with_one_test_image():
    np.savez("one.npz", x_train=sample_files.shapes(20)[0], x_test=sample_files.shapes(1)[0])
    evaluated(data="one.npz")


def with_few_test_images():
    with mock.patch("lib.worker.evaluate_job.MIN_TEST_IMAGES", 9):
        evaluated()


def with_another_range(name: str):
    """The model, or the classifier, of images of 12 bits beside one of 8 bits."""
    (path,) = save_autoencoder("plain", latent_dim=2)
    save_classifier()
    saved = model_files.load_saved_model(Path(path if name == "model" else "classifier.h5"))
    Path("deep").mkdir()
    deep = Path("deep/autoencoder.h5")
    hp = saved.hp or AutoencoderHyperparameters()
    model_files.save_model(saved.model, deep, hp, saved.classes, ValueRange(0, 4095, "integer"))
    models, classifier = ([path, str(deep)], "classifier.h5") if name == "model" else ([path], str(deep))
    run_job(Evaluate, models, data=data(), features=classifier, count=10)


def with_large_features():
    with mock.patch.object(features, "MAX_FEATURES", 3):
        evaluated()


def inception():
    Path("weights.h5").write_bytes(b"no weights")
    with mock.patch("keras.applications.InceptionV3", side_effect=ValueError("no weights")):
        features.inception_features(Path("weights.h5"), GRAY)


CASES = {
    "evaluation/sample_quality": [
        (
            lambda: evaluated(features_of="ae/autoencoder.h5"),
            "ae/autoencoder.h5",
            "is not a classifier; use a classifier.h5 saved by classification.py",
        ),
        (
            lambda: evaluated(data="digits", model={"image": (28, 28, 1)}),
            "classifier.h5",
            "the classifier takes images of 12×10×1, the data set has 28×28×1; pass a classifier of "
            "such images with --features",
        ),
        (
            with_large_features,
            "classifier.h5",
            "the last layer of the classifier has 4 inputs, and features are at most 3; train it with "
            "--fc-units 64",
        ),
        (
            inception,
            "weights.h5",
            "cannot be read as the weights of InceptionV3 (no weights); delete it, or set --no-fid",
        ),
    ],
    "worker/evaluate_job": [
        (with_one_test_image, "one", "1 test image is not enough; the minimum is 2"),
        (with_few_test_images, "all", " test images are not enough; the minimum is 9"),
        (
            lambda: evaluated(model={"task": "anomaly"}),
            "ae/autoencoder.h5",
            "a model for anomaly is trained on normal pictures, and the test set has others; evaluate "
            "requires another task",
        ),
        (
            lambda: with_another_range("model"),
            "deep/autoencoder.h5",
            "its images have another pixel range than those of plain/autoencoder.h5; evaluate it alone",
        ),
        (
            lambda: with_another_range("classifier"),
            "deep/autoencoder.h5",
            "the classifier was trained on images of another pixel range; pass another one with --features",
        ),
        (
            lambda: evaluated(features_of=None),
            "all",
            "no classifier of its images below models; train one with python classification.py -model "
            "ae/autoencoder.h5, or pass --features",
        ),
    ],
    "worker/evaluation_rows": [
        (
            lambda: evaluated(RecordingChannel(stop_after=0)),
            "stopped",
            "stopped before the first row was finished; nothing was written",
        ),
    ],
    "worker/image_sources": [
        (
            lambda: evaluated(model={"task": "complete"}),
            "ae/autoencoder.h5",
            "it generates images of 12×5×1, and those of the data set are 12×10×1; evaluate requires a "
            "model of whole images",
        ),
    ],
    "worker/training_codes": [
        (
            lambda: generated(sampler="prior"),
            "ae/autoencoder.h5",
            "--sampler prior does not apply to this model; use mixture or two-stage",
        ),
        (
            lambda: evaluated(data="digits"),
            "digits",
            "its images are 28×28×1, the model takes 12×10×1",
        ),
    ],
    "worker/generate_job": [
        (
            lambda: generated(nearest=True, model={"task": "complete"}),
            "ae/autoencoder.h5",
            "it generates images of 12×5×1, the training images are 12×10×1; --nearest requires a model "
            "of whole images",
        ),
        (
            lambda: generated(stopped(), sampler="two-stage"),
            "stopped",
            "stopped before the images were generated; nothing was written",
        ),
    ],
    "worker/nearest_images": [
        (
            lambda: generated(stopped(), nearest=True, grid=2),
            "stopped",
            "stopped before the training images were compared; nothing was written",
        ),
    ],
    "common/value_types": [
        (
            lambda: called("autoencoder", "evaluate", "-model", "x", "--count", "1"),
            "--count",
            "must be a whole number from 2 to 100000, not '1'",
        ),
    ],
}
