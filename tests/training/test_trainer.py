"""Training, phases, schedules and losses. python -m pytest tests/training/test_trainer.py"""

import re
import threading

import keras
import numpy as np
import pytest

from lib.common.errors import RunFailed
from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.config.training_choices import LOSSES, OPTIMIZERS
from lib.data import datasets
from lib.models import autoencoder
from lib.models.training_model import build_training_model
from lib.runs.events import EpochEnded, Step
from lib.tasks.augmentation import AUGMENTATIONS
from lib.training import callbacks, optimizers, phases, trainer
from tests.harness import sample_files


def ignore(event):
    pass


def train(tiny, emit=ignore, stop_event=None, folder=None, **values):
    """Train a tiny autoencoder without a problem; see `train_with_result`."""
    result, model, epochs = train_with_result(tiny, emit, stop_event, folder, **values)
    assert result.problem == ""
    return result.history, model, epochs


def labeled_images() -> str:
    """The tiny images and their labels in one file."""
    images, labels = sample_files.shapes(80)
    np.savez("labeled.npz", images=images[:60], labels=labels[:60])
    return "labeled.npz"


def train_with_result(tiny, emit=ignore, stop_event=None, folder=None, **values):
    """Train a tiny autoencoder; the result, the model, and the lengths of the histories that `on_epoch_end`
    got. `earlier` is the history of a run that is continued, all other values are settings.
    """
    earlier = values.pop("earlier", None)
    data = labeled_images() if "label_weight" in values else tiny["-d"]
    defaults = {"dataset": data, "epochs": 3, "batch_size": 8}
    hp = AutoencoderHyperparameters(layers=1, kernels=4, **defaults | values)
    keras.utils.set_random_seed(hp.seed)
    dataset = datasets.load_dataset(hp)
    architecture = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_autoencoder(architecture)
    epochs = []
    hooks = callbacks.TrainingHooks(
        emit, stop_event or threading.Event(), lambda history: epochs.append(len(history["loss"]))
    )
    result = trainer.fit(
        build_training_model(model, architecture, len(dataset.classes)),
        dataset,
        hp,
        phases.autoencoder_phase(hp),
        hooks,
        folder,
        earlier=earlier,
    )
    return result, model, epochs


def test_training_reduces_the_loss_and_emits_events(tiny):
    events = []
    history, _, epochs_seen = train(tiny, events.append, epochs=8, learning_rate=0.02)
    assert history["loss"][-1] < history["loss"][0] / 2
    assert epochs_seen == list(range(1, 9))
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert [event.epoch for event in epochs] == list(range(1, 9))
    assert [event.numbers["val_loss"] for event in epochs] == history["val_loss"]
    assert all(event.speed > 0 for event in epochs)
    assert any(isinstance(event, Step) for event in events)


def test_one_seed_gives_the_same_numbers(tiny):
    (first, _, _), (repeated, _, _), (other, _, _) = train(tiny), train(tiny), train(tiny, seed=1)
    assert first["loss"] == repeated["loss"]
    assert first["val_loss"] == repeated["val_loss"]
    assert first["loss"] != other["loss"]


def test_a_stop_ends_training_after_the_batch_with_the_best_weights(tiny):
    stop_event = threading.Event()

    def emit(event):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            stop_event.set()

    history, model, _ = train(tiny, emit, stop_event, epochs=50, learning_rate=0.02)
    assert len(history["loss"]) == 3  # the third epoch was left after its first batch
    hp = AutoencoderHyperparameters(dataset=tiny["-d"])
    validation = trainer.Batches(datasets.load_dataset(hp).validation, 8, hp)
    assert float(model.evaluate(validation, verbose=0)) == pytest.approx(min(history["val_loss"]), rel=1e-5)


def test_a_loss_of_nan_in_the_first_epoch_fails_the_run(tiny, monkeypatch):
    monkeypatch.setattr(
        trainer.Batches, "__getitem__", lambda self, n: (np.full((8, 12, 10, 1), np.nan),) * 2
    )
    with pytest.raises(
        RunFailed, match=r"the loss became NaN or infinite in epoch 1; a smaller --learning-rate than 0\.005"
    ):
        train(tiny)


def spoil_targets(monkeypatch, epoch: int, value: float):
    """An `emit` function; after that epoch's event all targets are replaced by one value."""
    original, spoiled = trainer.Batches.__getitem__, threading.Event()

    def get_batch(self, number):
        inputs, targets = original(self, number)
        return (inputs, np.full_like(targets, value)) if spoiled.is_set() else (inputs, targets)

    def emit(event):
        if isinstance(event, EpochEnded) and event.epoch == epoch:
            spoiled.set()

    monkeypatch.setattr(trainer.Batches, "__getitem__", get_batch)
    return emit


@pytest.mark.parametrize(
    ("value", "words", "epochs"),
    [
        (
            np.nan,
            "the loss became NaN or infinite in epoch 4; a smaller --learning-rate than 0.005 may help",
            3,
        ),
        (100.0, "the loss grew to .* in epoch 4, from .*; a smaller --learning-rate than 0.005 may help", 4),
    ],
)
def test_a_diverging_training_ends_with_its_best_weights(tiny, monkeypatch, value, words, epochs):
    _, good, _ = train(tiny, epochs=3, schedule="constant")
    result, model, _ = train_with_result(
        tiny, spoil_targets(monkeypatch, 3, value), epochs=10, schedule="constant"
    )
    assert len(result.history["loss"]) == epochs
    best = 1 + int(np.argmin(result.history["val_loss"]))
    assert re.fullmatch(f"{words}; the weights of epoch {best} are kept", result.problem)
    for weight, expected in zip(model.get_weights(), good.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_training_that_begins_without_an_error_has_not_diverged(tiny, monkeypatch):
    """As that of a PCA does, of as many components as there are images."""
    monkeypatch.setattr(callbacks, "MIN_DIVERGED_LOSS", 1e6)
    result, _, _ = train_with_result(
        tiny, spoil_targets(monkeypatch, 3, 100.0), epochs=5, schedule="constant"
    )
    assert (len(result.history["loss"]), result.problem) == (5, "")


class TrainingKilled(Exception):
    pass


def interrupt(tiny, folder, epoch: int, **values) -> None:
    """Train, and raise an exception in the middle of an epoch."""

    def emit(event):
        if isinstance(event, Step) and event.epoch == epoch:
            raise TrainingKilled

    with pytest.raises(TrainingKilled):
        train(tiny, emit, folder=folder, **values)


@pytest.mark.parametrize(
    ("epoch", "values"),
    [
        (
            4,
            dict.fromkeys(AUGMENTATIONS, True)
            | dict(dropout=0.3, task="denoise", noise=0.3, optimizer="adamw", weight_decay=0.01),
        ),
        (3, dict(regularization="kl", latent_dim=2, beta=0.5)),
        pytest.param(
            4,
            dict(
                schedule="plateau",
                plateau_patience=1,
                learning_rate=0.5,
                optimizer="sgd",
                task="complete",
                skip=True,
            ),
            marks=pytest.mark.slow,
        ),
        (2, dict(schedule="exponential", optimizer="nadam", residual=True, task="denoise", l2=0.001)),
        pytest.param(
            2,
            dict(
                optimizer="muon",
                latent_dim=16,
                weight_decay=0.01,
                label_weight=0.1,
            ),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            2,
            dict(regularization="adversarial", latent_dim=2, adversarial_weight=0.1),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["random", "variational", "plateau", "exponential", "muon and labels", "adversarial"],
)
def test_a_resumed_training_computes_the_same_numbers(tiny, tmp_path, monkeypatch, epoch, values):
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STEPS", 0)
    uninterrupted, expected, _ = train(tiny, folder=tmp_path / "uninterrupted", epochs=4, **values)
    interrupt(tiny, tmp_path / "interrupted", epoch, epochs=4, **values)
    history, model, epochs_seen = train(tiny, folder=tmp_path / "interrupted", epochs=4, **values)
    assert epochs_seen == list(range(epoch, 5))
    for name in set(uninterrupted) - {"seconds"}:
        assert history[name] == uninterrupted[name], name
    for weight, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


def test_resuming_a_finished_training_restores_the_best_weights(tiny, tmp_path):
    """A training killed after its last epoch, or after early stopping, has no epoch left to train."""
    for values in (
        dict(epochs=4, learning_rate=0.3, optimizer="sgd"),
        dict(epochs=30, learning_rate=1e-9, patience=3),
    ):
        folder = tmp_path / str(values["epochs"])
        history, model, _ = train(tiny, folder=folder, **values)
        again, restored, epochs_seen = train(tiny, folder=folder, **values)
        assert (again, epochs_seen) == (history, [])
        for weight, other in zip(restored.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, other)


def test_resuming_trains_the_interrupted_epoch_again(tiny, tmp_path):
    stop_event = threading.Event()
    uninterrupted, _, _ = train(tiny, epochs=4)

    def emit(event):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            stop_event.set()

    history, _, _ = train(tiny, emit, stop_event, tmp_path, epochs=4)
    assert len(history["loss"]) == 3
    again, _, epochs_seen = train(tiny, folder=tmp_path, epochs=4)
    assert (again["loss"], epochs_seen) == (uninterrupted["loss"], [3, 4])


def test_the_cosine_schedule_warms_up_and_falls_to_zero():
    schedule = optimizers.learning_rate_schedule(AutoencoderHyperparameters(), 0.01, 1000)
    rates = [float(schedule(step)) for step in (0, 25, 50, 525, 1000)]
    assert rates == pytest.approx([0.001, 0.0055, 0.01, 0.005, 0], abs=1e-6)


def test_the_second_phase_has_half_the_learning_rate():
    head, everything = phases.classifier_phases(ClassifierHyperparameters(learning_rate=0.002))
    assert (head.learning_rate, everything.learning_rate) == (0.002, 0.001)
    assert "frozen" in head.reason


def test_images_per_second_is_the_median_of_the_epochs():
    assert trainer.images_per_second({"seconds": [9.0, 2.0, 1.0]}, 100) == 50


def test_constant_plateau_and_exponential_schedules():
    for name in ("constant", "plateau"):
        assert (
            optimizers.learning_rate_schedule(AutoencoderHyperparameters(schedule=name), 0.01, 1000) == 0.01
        )
    schedule = optimizers.learning_rate_schedule(
        AutoencoderHyperparameters(schedule="exponential"), 0.01, 1000
    )
    assert [float(schedule(step)) for step in (0, 500, 1000)] == pytest.approx([0.01, 0.001, 0.0001])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains(name, tiny):
    assert isinstance(
        optimizers.make_optimizer(AutoencoderHyperparameters(optimizer=name), 0.1),
        keras.optimizers.get(name).__class__,
    )
    history, _, _ = train(tiny, optimizer=name, weight_decay=0.01, epochs=1)
    assert np.isfinite(history["loss"]).all()
    assert (
        optimizers.make_optimizer(
            AutoencoderHyperparameters(optimizer=name, weight_decay=0.01), 0.1
        ).weight_decay
        == 0.01
    )


@pytest.mark.parametrize(
    ("settings", "loss"),
    [
        ({}, "mse"),
        ({"regularization": "kl"}, "bce"),
        ({"regularization": "kl", "loss": "mae"}, "mae"),
        ({"regularization": "kl", "output_activation": "linear"}, "mse"),
        ({"regularization": "kl", "task": "colorize", "color_space": "yuv"}, "mse"),
    ],
)
def test_the_default_loss_suits_the_range_of_the_outputs(settings, loss):
    hp = AutoencoderHyperparameters(latent_dim=2, **settings)
    assert phases.pixel_loss(hp) is phases.pixel_loss(AutoencoderHyperparameters(loss=loss))


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_have_their_values(loss):
    function = phases.pixel_loss(AutoencoderHyperparameters(loss=loss))
    targets, outputs = (np.full((2, 3, 3, 1), value, np.float32) for value in (0.25, 0.75))
    dissimilarity = 1 - (2 * 0.25 * 0.75 + 0.01**2) / (0.25**2 + 0.75**2 + 0.01**2)
    expected = {
        "mse": 0.25,
        "mae": 0.5,
        "huber": 0.125,
        "bce": -(0.25 * np.log(0.75) + 0.75 * np.log(0.25)),
        "charbonnier": 0.5,
        "ssim": dissimilarity,
        "mse+ssim": 0.25 + 0.1 * dissimilarity,
    }[loss]
    assert float(keras.ops.mean(function(targets, outputs))) == pytest.approx(expected, rel=1e-4)


def test_early_stopping_and_the_plateau_schedule(tiny):
    """A learning rate that is too small to learn anything: no epoch is better than the first."""
    values = dict(
        epochs=30, learning_rate=1e-9, patience=4, schedule="plateau", plateau_factor=0.25, plateau_patience=1
    )
    history, _, _ = train(tiny, **values)
    assert len(history["loss"]) < 12
    rates = history["learning_rate"]
    assert rates == sorted(rates, reverse=True)
    assert min(rates) == pytest.approx(
        1e-9 * 0.25 ** round(np.log(rates[-1] / 1e-9) / np.log(0.25)), rel=1e-3
    )


def test_l2_is_added_to_the_loss(tiny):
    plain, _, _ = train(tiny, epochs=1, learning_rate=1e-9)
    heavy, _, _ = train(tiny, epochs=1, learning_rate=1e-9, l2=0.1)
    assert heavy["val_loss"][0] > plain["val_loss"][0] + 0.1
    assert "val_mse" not in plain
    assert heavy["val_mse"][0] == pytest.approx(
        plain["val_loss"][0], abs=1e-4
    )  # the quantity that time-to-target races compare


@pytest.mark.parametrize("regularization", [pytest.param("none", marks=pytest.mark.slow), "kl"])
def test_labels_are_learned_and_left_out_of_the_loss(tiny, regularization):
    values = dict(latent_dim=4, fc_units=16, epochs=20, learning_rate=0.01, regularization=regularization)
    history, model, _ = train(tiny, label_weight=1, **values)
    parts = {"loss", "labels_accuracy"} | (
        {"reconstruction_loss", "kl_loss"} if regularization == "kl" else set()
    )
    assert set(history) == parts | {f"val_{part}" for part in parts} | {"seconds"}
    if regularization == "kl":
        for prefix in ("", "val_"):
            total, image, kl = (
                np.array(history[prefix + name]) for name in ("loss", "reconstruction_loss", "kl_loss")
            )
            np.testing.assert_allclose(total, image + kl, rtol=1e-3)
    assert history["loss"][-1] < history["loss"][0]
    assert history["labels_accuracy"][-1] > 0.9 > history["labels_accuracy"][0]
    alone, _, _ = train(tiny, label_weight=1, split="90/0/10", **values | dict(epochs=1))
    assert set(alone) == parts | {"seconds"}  # without validation images as well
    assert [layer.name for layer in model.layers if isinstance(layer, keras.Model)] == ["encoder", "decoder"]


def test_the_loss_with_labels_equals_the_loss_without(tiny):
    """Up to rounding in float32, also with a smaller last batch."""
    values = dict(learning_rate=1e-9, epochs=1, batch_norm="none", l2=0.01, dataset=labeled_images())
    plain, _, _ = train(tiny, **values)
    labeled, _, _ = train(tiny, label_weight=2, **values)
    assert labeled["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-5)
    assert labeled["loss"] == pytest.approx(plain["loss"], rel=1e-5)


def test_step_events_have_the_loss_without_labels(tiny, monkeypatch):
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STEPS", 0)
    events = []
    history, _, _ = train(tiny, events.append, epochs=1, label_weight=100)
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert losses[-1] == pytest.approx(history["loss"][0], rel=1e-3)
    assert max(losses) < 1  # the cross-entropy of three classes is 1.1


def test_the_bound_of_importance_samples_is_the_loss(tiny):
    values = {"regularization": "kl", "latent_dim": 2, "binarize": "static", "importance_samples": 3}
    history, _, _ = train(tiny, **values, batch_size=5)
    for prefix in ("", "val_"):
        np.testing.assert_allclose(history[f"{prefix}bound_loss"], history[f"{prefix}loss"], rtol=1e-5)
        assert min(history[f"{prefix}kl_loss"]) > 0


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_a_vae_reports_its_two_losses_in_nats_per_image(tiny, loss):
    values = {"regularization": "kl", "latent_dim": 2, "beta": 0.5, "loss": loss, "epochs": 6}
    history, model, _ = train(tiny, **values, batch_size=5)  # last batches are smaller
    for prefix in ("", "val_"):
        total, image, kl = (
            np.array(history[prefix + name]) for name in ("loss", "reconstruction_loss", "kl_loss")
        )
        np.testing.assert_allclose(total, image + 0.5 * kl, rtol=1e-5)
        assert (kl >= 0).all()
    assert history["kl_loss"][-1] > 0.01
    assert history["loss"][-1] < history["loss"][0]
    assert history["reconstruction_loss"][0] > 5  # 120 pixels: a sum, not a mean
    assert model.name == "autoencoder"
