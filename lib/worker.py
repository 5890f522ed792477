"""The process that trains: one data set, one run, DESIGN's flow from top to bottom; events up the pipe, files on disk."""

import sys
import time
import traceback
from functools import partial
from pathlib import Path

import keras
import numpy as np

from lib import (
    baselines,
    beginnings,
    classifiers,
    copies,
    datasets,
    evaluation,
    figures,
    networks,
    plans,
    principal,
    probes,
    runs,
    saved,
    shapes,
    storage,
    together,
    training,
    views,
)
from lib.backend import device, environment, join, require_tensorboard
from lib.datasets import Dataset
from lib.errors import OUT_OF_MEMORY, Interrupted, RunFailed, UserError, is_memory, reason
from lib.hyperparameters import Hyperparameters
from lib.kinds import fixed
from lib.process import Program
from lib.tasks import Batches
from lib.teams import Team

LIVE_PICTURES = 3  # shown after each epoch
LINEAR_IMAGES = 2000  # whose blocks a linear path begins with


def main() -> None:
    """Serve one program, and tell it in a sentence what went wrong; this is the last boundary of the process."""
    program = Program()
    try:
        serve(program)
    except UserError as error:
        program.tell("failed", kind="user", message=str(error))
    except Interrupted as error:
        program.tell("failed", kind="interrupted", message=str(error))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        program.tell("failed", kind="run", message=_sentence(error))
    program.outlast()


def serve(program: Program) -> None:
    """`open` a data set and `train` on it, or carry out one of the other `VERBS`; then end."""
    request = program.request()
    if request["verb"] in VERBS:
        VERBS[request["verb"]](program, request)
        return
    team = Team(**request["team"]) if request.get("team") else None
    if team:
        join(team)
    dataset = open_dataset(_hyperparameters(request))
    program.tell("ready", device=device())
    train(program, program.request(), dataset, team)


def train(program: Program, request: dict, dataset: Dataset, team: Team | None = None) -> None:
    """One run in its folder, which is made when nothing in the request can be wrong any more, or one that goes on.

    A `trial`, of a search, is judged on its validation images: the test set stays closed. Of a `team` the first process keeps
    the run, and the others only help it to train.
    """
    hp = _hyperparameters(request)
    if hp.program == "autoencoder":
        job = partial(train_autoencoder, plan=shapes.plan(hp, dataset.shape))
    else:
        basis = storage.load_encoder(Path(hp.needed("model")), dataset.shape, hp.encoder_layer)
        job = partial(train_classifier, basis=basis)
    if hp.tensorboard:
        require_tensorboard()
    if program.stopped.is_set():
        raise Interrupted("stopped before training began")
    if team and not team.leads:
        program.tell("run", folder=f"process {team.number} of {team.of}, for the run of the first", device=device())
        keras.utils.set_random_seed(hp.seed)
        help_to_train(program, hp, dataset, team, **job.keywords)
        return
    if request.get("resume"):
        run = runs.Run.reopen(Path(request["resume"]), dataset.sha256)
    else:
        run = runs.Run.create(request["output"], hp, dataset.name, request.get("numbered", False))
    program.tell("run", folder=str(run.folder), device=device())
    run.update(dataset=dataset.to_json(), environment=environment())
    keras.utils.set_random_seed(hp.seed)
    try:
        job(program, run, hp, dataset, team, request.get("trial", False))
    except Exception as error:
        runs.close(run.folder, runs.FAILED, _sentence(error))
        raise


def open_dataset(hp: Hyperparameters) -> Dataset:
    """Load the data, and look at the model, while the person still answers."""
    if hp.model:
        runs.require_model(Path(hp.model))
    dataset = datasets.load(hp)
    if hp.program == "classification":
        require_labels(dataset, hp)
    elif hp.label_weight:
        require_training_labels(dataset, hp)
    return dataset


def require_labels(dataset: Dataset, hp: Hyperparameters) -> None:
    """A classifier needs labels for training and test images, the same classes in both."""
    for part, images, flag in ((dataset.train, hp.dataset, "-dl"), (dataset.test, hp.testset or hp.dataset, "-tl")):
        if not part.labelled:
            raise UserError(f"{images}: has no labels; give them with {flag}")
    if len(np.unique(dataset.train.labels)) < 2:
        raise UserError(f"{hp.labels or hp.dataset}: all training images have the same label; a classifier needs two")
    highest = int(dataset.test.labels.max())
    if highest >= len(dataset.classes):
        where = hp.test_labels or hp.testset or hp.dataset
        raise UserError(f"{where}: label {highest} never occurs in training ({len(dataset.classes)} classes)")


def require_training_labels(dataset: Dataset, hp: Hyperparameters) -> None:
    """An autoencoder that learns to tell classes apart needs labels for training images."""
    if not dataset.train.labelled:
        have = "IDX folders, .npz and a folder per class have them"
        raise UserError(f"{hp.dataset}: has no labels for --label-weight; {have}, and --label-weight 0 needs none")


def train_autoencoder(
    program: Program, run: runs.Run, hp: Hyperparameters, dataset: Dataset, team: Team | None, trial: bool, plan: plans.Plan
) -> None:
    """Build, train, save, evaluate, draw."""
    began = _began(run)
    model = begun_autoencoder(program, plan, dataset)
    trainer = networks.build_trainer(model, plan, len(dataset.classes))
    shown = (dataset.validation if hp.validates else dataset.train).first(LIVE_PICTURES)
    untrained = views.noise(model, dataset.test, hp) if hp.task == "denoise" and not trial else {}

    def at_epoch(history: dict) -> None:
        run.update(history=history)
        program.tell("picture", **views.strip(model, shown, hp))

    program.tell("phase", number=1, of=1, why="", epochs=hp.epochs, images=len(dataset.train), plan=plans.describe(plan))
    phase = training.autoencoder_phase(hp)
    trained = together.fit(trainer, dataset, hp, phase, program.tell, program.stopped, at_epoch, run.folder, team)
    interrupted = program.stopped.is_set()

    program.tell("stage", text="saving the models")
    answering = networks.answering(model, plan)
    for part in (model.get_layer("encoder"), model.get_layer("decoder"), answering):
        storage.save(part, run.folder / f"{part.name}.h5", hp)

    sizes = {"latent_size": plan.latent_size, "parameters": model.count_params()}
    if trial:
        run.update(metrics=evaluation.autoencoder_metrics(answering, trainer, dataset.validation, hp, "validation") | sizes)
        pictures = views.curves(run, dataset, views.describe(hp), {"training": trained.history})
    else:
        program.tell("stage", text=f"evaluating on {len(dataset.test):,} test images, beside the baselines")
        metrics = evaluation.autoencoder_metrics(answering, trainer, dataset.test, hp) | sizes
        run.update(metrics=metrics, baselines=baselines.for_autoencoder(dataset, hp, plan.latent_size))
        program.tell("stage", text="drawing figures")
        score = f"test MSE {fixed(metrics['test_mse'])}"
        pictures = views.autoencoder(run, answering, dataset, plan, trained.history, score, untrained)
    run.update(history=trained.history)
    _finish(program, run, began, interrupted, trained.trouble, pictures)


def train_classifier(
    program: Program, run: runs.Run, hp: Hyperparameters, dataset: Dataset, team: Team | None, trial: bool, basis: storage.Encoder
) -> None:
    """New layers on the encoder: trained alone, then everything; each phase saved; then the reports."""
    began = _began(run)
    run.update(encoder_layer=basis.layer)
    model = classifier(basis, hp, dataset)
    answering = classifiers.answering(model, hp)
    phases = list(training.classifier_phases(hp)) + ([training.scratch_phase(hp)] if hp.scratch else [])
    histories: dict[str, dict] = {}
    trouble = ""

    def learn(number: int, phase: training.Phase, network: keras.Model) -> str:
        def at_epoch(history: dict) -> None:
            run.update(history=histories | {phase.name: history})

        plan = f"the code is the output of {basis.layer}" if number == 1 else ""
        begun = dict(number=number, of=len(phases), why=phase.why, epochs=hp.epochs, images=len(dataset.train), plan=plan)
        program.tell("phase", **begun)
        trained = together.fit(network, dataset, hp, phase, program.tell, program.stopped, at_epoch, run.folder, team)
        histories[phase.name] = trained.history
        return trained.trouble

    for number, (phase, file) in enumerate(zip(phases, ("classifier-head.h5", "classifier.h5"), strict=False), start=1):
        if program.stopped.is_set() or trouble:
            break
        classifiers.set_trainable(basis.model, number == 2)
        trouble = learn(number, phase, model)
        program.tell("stage", text=f"saving phase {number}")
        storage.save(answering, run.folder / file, hp, classes=dataset.classes)
    rival = None
    if hp.scratch and not program.stopped.is_set() and not trouble:
        rival = classifier(basis, hp, dataset, anew=True)
        trouble = learn(3, phases[2], rival)

    interrupted = program.stopped.is_set()
    sizes = {"parameters": model.count_params()}
    if trial:
        metrics, _ = evaluation.classifier_metrics(answering, dataset.validation, dataset.classes, hp, "validation")
        run.update(metrics=metrics | sizes)
        pictures = views.curves(run, dataset, views.describe_head(hp), histories)
    else:
        program.tell("stage", text=f"evaluating on {len(dataset.test):,} test images, beside the baselines")
        metrics, probabilities = evaluation.classifier_metrics(answering, dataset.test, dataset.classes, hp)
        trivial = baselines.for_classifier(dataset, hp)
        if rival is not None:
            scores, _ = evaluation.classifier_metrics(classifiers.answering(rival, hp), dataset.test, dataset.classes, hp)
            trivial["scratch_accuracy"] = scores["test_accuracy"]
        run.update(metrics=metrics | sizes, baselines=trivial)
        program.tell("stage", text="drawing figures")
        pictures = views.classifier(run, dataset, hp, histories, metrics, probabilities)
    run.update(history=histories)
    _finish(program, run, began, interrupted, trouble, pictures)


def help_to_train(
    program: Program, hp: Hyperparameters, dataset: Dataset, team: Team, plan: plans.Plan | None = None, basis=None
) -> None:
    """Compute a part of each batch for the process that keeps the run, phase by phase as that does."""

    def learn(model: keras.Model, phase: training.Phase) -> bool:
        """Whether there may be another phase."""
        program.tell("phase", number=1, of=1, why="", epochs=hp.epochs, images=len(dataset.train))
        trained = together.fit(model, dataset, hp, phase, program.tell, program.stopped, lambda history: None, None, team)
        return not trained.trouble and not program.stopped.is_set()

    if plan is not None:
        model = begun_autoencoder(program, plan, dataset)
        learn(networks.build_trainer(model, plan, len(dataset.classes)), training.autoencoder_phase(hp))
    else:
        model, more = classifier(basis, hp, dataset), True
        for number, phase in enumerate(training.classifier_phases(hp), start=1):
            classifiers.set_trainable(basis.model, number == 2)
            more = more and learn(model, phase)
        if hp.scratch and more:
            learn(classifier(basis, hp, dataset, anew=True), training.scratch_phase(hp))
    program.tell("finished", folder="", record=None, pictures=None)


def classifier(basis: storage.Encoder, hp: Hyperparameters, dataset: Dataset, anew=False) -> keras.Model:
    """New layers on a saved encoder, or on the same network with random weights."""
    if anew:
        keras.utils.set_random_seed(hp.seed)  # the same weights, whether or not there were phases before
    encoder = copies.with_random_weights(basis.model, basis.hp) if anew else basis.model
    return classifiers.build_classifier(encoder, len(dataset.classes), hp, dataset.shape, basis.hp)


def begun_autoencoder(program: Program, plan: plans.Plan, dataset: Dataset) -> keras.Model:
    """The network of a plan, with the principal components of training images where it wants them."""
    model = networks.build_autoencoder(plan)
    if plan.linear:
        _, targets = Batches(dataset.train.first(LINEAR_IMAGES), LINEAR_IMAGES, plan.hp)[0]
        beginnings.begin_linear_path(model, plan, targets)
    if plan.hp.pca:
        program.tell("stage", text=f"finding {plan.latent_size:,} principal components")
        beginnings.set_pca(model, plan, *principal.components(dataset.train, plan.latent_size, plan.hp.seed))
    return model


def compare(program: Program, request: dict) -> None:
    """Draw the runs' metric against each hyperparameter that differs between them."""
    figures.comparison(request["points"], request["metric"], Path(request["path"]))
    program.tell("finished", path=request["path"])


def probe(program: Program, request: dict) -> None:
    """Probe the encoder of a saved model with a labelled data set."""
    hp = _hyperparameters(request)
    probes.probe(program, request, hp, open_dataset(hp))


VERBS = {
    "compare": compare,
    "apply": saved.apply,
    "predict": saved.predict,
    "encode": saved.encode,
    "generate": saved.generate,
    "probe": probe,
}


def _finish(program: Program, run: runs.Run, began: float, interrupted: bool, trouble: str, pictures: dict) -> None:
    history, images = run.record["history"], run.record["dataset"]["sizes"]["train"]
    main = history if "loss" in history else history.get("everything", history["head"])
    timing = {"seconds": time.time() - began, "images_per_second": training.images_per_second(main, images)}
    run.update(timing=timing, files=run.files())
    if not trouble and not interrupted:
        run.finish()
    else:
        why = trouble or program.why
        run.update(status=runs.FAILED if trouble else runs.INTERRUPTED, **({"error": why} if why else {}))
        run.leave(for_good=bool(program.why))  # a trial that was given up will never go on
    program.tell("finished", folder=str(run.folder), record=run.record, pictures=pictures)


def _began(run: runs.Run) -> float:
    """When the work of a run began; the epochs that it was trained for before it was interrupted count as work."""
    history = run.record.get("history", {})
    phases = [history] if "loss" in history else history.values()
    return time.time() - sum(sum(phase.get("seconds", ())) for phase in phases)


def _hyperparameters(request: dict) -> Hyperparameters:
    return Hyperparameters.from_json(request["hyperparameters"], "request")


def _sentence(error: BaseException) -> str:
    if isinstance(error, UserError | RunFailed):
        return str(error)
    if is_memory(f"{type(error).__name__}: {error}"):
        return OUT_OF_MEMORY
    return f"{type(error).__name__}: {reason(error)}"


if __name__ == "__main__":
    main()
