"""What provokes each error about samples and their evaluation, by module: (what to do, what is named, what is
said).
"""

from pathlib import Path
from unittest import mock

import keras
import numpy as np

from lib.cli.class_question import ask_class
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.value_range import ValueRange
from lib.evaluation.sample_quality import features
from lib.models import second_stage
from lib.models.saving import model_files
from lib.runs.classifiers import missing_classifier
from lib.worker import main, open_data, training_codes
from lib.worker.evaluate_messages import Evaluate
from lib.worker.generate_messages import Generate
from lib.worker.messages import Download, Encode, ItemProgress
from tests.harness import sample_files
from tests.harness.error_cases_settings import called
from tests.harness.in_process_worker import RecordingChannel
from tests.harness.recorded_runs import record_run
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


def without_classifier(**settings):
    raise missing_classifier("digits", record_run("ae", **settings) / "autoencoder.h5")


def choose_class(text: str, *other: str):
    """Type a class of thirty at the question of the menu."""

    class Typing:
        def ask_text(self, question, check, default):
            check(text)

    ask_class(Typing(), [f"c{number}" for number in range(30)], "Class", *other)


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


def labeled(labels, name: str = "all.npz") -> str:
    """Images of the shape of the models, with labels."""
    np.savez(name, images=sample_files.shapes(60)[0], labels=labels)
    return name


def encoded(data: str):
    run_job(Encode, save_autoencoder(conditional=True), data=data, output="codes.npz")


def trained_on(**names: str):
    """A conditional autoencoder on data sets of these files."""
    open_data.open_dataset(AutoencoderHyperparameters(conditional=True, **names))


def with_unlabeled_tests():
    np.savez("test.npz", images=sample_files.shapes(20)[0])
    trained_on(dataset=labeled(np.arange(60) % 3), testset="test.npz")


def with_another_encoder():
    """A conditional decoder beside the encoder of a plain autoencoder."""
    (path,) = save_autoencoder(**CONDITIONAL)
    (plain,) = save_autoencoder("plain", latent_dim=2)
    for name in ("autoencoder.h5", "encoder.h5"):
        Path(plain).with_name(name).replace(Path(path).with_name(name))
    run_job(Generate, [str(Path(path).with_name("decoder.h5"))], sampler="mixture", data=data(), count=4)


def with_another_label_input():
    """A model with an embedding of labels, whose second input has another shape."""
    image, label = keras.Input(GRAY, name="image"), keras.Input((2,), dtype="int32", name="label")
    values = keras.layers.Embedding(3, 120, name="label_values_encoder")(label)
    shaped = keras.layers.Reshape((12, 10, 2))(values)
    joined = keras.layers.Concatenate()([image, shaped])
    model = keras.Model([image, label], keras.layers.Conv2D(1, 1)(joined), name="autoencoder")
    model_files.save_model(model, Path("conditional.h5"), AutoencoderHyperparameters(conditional=True))
    run_job(Encode, ["conditional.h5"], data=data(), output="codes.npz")


CONDITIONAL = {"conditional": True, "latent_dim": 2}

CASES = {
    "worker/open_data": [
        (
            lambda: trained_on(dataset=data()),
            "all.npy",
            "has no labels for --conditional; use an IDX folder, an .npz or one folder per class, or remove "
            "it",
        ),
        (
            with_unlabeled_tests,
            "test.npz",
            "has no labels for --conditional; use test images with labels",
        ),
    ],
    "worker/image_labels": [
        (
            lambda: encoded(data()),
            "all.npy",
            "labels are missing, which the conditional model ae/autoencoder.h5 needs; use a data set with "
            "labels, or one folder per class",
        ),
        (
            lambda: encoded(labeled(np.arange(60) % 4)),
            "all.npz",
            "3 is no class of the model; its classes are left, middle, bottom",
        ),
        (
            lambda: run_job(
                Generate,
                save_autoencoder(**CONDITIONAL),
                data=labeled(np.arange(60) % 5),
                sampler="mixture",
            ),
            "training images",
            "3 is no class of the model; its classes are left, middle, bottom",
        ),
    ],
    "worker/saved_models": [
        (
            lambda: run_job(
                Encode,
                save_autoencoder(**CONDITIONAL),
                data=data(),
                output="codes.npz",
                encoder_layer="encoder",
            ),
            "ae/autoencoder.h5",
            "the layers of a conditional autoencoder cannot be named; remove the names",
        ),
    ],
    "models/saving/model_files": [
        (
            with_another_label_input,
            "conditional.h5",
            "its inputs of labels are not those of a conditional autoencoder",
        ),
        (
            lambda: model_files.load_encoder(Path(save_autoencoder(conditional=True)[0]), GRAY),
            "ae/autoencoder.h5",
            "the encoder of a conditional autoencoder is given the label of each image, which a classifier "
            "must not know; use one that was trained without --conditional",
        ),
    ],
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
    ],
    "runs/classifiers": [
        (
            lambda: evaluated(features_of=None),
            "all",
            "no classifier of its images below models; train one with python classification.py -model "
            "ae/autoencoder.h5; or pass another one with --features",
        ),
        (
            lambda: without_classifier(conditional=True, limit=500),
            "digits",
            "train an autoencoder without --conditional, and on it a classifier: python classification.py "
            "--dataset digits --limit 500 -model IT",
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
            lambda: training_codes.require_memory(10_000, (64, 64, 32), "samples"),
            "10,000 samples of 131,072 numbers",
            "do not fit in 4 GiB of memory: set --count to 8,192 or less",
        ),
        (
            lambda: run_job(
                Generate,
                save_autoencoder(**CONDITIONAL),
                data=labeled(np.arange(60) % 2),
                sampler="mixture",
                labels=("bottom",),
            ),
            "ae/autoencoder.h5",
            "no training image is of the class bottom; name others with --label",
        ),
        (
            lambda: generated(sampler="prior"),
            "ae/autoencoder.h5",
            "--sampler prior does not apply to this model; use mixture or two-stage",
        ),
    ],
    "cli/class_question": [
        (lambda: choose_class("zebra", "all", ""), "'zebra'", "type a name, a number from 0, or all"),
        (lambda: choose_class("zebra"), "'zebra'", "type a name, or a number from 0"),
        (lambda: choose_class("C7"), "'C7'", "is none of the 30 classes; did you mean 'c7'?"),
    ],
    "cli/command_generate": [
        (
            lambda: called("autoencoder", "generate", "-model", save_autoencoder()[0], "--label", ","),
            "--label ','",
            "names no class; use names or numbers, such as 3,3,7",
        ),
        (
            lambda: called(
                *("autoencoder", "generate", "-model", save_autoencoder()[0], "--grid", "3"),
                *("--between", "a.png", "b.png"),
            ),
            "--between and --grid",
            "exclude each other: remove one of them",
        ),
        (
            lambda: called("autoencoder", "generate", "-model", save_autoencoder()[0], "--invert"),
            "--invert",
            "has no effect without --between",
        ),
        (
            lambda: called("autoencoder", "generate", "-model", save_autoencoder()[0], "--steps", "5"),
            "--steps",
            "has no effect without --between",
        ),
        (
            lambda: called(
                *("autoencoder", "generate", "-model", save_autoencoder()[0]),
                *("--grid", "3", "--count", "5"),
            ),
            "--count",
            "has no effect with --grid: remove one of them",
        ),
        (
            lambda: called(
                *("autoencoder", "generate", "-model", save_autoencoder()[0]),
                *("--between", "a", "b", "--mixture"),
            ),
            "--sampler",
            "has no effect with --between: remove one of them",
        ),
    ],
    "worker/generate_job": [
        (
            with_another_encoder,
            "ae/decoder.h5",
            "the encoder in its folder is not of this decoder, whose classes differ",
        ),
        (
            lambda: generated(labels=("3",)),
            "ae/autoencoder.h5",
            "--label requires a model that was trained with --conditional",
        ),
        (
            lambda: run_job(Generate, save_autoencoder(**CONDITIONAL), grid=3),
            "ae/autoencoder.h5",
            "--grid requires one class: set --label to one of left, middle, bottom",
        ),
        (
            lambda: run_job(Generate, save_autoencoder(**CONDITIONAL), between=("a.png", "b.png")),
            "ae/autoencoder.h5",
            "--between requires one class: set --label to one of left, middle, bottom",
        ),
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
    "worker/main": [
        (
            lambda: main.download_dataset(stopped(), Download("mnist")),
            "mnist",
            "the download of mnist was stopped",
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
