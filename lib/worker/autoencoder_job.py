"""Job of training one autoencoder."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from functools import partial

import keras

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.memory_estimate import describe_plan
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation.baselines import autoencoder_baselines
from lib.evaluation.compression import can_compress, compression_scores
from lib.evaluation.detection.detecting_model import DetectingModel, fit_to_dataset, require_validation
from lib.evaluation.detection.detector_record import describe_detector, save_detector
from lib.evaluation.detection.evidence import (
    BaselineEvidence,
    Detection,
    detection_baselines,
    detection_evidence,
    normal_pictures,
)
from lib.evaluation.likelihood import independent_pixels_nll, negative_log_likelihoods
from lib.evaluation.metrics import autoencoder_metrics
from lib.evaluation.run_figures import shown_images
from lib.evaluation.run_figures.autoencoder import (
    AutoencoderFigures,
    packed_reconstructions,
    variant_examples,
)
from lib.models.autoencoder import autoencoder_for_inference
from lib.models.pca import Components
from lib.models.saving.model_files import save_model
from lib.models.training_model import build_training_model
from lib.runs.events import Note, Stage
from lib.runs.run_folder import Run
from lib.runs.validation import ONLY_PHASE
from lib.tasks import get_task
from lib.tasks.regularization_metrics import COLLAPSED
from lib.training.callbacks import History
from lib.training.phases import autoencoder_phase
from lib.worker.first_weights import FirstWeights
from lib.worker.image_output import emit_notes
from lib.worker.initial_network import build_initial_network
from lib.worker.messages import ItemProgress, LivePictures
from lib.worker.run_ending import resumed_start_time
from lib.worker.skippable import run_unless_stopped
from lib.worker.training_job import TrainingJob

LIVE_PICTURES = 3  # shown after each epoch


class AutoencoderJob(TrainingJob):
    """Training of an autoencoder. Raises `UserError` if its architecture does not fit the images."""

    hp: AutoencoderHyperparameters
    detecting: DetectingModel | None = None  # of a task that detects defects, after the training

    def prepare(self) -> None:
        self.architecture = plan_architecture(self.hp, self.dataset.shape, len(self.dataset.classes))
        self.notes = get_task(self.hp).notes(self.hp, self.dataset.shape)
        if get_task(self.hp).detects_defects:
            require_validation(self.dataset)
        self.first_weights = FirstWeights(self.hp, self.dataset)
        self.first_weights.require_fitting(self.architecture)
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
        if get_task(hp).variants and not trial:
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
            classes = dataset.classes if hp.conditional else ()
            save_model(part, run.folder / f"{part.name}.h5", hp, classes, dataset.value_range)
        if get_task(hp).detects_defects:
            self._fit_detector(inference_model, run)
        # --- evaluation and figures
        sizes = {"latent_size": self.architecture.latent_size, "parameters": model.count_params()}
        score = self._make_scorer(model, inference_model, training_model)
        figures_of = None
        if trial:
            self._record_trial(run, score(dataset.validation, "validation") | sizes)
        else:
            self._announce_evaluation()
            test = normal_pictures(dataset) if self.detecting else dataset.test
            metrics = score(test) | sizes | self._further_scores(model, test)
            emit_notes(self.channel, describe_collapse(metrics))
            detection = self._record_test(run, metrics)
            figures_of = AutoencoderFigures(
                run, dataset, hp, inference_model, self.architecture, untrained, detection
            )
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

    def _make_scorer(
        self, model: keras.Model, inference_model: keras.Model, training_model: keras.Model
    ) -> Callable[..., dict]:
        """The scores of a subset; those of a VAE are by one code of each image, however it was trained."""
        hp = self.hp
        if hp.importance_samples > 1:
            hp = replace(hp, importance_samples=1)
            training_model = build_training_model(model, replace(self.architecture, hp=hp))
            phase = autoencoder_phase(hp)
            training_model.compile(loss=phase.loss, loss_weights=phase.loss_weights)

        def score(subset: Subset, prefix: str = "test") -> dict:
            return autoencoder_metrics(inference_model, training_model, subset, hp, prefix)

        return score

    def _further_scores(self, model: keras.Model, test: Subset) -> dict[str, float]:
        """The bits per pixel of the codes, and the likelihood; after Ctrl-C none, and no baselines."""
        encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
        scores: dict[str, float] = {}
        stop_event = self.channel.stop_event  # stays set, so that the baselines are skipped as well
        if can_compress(self.hp):
            compute = partial(compression_scores, encoder, decoder, self.dataset, self.hp)
            scores |= run_unless_stopped(compute, stop_event) or {}
        if self.hp.nll_samples:
            self.channel.emit(
                Stage(f"estimating the likelihood by {self.hp.nll_samples:,} codes of each image")
            )

            def report(done: int) -> None:
                if stop_event.is_set():
                    raise CancelledError  # ends the thread
                self.channel.emit(ItemProgress(done, len(test), "images"))

            compute_all = partial(negative_log_likelihoods, encoder, decoder, test, self.hp, report)
            likelihoods = run_unless_stopped(compute_all, stop_event)
            if likelihoods is None:
                self.channel.emit(Note("The likelihood is skipped."))
            else:
                error = float(likelihoods.std() / len(likelihoods) ** 0.5)
                scores |= {"test_nll": float(likelihoods.mean()), "test_nll_error": error}
                scores["test_independent_nll"] = independent_pixels_nll(self.dataset.train, test, self.hp)
        return scores

    def _fit_detector(self, model: keras.Model, run: Run) -> None:
        """Measure what is normal, choose the threshold, and save both with the model."""
        text = f"measuring {len(self.dataset.validation):,} normal validation images for the threshold"
        self.channel.emit(Stage(text))
        self.detecting = fit_to_dataset(model, self.hp, self.dataset)
        detector = self.detecting.detector
        save_detector(run.folder / f"{model.name}.h5", detector)
        run.update(detector=describe_detector(detector))
        if note := detector.threshold.describe_shortage():
            self.channel.emit(Note(note))

    def _record_test(self, run: Run, metrics: dict) -> Detection | None:
        """Record the scores with those of the baselines."""
        if self.detecting is not None:
            return self._record_detection(run, metrics, self.detecting)
        run.update(metrics=metrics, baselines=self._baselines(self.dataset))
        return None

    def _record_detection(self, run: Run, metrics: dict, detecting: DetectingModel) -> Detection:
        """Record the scores of a detector; where they are missing, those of the outputs have baselines."""
        dataset, hp, latent_size = self.dataset, self.hp, self.architecture.latent_size
        evidence, trivial = detection_evidence(detecting, dataset, hp.seed), BaselineEvidence({}, {})
        run.update(metrics=metrics | evidence.metrics, detection=evidence.record)
        if evidence.test.has_both:
            compute = partial(detection_baselines, dataset, hp, latent_size, self._components)
            trivial = self._skippable_baselines(compute) or trivial
            run.update(baselines=trivial.values)
        else:
            run.update(baselines=self._baselines(replace(dataset, test=normal_pictures(dataset))))
        return Detection(detecting, evidence, trivial)

    def _baselines(self, dataset: Dataset) -> dict:
        """The scores of methods that predict the targets; none after Ctrl-C."""
        latent_size, components = self.architecture.latent_size, self._components
        baselines = self._skippable_baselines(
            lambda: autoencoder_baselines(
                dataset, self.hp, latent_size, components, lambda text: self.channel.emit(Note(text))
            )
        )
        return baselines or {}


def describe_collapse(metrics: dict) -> list[str]:
    """Return a note where a VAE has a code that tells the decoder nothing; none for others."""
    if metrics.get("test_active_numbers", 1):
        return []
    return [
        f"posterior collapse: no number of the code has a KL divergence of {COLLAPSED} nat, and the decoder "
        "ignores the code; use --beta-warmup 0.5, --free-bits 0.25 or a smaller --beta"
    ]
