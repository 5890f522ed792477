"""What a saved model is used for, in the worker: `apply`, `encode`, `generate` and `predict`, one function
each.

Each takes the program to tell and a request as `lib.using` makes it, and writes into a folder of its own.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

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
from lib.models.saving.model_files import SavedModel, load_saved
from lib.runs import records, run_folder
from lib.runs.validation import sanitize
from lib.tasks import get_task
from lib.tasks.base import image_shape, make_inference_pair, to_pictures
from lib.tasks.pixels import to_float
from lib.training.backend import device
from lib.worker.image_output import ChunkProgress, PngWriter, open_image_output
from lib.worker.process import Channel

SHOWN_ERRORS = 10  # pictures shown, those with the largest errors
PART_NAMES = ("encoder", "decoder", "classifier")  # of a model, or another one
SHOWN_PREDICTIONS = 24  # pictures shown with a predicted label


@dataclass(frozen=True)
class LoadedAutoencoder:
    """A saved autoencoder: `image` is the shape (height, width, channels) of the whole images of its task."""

    path: Path
    saved: SavedModel
    hp: Hyperparameters
    image: tuple[int, int, int]
    model: keras.Model | CodeRefinement

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, outputs and targets for uint8 images."""
        inputs, wanted = make_inference_pair(self.hp, images)
        return inputs, self.model.predict_on_batch(inputs), wanted

    def refined(self, steps: int, stopped: Event, told: Callable[[float], None]) -> "LoadedAutoencoder":
        """The same with refined codes. Raises `UserError` where the input is not the target, or there are no
        such parts.
        """
        encoder, decoder = self.saved.part("encoder"), self.saved.part("decoder")
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
        return replace(self, model=CodeRefinement(code_only(encoder), decoder, steps, stopped, told))


def load_autoencoder(name: str, needed: str = "") -> LoadedAutoencoder:
    """A whole autoencoder from `.h5`. Raises `UserError` for any other model, and says what it is needed for."""
    path = Path(name)
    saved = load_saved(path)
    model, given, made = saved.model, saved.model.input_shape, saved.model.output_shape
    images = all(
        isinstance(shape, tuple) and len(shape) == 4 and None not in shape[1:] for shape in (given, made)
    )
    if model.name in PART_NAMES or not images:
        raise UserError(
            f"{path}: is no whole autoencoder (images in, images out){needed}; give an autoencoder.h5"
        )
    hp = saved.hp or Hyperparameters()
    return LoadedAutoencoder(path, saved, hp, image_shape(hp, given[1:], made[1:]), model)


def apply(program: Channel, request: dict) -> None:
    """Every picture through one model or several: the outcomes, and a table of errors, worst first.

    An error is the mean squared difference to what the task wants (for denoise: to the picture itself, so it
    says how much was changed), pixels in 0..1.
    """
    models = [load_autoencoder(name) for name in request["models"]]
    shapes = {model.image for model in models}
    if len(shapes) > 1:
        raise UserError(
            f"the models take images of different shapes: "
            f"{', '.join(format_shape(shape) for shape in shapes)}"
        )
    own = UserImages(request["data"], models[0].image, request["fit"], request["invert"])
    progress = ChunkProgress(program, own, request, "pictures")
    names, steps = _model_labels([model.path for model in models]), request["refine"]
    if steps:
        names = [f"{name}{end}" for name in names for end in ("", "-refined")]
        better = [
            model.refined(steps, program.stopped, progress.part(n, len(models)))
            for n, model in enumerate(models)
        ]
        models = [each for pair in zip(models, better, strict=True) for each in pair]
    errors = np.full((len(models), len(own)), np.nan)
    kept: list[tuple[float, int, list[np.ndarray]]] = []
    with _output_folder(program, request, models[0].path.parent / "applied") as folder, ExitStack() as files:
        places_of = [folder / name for name in (["pictures"] if len(models) == 1 else names)]
        add = [files.enter_context(open_image_output(own, place)) for place in places_of]
        for places, _, found in progress.through(lambda images: [model.run(images) for model in models]):
            rows: list[np.ndarray] = []
            for number, (model, (inputs, outputs, wanted)) in enumerate(zip(models, found, strict=True)):
                errors[number, places] = np.square(outputs - wanted).mean(axis=(1, 2, 3))
                seen = to_pictures(model.hp, inputs, outputs, wanted)
                rows = rows or [seen[0], seen[2]]
                rows.insert(-1, seen[1])
                add[number](places, seen[1])
            kept += [(errors[0, place], place, [row[n] for row in rows]) for n, place in enumerate(places)]
            kept = sorted(kept, key=lambda item: -item[0])[:SHOWN_ERRORS]
    order = [
        place
        for place in np.argsort(-np.nan_to_num(errors[0], nan=-1), kind="stable")
        if not np.isnan(errors[0, place])
    ]
    alone = len(models) == 1
    columns = ["mse", "psnr_db"] if alone else [f"mse {name}" for name in names]
    table = [[own.names[place], *(f"{error:.6f}" for error in errors[:, place])] for place in order]
    table = [
        [*row, *([_format_psnr(errors[0, place])] if alone else [])]
        for row, place in zip(table, order, strict=True)
    ]
    write_csv(folder / "errors.csv", ["picture", *columns], table)
    heads = ["input", *(["output"] if alone else names), "true"]
    columns_of = [np.stack([item[2][n] for item in kept]) for n in range(len(heads))]
    same = get_task(models[0].hp.task).targets_are_images
    if same:  # what is wanted is the input
        heads, columns_of = heads[:-1], columns_of[:-1]
    title = (
        f"{own.where}, {len(order):,} pictures through {', '.join(map(str, request['models']))}: the "
        f"largest errors"
    )
    figures.image_rows(list(zip(heads, columns_of, strict=True)), folder / "worst.png", title)
    program.tell(
        "finished",
        folder=str(folder),
        table=table,
        columns=["picture", *columns],
        problems=own.problems,
        mean=[float(np.nanmean(row)) for row in errors],
        task=models[0].hp.task,
        heads=heads,
        names=names,
        refined=bool(steps),
        missing=progress.missing,
        files=[f"{place.name}/" if own.pictures else f"{place.name}.idx" for place in places_of],
        pictures={name: pack_images(images) for name, images in zip(heads, columns_of, strict=True)},
    )


def predict(program: Channel, request: dict) -> None:
    """The label of every picture, with the confidence (the probability that the classifier gives it)."""
    path = Path(request["models"][0])
    saved = load_saved(path)
    made = saved.model.output_shape
    if not isinstance(made, tuple) or len(made) != 2 or saved.model.name != "classifier":
        raise UserError(f"{path}: is no classifier; give the classifier.h5 that classification.py has saved")
    classes = saved.classes if len(saved.classes) == made[1] else tuple(map(str, range(made[1])))
    own = UserImages(request["data"], tuple(saved.model.input_shape[1:]), request["fit"], request["invert"])
    progress = ChunkProgress(program, own, request, "pictures")
    table, right, known = [], 0, 0
    shown: list[tuple[np.ndarray, str]] = []
    with _output_folder(program, request, path.parent / "predicted") as folder:
        for places, images, made in progress.through(
            lambda images: saved.model.predict_on_batch(to_float(images))
        ):
            for place, image, row in zip(places, images, made, strict=True):
                first, second = np.argsort(-row, kind="stable")[:2]
                cells = [
                    own.names[place],
                    classes[first],
                    f"{row[first]:.4f}",
                    classes[second],
                    f"{row[second]:.4f}",
                ]
                truth = _class_name(own, place)
                if truth in classes:
                    known, right = known + 1, right + (truth == classes[first])
                    cells.append(truth)
                table.append(cells)
                if len(shown) < SHOWN_PREDICTIONS:
                    shown.append((image, f"{classes[first]} ({row[first]:.0%})"))
    columns = ["picture", "label", "confidence", "second", "second_confidence", *(["true"] if known else [])]
    write_csv(folder / "predictions.csv", columns, table)
    images, captions = np.stack([image for image, _ in shown]), [caption for _, caption in shown]
    figures.predictions(images, captions, folder / "predictions.png", f"{own.where}, seen by {path}")
    program.tell(
        "finished",
        folder=str(folder),
        table=table,
        columns=columns,
        problems=own.problems,
        accuracy=right / known if known else None,
        known=known,
        missing=progress.missing,
        pictures={"images": pack_images(images), "captions": captions},
    )


def encode(program: Channel, request: dict) -> None:
    """The codes of a data set, or of a folder of pictures, as `.npz` (codes, names, labels) or as IDX of
    float32 rows.
    """
    path, output = Path(request["models"][0]), Path(request["output"])
    if output.suffix not in (".npz", ".idx"):
        raise UserError(f"{output}: codes are written as .npz or .idx")
    if output.exists():
        raise UserError(f"{output} exists already; choose another --output")
    encoder, hp, image = _load_encoder(path)
    own = UserImages(request["data"], image, request["fit"], request["invert"], every=True)
    progress = ChunkProgress(program, own, request, "images")
    code, refined = encoder.predict_on_batch, None
    if steps := request["refine"]:
        whole = load_autoencoder(request["models"][0], ", which --refine needs")
        refined = whole.refined(steps, program.stopped, progress.part(0, 1)).model
        code = refined.encode
    codes, kept = [], []
    for places, _, made in progress.through(lambda images: code(make_inference_pair(hp, images)[0])):
        codes.append(made)
        kept += list(places)
    found = np.concatenate(codes)
    labels = None if own.labels is None else own.labels[kept]
    if output.suffix == ".idx" and labels is not None and not 0 <= labels.min() <= labels.max() <= 255:
        raise UserError(
            f"{own.where}: its labels go up to {labels.max()}, an .idx file holds 0 to 255; write an .npz"
        )
    make_folder(output.parent)
    if output.suffix == ".npz":
        content: dict[str, Any] = {"codes": found, "names": np.array([own.names[place] for place in kept])}
        content |= {} if labels is None else {"labels": labels}
        with atomic_write(output) as partial:
            np.savez(partial, **content)
        files = [str(output)]
    else:
        files = write_idx(output, latent_space.flatten_codes(found).astype(">f4"))
        if labels is not None:
            files += write_idx(output.with_name(f"{output.stem}-labels.idx"), labels.astype(np.uint8))
    program.tell(
        "finished",
        folder=str(output.parent),
        files=files,
        count=len(found),
        shape=list(found.shape[1:]),
        problems=own.problems,
        missing=progress.missing,
        refined=refined
        and np.concatenate(refined.errors, axis=1)[:, : len(found)].mean(axis=1, dtype=float).tolist(),
    )


def generate(program: Channel, request: dict) -> None:
    """New images from codes: drawn from the prior or a mixture, laid on a grid, or on the way between two
    pictures.
    """
    path, seed, count = Path(request["models"][0]), request["seed"], request["count"]
    saved = load_saved(path)
    hp, decoder = saved.hp or Hyperparameters(), saved.part("decoder")
    if decoder is None:
        raise UserError(f"{path}: holds no model called decoder; give an autoencoder.h5 or decoder.h5")
    if not run_figures.decodes_code_alone(hp) or len(decoder.inputs) > 1:
        raise UserError(
            f"{path}: its decoder needs more than a code (skip connections or residual): there is nothing "
            f"to draw from"
        )
    shape = tuple(decoder.input_shape[1:])
    ticks: tuple[str, ...] = ()
    if request["between"]:
        encoder, _, image = _load_encoder(path)
        ends = []
        for file in request["between"]:
            _, images = next(UserImages(file, image, request["fit"], request["invert"]).chunks(1))
            ends.append(encoder.predict_on_batch(make_inference_pair(hp, images)[0])[0])
        codes, columns, how = (
            latent_space.interpolate(ends[0], ends[1], request["steps"]),
            request["steps"],
            " to ".join(request["between"]),
        )
    elif request["grid"]:
        if np.prod(shape) != 2:
            raise UserError(f"{path}: its code has {int(np.prod(shape)):,} numbers; a grid needs two")
        codes = latent_space.prior_grid(request["grid"])
        if not hp.variational:
            codes = latent_space.fit_grid(codes, _encode_training_images(request, path, hp))
        columns, how = request["grid"], "a grid of the latent space"
        ticks = tuple(f"{number:.1f}" for number in codes[:columns, 0])
        codes = codes.reshape(-1, *shape)
    elif hp.variational and not request["mixture"]:
        codes, columns, how = latent_space.sample_prior(count, shape, seed), 12, "codes from the prior"
    else:
        codes, columns = (
            latent_space.sample_mixture(_encode_training_images(request, path, hp), count, seed),
            12,
        )
        how = "codes from a Gaussian mixture"
    folder = run_folder.new_output_folder(request["output"], path.parent / "generated")
    program.tell("run", folder=str(folder), device=device())
    images = run_figures.decode_to_pictures(decoder, codes, hp)
    with PngWriter() as album:
        album.add(
            images,
            [folder / f"{number:0{len(str(len(images)))}}.png" for number in range(1, len(images) + 1)],
        )
    figures.sheet(images, min(columns, len(images)), folder / "sheet.png", f"{path}: {how}", ticks)
    with atomic_write(folder / "codes.npy") as partial:
        np.save(partial, codes)
    program.tell(
        "finished",
        folder=str(folder),
        count=len(images),
        how=how,
        columns=columns,
        pictures=pack_images(images),
    )


def _encode_training_images(request: dict, path: Path, hp: Hyperparameters) -> np.ndarray:
    """Codes of images for a mixture to be fitted on: those of the data set that was given, or that the model
    learned from.
    """
    where = request["data"] or _training_dataset(path)
    encoder, _, image = _load_encoder(path)
    images = datasets.load_source(where).train.images
    if images.shape[1:] != image:
        raise UserError(
            f"{where}: its images are {format_shape(images.shape[1:])}, the model takes {format_shape(image)}"
        )
    chosen = np.sort(
        np.random.default_rng(request["seed"]).permutation(len(images))[: run_figures.MIXTURE_IMAGES]
    )
    parts = [
        chosen[start : start + latent_space.BATCH_SIZE]
        for start in range(0, len(chosen), latent_space.BATCH_SIZE)
    ]
    return np.concatenate(
        [encoder.predict_on_batch(make_inference_pair(hp, images[part])[0]) for part in parts]
    )


def _training_dataset(path: Path) -> str:
    try:
        return sanitize(records.load_record(path.parent))["hyperparameters"]["dataset"]
    except (UserError, KeyError, RecursionError):
        raise UserError(
            f"{path}: a plain autoencoder has no prior to draw from; give images to learn one from with -d"
        ) from None


def _load_encoder(path: Path) -> tuple[keras.Model, Hyperparameters, tuple[int, int, int]]:
    """The encoder of a file or beside it, the hyperparameters of its task, and the shape of whole images."""
    for candidate in (path, path.with_name("autoencoder.h5"), path.with_name("encoder.h5")):
        if candidate.is_file() and (saved := load_saved(candidate)).part("encoder") is not None:
            encoder, hp = code_only(saved.part("encoder")), saved.hp or Hyperparameters()
            given = encoder.input_shape[1:]
            made = saved.model.output_shape[1:] if saved.model.name == "autoencoder" else given
            return encoder, hp, image_shape(hp, given, made)
    raise UserError(
        f"{path}: holds no encoder, nor is there one beside it; give an autoencoder.h5 or encoder.h5"
    )


@contextmanager
def _output_folder(program: Channel, request: dict, usual: Path) -> Iterator[Path]:
    """A new folder for what is made; where nothing could be, it goes again."""
    before = bool(request["output"]) and Path(request["output"]).exists()
    folder = run_folder.new_output_folder(request["output"], usual)
    program.tell("run", folder=str(folder), device=device())
    try:
        yield folder
    except BaseException:
        if not before:
            with suppress(OSError):  # where it is not empty
                folder.rmdir()
        raise


def _class_name(own: UserImages, place: int) -> str | None:
    return None if own.labels is None or not own.classes else own.classes[own.labels[place]]


def _model_labels(paths: list[Path]) -> list[str]:
    """A short name for each model: its folder's, made different where two are alike."""
    names = [path.resolve().parent.name for path in paths]
    return (
        names
        if len(set(names)) == len(names)
        else [f"{number} {name}" for number, name in enumerate(names, 1)]
    )


def _format_psnr(mse: float) -> str:
    psnr = metrics.psnr(float(mse))
    return "inf" if psnr is None else f"{psnr:.2f}"


def write_csv(path: Path, columns: list[str], rows: list[list[str]]) -> None:
    """A table as CSV, whole or not at all."""
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
