"""Job of training one classifier in two phases."""

from pathlib import Path

import keras

from lib.config.hyperparameters import ClassifierHyperparameters
from lib.evaluation.baselines import classifier_baselines, table_scores
from lib.evaluation.metrics import classifier_metrics, score_classes
from lib.evaluation.probes import encode_subset
from lib.evaluation.run_figures.classifier import ClassifierFigures
from lib.models.classifier import build_classifier, classifier_for_inference, set_trainable
from lib.models.cloning import clone_reinitialized
from lib.models.saving.model_files import load_encoder, save_model
from lib.runs.events import Stage
from lib.runs.run_folder import Run
from lib.training.callbacks import History
from lib.training.phases import Phase, classifier_phases, scratch_phase
from lib.training.trainer import TrainingResult
from lib.worker.image_output import emit_notes
from lib.worker.run_ending import resumed_start_time
from lib.worker.saved_models import require_finite
from lib.worker.training_job import TrainingJob

CHECKED_IMAGES = 64  # that an encoder made elsewhere must encode before it is trained
CLASSIFIER_FILES = ("classifier-head.h5", "classifier.h5")  # saved after phase 1 and after phase 2


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
        baselines = self._skippable_baselines(lambda: classifier_baselines(dataset, hp)) or {}
        if scratch_model is not None:
            inference_model = classifier_for_inference(scratch_model, hp)
            _, outputs = classifier_metrics(inference_model, dataset.test, dataset.classes, hp)
            scores = score_classes(hp, outputs, dataset.test.labels)
            baselines |= table_scores("scratch", scores, hp.program)
        run.update(metrics=metrics | sizes, baselines=baselines)
        return ClassifierFigures(run, dataset, hp, probabilities)
