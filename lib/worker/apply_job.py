"""Job `apply`: images through saved autoencoders, with a table of their errors, largest first."""

from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import NamedTuple

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_psnr, format_shape
from lib.common.serialization import pack_images, write_csv
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.user_images import TRANSPARENT, UserImages
from lib.evaluation import image_figures
from lib.tasks import get_task
from lib.tasks.display import Display
from lib.tasks.metrics import psnr
from lib.tasks.pixel_errors import image_errors
from lib.worker.apply_holes import choose_holes, describe_whole, missing_fractions
from lib.worker.image_output import (
    ChunkProgress,
    dataset_suffix,
    emit_notes,
    job_folder,
    open_image_output,
)
from lib.worker.messages import Apply, ApplyResult
from lib.worker.process import Channel
from lib.worker.saved_models import LoadedAutoencoder, load_autoencoder, require_finite

SHOWN_ERRORS = 10  # images with the largest errors in the figure


class ErrorExample(NamedTuple):
    """An image with a large error: as input, as output of each model, and as target, uint8 each."""

    error: float
    pictures: list[np.ndarray]


def apply(channel: Channel, request: Apply) -> None:
    """Apply one or several autoencoders to images; write their outputs, a table of errors and a figure.

    An error is the mean squared difference between output and target, pixels in 0..1. Where the
    target is the image itself, the error says how much was changed. The largest errors come first.
    """
    # --- models and images
    models = _load_matching_autoencoders(request)
    holes = choose_holes(request, models)
    options = (request.fit, request.invert, False, models[0].saved.value_range, holes, models[0].hp.seed)
    user_images = UserImages(request.data, models[0].image_shape, *options)
    progress = ChunkProgress(channel, user_images, request.limit, "pictures")
    names = _short_names([model.path for model in models])
    if request.refine:
        models, names = _add_refined_models(models, names, request.refine, channel.stop_event, progress)
    emit_notes(channel, (note for model in models for note in model.notes))
    single = len(models) == 1
    # --- outputs
    errors = np.full((len(models), len(user_images)), np.nan)
    completed = whole = 0
    examples: list[ErrorExample] = []
    with (
        job_folder(channel, request.output, models[0].path.parent / "applied") as folder,
        ExitStack() as stack,
    ):
        output_paths = [folder / name for name in (["pictures"] if single else names)]
        writers = [stack.enter_context(open_image_output(user_images, path)) for path in output_paths]
        display: Display | None = None
        for positions, images, results in progress.map(
            lambda images: [model.run(images) for model in models]
        ):
            chunk_names = [user_images.names[position] for position in positions]
            for model, (_, outputs, _) in zip(models, results, strict=True):
                require_finite(outputs, chunk_names, model.path)
            pixels = [
                get_task(model.hp.task).to_pixels(model.hp, *result)
                for model, result in zip(models, results, strict=True)
            ]
            for index in range(len(models)):
                errors[index, positions] = image_errors(models[index].hp, *results[index])
                if holes == TRANSPARENT:  # what is below transparent pixels is not known
                    errors[index, positions] = missing_fractions(images)
                writers[index](positions, pixels[index][1])
            display = display or Display.of(models[0].hp.show_channels, images[..., : user_images.shape[2]])
            pictures = [list(map(display.show_pixels, of_model)) for of_model in pixels]
            examples = _largest_errors(examples, np.nan_to_num(errors[0, positions]), pictures)
            if holes:
                completed += len(images)
                whole += int((missing_fractions(images) == 0).sum())
        emit_notes(channel, describe_whole(user_images, whole, completed))
    # --- table and figure
    measure = "missing fraction" if holes == TRANSPARENT else "MSE"
    columns, table = _error_table(errors, user_images.names, names, measure)
    write_csv(folder / "errors.csv", columns, table)
    rows = _example_rows(examples, ["output"] if single else names, models[0].hp)
    rows = rows[:-1] if holes == TRANSPARENT else rows  # without the unknown target
    model_paths = ", ".join(map(str, request.models))
    order = "largest holes" if holes == TRANSPARENT else "largest errors"
    title = f"{user_images.source}, {len(table):,} pictures, {model_paths}: {order}"
    image_figures.plot_image_rows(rows, folder / "worst.png", title)
    channel.emit(
        ApplyResult(
            folder=str(folder),
            table=table,
            columns=columns,
            problems=user_images.unreadable,
            mean=[float(np.nanmean(model_errors)) for model_errors in errors],
            measure=measure,
            task=models[0].hp.task,
            heads=[name for name, _ in rows],
            names=names,
            refined=bool(request.refine),
            missing=progress.stop_note,
            files=[
                f"{path.name}{'/' if user_images.from_files else dataset_suffix(user_images)}"
                for path in output_paths
            ],
            pictures={name: pack_images(images) for name, images in rows},
        )
    )


def _load_matching_autoencoders(request: Apply) -> list[LoadedAutoencoder]:
    models = [load_autoencoder(path, request) for path in request.models]
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
    errors: np.ndarray, pictures: list[str], models: list[str], measure: str
) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows of `errors.csv`, by falling error of the first model.

    Args:
        errors: mean squared errors, shape (models, pictures); NaN for pictures that were not processed.
        pictures: their names.
        models: their names.
        measure: what the errors are; without an error, the table has no PSNR.
    """
    order = np.argsort(-np.nan_to_num(errors[0], nan=-1), kind="stable")
    order = order[~np.isnan(errors[0, order])]
    rows = [[pictures[index], *(f"{error:.6f}" for error in errors[:, index])] for index in order]
    if measure != "MSE":  # the same for all models
        return ["picture", measure], [row[:2] for row in rows]
    if len(models) > 1:
        return ["picture", *(f"mse {model}" for model in models)], rows
    for row, index in zip(rows, order, strict=True):
        row.append(format_psnr(psnr(float(errors[0, index]))).replace("∞", "inf"))
    return ["picture", "mse", "psnr_db"], rows


def _example_rows(
    examples: list[ErrorExample], outputs: list[str], hp: AutoencoderHyperparameters
) -> list[tuple[str, np.ndarray]]:
    """The rows of the figure of errors: names and images, uint8 (n, height, width, channels)."""
    names = ["input", *outputs, "true"]
    if get_task(hp.task).targets_are_images:
        names = names[:-1]  # the target is the input
    return [
        (name, np.stack([example.pictures[row] for example in examples])) for row, name in enumerate(names)
    ]
