"""python -m pytest tests/test_training.py"""

import threading

import keras
import numpy as np
import pytest

from lib import datasets, networks, shapes, training
from lib.errors import RunFailed
from lib.hyperparameters import Hyperparameters


def trained(tiny, tell=lambda *args, **event: None, stopped=None, **values):
    """A tiny autoencoder, trained; the history, the model, and the histories that `at_epoch` saw."""
    hp = Hyperparameters(dataset=tiny["-d"], layers=1, kernels=4, batch_size=8, **({"epochs": 3} | values))
    keras.utils.set_random_seed(hp.seed)
    dataset = datasets.load(hp)
    model = networks.build_autoencoder(shapes.plan(hp, dataset.shape))
    seen = []
    history = training.fit(
        model,
        dataset,
        hp,
        training.autoencoder_phase(hp),
        tell,
        stopped or threading.Event(),
        lambda h: seen.append(len(h["loss"])),
    )
    return history, model, seen


def test_training_learns_and_tells(tiny):
    events = []
    history, _, seen = trained(tiny, lambda event, **content: events.append((event, content)), epochs=8)
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
    validation = training.Batches(datasets.load(hp).validation, 8, "reconstruct")
    assert float(model.evaluate(validation, verbose=0)) == pytest.approx(min(history["val_loss"]), rel=1e-5)


def test_a_loss_that_is_no_number_is_explained(tiny, monkeypatch):
    monkeypatch.setattr(training.Batches, "__getitem__", lambda self, n: (np.full((8, 12, 10, 1), np.nan),) * 2)
    with pytest.raises(RunFailed, match=r"the loss is no number any more after epoch 1; a smaller --learning-rate than 0\.005"):
        trained(tiny)


def test_the_schedule_rises_then_falls_to_nothing():
    schedule = training.schedule(0.01, 1000)
    rates = [float(schedule(step)) for step in (0, 25, 50, 525, 1000)]
    assert rates == pytest.approx([0.001, 0.0055, 0.01, 0.005, 0], abs=1e-6)


def test_the_second_phase_is_slower():
    head, everything = training.classifier_phases(Hyperparameters(program="classification", learning_rate=0.002))
    assert (head.learning_rate, everything.learning_rate) == (0.002, 0.001)
    assert "frozen" in head.why


def test_speed_is_the_median_epochs():
    assert training.images_per_second({"seconds": [9.0, 2.0, 1.0]}, 100) == 50
