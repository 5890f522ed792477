"""Jobs on saved models: `apply`, `predict`, `encode` and `generate`.

Each is a function of the channel to the program and of a request, as `lib.cli.model_commands` makes it. It
writes into a folder of its own and ends with the event `finished`.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import keras
import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.common.formatting import format_shape
from lib.common.serialization import pack_images
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.data.formats.idx import write_idx
from lib.data.user_images import UserImages
from lib.evaluation import figures, latent_space, metrics, run_figures
from lib.models.autoencoder import code_only
from lib.models.code_refinement import CodeRefinement
from lib.models.saving.model_files import SavedModel, load_saved_model
from lib.runs import records, run_folder
from lib.runs.validation import sanitize
from lib.tasks import get_task
from lib.tasks.base import ImageShape, image_shape, make_inference_pair, to_pictures
from lib.tasks.pixels import to_float
from lib.training.backend import device_name
from lib.worker.image_output import ChunkProgress, PngWriter, open_image_output
from lib.worker.process import Channel

SHOWN_ERRORS = 10  # images with the largest errors in the figure
SHOWN_PREDICTIONS = 24  # images with their predicted labels in the figure
SHEET_COLUMNS = 12  # of sampled images
OTHER_MODELS = ("encoder", "decoder", "classifier")  # names of models that are no whole autoencoder


@dataclass(frozen=True)
class LoadedAutoencoder:
    """A saved autoencoder.

    Attributes:
        path: its file.
        saved: the content of the file.
        hp: the hyperparameters in the file, or the defaults where there are none.
        image_shape: (height, width, channels) of the images of its task.
        model: maps inputs to outputs by `predict_on_batch`.
    """

    path: Path
    saved: SavedModel
    hp: Hyperparameters
    image_shape: ImageShape
    model: keras.Model | CodeRefinement

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return inputs, outputs and targets of uint8 images (n, height, width, channels)."""
        inputs, targets = make_inference_pair(self.hp, images)
        return inputs, self.model.predict_on_batch(inputs), targets

    def with_refinement(
        self, steps: int, stop_event: Event, report: Callable[[float], None]
    ) -> "LoadedAutoencoder":
        """Return this autoencoder with per-image refinement of its codes.

        Args:
            steps: of gradient descent.
            stop_event: ends the refinement early.
            report: called with the fraction of the steps that are done.

        Raises:
            UserError: the task is not `reconstruct`, or the encoder or a decoder of a code alone is missing.
        """
        encoder, decoder = self.saved.submodel("encoder"), self.saved.submodel("decoder")
        if self.hp.task != "reconstruct":
            raise UserError(
                f"{self.path}: it is for {self.hp.task}; --refine is for reconstruct, where what is wanted "
                f"is given"
            )
        if encoder is None or decoder is None or len(decoder.inputs) > 1:
            raise UserError(
                f"{self.path}: --refine needs two models in it, one called encoder, one called decoder that "
                f"takes a code alone"
            )
        return replace(self, model=CodeRefinement(code_only(encoder), decoder, steps, stop_event, report))


def load_autoencoder(name: str, purpose: str = "") -> LoadedAutoencoder:
    """Load a whole autoencoder.

    Args:
        name: path of an `.h5` file.
        purpose: end of the error message, such as `, which --refine needs`.

    Raises:
        UserError: the file cannot be loaded, or its model does not map images to images.
    """
    path = Path(name)
    saved = load_saved_model(path)
    input_shape, output_shape = saved.model.input_shape, saved.model.output_shape
    maps_images = all(
        isinstance(shape, tuple) and len(shape) == 4 and None not in shape[1:]
        for shape in (input_shape, output_shape)
    )
    if saved.model.name in OTHER_MODELS or not maps_images:
        raise UserError(
            f"{path}: is no whole autoencoder (images in, images out){purpose}; give an autoencoder.h5"
        )
    hp = saved.hp or Hyperparameters()
    shape = image_shape(hp, input_shape[1:], output_shape[1:])
    return LoadedAutoencoder(path, saved, hp, shape, saved.model)


# ---------------------------------------------------------------------------------------------------- apply


class ErrorExample(NamedTuple):
    """An image with a large error: as input, as output of each model, and as target, uint8 each."""

    error: float
    pictures: list[np.ndarray]


def apply(channel: Channel, request: dict) -> None:
    """Apply one or several autoencoders to images; write their outputs, a table of errors and a figure.

    An error is the mean squared difference between output and target, pixels in 0..1. For denoise the target
    is the image itself, so that the error says how much was changed. The largest errors come first.
    """
    # --- models and images
    models = _load_matching_autoencoders(request["models"])
    user_images = UserImages(request["data"], models[0].image_shape, request["fit"], request["invert"])
    progress = ChunkProgress(channel, user_images, request["limit"], "pictures")
    names = _short_names([model.path for model in models])
    if request["refine"]:
        models, names = _add_refined_models(models, names, request["refine"], channel.stop_event, progress)
    single = len(models) == 1
    # --- outputs
    errors = np.full((len(models), len(user_images)), np.nan)
    examples: list[ErrorExample] = []
    with _output_folder(channel, request, models[0].path.parent / "applied") as folder, ExitStack() as stack:
        output_paths = [folder / name for name in (["pictures"] if single else names)]
        writers = [stack.enter_context(open_image_output(user_images, path)) for path in output_paths]
        for positions, _, results in progress.map(lambda images: [model.run(images) for model in models]):
            pictures = [to_pictures(model.hp, *result) for model, result in zip(models, results, strict=True)]
            for index, (_, outputs, targets) in enumerate(results):
                errors[index, positions] = np.square(outputs - targets).mean(axis=(1, 2, 3))
                writers[index](positions, pictures[index][1])
            examples = _largest_errors(examples, errors[0, positions], pictures)
    # --- table and figure
    columns, table = _error_table(errors, user_images.names, names)
    _write_csv(folder / "errors.csv", columns, table)
    rows = _example_rows(examples, ["output"] if single else names, models[0].hp)
    model_paths = ", ".join(map(str, request["models"]))
    title = f"{user_images.source}, {len(table):,} pictures through {model_paths}: the largest errors"
    figures.plot_image_rows(rows, folder / "worst.png", title)
    channel.emit(
        "finished",
        folder=str(folder),
        table=table,
        columns=columns,
        problems=user_images.unreadable,
        mean=[float(np.nanmean(model_errors)) for model_errors in errors],
        task=models[0].hp.task,
        heads=[name for name, _ in rows],
        names=names,
        refined=bool(request["refine"]),
        missing=progress.stop_note,
        files=[f"{path.name}/" if user_images.from_files else f"{path.name}.idx" for path in output_paths],
        pictures={name: pack_images(images) for name, images in rows},
    )


def _load_matching_autoencoders(paths: list[str]) -> list[LoadedAutoencoder]:
    models = [load_autoencoder(path) for path in paths]
    shapes = {model.image_shape for model in models}
    if len(shapes) > 1:
        raise UserError(
            f"the models take images of different shapes: "
            f"{', '.join(format_shape(shape) for shape in shapes)}"
        )
    return models


def _short_names(paths: list[Path]) -> list[str]:
    """The name of each model's folder, numbered where two are the same."""
    names = [path.resolve().parent.name for path in paths]
    if len(set(names)) == len(names):
        return names
    return [f"{number} {name}" for number, name in enumerate(names, 1)]


def _add_refined_models(
    models: list[LoadedAutoencoder], names: list[str], steps: int, stop_event: Event, progress: ChunkProgress
) -> tuple[list[LoadedAutoencoder], list[str]]:
    """Each model and its name, followed by the same model with refined codes."""
    all_models, all_names = [], []
    for index, (model, name) in enumerate(zip(models, names, strict=True)):
        report = progress.chunk_reporter(index, len(models))
        all_models += [model, model.with_refinement(steps, stop_event, report)]
        all_names += [name, f"{name}-refined"]
    return all_models, all_names


def _largest_errors(
    examples: list[ErrorExample], errors: np.ndarray, pictures: list[list[np.ndarray]]
) -> list[ErrorExample]:
    """The examples with the largest errors, from those so far and from a chunk.

    `pictures` has the inputs, outputs and targets of each model.
    """
    rows = [pictures[0][0], *(outputs for _, outputs, _ in pictures), pictures[0][2]]
    chunk = [ErrorExample(error, [row[index] for row in rows]) for index, error in enumerate(errors)]
    return sorted(examples + chunk, key=lambda example: -example.error)[:SHOWN_ERRORS]


def _error_table(
    errors: np.ndarray, pictures: list[str], models: list[str]
) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of `errors.csv`, by falling error of the first model.

    Args:
        errors: mean squared errors, shape (models, pictures); NaN for pictures that were not processed.
        pictures: their names.
        models: their names.
    """
    order = np.argsort(-np.nan_to_num(errors[0], nan=-1), kind="stable")
    order = order[~np.isnan(errors[0, order])]
    rows = [[pictures[index], *(f"{error:.6f}" for error in errors[:, index])] for index in order]
    if len(models) > 1:
        return ["picture", *(f"mse {model}" for model in models)], rows
    for row, index in zip(rows, order, strict=True):
        row.append(_format_psnr(errors[0, index]))
    return ["picture", "mse", "psnr_db"], rows


def _format_psnr(mse: float) -> str:
    psnr = metrics.psnr(float(mse))
    return "inf" if psnr is None else f"{psnr:.2f}"


def _example_rows(
    examples: list[ErrorExample], outputs: list[str], hp: Hyperparameters
) -> list[tuple[str, np.ndarray]]:
    """The rows of the figure of errors: names and images, uint8 (n, height, width, channels)."""
    names = ["input", *outputs, "true"]
    if get_task(hp.task).targets_are_images:
        names = names[:-1]  # the target is the input
    return [
        (name, np.stack([example.pictures[row] for example in examples])) for row, name in enumerate(names)
    ]


# -------------------------------------------------------------------------------------------------- predict


class Prediction(NamedTuple):
    """An image, uint8 (height, width, channels), with its predicted label and confidence in words."""

    image: np.ndarray
    caption: str


def predict(channel: Channel, request: dict) -> None:
    """Classify images; write a table of labels with their confidence (the probability) and a figure."""
    # --- model and images
    path = Path(request["models"][0])
    saved, classes = _load_classifier(path)
    shape = tuple(saved.model.input_shape[1:])
    user_images = UserImages(request["data"], shape, request["fit"], request["invert"])
    progress = ChunkProgress(channel, user_images, request["limit"], "pictures")
    # --- predictions
    table: list[list[str]] = []
    predictions: list[Prediction] = []  # the first ones
    correct: list[bool] = []  # for images with a known class
    with _output_folder(channel, request, path.parent / "predicted") as folder:
        for positions, images, probabilities in progress.map(
            lambda images: saved.model.predict_on_batch(to_float(images))
        ):
            for position, image, scores in zip(positions, images, probabilities, strict=True):
                first, second = np.argsort(-scores, kind="stable")[:2]
                row = [user_images.names[position], classes[first], f"{scores[first]:.4f}"]
                row += [classes[second], f"{scores[second]:.4f}"]
                true_class = _class_name(user_images, position)
                if true_class is not None and true_class in classes:
                    correct.append(true_class == classes[first])
                    row.append(true_class)
                table.append(row)
                if len(predictions) < SHOWN_PREDICTIONS:
                    predictions.append(Prediction(image, f"{classes[first]} ({scores[first]:.0%})"))
    # --- table and figure
    columns = [
        "picture",
        "label",
        "confidence",
        "second",
        "second_confidence",
        *(["true"] if correct else []),
    ]
    _write_csv(folder / "predictions.csv", columns, table)
    images = np.stack([prediction.image for prediction in predictions])
    captions = [prediction.caption for prediction in predictions]
    title = f"{user_images.source}, seen by {path}"
    figures.plot_predictions(images, captions, folder / "predictions.png", title)
    channel.emit(
        "finished",
        folder=str(folder),
        table=table,
        columns=columns,
        problems=user_images.unreadable,
        accuracy=sum(correct) / len(correct) if correct else None,
        known=len(correct),
        missing=progress.stop_note,
        pictures={"images": pack_images(images), "captions": captions},
    )


def _load_classifier(path: Path) -> tuple[SavedModel, tuple[str, ...]]:
    """A classifier and the names of its classes, which are numbers where the file has none."""
    saved = load_saved_model(path)
    shape = saved.model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or saved.model.name != "classifier":
        raise UserError(f"{path}: is no classifier; give the classifier.h5 that classification.py has saved")
    n_classes = shape[1]
    return saved, saved.classes if len(saved.classes) == n_classes else tuple(map(str, range(n_classes)))


def _class_name(user_images: UserImages, position: int) -> str | None:
    if user_images.labels is None or not user_images.classes:
        return None
    return user_images.classes[user_images.labels[position]]


# --------------------------------------------------------------------------------------------------- encode


def encode(channel: Channel, request: dict) -> None:
    """Write the latent codes of images: `.npz` with codes, names and labels, or IDX files of float32 rows."""
    # --- model and images
    path, output = Path(request["models"][0]), Path(request["output"])
    if output.suffix not in (".npz", ".idx"):
        raise UserError(f"{output}: codes are written as .npz or .idx")
    if output.exists():
        raise UserError(f"{output} exists already; choose another --output")
    encoder = _load_encoder(path)
    user_images = UserImages(
        request["data"], encoder.image_shape, request["fit"], request["invert"], include_training=True
    )
    progress = ChunkProgress(channel, user_images, request["limit"], "images")
    refinement: Any = None
    if steps := request["refine"]:
        autoencoder = load_autoencoder(request["models"][0], ", which --refine needs")
        report = progress.chunk_reporter(0, 1)
        refinement = autoencoder.with_refinement(steps, channel.stop_event, report).model
    # --- codes
    to_codes = encoder.model.predict_on_batch if refinement is None else refinement.encode
    chunks: list[np.ndarray] = []
    encoded: list[int] = []  # positions of images that could be read
    for positions, _, chunk in progress.map(
        lambda images: to_codes(make_inference_pair(encoder.hp, images)[0])
    ):
        chunks.append(chunk)
        encoded += list(positions)
    codes = np.concatenate(chunks)
    # --- files
    labels = None if user_images.labels is None else user_images.labels[encoded]
    if output.suffix == ".idx" and labels is not None and not 0 <= labels.min() <= labels.max() <= 255:
        raise UserError(
            f"{user_images.source}: its labels go up to {labels.max()}, an .idx file holds 0 to 255; "
            f"write an .npz"
        )
    files = _write_codes(output, codes, [user_images.names[position] for position in encoded], labels)
    channel.emit(
        "finished",
        folder=str(output.parent),
        files=files,
        count=len(codes),
        shape=list(codes.shape[1:]),
        problems=user_images.unreadable,
        missing=progress.stop_note,
        refined=None if refinement is None else _mean_refinement_errors(refinement, len(codes)),
    )


def _write_codes(output: Path, codes: np.ndarray, names: list[str], labels: np.ndarray | None) -> list[str]:
    """Write codes in the format of the suffix, and return the files."""
    make_folder(output.parent)
    if output.suffix == ".npz":
        arrays: dict[str, Any] = {"codes": codes, "names": np.array(names)}
        if labels is not None:
            arrays["labels"] = labels
        with atomic_write(output) as partial:
            np.savez(partial, **arrays)
        return [str(output)]
    files = write_idx(output, latent_space.flatten_codes(codes).astype(">f4"))
    if labels is not None:
        files += write_idx(output.with_name(f"{output.stem}-labels.idx"), labels.astype(np.uint8))
    return files


def _mean_refinement_errors(refinement: CodeRefinement, count: int) -> list[float]:
    """Mean squared errors of the first `count` images before and after refinement."""
    errors = np.concatenate(refinement.errors, axis=1)[:, :count]
    return errors.mean(axis=1, dtype=float).tolist()


# ------------------------------------------------------------------------------------------------- generate


class CodeSheet(NamedTuple):
    """Latent codes to be decoded, (n, *code shape), and how their images are laid out and described."""

    codes: np.ndarray
    columns: int
    description: str
    ticks: tuple[str, ...] = ()


def generate(channel: Channel, request: dict) -> None:
    """Decode new images: from random codes, from a grid of codes, or between the codes of two images."""
    # --- codes
    path = Path(request["models"][0])
    decoder, hp = _load_decoder(path)
    code_shape = tuple(decoder.input_shape[1:])
    if request["between"]:
        sheet = _interpolated_codes(request, path, hp)
    elif request["grid"]:
        sheet = _grid_codes(request, path, hp, code_shape)
    else:
        sheet = _random_codes(request, path, hp, code_shape)
    # --- images
    folder = run_folder.new_output_folder(request["output"], path.parent / "generated")
    channel.emit("run", folder=str(folder), device=device_name())
    images = run_figures.decode_to_pictures(decoder, sheet.codes, hp)
    digits, columns = len(str(len(images))), min(sheet.columns, len(images))
    with PngWriter() as writer:
        writer.add(images, [folder / f"{number:0{digits}}.png" for number in range(1, len(images) + 1)])
    title = f"{path}: {sheet.description}"
    figures.plot_image_sheet(images, columns, folder / "sheet.png", title, sheet.ticks)
    with atomic_write(folder / "codes.npy") as partial:
        np.save(partial, sheet.codes)
    channel.emit(
        "finished",
        folder=str(folder),
        count=len(images),
        how=sheet.description,
        columns=sheet.columns,
        pictures=pack_images(images),
    )


def _load_decoder(path: Path) -> tuple[keras.Model, Hyperparameters]:
    saved = load_saved_model(path)
    hp, decoder = saved.hp or Hyperparameters(), saved.submodel("decoder")
    if decoder is None:
        raise UserError(f"{path}: holds no model called decoder; give an autoencoder.h5 or decoder.h5")
    if not run_figures.decodes_code_alone(hp) or len(decoder.inputs) > 1:
        raise UserError(
            f"{path}: its decoder needs more than a code (skip connections or residual): there is nothing "
            f"to draw from"
        )
    return decoder, hp


def _interpolated_codes(request: dict, path: Path, hp: Hyperparameters) -> CodeSheet:
    encoder = _load_encoder(path)
    codes = []
    for file in request["between"]:
        user_images = UserImages(file, encoder.image_shape, request["fit"], request["invert"])
        _, images = next(user_images.chunks(1))
        codes.append(encoder.model.predict_on_batch(make_inference_pair(hp, images)[0])[0])
    interpolation = latent_space.interpolate(codes[0], codes[1], request["steps"])
    return CodeSheet(interpolation, request["steps"], " to ".join(request["between"]))


def _grid_codes(request: dict, path: Path, hp: Hyperparameters, code_shape: tuple[int, ...]) -> CodeSheet:
    if np.prod(code_shape) != 2:
        raise UserError(f"{path}: its code has {int(np.prod(code_shape)):,} numbers; a grid needs two")
    side = request["grid"]
    codes = latent_space.prior_grid(side)
    if not hp.variational:
        codes = latent_space.quantile_grid(codes, _encode_training_images(request, path, hp))
    ticks = tuple(f"{value:.1f}" for value in codes[:side, 0])
    return CodeSheet(codes.reshape(-1, *code_shape), side, "a grid of the latent space", ticks)


def _random_codes(request: dict, path: Path, hp: Hyperparameters, code_shape: tuple[int, ...]) -> CodeSheet:
    count, seed = request["count"], request["seed"]
    if hp.variational and not request["mixture"]:
        codes = latent_space.sample_prior(count, code_shape, seed)
        return CodeSheet(codes, SHEET_COLUMNS, "codes from the prior")
    codes = latent_space.sample_mixture(_encode_training_images(request, path, hp), count, seed)
    return CodeSheet(codes, SHEET_COLUMNS, "codes from a Gaussian mixture")


def _encode_training_images(request: dict, path: Path, hp: Hyperparameters) -> np.ndarray:
    """Codes of a random sample of the given data set, or of the one that the model was trained on."""
    dataset = request["data"] or _training_dataset(path)
    encoder = _load_encoder(path)
    images = datasets.load_source(dataset).train.images
    if images.shape[1:] != encoder.image_shape:
        raise UserError(
            f"{dataset}: its images are {format_shape(images.shape[1:])}, the model takes "
            f"{format_shape(encoder.image_shape)}"
        )
    order = np.random.default_rng(request["seed"]).permutation(len(images))
    sample = np.sort(order[: run_figures.MIXTURE_IMAGES])
    starts = range(0, len(sample), latent_space.BATCH_SIZE)
    batches = (images[sample[start : start + latent_space.BATCH_SIZE]] for start in starts)
    return np.concatenate(
        [encoder.model.predict_on_batch(make_inference_pair(hp, batch)[0]) for batch in batches]
    )


def _training_dataset(path: Path) -> str:
    try:
        return sanitize(records.load_record(path.parent))["hyperparameters"]["dataset"]
    except (UserError, KeyError, RecursionError):
        raise UserError(
            f"{path}: a plain autoencoder has no prior to draw from; give images to learn one from with -d"
        ) from None


# -------------------------------------------------------------------------------------------------- helpers


class LoadedEncoder(NamedTuple):
    """An encoder of codes alone, the hyperparameters of its task, and the shape of the task's images."""

    model: keras.Model
    hp: Hyperparameters
    image_shape: ImageShape


def _load_encoder(path: Path) -> LoadedEncoder:
    """The encoder in a file, or in `autoencoder.h5` or `encoder.h5` in the same folder."""
    for candidate in (path, path.with_name("autoencoder.h5"), path.with_name("encoder.h5")):
        if candidate.is_file() and (saved := load_saved_model(candidate)).submodel("encoder") is not None:
            encoder, hp = code_only(saved.submodel("encoder")), saved.hp or Hyperparameters()
            input_shape = encoder.input_shape[1:]
            target_shape = saved.model.output_shape[1:] if saved.model.name == "autoencoder" else input_shape
            return LoadedEncoder(encoder, hp, image_shape(hp, input_shape, target_shape))
    raise UserError(
        f"{path}: holds no encoder, nor is there one beside it; give an autoencoder.h5 or encoder.h5"
    )


@contextmanager
def _output_folder(channel: Channel, request: dict, default: Path) -> Iterator[Path]:
    """Context of a new output folder, which is removed if the job fails and leaves it empty."""
    existed = bool(request["output"]) and Path(request["output"]).exists()
    folder = run_folder.new_output_folder(request["output"], default)
    channel.emit("run", folder=str(folder), device=device_name())
    try:
        yield folder
    except BaseException:
        if not existed:
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()
        raise


def _write_csv(path: Path, columns: list[str], rows: Sequence[list[str]]) -> None:
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
