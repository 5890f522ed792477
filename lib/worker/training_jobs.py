"""Training jobs: one run of an autoencoder or of a classifier, from the data set to the finished run folder.

Both follow the same data flow: dataset, split, task, architecture, training, evaluation, run folder.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras

from lib.common.errors import STOPPED_BEFORE_TRAINING, Interrupted, describe_failure
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.config.memory_estimate import describe_plan
from lib.config.process_group import ProcessGroup
from lib.data.datasets import Dataset
from lib.evaluation.baselines import autoencoder_baselines, classifier_baselines, table_scores
from lib.evaluation.metrics import autoencoder_metrics, classifier_metrics, score_classes
from lib.evaluation.probes import encode_subset
from lib.evaluation.run_figures import RunFigures, draw_loss, menu_entries, shown_images
from lib.evaluation.run_figures.autoencoder import (
    AutoencoderFigures,
    packed_reconstructions,
    variant_examples,
)
from lib.evaluation.run_figures.classifier import ClassifierFigures
from lib.models.autoencoder import autoencoder_for_inference, build_training_model
from lib.models.classifier import build_classifier, classifier_for_inference, set_trainable
from lib.models.cloning import clone_reinitialized
from lib.models.pca import Components
from lib.models.saving.model_files import load_encoder, save_model
from lib.runs import records, run_folder
from lib.runs.events import Note, PhaseStarted, RunResult, RunStarted, Stage
from lib.runs.run_folder import Run
from lib.runs.run_log import RunLog
from lib.runs.validation import ONLY_PHASE
from lib.tasks import get_task
from lib.training.backend import describe_environment, device_name, require_tensorboard
from lib.training.callbacks import History, TrainingHooks
from lib.training.phases import Phase, autoencoder_phase, classifier_phases, scratch_phase
from lib.training.trainer import TrainingResult, fit
from lib.worker.first_weights import FirstWeights
from lib.worker.image_output import emit_notes
from lib.worker.initial_network import build_initial_network
from lib.worker.messages import LivePictures, Train, TrainingFinished
from lib.worker.process import Channel
from lib.worker.run_ending import complete_record, draw_figures, resumed_start_time
from lib.worker.saved_models import require_finite
from lib.worker.skippable import run_unless_stopped

CLOCK_NOTE = "Epochs and learning rate follow the clock: the same seed does not give the same numbers."
LIVE_PICTURES = 3  # shown after each epoch
CHECKED_IMAGES = 64  # that an encoder made elsewhere must encode before it is trained
CLASSIFIER_FILES = ("classifier-head.h5", "classifier.h5")  # saved after phase 1 and after phase 2


def run_training(
    channel: Channel, request: Train, dataset: Dataset, group: ProcessGroup | None = None
) -> None:
    """Train one run, new or resumed; the run folder is created after everything in the request is checked.

    Args:
        channel: receives the events.
        request: the settings and the folder.
        dataset: as `open_dataset` gives it.
        group: the processes that train together, if any; only the leader has a run folder.

    Raises:
        UserError: the network cannot be built, the model cannot be loaded or the folder cannot be used.
        RunFailed: the training or a file has failed; the record says so.
        Interrupted: Ctrl-C before the training began.
    """
    hp = request.hyperparameters
    job: TrainingJob
    if isinstance(hp, AutoencoderHyperparameters):
        job = AutoencoderJob(channel, hp, dataset, group)
    else:
        assert isinstance(hp, ClassifierHyperparameters)
        job = ClassifierJob(channel, hp, dataset, group)
    if hp.tensorboard:
        require_tensorboard()
    if channel.stop_event.is_set():
        raise Interrupted(STOPPED_BEFORE_TRAINING)
    if group and not group.is_leader:
        _follow_leader(channel, job, group)
        return
    if request.resume:
        run = Run.reopen(Path(request.resume), dataset.sha256)
    else:
        run = Run.create(request.output, hp, dataset.name, request.numbered)
    channel.log = RunLog(run.folder)
    channel.emit(RunStarted(str(run.folder), device_name()))
    emit_notes(channel, (*dataset.notes, *job.notes))
    run.update(dataset=dataset.to_json(), environment=describe_environment())
    keras.utils.set_random_seed(hp.seed)
    job.draws_in_background = request.background
    try:
        job.train(run, request.trial)
    except Exception as error:
        run_folder.close_record(run.folder, records.FAILED, describe_failure(error))
        raise


def _follow_leader(channel: Channel, job: "TrainingJob", group: ProcessGroup) -> None:
    process = f"process {group.rank + 1} of {group.world_size}"
    channel.emit(RunStarted(f"{process}, for the run of process 1", device_name()))
    keras.utils.set_random_seed(job.hp.seed)
    job.follow()
    channel.emit(TrainingFinished(folder="", record={}, views={}))


class TrainingJob:
    """Training of one run. `prepare` of a subclass checks everything that can be wrong in a request.

    Attributes:
        draws_in_background: the event `RunResult` comes before the figures are drawn, not after.
        notes: sentences for the user about files besides the data set.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, channel: Channel, hp: Hyperparameters, dataset: Dataset, group: ProcessGroup | None):
        self.channel = channel
        self.hp = hp
        self.dataset = dataset
        self.group = group
        self.draws_in_background = False
        self.prepare()

    def prepare(self) -> None:
        """Check that the network can be built. Raises `UserError`."""
        raise NotImplementedError

    def train(self, run: Run, trial: bool) -> None:
        """Train, save and evaluate into a run folder; a `trial` is scored on validation images only."""
        raise NotImplementedError

    def follow(self) -> None:
        """Compute a shard of each batch for the leader of the process group, through the same phases."""
        raise NotImplementedError

    def _announce_phase(
        self, phase: Phase, number: int = 1, count: int = 1, plan: str = "", epochs_before: int = 0
    ) -> None:
        images, minutes = len(self.dataset.train), phase.minutes
        epochs = self.hp.epochs + epochs_before if minutes is None else 0
        if minutes is not None and number == 1:
            self.channel.emit(Note(CLOCK_NOTE))
        started = PhaseStarted(number, count, phase.reason, epochs, images, plan, minutes=minutes)
        self.channel.emit(started)

    def _fit(
        self,
        model: keras.Model,
        phase: Phase,
        on_epoch_end: Callable[[History], None] = lambda history: None,
        folder: Path | None = None,
        earlier: History | None = None,
    ) -> TrainingResult:
        hooks = TrainingHooks(self.channel.emit, self.channel.stop_event, on_epoch_end)
        return fit(model, self.dataset, self.hp, phase, hooks, folder, self.group, earlier)

    def _announce_evaluation(self) -> None:
        text = f"evaluating the network and the baselines on {len(self.dataset.test):,} test images"
        self.channel.emit(Stage(text))

    def _ends_interrupted(self) -> bool:
        """Return whether Ctrl-C has ended the training; one that comes later skips baselines or figures."""
        interrupted = self.channel.stop_event.is_set()
        self.channel.stop_event.clear()
        return interrupted

    def _skippable_baselines(self, compute: Callable[[], dict]) -> dict:
        """Return the baselines; none after Ctrl-C."""
        baselines = run_unless_stopped(compute, self.channel.stop_event)
        if baselines is None:
            self.channel.stop_event.clear()
            self.channel.emit(Note("The baselines are skipped."))
        return baselines or {}

    def _record_trial(self, run: Run, metrics: dict) -> None:
        run.update(metrics=metrics)
        draw_loss(RunFigures(run, self.dataset, self.hp), run.figure_path("loss"))

    def _finish(
        self, run: Run, start_time: float, interrupted: bool, problem: str, figures_of: RunFigures | None
    ) -> None:
        """Complete the record, draw the figures, if any, and emit the last events."""
        background, entries = self.draws_in_background, menu_entries(self.hp.program)
        views = draw_figures(self.channel, figures_of) if figures_of and not background else {}
        complete_record(run, self.channel, self.dataset, start_time, interrupted, problem)
        self.channel.emit(RunResult(str(run.folder), run.record, entries))
        if figures_of and background:
            views = draw_figures(self.channel, figures_of)
        finished = TrainingFinished(folder=str(run.folder), record=run.record, figures=entries, views=views)
        self.channel.emit(finished)


class AutoencoderJob(TrainingJob):
    """Training of an autoencoder. Raises `UserError` if its architecture does not fit the images."""

    hp: AutoencoderHyperparameters

    def prepare(self) -> None:
        self.architecture = plan_architecture(self.hp, self.dataset.shape)
        self.notes = get_task(self.hp.task).notes(self.hp, self.dataset.shape)
        self.first_weights = FirstWeights(self.hp, self.dataset)
        self._components: Components | None = None  # of the training images, if the network begins with them

    def train(self, run: Run, trial: bool) -> None:
        hp, dataset, start_time = self.hp, self.dataset, resumed_start_time(run)
        # --- architecture
        model = self._build_model()
        notes, origin = self.first_weights.describe()
        emit_notes(self.channel, notes)
        run.update(**origin)
        training_model = build_training_model(model, self.architecture, len(dataset.classes))
        # --- task: examples during and before training
        validation = dataset.validation if hp.validates else dataset.train
        live_images = shown_images(validation, hp).first(LIVE_PICTURES)
        untrained = None
        if get_task(hp.task).variants and not trial:
            untrained = variant_examples(model, dataset.test, hp)

        def on_epoch_end(history: History) -> None:
            run.update(history={ONLY_PHASE: history})
            pictures = packed_reconstructions(model, live_images, hp)
            self.channel.emit(LivePictures(pictures))

        # --- training
        phase, earlier = autoencoder_phase(hp), self.first_weights.history
        plan = describe_plan(self.architecture)
        self._announce_phase(phase, plan=plan, epochs_before=len(earlier.get("loss", ())))
        result = self._fit(training_model, phase, on_epoch_end, run.folder, earlier)
        run.update(history={ONLY_PHASE: result.history})
        interrupted = self._ends_interrupted()
        # --- models
        self.channel.emit(Stage("saving the models"))
        inference_model = autoencoder_for_inference(model, self.architecture)
        for part in (model.get_layer("encoder"), model.get_layer("decoder"), inference_model):
            save_model(part, run.folder / f"{part.name}.h5", hp, value_range=dataset.value_range)
        # --- evaluation and figures
        sizes = {"latent_size": self.architecture.latent_size, "parameters": model.count_params()}
        score = partial(autoencoder_metrics, inference_model, training_model)
        figures_of = None
        if trial:
            self._record_trial(run, score(dataset.validation, hp, "validation") | sizes)
        else:
            self._announce_evaluation()
            self._record_test(run, score(dataset.test, hp) | sizes)
            figures_of = AutoencoderFigures(run, dataset, hp, inference_model, self.architecture, untrained)
        # --- run folder
        self._finish(run, start_time, interrupted, result.problem, figures_of)

    def follow(self) -> None:
        model = self._build_model()
        training_model = build_training_model(model, self.architecture, len(self.dataset.classes))
        phase = autoencoder_phase(self.hp)
        self._announce_phase(phase)
        self._fit(training_model, phase)

    def _build_model(self) -> keras.Model:
        """The network with its initial weights, those of a saved model where there is one."""
        model, self._components = build_initial_network(self.channel, self.architecture, self.dataset.train)
        self.first_weights.give(model)
        return model

    def _record_test(self, run: Run, metrics: dict) -> None:
        """Record the scores with those of the baselines."""
        latent_size = self.architecture.latent_size
        baselines = self._skippable_baselines(
            lambda: autoencoder_baselines(
                self.dataset,
                self.hp,
                latent_size,
                self._components,
                lambda text: self.channel.emit(Note(text)),
            )
        )
        run.update(metrics=metrics, baselines=baselines)


class ClassifierJob(TrainingJob):
    """Training of a classifier in two phases. Raises `UserError` if its model has no usable encoder."""

    hp: ClassifierHyperparameters

    def prepare(self) -> None:
        hp, dataset = self.hp, self.dataset
        self.encoder = load_encoder(Path(hp.require("model")), dataset.shape, hp.encoder_layer)
        if self.encoder.hp is None:  # else it has been trained and tested on such images
            sample = dataset.train.first(CHECKED_IMAGES)
            codes = encode_subset(self.encoder.model, sample, dataset.shape, None)
            names = [f"training image {number}" for number in range(1, len(codes) + 1)]
            require_finite(codes, names, hp.require("model"))

    def train(self, run: Run, trial: bool) -> None:
        hp, dataset, start_time = self.hp, self.dataset, resumed_start_time(run)
        stop_event = self.channel.stop_event
        # --- architecture
        run.update(encoder_layer=self.encoder.layer)
        emit_notes(self.channel, self.encoder.notes)
        model = self._build_model()
        inference_model = classifier_for_inference(model, hp)
        # --- training: the new layers alone, then everything; the model is saved after each phase
        histories: dict[str, dict] = {}
        problem = ""
        for number, (phase, file) in enumerate(zip(classifier_phases(hp), CLASSIFIER_FILES, strict=True), 1):
            if stop_event.is_set() or problem:
                break
            set_trainable(self.encoder.model, number == 2)
            result = self._fit_phase(run, model, phase, number, histories)
            histories[phase.name], problem = result.history, result.problem
            self.channel.emit(Stage(f"saving phase {number}"))
            save_model(inference_model, run.folder / file, hp, dataset.classes, dataset.value_range)
        # --- the same network from random weights, for comparison
        scratch_model = None
        if hp.scratch and not stop_event.is_set() and not problem:
            scratch_model, phase = self._build_model(random_weights=True), scratch_phase(hp)
            result = self._fit_phase(run, scratch_model, phase, 3, histories)
            histories[phase.name], problem = result.history, result.problem
        run.update(history=histories)
        interrupted = self._ends_interrupted()
        # --- evaluation and figures
        sizes, figures_of = {"parameters": model.count_params()}, None
        if trial:
            metrics, _ = classifier_metrics(
                inference_model, dataset.validation, dataset.classes, hp, "validation"
            )
            self._record_trial(run, metrics | sizes)
        else:
            figures_of = self._evaluate(run, inference_model, sizes, scratch_model)
        # --- run folder
        self._finish(run, start_time, interrupted, problem, figures_of)

    def follow(self) -> None:
        model = self._build_model()
        for number, phase in enumerate(classifier_phases(self.hp), 1):
            set_trainable(self.encoder.model, number == 2)
            if not self._follow_phase(model, phase):
                return
        if self.hp.scratch:
            self._follow_phase(self._build_model(random_weights=True), scratch_phase(self.hp))

    def _follow_phase(self, model: keras.Model, phase: Phase) -> bool:
        """Train one phase, and return whether the leader may begin another."""
        self._announce_phase(phase)
        result = self._fit(model, phase)
        return not result.problem and not self.channel.stop_event.is_set()

    def _build_model(self, random_weights: bool = False) -> keras.Model:
        """The classifier on the saved encoder, or on the same encoder with random weights."""
        encoder = self.encoder.model
        if random_weights:
            keras.utils.set_random_seed(self.hp.seed)  # the weights must not depend on the phases before
            encoder = clone_reinitialized(encoder, self.encoder.hp)
        return build_classifier(
            encoder, len(self.dataset.classes), self.hp, self.dataset.shape, self.encoder.hp
        )

    def _fit_phase(
        self, run: Run, model: keras.Model, phase: Phase, number: int, histories: dict[str, dict]
    ) -> TrainingResult:
        """Train one phase; `histories` are those of the phases before, for the record."""

        def on_epoch_end(history: History) -> None:
            run.update(history=histories | {phase.name: history})

        self._announce_phase(phase, number, 3 if self.hp.scratch else 2)
        return self._fit(model, phase, on_epoch_end, run.folder)

    def _evaluate(
        self, run: Run, model: keras.Model, sizes: dict, scratch_model: keras.Model | None
    ) -> ClassifierFigures:
        """Score the model and the baselines on the test set, and return what the figures are drawn from."""
        hp, dataset = self.hp, self.dataset
        self._announce_evaluation()
        metrics, probabilities = classifier_metrics(model, dataset.test, dataset.classes, hp)
        baselines = self._skippable_baselines(lambda: classifier_baselines(dataset, hp))
        if scratch_model is not None:
            inference_model = classifier_for_inference(scratch_model, hp)
            _, outputs = classifier_metrics(inference_model, dataset.test, dataset.classes, hp)
            scores = score_classes(hp, outputs, dataset.test.labels)
            baselines |= table_scores("scratch", scores, hp.program)
        run.update(metrics=metrics | sizes, baselines=baselines)
        return ClassifierFigures(run, dataset, hp, probabilities)
