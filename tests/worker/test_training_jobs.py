"""Tests of whole runs of every kind, from data to record, in this process.

python -m pytest tests/worker/test_training_jobs.py
"""

import dataclasses
import os
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pytest

from lib.cli.display import Display
from lib.common import errors
from lib.common.errors import RunFailed, UserError
from lib.common.serialization import unpack_images
from lib.config.hyperparameters import (
    HYPERPARAMETERS,
    AutoencoderHyperparameters,
    ClassifierHyperparameters,
    Hyperparameters,
)
from lib.config.process_group import ProcessGroup
from lib.evaluation import image_figures
from lib.evaluation.run_figures import autoencoder as autoencoder_figures
from lib.evaluation.run_figures.base import NO_BREAK_SPACE
from lib.runs.events import Event, Note, PhaseStarted, RunResult, Stage
from lib.runs.records import load_record, main_curves
from lib.runs.views import LossCurves
from lib.tasks import TASKS, make_inference_pair
from lib.worker import open_data, training_job, training_jobs
from lib.worker.messages import FiguresDrawn, Train, TrainingFinished
from tests.harness import sample_files
from tests.harness.eager import eager_functions
from tests.harness.in_process_worker import RecordingChannel
from tests.worker.test_model_jobs import save_autoencoder

pytestmark = pytest.mark.usefixtures("unrendered")


def classify(tiny, **values) -> Hyperparameters:
    files = {"dataset": tiny["-d"], "labels": tiny["-dl"], "testset": tiny["-t"], "test_labels": tiny["-tl"]}
    return ClassifierHyperparameters(**files | values)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RunFailed("it broke"), "it broke"),
        (MemoryError(), "not enough memory; use a smaller batch size or fewer kernels"),
        (RuntimeError("OOM when allocating tensor\nwith shape"), "not enough memory"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes"),
            "not enough memory",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "not enough memory"),
        (ValueError("there is no ROOM for it"), "ValueError: there is no ROOM for it"),
        (ValueError("first line\nsecond line"), "ValueError: first line"),
        (KeyError(), "KeyError: no reason given"),
    ],
)
def test_every_failure_is_described_in_a_sentence(error, sentence):
    assert errors.describe_failure(error).startswith(sentence)


def run(
    output: str, trial: bool = False, program: str = "autoencoder", in_graphs: bool = False, **values
) -> tuple[dict, list[dict]]:
    """The record and the events of a whole run in this process, in graphs as users' runs are or without."""
    hp = HYPERPARAMETERS[program](**values)
    channel = RecordingChannel()
    with nullcontext() if in_graphs else eager_functions():
        training_jobs.run_training(
            channel,
            Train(hp, output, trial=trial),
            open_data.open_dataset(hp),
        )
    return load_record(Path(output)), channel.events


@pytest.fixture
def color(tmp_path) -> str:
    """80 labeled color images: shapes whose color depends on the class."""
    images, labels = sample_files.shapes(80, channels=3)
    tinted = (images * np.array([[1, 0.6, 0.2], [0.3, 1, 0.5], [0.4, 0.2, 1]])[labels][:, None, None]).astype(
        np.uint8
    )
    np.savez("color.npz", images=tinted, labels=labels)
    return "color.npz"


def test_a_run_out_of_gpu_memory_leaves_other_runs_as_they_are(tiny, monkeypatch):
    run("first", dataset=tiny["-d"], layers=1, kernels=2, epochs=1)
    before = {path: path.read_bytes() for path in Path("first").rglob("*") if path.is_file()}

    def fail(*args):
        raise RuntimeError(
            "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes.\nBFC Allocator: …"
        )

    monkeypatch.setattr(training_job, "fit", fail)
    with pytest.raises(RuntimeError):
        run("second", dataset=tiny["-d"], layers=1, kernels=2, epochs=1)
    record = load_record(Path("second"))
    assert (record["status"], record["error"]) == (
        "failed",
        "not enough memory; use a smaller batch size or fewer kernels",
    )
    assert {path: path.read_bytes() for path in Path("first").rglob("*") if path.is_file()} == before


KINDS = {
    "denoise, U-Net": dict(task="denoise", noise="0.1-0.4", skip=True, residual=True),
    "RGB from gray": dict(task="colorize", skip=True, residual=True),
    "UV from Y": dict(task="colorize", color_space="yuv"),
    "right half": dict(task="complete", fc_units=8, latent_dim=4),
    "top half, from the mirror image": dict(task="complete", missing="top", residual=True, skip=True),
    "hole, U-Net": dict(task="complete", missing="boxes", skip=True),
    "restoration": dict(
        task="restore", degrade="blur:1,jpeg:50", residual=True, block="residual", adversarial_weight=0.01
    ),
    "detector, U-Net": dict(task="anomaly", skip=True, residual=True),
    "VAE": dict(regularization="kl", latent_dim=2),
    "dense VAE": dict(
        regularization="kl", layers=0, kernels=(4,), fc_units=9, latent_dim=2, batch_norm="none", loss="mse"
    ),
    "convolutional VAE": dict(regularization="kl"),
    "VAE by importance samples": dict(
        regularization="kl",
        latent_dim=2,
        binarize="dynamic",
        importance_samples=3,
        nll_samples=7,
    ),
    "VAE with warm-up": dict(
        regularization="kl", latent_dim=2, beta_warmup=0.5, beta_cycles=2, free_bits=0.1, precision="bfloat16"
    ),
    "WAE": dict(regularization="mmd"),
    "AAE": dict(regularization="adversarial", latent_dim=2, label_weight=0.1),
    "conditional VAE": dict(
        regularization="kl", latent_dim=2, conditional=True, adversarial_weight=0.1, precision="bfloat16"
    ),
    "conditional maps": dict(conditional=True),
    "quantized": dict(quantize="5,3", latent_dim=4, label_weight=0.1),
    "quantized maps": dict(quantize="4"),
    "linear path": dict(linear_path=5),
    "PCA, improved": dict(pca=True, latent_dim=6, layers=2, kernels=4),
    "feedback": dict(latent_dim=6, batch_norm="none", feedback="8"),
    "in bfloat16": dict(precision="bfloat16", dropout=0.1),
    "AAE in bfloat16": dict(regularization="adversarial", latent_dim=2, precision="bfloat16"),
    "pools": dict(
        pool="1",
        pool_type="average",
        upsampling="nearest",
        decoder_kernels="none",
        activation="leaky_relu",
        padding="valid",
    ),
}


SAMPLED = {"samples", "interpolation"}  # by a decoder that needs a code alone
FIGURES = {
    "denoise, U-Net": {"noise"},
    "RGB from gray": set(),
    "UV from Y": SAMPLED,
    "right half": SAMPLED,  # no class has five test images here
    "top half, from the mirror image": set(),
    "hole, U-Net": set(),
    "restoration": set(),
    "detector, U-Net": {"anomalies", "scores"},
    "VAE": SAMPLED | {"grid"},
    "dense VAE": SAMPLED | {"grid"},
    "convolutional VAE": SAMPLED,
    "VAE by importance samples": SAMPLED | {"grid"},
    "VAE with warm-up": SAMPLED | {"grid"},
    "WAE": SAMPLED,
    "AAE": SAMPLED | {"grid"},
    "conditional VAE": SAMPLED,
    "conditional maps": SAMPLED,
    "quantized": SAMPLED,
    "quantized maps": SAMPLED,
    "linear path": SAMPLED,
    "PCA, improved": SAMPLED,
    "feedback": SAMPLED,
    "in bfloat16": SAMPLED,
    "AAE in bfloat16": SAMPLED | {"grid"},
    "pools": SAMPLED,
}

# Classifiers are trained on those that differ most.
CLASSIFIED = ("RGB from gray", "VAE", "top half, from the mirror image")


# Those with training steps of their own; the others have Keras's.
IN_GRAPHS = {
    "restoration",
    "VAE",
    "VAE by importance samples",
    "AAE",
    "conditional VAE",
    "quantized",
    "feedback",
}
# Like other kinds in most of what they do.
SLOW_KINDS = (
    "dense VAE",
    "convolutional VAE",
    "quantized maps",
    "conditional maps",
    "in bfloat16",
    "AAE in bfloat16",
)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) if kind in SLOW_KINDS else kind for kind in KINDS]
)
def test_a_run_of_every_kind(kind, color):
    values = dict(dataset=color, layers=2, kernels=4, epochs=2, batch_size=16) | KINDS[kind]
    record, events = run("ae", in_graphs=kind in IN_GRAPHS, **values)
    metrics, baselines = record["metrics"], record["baselines"]
    assert record["status"] == "finished"
    assert np.isfinite(
        [metrics["test_loss"], metrics["test_mse"], *(v for v in baselines.values() if v is not None)]
    ).all()
    assert {
        "autoencoder.h5",
        "encoder.h5",
        "decoder.h5",
        "figures/reconstructions.png",
        "figures/loss.png",
    } <= set(record["files"])
    figures = {
        file.removeprefix("figures/").removesuffix(".png")
        for file in record["files"]
        if file.startswith("figures/")
    }
    assert figures == {"loss", "reconstructions", "latent"} | FIGURES[kind]
    views = events[-1].views
    assert len(views["latent"].labels) == len(views["latent"].projections["t-SNE"]) == 8
    strip = views["reconstructions"].columns
    assert ("targets" in strip) == (values.get("task") is not None)
    outputs = unpack_images(strip["outputs"])
    assert outputs.shape == (8, 12, 10, 3)  # also of completed halves and of UV
    assert ("test_kl" in metrics) == (values.get("regularization") == "kl")
    compresses = not {"task", "binarize"} & {*values}
    assert ("test_bits_per_pixel" in metrics) == compresses
    assert ("test_patches_distinction" in metrics) == ("adversarial_weight" in values)
    assert ("test_nll" in metrics) == ("test_independent_nll" in metrics) == ("nll_samples" in values)
    if kind in CLASSIFIED:
        classify_on("ae/autoencoder.h5", color)


def classify_on(model: str, color: str) -> None:
    head = dict(program="classification", dataset=color, model=model, fc_units=8, epochs=2, batch_size=16)
    record, _ = run("cl", **head)
    assert record["metrics"]["correct"] + record["metrics"]["incorrect"] == 8
    model = keras.models.load_model("cl/classifier.h5", compile=False)
    assert model.input_shape == (None, 12, 10, 3)


def test_all_figures_of_a_run_show_the_same_random_test_images(color, monkeypatch):
    rows, titles = {}, set()

    def keep(images, path, title):
        rows[path.stem] = dict(images)
        titles.add(title.partition(" · ")[0])

    monkeypatch.setattr(image_figures, "plot_image_rows", keep)
    monkeypatch.setattr(image_figures, "plot_reconstructions", keep)
    test = {}
    for seed in (0, 1):
        values = dict(dataset=color, testset=color, task="denoise", layers=1, kernels=2, epochs=1, seed=seed)
        run(f"seed-{seed}", **values)
        shown, first = rows["reconstructions"]["target"], rows["noise"]["clean"]
        np.testing.assert_array_equal(shown[: len(first)], first)
        test[seed] = shown
    assert len(test[0]) == autoencoder_figures.RECONSTRUCTIONS
    assert (test[0] != test[1]).any()
    images = np.load(color)["images"]
    assert (test[0] != images[: len(test[0])]).any()
    assert {title.partition(":")[0] for title in titles} == {"seed-0", "seed-1"}
    assert all("task denoise" in title.replace(NO_BREAK_SPACE, " ") for title in titles)


class InterruptedChannel(RecordingChannel):
    """A channel on which Ctrl-C is pressed at a stage of the work after the training."""

    def __init__(self, stage: str):
        super().__init__()
        self.stage = stage

    def emit(self, event: Event) -> None:
        super().emit(event)
        if isinstance(event, Stage) and event.text.startswith(self.stage):
            self.stop_event.set()


@pytest.mark.parametrize(
    ("stage", "note", "figures"),
    [("evaluating", "The baselines are skipped.", 5), ("drawing", "The remaining figures are skipped.", 0)],
)
@pytest.mark.parametrize("background", [False, True])
def test_ctrl_c_after_the_training_skips_baselines_or_figures(tiny, stage, note, figures, background):
    hp = AutoencoderHyperparameters(dataset=tiny["-d"], layers=1, kernels=2, epochs=1)
    channel = InterruptedChannel(stage)
    request = Train(hp, "run", background=background)
    training_jobs.run_training(channel, request, open_data.open_dataset(hp))
    record = load_record(Path("run"))
    assert (record["status"], bool(record["baselines"])) == ("finished", stage == "drawing")
    assert len(list(Path("run/figures").iterdir())) == figures
    assert [event.text for event in channel.events if isinstance(event, Note)] == [note]
    Display().show_result(Path("run"), record)


class ListingChannel(RecordingChannel):
    """A channel that reads the record of the folder `run` after each figure."""

    def __init__(self):
        super().__init__()
        self.listed: list[int] = []

    def emit(self, event: Event) -> None:
        super().emit(event)
        if type(event) is FiguresDrawn:
            files = load_record(Path("run"))["files"]
            self.listed.append(sum(name.startswith("figures/") for name in files))


def test_the_result_is_there_before_the_figures_are_drawn(tiny):
    hp, channel = (
        AutoencoderHyperparameters(dataset=tiny["-d"], layers=1, kernels=2, epochs=1),
        ListingChannel(),
    )
    request = Train(hp, "run", background=True)
    training_jobs.run_training(channel, request, open_data.open_dataset(hp))
    types = [type(event) for event in channel.events]
    assert types[types.index(RunResult) :] == [RunResult, Stage, *[FiguresDrawn] * 5, TrainingFinished]
    last = channel.events[-1]
    views: dict = {}
    for event in channel.events:
        if isinstance(event, FiguresDrawn):
            views |= event.views
    assert views == last.views
    assert channel.listed == [1, 2, 3, 4, 5]  # also if the program ends in between
    assert "figures/latent.png" in load_record(Path("run"))["files"]


@pytest.mark.parametrize("labels", [np.arange(80) % 4 - 1, np.arange(80) % 2 * 70_000])
def test_an_autoencoder_ignores_invalid_labels(labels):
    np.savez("strange.npz", images=sample_files.shapes(80)[0], labels=labels)
    record, events = run("ae", dataset="strange.npz", layers=1, kernels=2, epochs=1, task="complete")
    assert "figures/latent.png" in record["files"]
    assert events[-1].views["latent"].labels is None


def test_every_task_is_tested_above():
    assert {"reconstruct", *(values.get("task", "reconstruct") for values in KINDS.values())} == set(TASKS)


@pytest.mark.slow
def test_a_classifier_trained_in_bfloat16_is_saved_in_float32(color):
    run("ae", dataset=color, layers=2, kernels=4, epochs=1)
    head = dict(
        program="classification",
        dataset=color,
        model="ae/autoencoder.h5",
        fc_units=8,
        batch_size=16,
    )
    records = [
        run(name, epochs=2, learning_rate=0.005, dropout=0, shift=False, precision=name, **head)[0]
        for name in ("float32", "bfloat16")
    ]
    exact, rounded = (
        [record["history"][phase]["loss"] for phase in ("head", "everything")] for record in records
    )
    assert exact != rounded
    np.testing.assert_allclose(rounded, exact, rtol=0.1)
    model = keras.models.load_model("bfloat16/classifier.h5", compile=False)
    parts = [model, model.get_layer("encoder"), model.get_layer("head")]
    assert {layer.compute_dtype for part in parts for layer in part.layers} == {"float32"}


def test_pretraining_is_compared_with_random_weights_on_few_labels(color):
    run("ae", dataset=color, layers=1, kernels=4, epochs=1)
    head = dict(
        program="classification", dataset=color, model="ae/encoder.h5", fc_units=8, epochs=2, batch_size=8
    )
    record, events = run("cl", **head, scratch=True, labels_fraction=0.5)
    assert record["dataset"]["sizes"] == {"train": 32, "validation": 4, "test": 8}
    assert 0 <= record["baselines"]["scratch_accuracy"] <= 1
    assert [event.of for event in events if isinstance(event, PhaseStarted)] == [3, 3, 3]
    assert set(record["history"]) == {"head", "everything", "scratch"}
    assert set(record["files"]) & {"classifier.h5", "classifier-head.h5"}


def test_a_saved_classifier_averages_over_mirror_images_as_its_scores_do(color):
    run("ae", dataset=color, layers=1, kernels=4, epochs=1)
    head = dict(
        program="classification",
        dataset=color,
        model="ae/encoder.h5",
        fc_units=8,
        epochs=2,
        batch_size=8,
        flip=True,
    )
    (plain, _), (both, _) = (
        run(name, **head, scratch=True, tta=name == "both") for name in ("plain", "both")
    )
    for phase in ("head", "everything", "scratch"):
        assert both["history"][phase]["val_loss"] == plain["history"][phase]["val_loss"]  # the same training
    assert both["metrics"]["parameters"] == plain["metrics"]["parameters"]
    hp = Hyperparameters.from_json(head, "")
    test = open_data.open_dataset(hp).test
    images = test.take(slice(None)) / np.float32(255)
    for file in ("classifier-head.h5", "classifier.h5"):
        one, two = (keras.models.load_model(f"{name}/{file}", compile=False) for name in ("plain", "both"))
        mean = (one.predict_on_batch(images) + one.predict_on_batch(images[:, :, ::-1])) / 2
        np.testing.assert_allclose(two.predict_on_batch(images), mean, atol=1e-6)
    loss = -np.log(mean[np.arange(len(test)), test.labels]).mean()
    assert both["metrics"]["test_loss"] == pytest.approx(loss, rel=1e-4)
    assert plain["metrics"]["test_loss"] != pytest.approx(loss, rel=1e-4)
    again, _ = run(
        "again", **head | dict(model="both/classifier.h5")
    )  # the encoder is found in there as in any
    assert again["status"] == "finished"


def test_a_saved_autoencoder_averages_over_mirror_images_as_its_scores_do(color):
    values = dict(
        dataset=color, task="colorize", skip=True, layers=1, kernels=4, epochs=2, batch_size=8, flip=True
    )
    (plain, _), (both, _) = (run(name, **values, tta=name == "both") for name in ("plain", "both"))
    assert main_curves(both)["val_loss"] == main_curves(plain)["val_loss"]  # the same training
    assert both["metrics"]["parameters"] == plain["metrics"]["parameters"]
    hp = AutoencoderHyperparameters(**values)
    inputs, targets = make_inference_pair(hp, open_data.open_dataset(hp).test.take(slice(None)))
    one, two = (
        keras.models.load_model(f"{name}/autoencoder.h5", compile=False) for name in ("plain", "both")
    )
    mean = (one.predict_on_batch(inputs) + one.predict_on_batch(inputs[:, :, ::-1])[:, :, ::-1]) / 2
    np.testing.assert_allclose(two.predict_on_batch(inputs), mean, atol=1e-6)
    assert both["metrics"]["test_mse"] == pytest.approx(np.square(mean - targets).mean(), rel=1e-4)
    assert both["metrics"]["test_mse"] < plain["metrics"]["test_mse"]
    trial, _ = run("trial", trial=True, **values, tta=True)
    assert trial["metrics"]["validation_mse"] < min(main_curves(trial)["val_loss"])


def test_colorizing_gray_images_is_refused_before_a_folder_is_made(tiny):
    with pytest.raises(UserError, match="task colorize requires color images; these are 12×10×1"):
        run("ae", dataset=tiny["-d"], task="colorize")
    assert not Path("ae").exists()


def test_first_weights_that_do_not_fit_are_refused_before_a_folder_is_made(color):
    save_autoencoder("first", image=(8, 8, 1), kernel_size=5)
    with pytest.raises(UserError, match=r"first/autoencoder\.h5: no layer fits this network"):
        run("second", dataset=color, begin_with="first", layers=1, kernels=3, epochs=1)
    assert not Path("second").exists()


def test_a_trial_trains_as_any_run_and_never_uses_the_test_set(tiny, monkeypatch):
    plain, _ = run("plain", dataset=tiny["-d"], testset=tiny["-t"], layers=1, kernels=2, epochs=3, fold="1/3")
    real = open_data.open_dataset

    def without_test_images(hp):
        dataset = real(hp)
        return dataclasses.replace(dataset, test=dataset.test.first(0))

    monkeypatch.setattr(open_data, "open_dataset", without_test_images)
    record, _ = run(
        "trial", trial=True, dataset=tiny["-d"], testset=tiny["-t"], layers=1, kernels=2, epochs=3, fold="1/3"
    )
    assert record["status"] == "finished"
    assert {name: losses for name, losses in main_curves(record).items() if name != "seconds"} == {
        name: losses for name, losses in main_curves(plain).items() if name != "seconds"
    }
    assert record["metrics"]["validation_mse"] == pytest.approx(
        min(main_curves(record)["val_loss"]), rel=1e-4
    )
    assert not [name for name in record["metrics"] if name.startswith("test")]
    assert "baselines" not in record
    assert {"autoencoder.h5", "figures/loss.png"} <= set(record["files"])

    record, _ = run(
        "head", trial=True, **classify(tiny, model="plain/autoencoder.h5", epochs=2, fc_units=(4,)).to_json()
    )
    assert 0 <= record["metrics"]["validation_accuracy"] <= 1
    assert "test_accuracy" not in record["metrics"]


def test_data_that_change_during_a_run_are_noted_in_its_record(tiny):
    hp = AutoencoderHyperparameters(dataset=tiny["-d"], layers=1, kernels=2, epochs=1)
    dataset, channel = open_data.open_dataset(hp), RecordingChannel()
    os.utime(tiny["-d"], ns=(1, 1))
    training_jobs.run_training(channel, Train(hp, "run"), dataset)
    record = load_record(Path("run"))
    (note,) = record["dataset"]["notes"]
    assert note.startswith(f"{tiny['-d']} was changed during this run")
    assert record["status"] == "finished"
    assert Note(note) in channel.events


def test_a_follower_trains_the_phases_of_the_leader_without_a_run_folder(tiny, monkeypatch):
    phases = []
    real = training_job.fit

    def fit(model, dataset, hp, phase, hooks, folder, group, *rest):
        phases.append(phase.name)
        return real(model, dataset, hp, phase, hooks, folder, None, *rest)

    monkeypatch.setattr(training_job, "fit", fit)
    run("ae", dataset=tiny["-d"], layers=1, kernels=2, epochs=1)
    for hp, names in (
        (AutoencoderHyperparameters(dataset=tiny["-d"], layers=1, kernels=2, epochs=1), ["autoencoder"]),
        (
            classify(tiny, model="ae/autoencoder.h5", epochs=1, fc_units=(4,), scratch=True),
            ["head", "everything", "scratch"],
        ),
    ):
        phases.clear()
        channel, files = RecordingChannel(), set(Path().rglob("*"))
        request = Train(hp)
        training_jobs.run_training(channel, request, open_data.open_dataset(hp), ProcessGroup("", 1, 2))
        assert phases == names
        assert channel.events[0].folder == "process 2 of 2, for the run of process 1"
        assert channel.events[-1] == TrainingFinished(folder="", record={}, views={})
        assert set(Path().rglob("*")) == files


def test_a_split_without_validation_images(tiny):
    record, _ = run("all", dataset=tiny["-d"], layers=1, kernels=2, epochs=2, split="80/0/20")
    assert record["dataset"]["sizes"] == {"train": 48, "validation": 0, "test": 12}
    curves = main_curves(record)
    assert set(curves) == {"loss", "seconds"}
    assert record["metrics"]["test_mse"] > 0
    for epochs in (1, 2):
        shown = {name: values[:epochs] for name, values in curves.items()}
        Display().show_figure(LossCurves({"training": shown}), "all/figures/loss.png")
    head = classify(tiny, model="all/autoencoder.h5", epochs=1, fc_units=(4,), split="90/0/10")
    record, _ = run("head", **head.to_json())
    assert "val_accuracy" not in record["history"]["everything"]
