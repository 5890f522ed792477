"""Job `explore`: a page to look at the latent space of a saved autoencoder."""

import math
from functools import partial
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder, require_writable
from lib.data.user_images import UserImages
from lib.evaluation import projections
from lib.evaluation.projections import LatentSpace, Projection
from lib.runs.events import Stage
from lib.tasks import get_task
from lib.worker.exploration.decoded_codes import CodeDecoder, DecodedCodes, decode_directions, decode_grid
from lib.worker.exploration.encoded_images import EncodedImages, encode_images, select_sample
from lib.worker.exploration.page import NEIGHBORS, Exploration, exploration_page
from lib.worker.explore_messages import PAGE_SUFFIX, Explore, ExploreResult
from lib.worker.image_output import ChunkProgress, emit_notes
from lib.worker.messages import ItemProgress
from lib.worker.process import Channel
from lib.worker.saved_models import LoadedAutoencoder, load_autoencoder
from lib.worker.skippable import run_unless_stopped

CODE, SKIPPED = "pca", "{} was skipped"
PLANE = 2  # numbers of a code that is shown itself
SLOW_CODES = 2000  # whose projection takes a while


def explore(channel: Channel, request: Explore) -> None:
    """Write a page of images by their latent codes, with reconstructions, neighbors and decoded codes."""
    # --- model and images
    output = Path(request.output)
    _require_new_page(output)
    projections.require_projections(request.projection)
    model = load_autoencoder(request.models[0], request, ", which explore requires")
    latent_size = math.prod(model.code_encoder().output_shape[1:])
    decoder, refusal = _find_decoder(model, latent_size, request.label)
    options = (request.fit, request.invert, False, model.saved.value_range)
    user_images = UserImages(request.data, model.image_shape, *options)
    sample_notes = select_sample(user_images, request.limit, latent_size, request.seed)
    emit_notes(channel, [*model.notes, *sample_notes, *([refusal] if refusal else [])])
    # --- codes
    progress = ChunkProgress(channel, user_images, None, "images")
    images = encode_images(model, user_images, progress)
    space = _analyze(channel, request, model, images)
    decoded = None if decoder is None else _decode(channel, decoder, space, images, request.seed)
    views, skipped = _project(channel, request, space)
    # --- page
    task = get_task(model.hp)
    exploration = Exploration(
        title=f"{user_images.source}: {len(images.names):,} latent codes of {model.path}",
        images=images,
        projections=views,
        neighbors=projections.nearest_codes(space, NEIGHBORS),
        decoded=decoded,
        refusal=refusal,
        decoded_part=task.decoded_words(model.hp),
        decoded_class="" if decoder is None else decoder.class_name,
        output_name="reconstruction" if task.targets_are_inputs else "output",
    )
    missing = [progress.stop_note, *map(SKIPPED.format, skipped)]
    channel.emit(
        ExploreResult(
            folder=str(output.parent),
            file=str(output),
            size=_write_page(exploration, output),
            count=len(images.names),
            shape=list(images.codes.shape[1:]),
            projections=[view.title for view in views],
            decoded=decoded.description if decoded else refusal,
            is_decoded=decoded is not None,
            problems=user_images.unreadable,
            missing="; ".join(filter(None, missing)),
        )
    )


def _analyze(
    channel: Channel, request: Explore, model: LoadedAutoencoder, images: EncodedImages
) -> LatentSpace:
    """The codes with their principal components. Raises `UserError`: all codes are equal."""
    channel.emit(Stage(f"principal components of {len(images.codes):,} codes"))
    space = projections.analyze(images.codes, request.seed)
    if space is None:
        raise UserError(
            f"{model.path}: the latent codes of all images of {request.data} are equal, so there is nothing "
            f"to explore; use another model, or other images"
        )
    return space


def _write_page(exploration: Exploration, output: Path) -> int:
    """Write the page, and return its size in bytes."""
    page = exploration_page(exploration).encode()
    make_folder(output.parent)
    with atomic_write(output) as partial:
        partial.write_bytes(page)
    return len(page)


def _require_new_page(output: Path) -> None:
    if output.suffix != PAGE_SUFFIX:
        raise UserError(f"{output}: the name must end in {PAGE_SUFFIX}")
    if output.exists():
        raise UserError(f"{output} exists already; choose another --output")
    require_writable(output)


def _find_decoder(
    model: LoadedAutoencoder, latent_size: int, label: str | None
) -> tuple[CodeDecoder | None, str]:
    """The decoder of codes, or None and why there is none.

    Raises:
        UserError: a label that is no class of the model, or for a model without classes.
    """
    if label is not None and model.classes is None:
        raise UserError(f"{model.path}: --label requires a model that was trained with --conditional")
    number = None if label is None or model.classes is None else int(model.classes.numbers((label,))[0])
    if model.classes is not None and number is None:
        return None, "no codes are decoded: a conditional autoencoder decodes codes with a label; set --label"
    try:
        decoder = model.code_decoder()
    except UserError as error:
        return None, f"no codes are decoded: {str(error).removeprefix(f'{model.path}: ')}"
    name = "" if number is None or model.classes is None else model.classes.names[number]
    code_decoder = CodeDecoder(model, decoder, name, number)
    if (size := math.prod(code_decoder.code_shape)) != latent_size:
        return None, f"no codes are decoded: the decoder takes {size:,} numbers, a code has {latent_size:,}"
    return code_decoder, ""


def _decode(
    channel: Channel,
    decoder: CodeDecoder,
    space: LatentSpace,
    images: EncodedImages,
    seed: int,
) -> DecodedCodes:
    """Pictures of codes: of those on a plane a grid, of others principal directions."""
    channel.emit(Stage("decoding codes"))
    if space.rows.shape[1] <= PLANE:
        return decode_grid(decoder, projections.project(CODE, space, seed), images.display)
    return decode_directions(decoder, space, seed, images.display)


def _project(channel: Channel, request: Explore, space: LatentSpace) -> tuple[list[Projection], list[str]]:
    """The projections, and the labels of those that Ctrl-C has skipped; without any of them PCA."""

    def report(done: int, of: int) -> None:
        if not channel.stop_event.is_set():  # it goes on in its thread after that
            channel.emit(ItemProgress(done, of, "iterations of t-SNE"))

    views: list[Projection] = []
    skipped = []
    for name in request.projection:
        if name == CODE:
            views.append(projections.project(name, space, request.seed))
            continue
        label, count = projections.PROJECTIONS[name].label, len(space.rows)
        duration = ", a minute or more" if count > SLOW_CODES else ""
        channel.emit(Stage(f"{label} of {count:,} codes{duration}"))
        compute = partial(projections.project, name, space, request.seed, report)
        view = run_unless_stopped(compute, channel.stop_event)
        if view is None:
            skipped.append(label)
        elif np.isfinite(view.positions).all():
            views.append(view)
        else:
            emit_notes(channel, [f"{label} was skipped: it has no finite positions for these codes"])
    return views or [projections.project(CODE, space, request.seed)], skipped
