"""The process that trains: one data set, one run, DESIGN's flow from top to bottom; events up the pipe, files
on disk.
"""

import time
from functools import partial
from pathlib import Path

import keras
import numpy as np

from lib.common.errors import Interrupted, UserError, describe_failure
from lib.common.formatting import format_decimal
from lib.config.architecture import Architecture, describe_architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.data import datasets
from lib.data.datasets import Dataset
from lib.evaluation import run_figures
from lib.evaluation.baselines import autoencoder_baselines, classifier_baselines
from lib.evaluation.metrics import autoencoder_metrics, classifier_metrics
from lib.models.autoencoder import autoencoder_for_inference, build_autoencoder, build_training_model
from lib.models.classifier import build_classifier, classifier_for_inference, set_trainable
from lib.models.cloning import clone_reinitialized
from lib.models.initialization import initialize_linear_path, initialize_pca
from lib.models.pca import principal_components
from lib.models.saving.model_files import SavedEncoder, load_encoder, save_model
from lib.runs import records, run_folder
from lib.training.backend import device, environment, require_tensorboard
from lib.training.batches import Batches
from lib.training.phases import Phase, autoencoder_phase, classifier_phases, scratch_phase
from lib.training.trainer import fit_replica, images_per_second
from lib.worker.process import Channel

LIVE_PICTURES = 3  # shown after each epoch
LINEAR_IMAGES = 2000  # whose blocks a linear path begins with


def run_training(program: Channel, request: dict, dataset: Dataset, team: ProcessGroup | None = None) -> None:
    """One run in its folder, which is made when nothing in the request can be wrong any more, or one that
    goes on.

    A `trial`, of a search, is judged on its validation images: the test set stays closed. Of a `team` the
    first process keeps the run, and the others only help it to train.
    """
    hp = read_hyperparameters(request)
    if hp.program == "autoencoder":
        job = partial(train_autoencoder, plan=plan_architecture(hp, dataset.shape))
    else:
        basis = load_encoder(Path(hp.needed("model")), dataset.shape, hp.encoder_layer)
        job = partial(train_classifier, basis=basis)
    if hp.tensorboard:
        require_tensorboard()
    if program.stopped.is_set():
        raise Interrupted("stopped before training began")
    if team and not team.leads:
        program.tell(
            "run", folder=f"process {team.number} of {team.of}, for the run of the first", device=device()
        )
        keras.utils.set_random_seed(hp.seed)
        run_follower(program, hp, dataset, team, **job.keywords)
        return
    if request.get("resume"):
        run = run_folder.Run.reopen(Path(request["resume"]), dataset.sha256)
    else:
        run = run_folder.Run.create(request["output"], hp, dataset.name, request.get("numbered", False))
    program.tell("run", folder=str(run.folder), device=device())
    run.update(dataset=dataset.to_json(), environment=environment())
    keras.utils.set_random_seed(hp.seed)
    try:
        job(program, run, hp, dataset, team, request.get("trial", False))
    except Exception as error:
        run_folder.close_record(run.folder, records.FAILED, describe_failure(error))
        raise


def open_dataset(hp: Hyperparameters) -> Dataset:
    """Load the data, and look at the model, while the person still answers."""
    if hp.model:
        run_folder.require_model_file(Path(hp.model))
    dataset = datasets.load_dataset(hp)
    if hp.program == "classification":
        require_labels(dataset, hp)
    elif hp.label_weight:
        require_training_labels(dataset, hp)
    return dataset


def require_labels(dataset: Dataset, hp: Hyperparameters) -> None:
    """A classifier needs labels for training and test images, the same classes in both."""
    for part, images, flag in (
        (dataset.train, hp.dataset, "-dl"),
        (dataset.test, hp.testset or hp.dataset, "-tl"),
    ):
        if not part.labeled:
            raise UserError(f"{images}: has no labels; give them with {flag}")
    if len(np.unique(dataset.train.labels)) < 2:
        raise UserError(
            f"{hp.labels or hp.dataset}: all training images have the same label; a classifier needs two"
        )
    highest = int(dataset.test.labels.max())
    if highest >= len(dataset.classes):
        where = hp.test_labels or hp.testset or hp.dataset
        raise UserError(f"{where}: label {highest} never occurs in training ({len(dataset.classes)} classes)")


def require_training_labels(dataset: Dataset, hp: Hyperparameters) -> None:
    """An autoencoder that learns to tell classes apart needs labels for training images."""
    if not dataset.train.labeled:
        have = "IDX folders, .npz and a folder per class have them"
        raise UserError(
            f"{hp.dataset}: has no labels for --label-weight; {have}, and --label-weight 0 needs none"
        )


def train_autoencoder(
    program: Channel,
    run: run_folder.Run,
    hp: Hyperparameters,
    dataset: Dataset,
    team: ProcessGroup | None,
    trial: bool,
    plan: Architecture,
) -> None:
    """Build, train, save, evaluate, draw."""
    began = _work_start(run)
    model = build_initialized_autoencoder(program, plan, dataset)
    trainer = build_training_model(model, plan, len(dataset.classes))
    shown = (dataset.validation if hp.validates else dataset.train).first(LIVE_PICTURES)
    untrained = (
        run_figures.denoising_examples(model, dataset.test, hp) if hp.task == "denoise" and not trial else {}
    )

    def at_epoch(history: dict) -> None:
        run.update(history=history)
        program.tell("picture", **run_figures.packed_reconstructions(model, shown, hp))

    program.tell(
        "phase",
        number=1,
        of=1,
        why="",
        epochs=hp.epochs,
        images=len(dataset.train),
        plan=describe_architecture(plan),
    )
    phase = autoencoder_phase(hp)
    trained = fit_replica(
        trainer, dataset, hp, phase, program.tell, program.stopped, at_epoch, run.folder, team
    )
    interrupted = program.stopped.is_set()

    program.tell("stage", text="saving the models")
    answering = autoencoder_for_inference(model, plan)
    for part in (model.get_layer("encoder"), model.get_layer("decoder"), answering):
        save_model(part, run.folder / f"{part.name}.h5", hp)

    sizes = {"latent_size": plan.latent_size, "parameters": model.count_params()}
    if trial:
        run.update(
            metrics=autoencoder_metrics(answering, trainer, dataset.validation, hp, "validation") | sizes
        )
        pictures = run_figures.draw_loss_curves(
            run, dataset, run_figures.describe_autoencoder(hp), {"training": trained.history}
        )
    else:
        program.tell("stage", text=f"evaluating on {len(dataset.test):,} test images, beside the baselines")
        metrics = autoencoder_metrics(answering, trainer, dataset.test, hp) | sizes
        run.update(metrics=metrics, baselines=autoencoder_baselines(dataset, hp, plan.latent_size))
        program.tell("stage", text="drawing figures")
        score = f"test MSE {format_decimal(metrics['test_mse'])}"
        pictures = run_figures.draw_autoencoder_figures(
            run, answering, dataset, plan, trained.history, score, untrained
        )
    run.update(history=trained.history)
    _finish(program, run, began, interrupted, trained.trouble, pictures)


def train_classifier(
    program: Channel,
    run: run_folder.Run,
    hp: Hyperparameters,
    dataset: Dataset,
    team: ProcessGroup | None,
    trial: bool,
    basis: SavedEncoder,
) -> None:
    """New layers on the encoder: trained alone, then everything; each phase saved; then the reports."""
    began = _work_start(run)
    run.update(encoder_layer=basis.layer)
    model = build_run_classifier(basis, hp, dataset)
    answering = classifier_for_inference(model, hp)
    phases = list(classifier_phases(hp)) + ([scratch_phase(hp)] if hp.scratch else [])
    histories: dict[str, dict] = {}
    trouble = ""

    def learn(number: int, phase: Phase, network: keras.Model) -> str:
        def at_epoch(history: dict) -> None:
            run.update(history=histories | {phase.name: history})

        plan = f"the code is the output of {basis.layer}" if number == 1 else ""
        begun = dict(
            number=number,
            of=len(phases),
            why=phase.why,
            epochs=hp.epochs,
            images=len(dataset.train),
            plan=plan,
        )
        program.tell("phase", **begun)
        trained = fit_replica(
            network, dataset, hp, phase, program.tell, program.stopped, at_epoch, run.folder, team
        )
        histories[phase.name] = trained.history
        return trained.trouble

    for number, (phase, file) in enumerate(
        zip(phases, ("classifier-head.h5", "classifier.h5"), strict=False), start=1
    ):
        if program.stopped.is_set() or trouble:
            break
        set_trainable(basis.model, number == 2)
        trouble = learn(number, phase, model)
        program.tell("stage", text=f"saving phase {number}")
        save_model(answering, run.folder / file, hp, classes=dataset.classes)
    rival = None
    if hp.scratch and not program.stopped.is_set() and not trouble:
        rival = build_run_classifier(basis, hp, dataset, anew=True)
        trouble = learn(3, phases[2], rival)

    interrupted = program.stopped.is_set()
    sizes = {"parameters": model.count_params()}
    if trial:
        metrics, _ = classifier_metrics(answering, dataset.validation, dataset.classes, hp, "validation")
        run.update(metrics=metrics | sizes)
        pictures = run_figures.draw_loss_curves(run, dataset, run_figures.describe_classifier(hp), histories)
    else:
        program.tell("stage", text=f"evaluating on {len(dataset.test):,} test images, beside the baselines")
        metrics, probabilities = classifier_metrics(answering, dataset.test, dataset.classes, hp)
        trivial = classifier_baselines(dataset, hp)
        if rival is not None:
            scores, _ = classifier_metrics(
                classifier_for_inference(rival, hp), dataset.test, dataset.classes, hp
            )
            trivial["scratch_accuracy"] = scores["test_accuracy"]
        run.update(metrics=metrics | sizes, baselines=trivial)
        program.tell("stage", text="drawing figures")
        pictures = run_figures.draw_classifier_figures(run, dataset, hp, histories, metrics, probabilities)
    run.update(history=histories)
    _finish(program, run, began, interrupted, trouble, pictures)


def run_follower(
    program: Channel,
    hp: Hyperparameters,
    dataset: Dataset,
    team: ProcessGroup,
    plan: Architecture | None = None,
    basis=None,
) -> None:
    """Compute a part of each batch for the process that keeps the run, phase by phase as that does."""

    def learn(model: keras.Model, phase: Phase) -> bool:
        """Whether there may be another phase."""
        program.tell("phase", number=1, of=1, why="", epochs=hp.epochs, images=len(dataset.train))
        trained = fit_replica(
            model, dataset, hp, phase, program.tell, program.stopped, lambda history: None, None, team
        )
        return not trained.trouble and not program.stopped.is_set()

    if plan is not None:
        model = build_initialized_autoencoder(program, plan, dataset)
        learn(build_training_model(model, plan, len(dataset.classes)), autoencoder_phase(hp))
    else:
        model, more = build_run_classifier(basis, hp, dataset), True
        for number, phase in enumerate(classifier_phases(hp), start=1):
            set_trainable(basis.model, number == 2)
            more = more and learn(model, phase)
        if hp.scratch and more:
            learn(build_run_classifier(basis, hp, dataset, anew=True), scratch_phase(hp))
    program.tell("finished", folder="", record=None, pictures=None)


def build_run_classifier(
    basis: SavedEncoder, hp: Hyperparameters, dataset: Dataset, anew=False
) -> keras.Model:
    """New layers on a saved encoder, or on the same network with random weights."""
    if anew:
        keras.utils.set_random_seed(hp.seed)  # the same weights, whether or not there were phases before
    encoder = clone_reinitialized(basis.model, basis.hp) if anew else basis.model
    return build_classifier(encoder, len(dataset.classes), hp, dataset.shape, basis.hp)


def build_initialized_autoencoder(program: Channel, plan: Architecture, dataset: Dataset) -> keras.Model:
    """The network of a plan, with the principal components of training images where it wants them."""
    model = build_autoencoder(plan)
    if plan.linear:
        _, targets = Batches(dataset.train.first(LINEAR_IMAGES), LINEAR_IMAGES, plan.hp)[0]
        initialize_linear_path(model, plan, targets)
    if plan.hp.pca:
        program.tell("stage", text=f"finding {plan.latent_size:,} principal components")
        initialize_pca(model, plan, *principal_components(dataset.train, plan.latent_size, plan.hp.seed))
    return model


def _finish(
    program: Channel, run: run_folder.Run, began: float, interrupted: bool, trouble: str, pictures: dict
) -> None:
    history, images = run.record["history"], run.record["dataset"]["sizes"]["train"]
    main = history if "loss" in history else history.get("everything", history["head"])
    timing = {"seconds": time.time() - began, "images_per_second": images_per_second(main, images)}
    run.update(timing=timing, files=run.files())
    if not trouble and not interrupted:
        run.finish()
    else:
        why = trouble or program.why
        run.update(
            status=records.FAILED if trouble else records.INTERRUPTED, **({"error": why} if why else {})
        )
        run.leave(for_good=bool(program.why))  # a trial that was given up will never go on
    program.tell("finished", folder=str(run.folder), record=run.record, pictures=pictures)


def _work_start(run: run_folder.Run) -> float:
    """When the work of a run began; the epochs that it was trained for before it was interrupted count as
    work.
    """
    history = run.record.get("history", {})
    phases = [history] if "loss" in history else history.values()
    return time.time() - sum(sum(phase.get("seconds", ())) for phase in phases)


def read_hyperparameters(request: dict) -> Hyperparameters:
    return Hyperparameters.from_json(request["hyperparameters"], "request")
