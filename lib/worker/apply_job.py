"""Job `apply`: images through saved autoencoders, with a table of their errors, largest first."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_psnr, format_shape
from lib.common.serialization import pack_images, write_csv
from lib.data.user_images import TRANSPARENT, UserImages
from lib.tasks import get_task
from lib.tasks.display import Display
from lib.tasks.metrics import psnr
from lib.tasks.pixel_errors import image_errors
from lib.worker.apply_examples import Example, Examples
from lib.worker.apply_holes import choose_holes, describe_whole, missing_fractions
from lib.worker.image_output import (
    ChunkProgress,
    dataset_suffix,
    emit_notes,
    job_folder,
    open_image_output,
)
from lib.worker.messages import Apply, ApplyResult
from lib.worker.own_size import OwnSizeModel, own_size_models
from lib.worker.own_size_files import own_size_names, own_size_writer
from lib.worker.process import Channel
from lib.worker.saved_models import LoadedAutoencoder, load_autoencoder, require_finite

ERROR, MISSING_FRACTION = "MSE", "missing fraction"  # what a table lists


class Outputs(NamedTuple):
    """The outputs for some images.

    Attributes:
        positions: of the images, (n,).
        errors: of each model, (models, n).
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
    names = _short_names([model.path for model in models])
    if request.refine:
        models, names = _add_refined_models(models, names, request.refine, channel.stop_event, progress)
    own_models, size_notes = own_size_models(models, request.output_size, user_images)
    emit_notes(channel, [*(note for model in models for note in model.notes), *size_notes])
    single = len(models) == 1
    # --- outputs
    errors = np.full((len(models), len(user_images)), np.nan)
    measure = MISSING_FRACTION if holes == TRANSPARENT else ERROR
    heads = _heads(["output"] if single else names, models[0], holes)
    examples, completed, whole = Examples(heads), 0, 0
    with job_folder(channel, request.output, models[0].path.parent / "applied") as folder:
        paths = [folder / name for name in (["pictures"] if single else names)]
        if own_models is None:
            results = _outputs_at_model_size(models, user_images, progress, paths)
        else:
            results = _outputs_at_own_size(own_models, user_images, progress, paths)
        with results as chunks:
            for chunk in chunks:
                values = chunk.errors if measure == ERROR else chunk.missing
                errors[:, chunk.positions] = values
                examples.add(_examples(user_images, chunk, errors[0, chunk.positions], measure))
                if chunk.missing is not None:
                    completed += len(chunk.missing)
                    whole += int((chunk.missing == 0).sum())
        emit_notes(channel, describe_whole(user_images, whole, completed))
    # --- table and figures
    columns, table = _error_table(errors, user_images.names, names, measure)
    write_csv(folder / "errors.csv", columns, table)
    suffix = "/" if user_images.from_files else dataset_suffix(user_images)
    model_paths = ", ".join(map(str, request.models))
    title = f"{user_images.source}, {len(table):,} pictures, {model_paths}"
    rows = examples.write(folder, title, "largest errors" if measure == ERROR else "largest holes")
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
            files=[path.name + suffix for path in paths],
            sheet=str(folder / "comparison.png"),
            page=str(folder / "comparison.html"),
            own_size=own_models is not None,
            pictures={name: pack_images(images) for name, images in rows},
        )
    )


@contextmanager
def _outputs_at_model_size(
    models: list[LoadedAutoencoder], user_images: UserImages, progress: ChunkProgress, paths: list[Path]
) -> Iterator[Iterator[Outputs]]:
    """Context of the outputs by chunk, which are written below `paths`, one for each model."""
    with ExitStack() as stack:
        writers = [stack.enter_context(open_image_output(user_images, path)) for path in paths]
        yield _results_at_model_size(models, user_images, progress, writers)


def _results_at_model_size(
    models: list[LoadedAutoencoder], user_images: UserImages, progress: ChunkProgress, writers: list[Callable]
) -> Iterator[Outputs]:
    display: Display | None = None
    for positions, images, results in progress.map(lambda images: [model.run(images) for model in models]):
        names = [user_images.names[position] for position in positions]
        for model, (_, outputs, _) in zip(models, results, strict=True):
            require_finite(outputs, names, model.path)
        pixels = [
            get_task(model.hp.task).to_pixels(model.hp, *result)
            for model, result in zip(models, results, strict=True)
        ]
        for write, (_, outputs, _) in zip(writers, pixels, strict=True):
            write(positions, outputs)
        display = display or Display.of(models[0].hp.show_channels, images[..., : user_images.shape[2]])
        pictures = [list(map(display.show_pixels, of_model)) for of_model in pixels]
        errors = [image_errors(model.hp, *result) for model, result in zip(models, results, strict=True)]
        missing = missing_fractions(images) if user_images.holes else None
        rows = [pictures[0][0], *(outputs for _, outputs, _ in pictures), pictures[0][2]]
        yield Outputs(
            positions, np.array(errors), missing, [list(shown) for shown in zip(*rows, strict=True)]
        )


@contextmanager
def _outputs_at_own_size(
    models: list[OwnSizeModel], user_images: UserImages, progress: ChunkProgress, paths: list[Path]
) -> Iterator[Iterator[Outputs]]:
    """The same for pictures of their own size."""
    names = own_size_names(user_images.paths)
    stop_event = progress.channel.stop_event

    def run(pictures):
        ((position,), (picture,)) = pictures
        return [model.apply(picture, user_images.names[position], stop_event) for model in models]

    def results(write) -> Iterator[Outputs]:
        loaded = user_images.unscaled_pictures(progress.limit)
        chunks = ((positions, (positions, pictures)) for positions, pictures in loaded)
        for positions, (_, (picture,)), outputs in progress.map_chunks(chunks, run):
            if user_images.holes == TRANSPARENT:
                picture = picture._replace(alpha=None)  # outputs are opaque
            for path, output in zip(paths, outputs, strict=True):
                write(path / names[positions[0]], output.pixels, picture)
            pictures = [outputs[0].given, *(output.pixels for output in outputs), picture.pixels]
            missing = None if picture.hole is None else np.array([picture.hole.mean()])
            yield Outputs(positions, np.array([[output.error] for output in outputs]), missing, [pictures])

    with own_size_writer() as write:
        yield results(write)


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


def _heads(outputs: list[str], model: LoadedAutoencoder, holes: str | None) -> list[str]:
    """The names of an example's pictures: input, outputs, and target where it is known and not the input."""
    shows_target = not get_task(model.hp.task).targets_are_images and holes != TRANSPARENT
    return ["input", *outputs, *(["true"] if shows_target else [])]


def _examples(user_images: UserImages, outputs: Outputs, errors: np.ndarray, measure: str) -> list[Example]:
    return [
        Example(user_images.names[position], error, _describe(error, measure), images)
        for position, error, images in zip(outputs.positions, errors, outputs.pictures, strict=True)
    ]


def _describe(error: float, measure: str) -> str:
    if measure != ERROR:
        return f"{measure} {error:.1%}"
    return f"MSE {error:.6f}, PSNR {format_psnr(psnr(float(error)))} dB"


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
    if measure != ERROR:  # the same for all models
        return ["picture", measure], [row[:2] for row in rows]
    if len(models) > 1:
        return ["picture", *(f"mse {model}" for model in models)], rows
    for row, index in zip(rows, order, strict=True):
        row.append(format_psnr(psnr(float(errors[0, index]))).replace("∞", "inf"))
    return ["picture", "mse", "psnr_db"], rows
