"""Job `encode`: the latent codes of images, as `.npz` or IDX."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.common.formatting import format_megabytes
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.formats.idx import write_idx
from lib.data.user_images import UserImages
from lib.evaluation import latent_space
from lib.models import inference
from lib.models.code_refinement import CodeRefinement
from lib.tasks import make_inference_pair
from lib.worker.image_output import ChunkProgress, emit_notes
from lib.worker.messages import Encode, EncodeResult
from lib.worker.process import Channel
from lib.worker.saved_models import load_autoencoder, require_finite
from lib.worker.saved_parts import find_encoder


def encode(channel: Channel, request: Encode) -> None:
    """Write the latent codes of images: `.npz` with codes, names and labels, or IDX files of rows.

    Codes are float32, those of a quantized autoencoder integers.
    """
    # --- model and images
    path, output = Path(request.models[0]), Path(request.output)
    _require_new_files(output)
    encoder = find_encoder(path, request)
    options = (request.fit, request.invert, True, encoder.value_range)
    user_images = UserImages(request.data, encoder.image_shape, *options)
    if output.suffix == ".idx" and user_images.labels is not None:
        _require_byte_labels(user_images.source, user_images.labels)
    progress = ChunkProgress(channel, user_images, request.limit, "images")
    labels = (
        None
        if encoder.classes is None
        else encoder.classes.of_images(user_images.labels, user_images.classes, user_images.source)
    )
    refinement, notes = _open_refinement(channel, request, progress)
    size = math.prod(encoder.model.output_shape[1:])
    space = format_megabytes((1 if encoder.hp.quantization else 4) * size * progress.total)
    plan = f"{progress.total:,} images to encode as {size:,} {_number_words(encoder.hp)} each, {space} in all"
    emit_notes(channel, [*encoder.notes, *notes, plan])
    # --- codes
    chunks: list[np.ndarray] = []
    encoded: list[int] = []  # positions of images that could be read

    def to_codes(images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        inputs, _ = make_inference_pair(encoder.hp, images)
        if refinement is not None:
            return refinement.encode(inputs)
        return inference.predict(encoder.model, inputs, labels)

    for positions, _, chunk in progress.map(to_codes, labels):
        require_finite(chunk, [user_images.names[position] for position in positions], path)
        chunks.append(chunk)
        encoded += list(positions)
    codes = np.concatenate(chunks)
    if encoder.hp.quantization:
        codes = encoder.hp.quantization.to_integers(codes)
    # --- files
    written = None if user_images.labels is None else user_images.labels[encoded]
    files = _write_codes(output, codes, [user_images.names[position] for position in encoded], written)
    channel.emit(
        EncodeResult(
            folder=str(output.parent),
            files=files,
            count=len(codes),
            shape=list(codes.shape[1:]),
            problems=user_images.unreadable,
            missing=progress.stop_note,
            refined=None if refinement is None else _mean_refinement_errors(refinement, len(codes)),
        )
    )


def _number_words(hp: AutoencoderHyperparameters) -> str:
    """What the numbers of codes are."""
    if hp.quantization is None:
        return "numbers"
    return f"integers from 0 (of {', '.join(map(str, hp.quantize))} levels)"


def _require_new_files(output: Path) -> None:
    if output.suffix not in (".npz", ".idx"):
        raise UserError(f"{output}: the name must end in .npz or .idx")
    for path in (output, *([_labels_path(output)] if output.suffix == ".idx" else [])):
        if path.exists():
            raise UserError(f"{path} exists already; choose another --output")


def _require_byte_labels(source: str, labels: np.ndarray) -> None:
    low, high = labels.min(), labels.max()
    if not 0 <= low <= high <= 255:
        raise UserError(f"{source}: labels are {low} to {high}, and an .idx file holds 0 to 255; use .npz")


def _labels_path(output: Path) -> Path:
    return output.with_name(f"{output.stem}-labels.idx")


def _open_refinement(
    channel: Channel, request: Encode, progress: ChunkProgress
) -> tuple[CodeRefinement | None, list[str]]:
    """The refinement of codes that the request asks for, and sentences about its model."""
    if not request.refine:
        return None, []
    autoencoder = load_autoencoder(request.models[0], request, ", which --refine requires")
    report = progress.chunk_reporter(0, 1)
    model: Any = autoencoder.with_refinement(request.refine, channel.stop_event, report).model
    return model, autoencoder.notes


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
    rows = latent_space.flatten_codes(codes)
    files = write_idx(output, rows if rows.dtype == np.uint8 else rows.astype(">f4"))
    if labels is not None:
        files += write_idx(_labels_path(output), labels.astype(np.uint8))
    return files


def _mean_refinement_errors(refinement: CodeRefinement, count: int) -> list[float]:
    """Mean squared errors of the first `count` images before and after refinement."""
    errors = np.concatenate(refinement.errors, axis=1)[:, :count]
    return errors.mean(axis=1, dtype=float).tolist()
