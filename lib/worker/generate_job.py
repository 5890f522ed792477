"""Job `generate`: images decoded from codes that are sampled, interpolated, or laid on a grid."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write
from lib.common.formatting import format_shape
from lib.common.serialization import pack_images
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit
from lib.data.user_images import UserImages, find_pictures
from lib.evaluation import image_figures, latent_space
from lib.models import inference
from lib.models.saving.file_attributes import read_value_range
from lib.runs import records, run_folder
from lib.runs.events import RunStarted
from lib.runs.validation import sanitize
from lib.tasks import ImageShape, get_task, make_inference_pair
from lib.tasks.display import Display
from lib.tasks.pixels import to_images
from lib.training.backend import device_name
from lib.worker.image_output import emit_notes, png_writer
from lib.worker.messages import Generate, GenerateResult
from lib.worker.process import Channel
from lib.worker.saved_models import find_encoder, load_decoder, require_finite

SHEET_COLUMNS = 12  # of sampled images


class CodeSheet(NamedTuple):
    """Latent codes to be decoded, (n, *code shape), and how their images are laid out and described."""

    codes: np.ndarray
    columns: int
    description: str
    ticks: tuple[str, ...] = ()


def generate(channel: Channel, request: Generate) -> None:
    """Decode new images: from random codes, from a grid of codes, or between the codes of two images."""
    # --- codes
    path = Path(request.models[0])
    decoder, hp, notes = load_decoder(path, request)
    code_shape = tuple(decoder.input_shape[1:])
    if request.between:
        sheet = _interpolated_codes(channel, request, request.between, path, hp)
    elif request.grid:
        sheet = _grid_codes(request, request.grid, path, hp, code_shape)
    else:
        sheet = _random_codes(request, path, hp, code_shape)
    # --- images
    value_range, pixels = read_value_range(path), _decode(decoder, sheet, hp, path)
    images = to_images(pixels, value_range.dtype)
    emit_notes(channel, notes)
    folder = run_folder.new_output_folder(request.output, path.parent / "generated")
    channel.emit(RunStarted(str(folder), device_name()))
    digits, columns = len(str(len(images))), min(sheet.columns, len(images))
    with png_writer() as write:
        write(
            value_range.restore(images),
            [folder / f"{number:0{digits}}.png" for number in range(1, len(images) + 1)],
        )
    title = f"{path}: {sheet.description}"
    images = Display.of(hp.show_channels, images).show(images)
    image_figures.plot_image_sheet(images, columns, folder / "sheet.png", title, sheet.ticks)
    with atomic_write(folder / "codes.npy") as partial:
        np.save(partial, sheet.codes)
    channel.emit(
        GenerateResult(
            folder=str(folder),
            count=len(images),
            how=sheet.description,
            columns=sheet.columns,
            pictures=pack_images(images),
        )
    )


def _decode(decoder: keras.Model, sheet: CodeSheet, hp: AutoencoderHyperparameters, path: Path) -> np.ndarray:
    """The pixels of a sheet's codes, float32 (n, height, width, channels)."""
    names = [f"image {number}" for number in range(1, len(sheet.codes) + 1)]
    require_finite(sheet.codes, names, path)
    outputs = latent_space.decode_codes(decoder, sheet.codes, hp.quantization)
    require_finite(outputs, names, path)
    return get_task(hp).output_pixels(hp, outputs)


def _interpolated_codes(
    channel: Channel, request: Generate, files: tuple[str, str], path: Path, hp: AutoencoderHyperparameters
) -> CodeSheet:
    encoder = find_encoder(path, replace(request, data=files[0]))
    codes = []
    for file in files:
        options = (request.fit, request.invert, False, encoder.value_range)
        user_images = UserImages(file, encoder.image_shape, *options)
        ((_, images),) = user_images.chunks(1)
        emit_notes(channel, user_images.notes)
        codes.append(encoder.model.predict_on_batch(make_inference_pair(hp, images)[0])[0])
    require_finite(np.stack(codes), [*files], path)
    interpolation = latent_space.interpolate(codes[0], codes[1], request.steps)
    return CodeSheet(interpolation, request.steps, " to ".join(files))


def _grid_codes(
    request: Generate, side: int, path: Path, hp: AutoencoderHyperparameters, code_shape: tuple[int, ...]
) -> CodeSheet:
    if np.prod(code_shape) != 2:
        raise UserError(f"{path}: the latent size is {int(np.prod(code_shape)):,}; a grid requires 2")
    codes = latent_space.prior_grid(side)
    if not hp.has_prior:
        codes = latent_space.quantile_grid(codes, _encode_training_images(request, path, hp))
    ticks = tuple(f"{value:.1f}" for value in codes[:side, 0])
    return CodeSheet(codes.reshape(-1, *code_shape), side, "grid over the latent space", ticks)


def _random_codes(
    request: Generate, path: Path, hp: AutoencoderHyperparameters, code_shape: tuple[int, ...]
) -> CodeSheet:
    count, seed = request.count, request.seed
    if hp.has_prior and not request.mixture:
        codes = latent_space.sample_prior(count, code_shape, seed)
        return CodeSheet(codes, SHEET_COLUMNS, f"samples from the prior, seed {seed}")
    codes = latent_space.sample_mixture(_encode_training_images(request, path, hp), count, seed)
    return CodeSheet(codes, SHEET_COLUMNS, f"samples from a Gaussian mixture, seed {seed}")


def _encode_training_images(request: Generate, path: Path, hp: AutoencoderHyperparameters) -> np.ndarray:
    """Codes of a random sample of the given data set, or of the one that the model was trained on."""
    dataset = request.data or _training_dataset(path)
    encoder = find_encoder(path, replace(request, data=dataset))
    fit = _picture_fit(dataset, hp, encoder.image_shape).with_range_of(encoder.value_range)
    images = datasets.load_source(dataset, fit).train.images
    if images.shape[1:] != encoder.image_shape:
        raise UserError(
            f"{dataset}: its images are {format_shape(images.shape[1:])}, the model takes "
            f"{format_shape(encoder.image_shape)}"
        )
    order = np.random.default_rng(request.seed).permutation(len(images))
    sample = np.sort(order[: latent_space.MIXTURE_IMAGES])
    starts = range(0, len(sample), latent_space.BATCH_SIZE)
    batches = (images[sample[start : start + latent_space.BATCH_SIZE]] for start in starts)
    codes = np.concatenate(
        [inference.predict(encoder.model, make_inference_pair(hp, batch)[0]) for batch in batches]
    )
    require_finite(codes, [f"image {position + 1}" for position in sample], path)
    return codes


def _picture_fit(dataset: str, hp: AutoencoderHyperparameters, shape: ImageShape) -> PictureFit:
    """How pictures of a folder became the images of a model; other data sets are read as they are."""
    if find_pictures(dataset) is None:
        return AS_THEY_ARE
    return replace(PictureFit.of(hp), size=shape[:2]).with_color_of(shape)


def _training_dataset(path: Path) -> str:
    try:
        return sanitize(records.load_record(path.parent))["hyperparameters"]["dataset"]
    except (UserError, KeyError, RecursionError):
        raise UserError(
            f"{path}: an autoencoder without a prior needs images for a Gaussian mixture; pass them with -d"
        ) from None
