"""Job `evaluate`: how close generated images are to test images, beside a baseline and real images."""

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, write_json
from lib.common.serialization import pack_images, write_csv
from lib.config.samplers import applicable_samplers
from lib.data.datasets import Dataset
from lib.evaluation import image_figures
from lib.evaluation.sample_quality import features
from lib.evaluation.sample_quality.features import FeatureModel
from lib.models.saving.model_files import load_saved_model
from lib.runs import run_folder
from lib.runs.classifiers import missing_classifier, newest_classifier
from lib.tasks import get_task
from lib.tasks.display import Display
from lib.worker.evaluate_messages import Evaluate, EvaluateResult, Features, ScoreRow
from lib.worker.evaluation_rows import Evaluation
from lib.worker.image_output import emit_notes, job_folder
from lib.worker.image_sources import Generator
from lib.worker.output_names import model_names
from lib.worker.process import Channel
from lib.worker.recorded_data import (
    describe_other_datasets,
    describe_splits,
    load_training_data,
    require_shape,
)
from lib.worker.saved_models import LoadedAutoencoder, load_autoencoder
from lib.worker.saved_parts import find_encoder, load_decoder
from lib.worker.training_codes import TrainingCodes, subset_labels, unfit_sampler

MIN_TEST_IMAGES = 2  # a covariance needs them
FEW = 2  # times the number of features
COPY = "features.h5"  # of the classifier, in the output folder
FILES = ("evaluation.json", "evaluation.csv", "samples.png", COPY)
COLUMNS = (
    *("model", "source", "images", "against", "frechet", "kernel", "kernel_deviation"),
    *("precision", "recall", "fid", "kid", "kid_deviation"),
)


def evaluate(channel: Channel, request: Evaluate) -> None:
    """Compare samples and reconstructions with test images; write a table, a sheet and the classifier.

    Images are generated, turned into features and dropped batch by batch.
    """
    # --- models and data
    paths = [Path(model) for model in request.models]
    run_folder.require_output_folder(request.output)
    autoencoders = [load_autoencoder(str(path), request) for path in paths]
    first = autoencoders[0]
    dataset = load_training_data(
        first.path, request.data, request.fit, first.image_shape, first.saved.value_range
    )
    if (count := len(dataset.test)) < MIN_TEST_IMAGES:
        raise UserError(
            f"{dataset.name}: {count} test image{'s are' if count != 1 else ' is'} not enough; "
            f"the minimum is {MIN_TEST_IMAGES}"
        )
    generators = [
        _open_generator(autoencoder, name, dataset, request)
        for autoencoder, name in zip(autoencoders, model_names(paths), strict=True)
    ]
    classifier, classifier_path = _open_classifier(dataset, request, first.path)
    models, notes = [classifier], [note for model in autoencoders for note in model.notes]
    size = int(classifier.model.output_shape[-1])
    if (fewest := min(count, request.count)) < FEW * size:
        notes.append(
            f"{fewest:,} images are few for {size} features: distances are uncertain and too large, as "
            f"the row of training images shows"
        )
    notes += [note for model in generators for note in model.codes.describe_limit(model.samplers)]
    if request.fid:
        inception, note = _open_inception(dataset)
        models += inception
        notes += note
    if request.data is None:
        notes += describe_other_datasets(paths, dataset)
    notes += describe_splits([*paths, classifier_path], dataset, request.data)
    emit_notes(channel, [*dataset.notes, *notes])
    with job_folder(channel, request.output, first.path.parent / "evaluated") as folder:
        # --- scores
        evaluation = Evaluation(channel, request, dataset, generators, models)
        rows, pictures = evaluation.run()
        # --- files
        with atomic_write(folder / COPY) as partial:
            shutil.copyfile(classifier_path, partial)
        source = Features(str(classifier_path), _checksum(folder / COPY), COPY, size)
        display = Display.of(first.hp.show_channels, next(iter(pictures.values())))
        shown = {name: display.show(images) for name, images in pictures.items()}
        title = f"{dataset.name}, test set: samples of {', '.join(g.name for g in generators)}"
        image_figures.plot_image_rows(list(shown.items()), folder / "samples.png", title)
        result = EvaluateResult(
            folder=str(folder),
            missing=evaluation.missing(len(rows)),
            models=list(request.models),
            dataset=dataset.name,
            seed=request.seed,
            features=source,
            rows=rows,
            files=list(FILES),
            heads=list(shown),
            pictures={name: pack_images(images) for name, images in shown.items()},
        )
        write_csv(folder / "evaluation.csv", COLUMNS, map(_cells, rows))
        write_json(folder / "evaluation.json", _record(result, dataset))
    channel.emit(result)


def _open_generator(
    autoencoder: LoadedAutoencoder, name: str, dataset: Dataset, request: Evaluate
) -> Generator:
    """A model with its samplers. Raises `UserError` for one that cannot generate whole images."""
    path = autoencoder.path
    decoder = load_decoder(path, request)
    hp = decoder.hp
    if get_task(hp).detects_defects:
        raise UserError(
            f"{path}: a model for {hp.task} is trained on normal pictures, and the test set has others; "
            f"evaluate requires another task"
        )
    require_shape(dataset.name, dataset.shape, autoencoder.image_shape)
    if autoencoder.saved.value_range != dataset.value_range:
        raise UserError(
            f"{path}: its images have another pixel range than those of {request.models[0]}; evaluate it "
            f"alone"
        )
    applicable = applicable_samplers(hp)
    if unfit := [sampler for sampler in request.samplers if sampler not in applicable]:
        raise unfit_sampler(path, unfit[0], hp)
    codes = TrainingCodes(find_encoder(path, request), dataset.train, path, request.seed)
    samplers = request.samplers or applicable
    if autoencoder.classes is not None:  # before anything is computed
        subset_labels(autoencoder.classes, dataset.train, "training")
        subset_labels(autoencoder.classes, dataset.test, "test")
    return Generator(name, autoencoder, decoder, hp, samplers, codes, dataset.train.parent.images.dtype)


def _open_classifier(dataset: Dataset, request: Evaluate, model: Path) -> tuple[FeatureModel, Path]:
    """The classifier of the request, or the newest for these images, and its file."""
    name = request.features or newest_classifier(dataset.shape, dataset.sha256)
    if name is None:
        raise missing_classifier(dataset.name, model)
    saved = load_saved_model(Path(name))
    if saved.value_range != dataset.value_range:
        raise UserError(
            f"{name}: the classifier was trained on images of another pixel range; pass another one with "
            f"--features"
        )
    return features.classifier_features(saved, Path(name), dataset.shape), Path(name)


def _open_inception(dataset: Dataset) -> tuple[list[FeatureModel], list[str]]:
    """InceptionV3 if its weights are in Keras's cache, else a sentence about that."""
    weights = features.inception_weights()
    if weights is None:
        return [], [
            f"FID is not computed: {features.INCEPTION_FILE} is not in the folder models of Keras's cache"
        ]
    return [features.inception_features(weights, dataset.shape)], []


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cells(row: ScoreRow) -> list[str]:
    values = asdict(row)
    return ["" if values[name] is None else str(values[name]) for name in COLUMNS]


def _record(result: EvaluateResult, dataset: Dataset) -> dict:
    """The content of `evaluation.json`."""
    content = {"models": result.models, "dataset": dataset.to_json(), "seed": result.seed}
    content |= {"features": asdict(result.features), "rows": [asdict(row) for row in result.rows]}
    return json.loads(json.dumps(content))
