"""python -m pytest tests/training/test_trainer.py"""

import re
import threading

import keras
import numpy as np
import pytest

from lib.common.errors import RunFailed
from lib.config import architecture_planner
from lib.config.fields import LOSSES, OPTIMIZERS
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.data.augmentation import AUGMENTATIONS
from lib.models import autoencoder
from lib.models.vae import KLDivergence, Sampling
from lib.training import callbacks, optimizers, phases, trainer


def quiet(*args, **event):
    pass


def trained(tiny, tell=quiet, stopped=None, folder=None, **values):
    """A tiny autoencoder, trained; the history, the model, and the lengths of the histories that `at_epoch`
    saw.
    """
    outcome, model, seen = outcome_of(tiny, tell, stopped, folder, **values)
    assert outcome.trouble == ""
    return outcome.history, model, seen


def outcome_of(tiny, tell=quiet, stopped=None, folder=None, **values):
    hp = Hyperparameters(dataset=tiny["-d"], layers=1, kernels=4, batch_size=8, **({"epochs": 3} | values))
    keras.utils.set_random_seed(hp.seed)
    dataset = datasets.load_dataset(hp)
    plan = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_autoencoder(plan)
    seen = []
    outcome = trainer.fit(
        autoencoder.build_training_model(model, plan, len(dataset.classes)),
        dataset,
        hp,
        phases.autoencoder_phase(hp),
        tell,
        stopped or threading.Event(),
        lambda h: seen.append(len(h["loss"])),
        folder,
    )
    return outcome, model, seen


def test_training_learns_and_tells(tiny):
    events = []
    history, _, seen = trained(
        tiny, lambda event, **content: events.append((event, content)), epochs=8, learning_rate=0.02
    )
    assert history["loss"][-1] < history["loss"][0] / 2
    assert seen == list(range(1, 9))
    epochs = [content for event, content in events if event == "epoch"]
    assert [e["epoch"] for e in epochs] == list(range(1, 9))
    assert [e["val_loss"] for e in epochs] == history["val_loss"]
    assert all(e["speed"] > 0 for e in epochs)
    assert any(event == "step" for event, _ in events)


def test_one_seed_gives_the_same_numbers(tiny):
    (one, _, _), (two, _, _), (other, _, _) = trained(tiny), trained(tiny), trained(tiny, seed=1)
    assert one["loss"] == two["loss"]
    assert one["val_loss"] == two["val_loss"]
    assert one["loss"] != other["loss"]


def test_stopping_ends_after_the_batch_and_keeps_the_best_weights(tiny):
    stopped = threading.Event()

    def tell(event, **content):
        if event == "epoch" and content["epoch"] == 2:
            stopped.set()

    history, model, _ = trained(tiny, tell, stopped, epochs=50, learning_rate=0.02)
    assert len(history["loss"]) == 3  # the third epoch was left after its first batch
    hp = Hyperparameters(dataset=tiny["-d"])
    validation = trainer.Batches(datasets.load_dataset(hp).validation, 8, hp)
    assert float(model.evaluate(validation, verbose=0)) == pytest.approx(min(history["val_loss"]), rel=1e-5)


def test_a_loss_that_is_no_number_is_explained(tiny, monkeypatch):
    monkeypatch.setattr(
        trainer.Batches, "__getitem__", lambda self, n: (np.full((8, 12, 10, 1), np.nan),) * 2
    )
    with pytest.raises(
        RunFailed, match=r"the loss is no number any more in epoch 1; a smaller --learning-rate than 0\.005"
    ):
        trained(tiny)


def spoiled(monkeypatch, epoch: int, value: float):
    """A `tell` from whose event of that epoch on all targets that are made hold one value."""
    true, over = trainer.Batches.__getitem__, threading.Event()

    def batch(self, number):
        inputs, targets = true(self, number)
        return (inputs, np.full_like(targets, value)) if over.is_set() else (inputs, targets)

    def tell(event, **content):
        if event == "epoch" and content["epoch"] == epoch:
            over.set()

    monkeypatch.setattr(trainer.Batches, "__getitem__", batch)
    return tell


@pytest.mark.parametrize(
    ("value", "words", "epochs"),
    [
        (
            np.nan,
            "the loss is no number any more in epoch 4; a smaller --learning-rate than 0.005 may help",
            3,
        ),
        (100.0, "the loss grew to .* in epoch 4, from .*; a smaller --learning-rate than 0.005 may help", 4),
    ],
)
def test_a_training_that_goes_wrong_keeps_its_best_weights(tiny, monkeypatch, value, words, epochs):
    _, good, _ = trained(tiny, epochs=3, schedule="constant")
    outcome, model, _ = outcome_of(tiny, spoiled(monkeypatch, 3, value), epochs=10, schedule="constant")
    assert len(outcome.history["loss"]) == epochs
    best = 1 + int(np.argmin(outcome.history["val_loss"]))
    assert re.fullmatch(f"{words}; the weights of epoch {best} are kept", outcome.trouble)
    for kept, expected in zip(model.get_weights(), good.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, expected)


class Killed(Exception):
    pass


def cut(tiny, folder, epoch: int, **values) -> None:
    """Train, and die in the middle of an epoch."""

    def tell(event, **content):
        if event == "step" and content["epoch"] == epoch:
            raise Killed

    with pytest.raises(Killed):
        trained(tiny, tell, folder=folder, **values)


@pytest.mark.parametrize(
    ("epoch", "values"),
    [
        (2, dict()),
        (
            4,
            dict.fromkeys(AUGMENTATIONS, True)
            | dict(dropout=0.3, task="denoise", noise=0.3, optimizer="adamw", weight_decay=0.01),
        ),
        (3, dict(variational=True, latent_dim=2, beta=0.5)),
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
        (
            2,
            dict(
                optimizer="muon",
                latent_dim=16,
                weight_decay=0.01,
                label_weight=0.1,
                labels="train-labels.idx",
            ),
        ),
    ],
    ids=["plain", "random", "variational", "plateau", "exponential", "muon and labels"],
)
def test_a_resumed_training_computes_the_same_numbers(tiny, tmp_path, monkeypatch, epoch, values):
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STEPS", 0)
    whole, expected, _ = trained(tiny, folder=tmp_path / "whole", epochs=4, **values)
    cut(tiny, tmp_path / "cut", epoch, epochs=4, **values)
    history, model, seen = trained(tiny, folder=tmp_path / "cut", epochs=4, **values)
    assert seen == list(range(epoch, 5))
    for name in set(whole) - {"seconds"}:
        assert history[name] == whole[name], name
    for mine, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_training_that_had_ended_gives_its_best_weights_again(tiny, tmp_path):
    """Killed after the last epoch, or after patience had run out: nothing is left to train."""
    for values in (
        dict(epochs=4, learning_rate=0.3, optimizer="sgd"),
        dict(epochs=30, learning_rate=1e-9, patience=3),
    ):
        folder = tmp_path / str(values["epochs"])
        history, model, _ = trained(tiny, folder=folder, **values)
        again, twin, seen = trained(tiny, folder=folder, **values)
        assert (again, seen) == (history, [])
        for mine, other in zip(twin.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_an_epoch_that_was_left_in_the_middle_is_trained_again(tiny, tmp_path):
    stopped = threading.Event()
    whole, _, _ = trained(tiny, epochs=4)

    def tell(event, **content):
        if event == "epoch" and content["epoch"] == 2:
            stopped.set()

    history, _, _ = trained(tiny, tell, stopped, tmp_path, epochs=4)
    assert len(history["loss"]) == 3
    again, _, seen = trained(tiny, folder=tmp_path, epochs=4)
    assert (again["loss"], seen) == (whole["loss"], [3, 4])


def test_the_schedule_rises_then_falls_to_nothing():
    schedule = optimizers.learning_rate_schedule(Hyperparameters(), 0.01, 1000)
    rates = [float(schedule(step)) for step in (0, 25, 50, 525, 1000)]
    assert rates == pytest.approx([0.001, 0.0055, 0.01, 0.005, 0], abs=1e-6)


def test_the_second_phase_is_slower():
    head, everything = phases.classifier_phases(
        Hyperparameters(program="classification", learning_rate=0.002)
    )
    assert (head.learning_rate, everything.learning_rate) == (0.002, 0.001)
    assert "frozen" in head.why


def test_speed_is_the_median_epochs():
    assert trainer.images_per_second({"seconds": [9.0, 2.0, 1.0]}, 100) == 50


def test_the_other_schedules():
    for name in ("constant", "plateau"):
        assert optimizers.learning_rate_schedule(Hyperparameters(schedule=name), 0.01, 1000) == 0.01
    schedule = optimizers.learning_rate_schedule(Hyperparameters(schedule="exponential"), 0.01, 1000)
    assert [float(schedule(step)) for step in (0, 500, 1000)] == pytest.approx([0.01, 0.001, 0.0001])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains(name, tiny):
    assert isinstance(
        optimizers.make_optimizer(Hyperparameters(optimizer=name), 0.1), keras.optimizers.get(name).__class__
    )
    history, _, _ = trained(tiny, optimizer=name, weight_decay=0.01, epochs=1)
    assert np.isfinite(history["loss"]).all()
    assert (
        optimizers.make_optimizer(Hyperparameters(optimizer=name, weight_decay=0.01), 0.1).weight_decay
        == 0.01
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_kerass_own(loss):
    function = phases.pixel_loss(Hyperparameters(loss=loss))
    one, other = (np.full((2, 3, 3, 1), value, np.float32) for value in (0.25, 0.75))
    expected = {"mse": 0.25, "mae": 0.5, "huber": 0.125, "bce": -(0.25 * np.log(0.75) + 0.75 * np.log(0.25))}[
        loss
    ]
    assert float(keras.ops.mean(function(one, other))) == pytest.approx(expected, rel=1e-4)


def test_patience_stops_and_the_plateau_cuts_the_rate(tiny):
    """A rate at which nothing can be learned: every epoch is as bad as the first."""
    values = dict(
        epochs=30, learning_rate=1e-9, patience=4, schedule="plateau", plateau_factor=0.25, plateau_patience=1
    )
    history, _, _ = trained(tiny, **values)
    assert len(history["loss"]) < 12
    rates = history["learning_rate"]
    assert rates == sorted(rates, reverse=True)
    assert min(rates) == pytest.approx(
        1e-9 * 0.25 ** round(np.log(rates[-1] / 1e-9) / np.log(0.25)), rel=1e-3
    )


def test_l2_is_added_to_the_loss(tiny):
    plain, _, _ = trained(tiny, epochs=1, learning_rate=1e-9)
    heavy, _, _ = trained(tiny, epochs=1, learning_rate=1e-9, l2=0.1)
    assert heavy["val_loss"][0] > plain["val_loss"][0] + 0.1
    assert "val_mse" not in plain
    assert heavy["val_mse"][0] == pytest.approx(plain["val_loss"][0], abs=1e-4)  # which is what races look at


@pytest.mark.parametrize("variational", [False, True])
def test_labels_are_learned_by_the_code_and_not_counted_as_loss(tiny, variational):
    values = dict(latent_dim=4, fc_units=16, epochs=20, learning_rate=0.01, variational=variational)
    history, model, _ = trained(tiny, label_weight=1, labels=tiny["-dl"], **values)
    parts = {"loss", "labels_accuracy"} | ({"reconstruction_loss", "kl_loss"} if variational else set())
    assert set(history) == parts | {f"val_{part}" for part in parts} | {"seconds"}
    if variational:
        for prefix in ("", "val_"):
            total, image, kl = (
                np.array(history[prefix + name]) for name in ("loss", "reconstruction_loss", "kl_loss")
            )
            np.testing.assert_allclose(total, image + kl, rtol=1e-3)
    assert history["loss"][-1] < history["loss"][0]
    assert history["labels_accuracy"][-1] > 0.9 > history["labels_accuracy"][0]
    alone, _, _ = trained(
        tiny, label_weight=1, labels=tiny["-dl"], split="90/0/10", **values | dict(epochs=1)
    )
    assert set(alone) == parts | {"seconds"}  # without validation images as well
    assert [layer.name for layer in model.layers if isinstance(layer, keras.Model)] == ["encoder", "decoder"]


def test_the_loss_beside_labels_is_the_error_of_the_images_alone(tiny):
    """To float32's last digits, whatever the last batch's size and the weight."""
    values = dict(learning_rate=1e-9, epochs=1, batch_norm="none", l2=0.01, labels=tiny["-dl"])
    plain, _, _ = trained(tiny, **values)
    labeled, _, _ = trained(tiny, label_weight=2, **values)
    assert labeled["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-5)
    assert labeled["loss"] == pytest.approx(plain["loss"], rel=1e-5)


def test_steps_tell_the_loss_without_the_labels(tiny, monkeypatch):
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_STEPS", 0)
    steps = []
    history, _, _ = trained(
        tiny,
        lambda event, **content: steps.append(content) if event == "step" else None,
        epochs=1,
        label_weight=100,
        labels=tiny["-dl"],
    )
    assert steps[-1]["loss"] == pytest.approx(history["loss"][0], rel=1e-3)
    assert max(step["loss"] for step in steps) < 1  # the cross-entropy of three classes is 1.1


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_a_vae_reports_its_two_losses_in_nats_per_image(tiny, loss):
    history, model, _ = trained(tiny, variational=True, latent_dim=2, beta=0.5, loss=loss, epochs=6)
    for prefix in ("", "val_"):
        total, image, kl = (
            np.array(history[prefix + name]) for name in ("loss", "reconstruction_loss", "kl_loss")
        )
        np.testing.assert_allclose(total, image + 0.5 * kl, rtol=1e-4)
        assert (kl >= 0).all()
    assert history["kl_loss"][-1] > 0.01
    assert history["loss"][-1] < history["loss"][0]
    assert history["reconstruction_loss"][0] > 5  # 120 pixels: a sum, not a mean
    assert model.name == "autoencoder"


def test_the_divergence_is_the_closed_form():
    random = np.random.default_rng(0)
    mean, log_var = random.normal(size=(2, 4, 3)).astype(np.float32)
    kl = keras.ops.convert_to_numpy(KLDivergence()(mean, log_var))
    expected = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(kl, expected, rtol=1e-5)
    # The same by drawing: log q(z) − log p(z) on average.
    many = np.repeat(mean[:1], 200_000, axis=0), np.repeat(log_var[:1], 200_000, axis=0)
    z = keras.ops.convert_to_numpy(Sampling(0)(*many))
    np.testing.assert_allclose(z.mean(axis=0), mean[0], atol=0.02)
    np.testing.assert_allclose(z.var(axis=0), np.exp(log_var[0]), rtol=0.02)
    ratio = (-0.5 * ((z - mean[0]) ** 2 / np.exp(log_var[0]) + log_var[0]) + 0.5 * z**2).sum(axis=1)
    assert ratio.mean() == pytest.approx(expected[0, 0], rel=0.02)


def test_the_sampling_layer_survives_saving():
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Sampling(7)))
    assert again.seed == 7
