"""Job `generate`: images decoded from codes that are sampled, interpolated, or laid on a grid."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.common.errors import Interrupted, UserError
from lib.common.filesystem import atomic_write
from lib.common.formatting import format_shape
from lib.common.serialization import pack_images, write_csv
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.samplers import SAMPLERS, applicable_samplers
from lib.data import datasets
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit
from lib.data.splits import Subset
from lib.data.user_images import UserImages, find_pictures
from lib.evaluation import image_figures, latent_space
from lib.evaluation.samplers.base import CodeSource
from lib.models import inference
from lib.models.saving.file_attributes import read_value_range
from lib.runs import run_folder
from lib.runs.events import RunStarted, Stage
from lib.tasks import ImageShape, get_task, make_inference_pair
from lib.tasks.display import Display
from lib.tasks.pixels import to_images
from lib.training.backend import device_name
from lib.worker.generate_messages import Generate, GenerateResult, NearestImages
from lib.worker.image_output import emit_notes, png_writer
from lib.worker.messages import ItemProgress, Pictures
from lib.worker.nearest_images import find_nearest, write_nearest
from lib.worker.process import Channel
from lib.worker.recorded_data import load_training_data, require_shape
from lib.worker.saved_models import require_finite
from lib.worker.saved_parts import LoadedDecoder, LoadedEncoder, find_encoder, load_decoder
from lib.worker.training_codes import TrainingCodes, require_memory, sample_labeled_codes, unfit_sampler

SHEET_COLUMNS = 12  # of sampled images
GRID_IMAGES = 5000  # training images whose codes a grid follows, of a model without a prior
STEPS = 100  # of the progress of a fit
MAX_SHOWN = 1200  # images in the sheet
DECODED_AT_ONCE = 512  # of the images, whose pixels are floats then
PAIRS = 12  # images whose nearest training images a terminal shows beside them
MAX_NAMED = 12  # classes in the description of samples
FILES, LABELS = ("codes.npy", "sheet.png"), "labels.csv"


class CodeSheet(NamedTuple):
    """Latent codes to be decoded, (n, *code shape), and how their images are laid out and described.

    For a conditional model `labels` are the classes of the images, integers (n,).
    """

    codes: np.ndarray
    columns: int
    description: str
    ticks: tuple[str, ...] = ()
    sampler: str | None = None
    labels: np.ndarray | None = None


def generate(channel: Channel, request: Generate) -> None:
    """Decode new images: from random codes, from a grid of codes, or between the codes of two images."""
    # --- codes
    path = Path(request.models[0])
    run_folder.require_output_folder(request.output)
    decoder = load_decoder(path, request)
    hp = decoder.hp
    labels = _requested_labels(request, decoder, path)
    training = TrainingImages(request, path, decoder)
    if request.between:
        sheet = _interpolated_codes(channel, request, request.between, path, decoder, labels)
    elif request.grid:
        sheet = _grid_codes(request.grid, path, decoder, training, labels)
    else:
        sheet = _random_codes(channel, request, path, decoder, training, labels)
    if decoder.classes is not None and sheet.labels is None:
        assert labels is not None
        sheet = sheet._replace(
            labels=np.resize(labels, len(sheet.codes)),
            description=f"{sheet.description}, class {decoder.classes.names[labels[0]]}",
        )
    if decoder.hp.quantization:
        sheet = sheet._replace(codes=decoder.hp.quantization.nearest(sheet.codes))
    # --- images
    value_range = read_value_range(path)
    images = _decode(decoder, sheet, path, value_range.dtype)
    display = Display.of(hp.show_channels, images)
    nearest = None
    if request.nearest:
        train, test = training.subsets
        if images.shape[1:] != train.shape:
            raise UserError(
                f"{path}: it generates images of {format_shape(images.shape[1:])}, the training images are "
                f"{format_shape(train.shape)}; --nearest requires a model of whole images"
            )
        nearest = find_nearest(channel, images, train, test)
    emit_notes(channel, decoder.notes)
    # --- files
    folder = run_folder.new_output_folder(request.output, path.parent / "generated")
    channel.emit(RunStarted(str(folder), device_name()))
    digits, columns = len(str(len(images))), min(sheet.columns, len(images))
    names = [f"{number:0{digits}}.png" for number in range(1, len(images) + 1)]
    with atomic_write(folder / "codes.npy") as partial:
        np.save(partial, sheet.codes)
    with png_writer() as write:
        write(value_range.restore(images), [folder / name for name in names])
    classes: list[str] = []
    if decoder.classes is not None and sheet.labels is not None:
        classes = [decoder.classes.names[label] for label in sheet.labels]
        write_csv(folder / LABELS, ("image", "class"), zip(names, classes, strict=True))
    title = f"{path}: {sheet.description}"
    if len(images) > MAX_SHOWN:
        title += f", the first {MAX_SHOWN:,} of {len(images):,}"
    shown = display.show(images[:MAX_SHOWN])
    image_figures.plot_image_sheet(shown, columns, folder / "sheet.png", title, sheet.ticks)
    if nearest is not None:
        write_nearest(nearest, shown, training.subsets[0], names, display, folder, title)
    channel.emit(
        GenerateResult(
            folder=str(folder),
            count=len(images),
            how=sheet.description,
            columns=sheet.columns,
            pictures=pack_images(shown),
            sampler=sheet.sampler,
            files=[*FILES, *([] if sheet.labels is None else [LABELS])],
            nearest=nearest,
            pairs={} if nearest is None else _pairs(nearest, shown, training.subsets[0], display),
            classes=classes[: len(shown)],
        )
    )


def _pairs(nearest: NearestImages, shown: np.ndarray, train: Subset, display: Display) -> Pictures:
    """The first images and their nearest training images, packed."""
    positions = nearest.positions[:PAIRS]
    neighbors = display.show(train.parent.images[positions])
    return {"samples": pack_images(shown[:PAIRS]), "nearest training images": pack_images(neighbors)}


def _requested_labels(request: Generate, decoder: LoadedDecoder, path: Path) -> np.ndarray | None:
    """The classes that a request names; all of a conditional model where it names none.

    Raises:
        UserError: the model is not conditional, has no such class, or needs one class and gets several.
    """
    if decoder.classes is None:
        if request.labels:
            raise UserError(f"{path}: --label requires a model that was trained with --conditional")
        return None
    labels = decoder.classes.numbers(request.labels or decoder.classes.names)
    option = "--between" if request.between else "--grid" if request.grid else ""
    if option and len(labels) != 1:
        raise UserError(f"{path}: {option} requires one class: set --label to one of {decoder.classes}")
    return labels


def _decode(decoder: LoadedDecoder, sheet: CodeSheet, path: Path, dtype: np.dtype) -> np.ndarray:
    """The images of a sheet's codes, uint8 or uint16 (n, height, width, channels)."""
    names = [f"image {number}" for number in range(1, len(sheet.codes) + 1)]
    require_finite(sheet.codes, names, path)
    images = np.empty(0, dtype)
    for start in range(0, len(sheet.codes), DECODED_AT_ONCE):
        rows = slice(start, start + DECODED_AT_ONCE)
        labels = None if sheet.labels is None else sheet.labels[rows]
        outputs = latent_space.decode_codes(decoder.model, sheet.codes[rows], labels=labels)
        require_finite(outputs, names[rows], path)
        part = to_images(get_task(decoder.hp).output_pixels(decoder.hp, outputs), dtype)
        if not start:
            require_memory(len(names), part.shape[1:], "images", part.itemsize)
            images = np.empty((len(names), *part.shape[1:]), dtype)
        images[rows] = part
    return images


def _interpolated_codes(
    channel: Channel,
    request: Generate,
    files: tuple[str, str],
    path: Path,
    decoder: LoadedDecoder,
    labels: np.ndarray | None,
) -> CodeSheet:
    encoder = _find_encoder_of(decoder, path, replace(request, data=files[0]))
    codes = []
    for file in files:
        options = (request.fit, request.invert, False, encoder.value_range)
        user_images = UserImages(file, encoder.image_shape, *options)
        ((_, images),) = user_images.chunks(1)
        emit_notes(channel, user_images.notes)
        inputs = make_inference_pair(decoder.hp, images)[0]
        codes.append(inference.predict(encoder.model, inputs, labels)[0])
    require_finite(np.stack(codes), [*files], path)
    interpolation = latent_space.interpolate(codes[0], codes[1], request.steps)
    return CodeSheet(interpolation, request.steps, " to ".join(files))


def _find_encoder_of(decoder: LoadedDecoder, path: Path, request: Generate) -> LoadedEncoder:
    """The encoder in the file of a decoder, or next to it. Raises `UserError`: it is for other classes."""
    encoder = find_encoder(path, request)
    names = [None if part.classes is None else part.classes.names for part in (encoder, decoder)]
    if names[0] != names[1]:
        raise UserError(f"{path}: the encoder in its folder is not of this decoder, whose classes differ")
    return encoder


def _grid_codes(
    side: int, path: Path, decoder: LoadedDecoder, training: "TrainingImages", labels: np.ndarray | None
) -> CodeSheet:
    code_shape = decoder.code_shape
    if np.prod(code_shape) != 2:
        raise UserError(f"{path}: the latent size is {int(np.prod(code_shape)):,}; a grid requires 2")
    codes = latent_space.prior_grid(side)
    if not decoder.hp.has_prior:
        label = None if labels is None else int(labels[0])
        codes = latent_space.quantile_grid(codes, training.encode(GRID_IMAGES, label=label))
    ticks = tuple(f"{value:.1f}" for value in codes[:side, 0])
    return CodeSheet(codes.reshape(-1, *code_shape), side, "grid over the latent space", ticks)


def _random_codes(
    channel: Channel,
    request: Generate,
    path: Path,
    decoder: LoadedDecoder,
    training: "TrainingImages",
    classes: np.ndarray | None,
) -> CodeSheet:
    name = request.sampler or applicable_samplers(decoder.hp)[0]
    sampler, seed = SAMPLERS[name], request.seed
    if not sampler.applies(decoder.hp):
        raise unfit_sampler(path, name, decoder.hp)

    def report(fraction: float) -> None:
        channel.emit(ItemProgress(round(STEPS * fraction), STEPS, "steps"))

    source = CodeSource(decoder.code_shape, training.encode, report, channel.stop_event)
    if classes is not None and not request.labels and sampler.max_images:
        classes = np.unique(training.labels)  # others have no codes
    labels = None if classes is None else np.resize(classes, request.count)
    if sampler.max_images:
        emit_notes(channel, training.describe_limit([name]))
        channel.emit(Stage(f"fitting {sampler.source} on the codes of training images"))
    codes = sample_labeled_codes(name, source, training.encode, labels, request.count, seed)
    if channel.stop_event.is_set():
        raise Interrupted("stopped before the images were generated; nothing was written")
    description = f"samples from {sampler.source}, seed {seed}"
    if labels is None:
        return CodeSheet(codes, SHEET_COLUMNS, description, sampler=name)
    assert classes is not None
    assert decoder.classes is not None
    if len(named := [decoder.classes.names[label] for label in np.unique(classes)]) <= MAX_NAMED:
        description += f", class{'es' if len(named) > 1 else ''} {', '.join(named)}"
    columns = len(classes) * max(1, SHEET_COLUMNS // len(classes))  # so that a column is of one class
    return CodeSheet(codes, columns, description, sampler=name, labels=labels)


class TrainingImages:
    """The training images of a model, which are read when they are needed, and their codes.

    They are those that it was trained on, or all images of the data set that the request names.
    """

    def __init__(self, request: Generate, path: Path, decoder: LoadedDecoder):
        self._request, self._path, self._decoder = request, path, decoder

    @cached_property
    def _encoder(self) -> LoadedEncoder:
        return _find_encoder_of(self._decoder, self._path, self._request)

    @cached_property
    def subsets(self) -> tuple[Subset, Subset | None]:
        """The training images, and the test images where there are any."""
        request, encoder = self._request, self._encoder
        if request.data is None:
            dataset = load_training_data(
                self._path, None, request.fit, encoder.image_shape, encoder.value_range
            )
            return dataset.train, dataset.test
        fit = _picture_fit(request, self._decoder.hp, encoder.image_shape)
        fit = fit.with_range_of(encoder.value_range)
        source = datasets.load_source(request.data, fit)
        require_shape(request.data, source.train.images.shape[1:], encoder.image_shape)
        parts = (source.train, source.test)
        train, test = (None if part is None else Subset(part, np.arange(len(part))) for part in parts)
        assert train is not None
        return train, test

    @cached_property
    def _codes(self) -> TrainingCodes:
        return TrainingCodes(self._encoder, self.subsets[0], self._path, self._request.seed)

    @property
    def labels(self) -> np.ndarray:
        """The labels of the images, for a conditional model."""
        labels = self._codes.labels
        assert labels is not None
        return labels

    def describe_limit(self, samplers: list[str]) -> list[str]:
        """What `TrainingCodes.describe_limit` says."""
        return self._codes.describe_limit(samplers)

    def encode(self, count: int, from_posterior: bool = False, label: int | None = None) -> np.ndarray:
        """The codes of a sample of the training images, as `TrainingCodes.encode` returns them."""
        return self._codes.encode(count, from_posterior, label)


def _picture_fit(request: Generate, hp: AutoencoderHyperparameters, shape: ImageShape) -> PictureFit:
    """How pictures of a folder become images of a model's shape; other data sets are read as they are."""
    if request.data is None or find_pictures(request.data) is None:
        return AS_THEY_ARE
    return replace(PictureFit.of(hp), size=shape[:2], mode=request.fit, patches=0).with_color_of(shape)
