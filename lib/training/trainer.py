"""Training: optimizer, schedule, callbacks, `fit`; the autoencoder's one phase and the classifier's two."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

import keras

from lib.common.errors import RunFailed
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup, Shard
from lib.data.datasets import Dataset
from lib.models.autoencoder import LABELS
from lib.training.backend import build_before_first_step, fused_batch_norm, input_pipeline, with_scan
from lib.training.batches import Batches
from lib.training.callbacks import EpochReporter, SeparateLabelLoss
from lib.training.checkpoints import Checkpoint
from lib.training.distributed import StopAgreement, distribution_scope, run_undistributed
from lib.training.optimizers import learning_rate_schedule, make_optimizer
from lib.training.phases import Phase
from lib.training.replicas import copy_state, make_replica

TENSORBOARD_FOLDER = "tensorboard"  # in the run folder


@dataclass(frozen=True)
class Trained:
    """What came of a phase: the history (a list per quantity: `loss`, `val_loss`, …, `seconds`; a number per
    epoch), and, where training ended for the worse, why; the model has its best weights either way.
    """

    history: dict[str, list[float]]
    trouble: str = ""


def fit(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    tell: Callable[..., None],
    stopped: Event,
    at_epoch: Callable[[dict], None],
    folder: Path | None = None,
    share: Shard | None = None,
) -> Trained:
    """Train `model` for one phase and leave the weights of its best epoch in it: by validation loss, or where
    no images are kept apart for that, by the loss itself.

    Parameters: `tell` takes the events (`step`, `epoch`), `stopped` ends training after the batch under way,
    and `at_epoch` gets the history so far at the end of each epoch. In `folder`, that of the run, each epoch
    leaves a checkpoint; where there is one already, training goes on from it. A TensorBoard log goes there
    too where `hp.tensorboard` asks for it. `share` is what this process takes of each batch, where several
    devices train together. Raises `RunFailed` when the loss is no number any more before there are weights
    worth keeping, or when the checkpoint cannot be written; `UserError` when it cannot be read.
    """
    checkpoint = Checkpoint(folder, phase.name)
    done = hp.epochs if checkpoint.over else checkpoint.epochs
    batches = partial(Batches, labeled=phase.labeled, form=phase.form, share=share, endless=True)
    train = batches(dataset.train, hp.batch_size, hp, learn=True, first=done)
    validation = batches(dataset.validation, hp.batch_size, hp)
    rate = learning_rate_schedule(hp, phase.learning_rate, len(train) * hp.epochs)
    model.compile(make_optimizer(hp, rate), phase.loss, loss_weights=phase.weights, metrics=phase.metrics)
    build_before_first_step(model, train[0])
    gangs = with_scan(model, train)
    # Without a patience of its own it never stops, and only keeps the best weights.
    watched = "val_loss" if len(validation) else "loss"
    best = keras.callbacks.EarlyStopping(
        monitor=watched, patience=hp.patience or hp.epochs, restore_best_weights=True
    )
    lasting = [best]  # those that remember the epochs which are past
    if hp.schedule == "plateau":
        lasting.append(
            keras.callbacks.ReduceLROnPlateau(
                factor=hp.plateau_factor, patience=hp.plateau_patience, min_delta=0
            )
        )
    others = [keras.callbacks.TerminateOnNaN()]
    if hp.tensorboard and folder is not None:
        others.append(
            keras.callbacks.TensorBoard(folder / TENSORBOARD_FOLDER / phase.name, write_graph=False)
        )

    def keep(history: dict, whole: bool) -> None:
        if whole:  # and before the record, which never promises an epoch that could be lost
            checkpoint.write(model, best, history)
        at_epoch(history)

    # The reporter comes last, so that it sees what the others add to an epoch's numbers, or take from them.
    reporter = EpochReporter(gangs, tell, stopped, keep, lambda: checkpoint.restore(model, lasting))
    callbacks = [*lasting, *others, reporter]
    if phase.weights and LABELS in phase.weights:
        callbacks.insert(0, SeparateLabelLoss(phase.weights))
    held = (
        dict(validation_data=input_pipeline(validation), validation_steps=len(validation))
        if len(validation)
        else {}
    )
    epochs = dict(epochs=hp.epochs, initial_epoch=done, steps_per_epoch=len(gangs))
    with fused_batch_norm(model):
        model.fit(input_pipeline(gangs), **epochs, **held, shuffle=False, verbose=0, callbacks=callbacks)
    if not reporter.trouble:
        return Trained(reporter.history)
    advice = f"{reporter.trouble}; a smaller --learning-rate than {phase.learning_rate:g} may help"
    if not reporter.history:
        raise RunFailed(advice)
    return Trained(reporter.history, f"{advice}; the weights of epoch {best.best_epoch + 1} are kept")


def images_per_second(history: dict[str, list[float]], images: int) -> float:
    """Training speed over whole epochs, the median one."""
    return images / statistics.median(history["seconds"])


def fit_replica(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    tell: Callable[..., None],
    stopped: Event,
    at_epoch: Callable[[dict], None],
    folder: Path | None,
    team: ProcessGroup | None,
) -> Trained:
    """`training.fit` with the same outcome, on the devices of a team, in `hp.precision`; with neither it is
    just that.

    Each process of the team calls it with the same model, data and hyperparameters; what they compute is the
    same in all.
    """
    with distribution_scope(team) as share:
        if share is None and hp.precision == "float32":
            return fit(model, dataset, hp, phase, tell, stopped, at_epoch, folder)
        learner = make_replica(model, hp.precision)
        agreed = StopAgreement(stopped, team)

        def beside(history: dict) -> None:
            agreed.agree()
            copy_state(learner, model)
            run_undistributed(lambda: at_epoch(history))

        trained = fit(learner, dataset, hp, phase, tell, agreed, beside, folder, share)
        agreed.agree()
    if agreed.is_set():
        stopped.set()  # whoever has asked for it
    copy_state(learner, model)
    model.compile(loss=phase.loss, loss_weights=phase.weights, metrics=phase.metrics)
    return trained
