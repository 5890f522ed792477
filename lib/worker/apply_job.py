"""Job `apply`: images through saved autoencoders, with a table of their errors, largest first."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event
from typing import NamedTuple

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_psnr, format_shape
from lib.common.serialization import pack_images, write_csv
from lib.data.unscaled_pictures import UnscaledPicture
from lib.data.user_images import TRANSPARENT, UserImages
from lib.tasks import get_task
from lib.tasks.display import Display
from lib.tasks.metrics import psnr
from lib.tasks.predictions import Predictions
from lib.worker.apply_examples import Example, Examples
from lib.worker.apply_holes import choose_holes, describe_whole, missing_fractions
from lib.worker.image_output import (
    ChunkProgress,
    dataset_suffix,
    emit_notes,
    job_folder,
    open_image_output,
)
from lib.worker.messages import ERROR, Apply, ApplyResult
from lib.worker.output_names import model_names, output_names
from lib.worker.own_size import OwnSizeModel, own_size_models
from lib.worker.own_size_files import KEPT_SUFFIXES, own_size_writer
from lib.worker.process import Channel
from lib.worker.saved_models import LoadedAutoencoder, load_autoencoder, require_finite

MISSING_FRACTION = "missing fraction"  # what a table lists in place of the error


class Outputs(NamedTuple):
    """The outputs for some images.

    Attributes:
        positions: of the images, (n,).
        errors: of each model, (models, n); NaN where nothing is predicted.
        missing: fraction of each image that is missing, (n,); `None` without holes.
        pictures: uint8 pictures of each image: input, output of each model, target.
    """

    positions: np.ndarray
    errors: np.ndarray
    missing: np.ndarray | None
    pictures: list[list[np.ndarray]]


def apply(channel: Channel, request: Apply) -> None:
    """Apply one or several autoencoders to images; write their outputs, a table of errors and comparisons.

    An error is the mean squared difference between output and target, pixels in 0..1. Where the
    target is the image itself, the error says how much was changed. The largest errors come first. What is
    below transparent pixels is not known: such pictures have the fraction that is missing in its place.
    """
    # --- models and images
    models = _load_matching_autoencoders(request)
    holes = choose_holes(request, models)
    options = (request.fit, request.invert, False, models[0].saved.value_range, holes, models[0].hp.seed)
    user_images = UserImages(request.data, models[0].image_shape, *options)
    progress = ChunkProgress(channel, user_images, request.limit, "pictures")
    names = model_names([model.path for model in models])
    if request.refine:
        models, names = _add_refined_models(models, names, request.refine, channel.stop_event, progress)
    own_models, size_notes = own_size_models(models, request.output_size, user_images)
    emit_notes(channel, [*(note for model in models for note in model.notes), *size_notes])
    single = len(models) == 1
    measure = MISSING_FRACTION if holes == TRANSPARENT else ERROR
    examples = Examples(_heads(["output"] if single else names, models[0], holes))
    with job_folder(channel, request.output, models[0].path.parent / "applied") as folder:
        # --- outputs
        paths = [folder / name for name in (["pictures"] if single else names)]
        if own_models is None:
            outputs = _outputs_at_model_size(models, user_images, progress, paths)
        else:
            outputs = _outputs_at_own_size(own_models, user_images, progress, paths)
        with closing(outputs):
            values, missing = _collect(outputs, user_images, examples, len(models), measure)
        emit_notes(channel, describe_whole(user_images, missing))
    # --- table and figures
    columns, table = _error_table(values, user_images.names, names, measure)
    write_csv(folder / "errors.csv", columns, table)
    suffix = "/" if user_images.from_files else dataset_suffix(user_images)
    title = f"{user_images.source}, {len(table):,} pictures, {', '.join(map(str, request.models))}"
    rows = examples.write(folder, title, "largest errors" if measure == ERROR else "largest holes")
    channel.emit(
        ApplyResult(
            folder=str(folder),
            table=table,
            columns=columns,
            problems=user_images.unreadable,
            mean=[float(np.nanmean(of_model)) for of_model in values],
            measure=measure,
            task=models[0].hp.task,
            heads=[name for name, _ in rows],
            names=names,
            refined=bool(request.refine),
            missing=progress.stop_note,
            files=[path.name + suffix for path in paths],
            sheet=str(folder / "comparison.png"),
            page=str(folder / "comparison.html"),
            own_size=own_models is not None,
            pictures={name: pack_images(images) for name, images in rows},
        )
    )


def _outputs_at_model_size(
    models: list[LoadedAutoencoder], user_images: UserImages, progress: ChunkProgress, paths: list[Path]
) -> Generator[Outputs]:
    """Yield the outputs by chunk; they are written below `paths`, one for each model."""
    display: Display | None = None
    with ExitStack() as stack:
        writers = [stack.enter_context(open_image_output(user_images, path)) for path in paths]
        for positions, images, results in progress.map(
            lambda images: [model.run(images) for model in models]
        ):
            names = [user_images.names[position] for position in positions]
            display = display or Display.of(models[0].hp.show_channels, images[..., : user_images.shape[2]])
            errors, shown = [], []
            for model, write, result in zip(models, writers, results, strict=True):
                require_finite(result[1], names, model.path)
                pixels = get_task(model.hp).to_pixels(model.hp, *result)
                write(positions, pixels[1])
                errors.append(Predictions(model.hp, *result).image_errors())
                shown.append([display.show_pixels(part) for part in pixels])
            pictures = [shown[0][0], *(outputs for _, outputs, _ in shown), shown[0][2]]
            missing = missing_fractions(images) if user_images.holes else None
            yield Outputs(positions, np.array(errors), missing, list(map(list, zip(*pictures, strict=True))))


def _outputs_at_own_size(
    models: list[OwnSizeModel], user_images: UserImages, progress: ChunkProgress, paths: list[Path]
) -> Generator[Outputs]:
    """The same for pictures of their own size."""
    names = output_names(user_images.paths, KEPT_SUFFIXES)
    stop_event = progress.channel.stop_event

    def run(pictures):
        ((position,), (picture,)) = pictures
        return [model.apply(picture, user_images.names[position], stop_event) for model in models]

    loaded = user_images.unscaled_pictures(progress.limit)
    chunks = (
        (positions, (positions, pictures))
        for positions, pictures in loaded
        if _is_accepted(models, user_images, positions[0], pictures[0])
    )
    with own_size_writer() as write:
        for positions, (_, (picture,)), outputs in progress.map_chunks(chunks, run):
            if user_images.holes == TRANSPARENT:
                picture = picture._replace(alpha=None)  # outputs are opaque
            for path, output in zip(paths, outputs, strict=True):
                write(path / names[positions[0]], output.pixels, picture)
            pictures = [outputs[0].given, *(output.pixels for output in outputs), picture.pixels]
            missing = None if picture.hole is None else np.array([picture.hole.mean()])
            yield Outputs(positions, np.array([[output.error] for output in outputs]), missing, [pictures])


def _is_accepted(
    models: list[OwnSizeModel], user_images: UserImages, position: int, picture: UnscaledPicture
) -> bool:
    """Whether all models can be applied to a picture; one that is refused is listed with the unreadable."""
    try:
        for model in models:
            model.require_fitting(picture)
    except UserError as error:
        user_images.unreadable[user_images.names[position]] = f"{user_images.names[position]}: {error}"
        return False
    return True


def _collect(
    chunks: Iterator[Outputs], user_images: UserImages, examples: Examples, models: int, measure: str
) -> tuple[np.ndarray, np.ndarray]:
    """Take all outputs and their examples.

    Returns:
        The values of the `measure`, (models, n), and the fraction of each picture that is missing, (n,); NaN
        for pictures that are not processed, or have none.
    """
    missing = np.full(len(user_images), np.nan)
    values = np.full((models, len(user_images)), np.nan)
    for positions, errors, fractions, pictures in chunks:
        if fractions is not None:
            missing[positions] = fractions
        values[:, positions] = errors if measure == ERROR else fractions
        examples.add(
            [
                Example(user_images.names[position], value, _describe(value, measure), images)
                for position, value, images in zip(positions, values[0, positions], pictures, strict=True)
            ]
        )
    return values, missing


def _load_matching_autoencoders(request: Apply) -> list[LoadedAutoencoder]:
    models = [load_autoencoder(path, request) for path in request.models]
    for model in models:
        model.require_no_labels("apply")
    shapes = {model.image_shape for model in models}
    if len(shapes) > 1:
        raise UserError(
            f"the models take images of different shapes: "
            f"{', '.join(format_shape(shape) for shape in shapes)}"
        )
    return models


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


def _heads(outputs: list[str], model: LoadedAutoencoder, holes: str | None) -> list[str]:
    """The names of an example's pictures: input, outputs, and target where it is known and not the input."""
    shows_target = not get_task(model.hp).targets_are_images and holes != TRANSPARENT
    return ["input", *outputs, *(["true"] if shows_target else [])]


def _describe(value: float, measure: str) -> str:
    if measure != ERROR:
        return f"{measure} {value:.1%}"
    return (
        f"MSE {value:.6f}, PSNR {format_psnr(psnr(float(value)))} dB" if value >= 0 else "nothing is missing"
    )


def _error_table(
    values: np.ndarray, pictures: list[str], models: list[str], measure: str
) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of `errors.csv`, by falling error of the first model.

    Args:
        values: mean squared errors, shape (models, pictures), or another `measure`; pictures with NaN alone
            are not listed.
        pictures: their names.
        models: their names.
        measure: what the values are; without an error, the table has no PSNR.
    """
    order = np.argsort(-np.nan_to_num(values[0], nan=-1), kind="stable")
    order = order[~np.isnan(values[:, order]).all(axis=0)]
    rows = [
        [pictures[index], *("" if np.isnan(value) else f"{value:.6f}" for value in values[:, index])]
        for index in order
    ]
    if measure != ERROR:  # the same for all models
        return ["picture", measure], [row[:2] for row in rows]
    if len(models) > 1:
        return ["picture", *(f"mse {model}" for model in models)], rows
    for row, index in zip(rows, order, strict=True):
        row.append(format_psnr(psnr(float(values[0, index]))).replace("∞", "inf"))
    return ["picture", "mse", "psnr_db"], rows
