"""Training of one phase: `fit`, in this process or on all devices of a process group, in any precision."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras

from lib.common.errors import RunFailed
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.process_group import ProcessGroup, Shard
from lib.config.training_choices import SCHEDULES
from lib.data.datasets import Dataset
from lib.training.backend import build_before_first_step, fused_batch_norm, input_pipeline
from lib.training.batches import Batches
from lib.training.callbacks import EpochReporter, History, SeparateLosses, TrainingHooks
from lib.training.checkpoints import Checkpoint
from lib.training.distributed import StopAgreement, distribution_scope, run_undistributed
from lib.training.optimizers import learning_rate_schedule, make_optimizer
from lib.training.penalty_schedule import PenaltySchedule
from lib.training.phases import Phase
from lib.training.replicas import copy_state, make_replica
from lib.training.time_limit import TimeLimit

TENSORBOARD_FOLDER = "tensorboard"  # in the run folder
MAX_EPOCHS = 1_000_000  # of a training that ends by the clock


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of a phase. The model has the weights of its best epoch either way.

    Args:
        history: a value per epoch for each quantity: `loss`, `val_loss`, ..., and `seconds` of training
            without validation.
        problem: why training ended early, in a sentence; empty if it went well or was stopped.
    """

    history: History
    problem: str = ""


def fit(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    hooks: TrainingHooks,
    folder: Path | None = None,
    group: ProcessGroup | None = None,
    earlier: History | None = None,
) -> TrainingResult:
    """Train a model for one phase and leave the weights of its best epoch in it.

    The best epoch has the lowest validation loss; without validation images, the lowest training loss.

    With a process group or a precision other than float32 a replica is trained. Its weights are copied back
    to the model after every epoch, so that saved files are always float32. All processes of a group call
    `fit` with the same arguments, and the result is the same in all.

    Args:
        model: takes the inputs of `Batches` and has the outputs that the phase's loss names.
        dataset: its training and validation images are used.
        hp: settings of batches, optimizer, schedule, precision and early stopping.
        phase: loss, metrics, learning rate and targets.
        hooks: functions that are called during training.
        folder: the run folder, for checkpoints and a TensorBoard log. Training goes on from a checkpoint of
            the phase that lies there.
        group: the process group, if training is distributed.
        earlier: history of the run that this one continues, from whose best weights the model begins. The
            epochs are counted on from it, and the best of all is kept.

    Returns:
        The history, and the problem if training ended early.

    Raises:
        RunFailed: the loss is infinite or NaN in the first epoch, or a checkpoint cannot be written.
        UserError: the checkpoint cannot be read.
    """
    with distribution_scope(group) as shard:
        if shard is None and hp.precision == "float32":
            return _fit_model(model, dataset, hp, phase, hooks, folder, earlier=earlier)

        # --- replica: in the scope, so that its variables live on all devices
        replica = make_replica(model, hp.precision)
        stop = StopAgreement(hooks.stop_event, group)

        def on_epoch_end(history: History) -> None:
            stop.synchronize()
            copy_state(replica, model)
            run_undistributed(lambda: hooks.on_epoch_end(history))

        replica_hooks = TrainingHooks(hooks.emit, stop, on_epoch_end)
        result = _fit_model(replica, dataset, hp, phase, replica_hooks, folder, shard, earlier)
        stop.synchronize()  # a stop in the last epoch; every process gets here, whatever ended its training
    if stop.is_set():
        hooks.stop_event.set()  # in the processes that did not ask for it

    # --- model: the best weights, and compiled for evaluation, outside of the scope
    copy_state(replica, model)
    model.compile(loss=phase.loss, loss_weights=phase.loss_weights, metrics=phase.metrics)
    return result


def images_per_second(history: History, images: int) -> float:
    """Return the speed of a training, the median over its epochs, validation not included.

    Args:
        history: with the `seconds` of each epoch, one at least.
        images: of an epoch.
    """
    return images / statistics.median(history["seconds"])


def _fit_model(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    hooks: TrainingHooks,
    folder: Path | None,
    shard: Shard | None = None,
    earlier: History | None = None,
) -> TrainingResult:
    """Train the model itself, on the rows of a shard, if any."""
    # --- batches: from the epoch after the checkpoint; a finished phase only restores its best weights
    checkpoint = Checkpoint(folder, phase.name, earlier)
    last_epoch = checkpoint.earlier_epochs + (hp.epochs if phase.minutes is None else MAX_EPOCHS)
    first_epoch = last_epoch if checkpoint.finished else checkpoint.epochs
    make_batches = partial(
        Batches,
        batch_size=hp.batch_size,
        hp=hp,
        labeled=phase.labeled,
        transform=phase.transform,
        shard=shard,
        endless=True,
    )
    training = make_batches(dataset.train, training=True, first_epoch=first_epoch)
    validation = make_batches(dataset.validation)

    # --- compiled model, with all its variables
    time_limit = [TimeLimit(hp, phase, checkpoint)] if phase.minutes is not None else []
    schedule = learning_rate_schedule(hp, phase.learning_rate, len(training) * hp.epochs)
    optimizer = make_optimizer(hp, phase.learning_rate if time_limit else schedule)
    model.compile(optimizer, phase.loss, loss_weights=phase.loss_weights, metrics=phase.metrics)
    build_before_first_step(model, training[0])

    # --- callbacks: label losses are removed first, the reporter sees what all others have changed
    monitor, patience = "val_loss" if len(validation) else "loss", hp.patience or last_epoch
    # It keeps the best weights; without patience it never stops.
    early_stopping = keras.callbacks.EarlyStopping(monitor, patience=patience, restore_best_weights=True)
    resumed = [early_stopping, *_plateau_schedule(hp)]  # those that remember past epochs
    save = partial(checkpoint.write, model, early_stopping)
    restore = partial(checkpoint.restore, model, resumed)
    reporter = EpochReporter(training, hooks, save, restore, None if time_limit else last_epoch)
    clock = time_limit[0] if time_limit else None
    penalty = _penalty_schedule(hp, len(training), last_epoch, clock)
    stateless = [*time_limit, *penalty, *_stateless_callbacks(hp, phase, folder)]
    callbacks = [*_separate_losses(phase), *resumed, *stateless, reporter]

    # --- training
    validation_options = {}
    if len(validation):
        validation_options = {
            "validation_data": input_pipeline(validation),
            "validation_steps": len(validation),
        }
    with fused_batch_norm(model):
        model.fit(
            input_pipeline(training),
            epochs=last_epoch,
            initial_epoch=first_epoch,
            steps_per_epoch=len(training),
            **validation_options,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    return _result(reporter, early_stopping, phase)


def _plateau_schedule(hp: Hyperparameters) -> list[keras.callbacks.Callback]:
    if not SCHEDULES[hp.schedule].lowers_on_plateau:
        return []
    return [
        keras.callbacks.ReduceLROnPlateau(factor=hp.plateau_factor, patience=hp.plateau_patience, min_delta=0)
    ]


def _penalty_schedule(
    hp: Hyperparameters, steps: int, epochs: int, time_limit: TimeLimit | None
) -> list[keras.callbacks.Callback]:
    if not isinstance(hp, AutoencoderHyperparameters) or not hp.beta_warmup:
        return []
    return [PenaltySchedule(hp, steps, epochs, time_limit and (lambda: time_limit.progress))]


def _separate_losses(phase: Phase) -> list[keras.callbacks.Callback]:
    return [SeparateLosses(phase.loss_weights)] if phase.loss_weights else []


def _stateless_callbacks(
    hp: Hyperparameters, phase: Phase, folder: Path | None
) -> list[keras.callbacks.Callback]:
    """Callbacks without a memory: the end of a training whose loss is NaN, and the TensorBoard log."""
    callbacks: list[keras.callbacks.Callback] = [keras.callbacks.TerminateOnNaN()]
    if hp.tensorboard and folder is not None:
        log_folder = folder / TENSORBOARD_FOLDER / phase.name
        callbacks.append(keras.callbacks.TensorBoard(log_folder, write_graph=False))
    return callbacks


def _result(
    reporter: EpochReporter, early_stopping: keras.callbacks.EarlyStopping, phase: Phase
) -> TrainingResult:
    if not reporter.problem:
        return TrainingResult(reporter.history)
    advice = f"{reporter.problem}; a smaller --learning-rate than {phase.learning_rate:g} may help"
    if not reporter.history:
        raise RunFailed(advice)
    return TrainingResult(
        reporter.history, f"{advice}; the weights of epoch {early_stopping.best_epoch + 1} are kept"
    )
