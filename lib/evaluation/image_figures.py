"""Figures of images as PNG files: rows, sheets and grids with captions."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from lib.evaluation.figure_layout import FONT_SIZE, literal, save, set_title, title_lines
from lib.tasks.display import select_channels

IMAGE_GAP = 0.08  # between the images of a row, as a fraction of their width
IMAGE_SIDE, MARGIN, LINE_HEIGHT = 1.1, 0.09, 0.2  # inches: shorter side of an image; around it; of a title
ERROR_ROW = "error"  # name of the row that shows errors, not an image


def plot_reconstructions(rows: dict[str, np.ndarray], path: Path, title: str) -> None:
    """Plot a row of images per name and, last, the absolute errors of the outputs.

    Args:
        rows: uint8 (n, height, width, channels) by name; `output` and `target` are among them. Errors are of
            all channels.
        path: of the PNG file.
        title: above the figure; the scale of the errors is added.
    """
    errors = np.abs(rows["target"].astype(int) - rows["output"]).max(axis=-1)
    scaled = errors * (255 / max(1, errors.max()))  # so that the small errors of a good network are visible
    plot_image_rows(
        [*rows.items(), (ERROR_ROW, scaled)], path, f"{title}\nerrors; the brightest is {errors.max()} of 255"
    )


def plot_image_rows(rows: list[tuple[str, np.ndarray]], path: Path, title: str) -> None:
    """Plot rows of images, each with its name on the left.

    Args:
        rows: names and images, 0..255, (n, height, width, channels) or (n, height, width), the same n in all.
        path: of the PNG file.
        title: above the figure.
    """
    # One image per row: a hundred axes would take as many times as long to draw. The layout is computed here:
    # Matplotlib's cuts the names of many rows off.
    joined = [_join_row(select_channels(images) if images.ndim == 4 else images) for _, images in rows]
    aspect = max(images.shape[2] / images.shape[1] for _, images in rows)
    row_width = IMAGE_SIDE * max(1, aspect) * len(rows[0][1])
    heights = [row_width * image.shape[0] / image.shape[1] for image in joined]
    left = max(_text_width(literal(name)) for name, _ in rows) + 2 * MARGIN
    width = left + row_width + MARGIN
    title_height = len(title_lines(title, width)) * LINE_HEIGHT + 2 * MARGIN
    height = title_height + sum(heights) + len(rows) * MARGIN
    figure, bottom = Figure((width, height)), height - title_height
    for (name, _), image, row_height in zip(rows, joined, heights, strict=True):
        bottom -= row_height
        box = (left / width, bottom / height, row_width / width, row_height / height)
        axes = figure.add_axes(box)
        _show_image(axes, image, cmap="magma" if name == ERROR_ROW else "gray")
        middle = (bottom + row_height / 2) / height
        figure.text(
            (left - MARGIN) / width, middle, literal(name), ha="right", va="center", fontsize=FONT_SIZE
        )
        bottom -= MARGIN
    set_title(figure, title, y=1 - MARGIN / height)
    save(figure, path)


def _text_width(text: str) -> float:
    """The width of a label in inches; hinting widens letters by up to a twentieth."""
    return 1.05 * TextPath((0, 0), text or " ", size=FONT_SIZE).get_extents().x1 / 72


def plot_image_sheet(
    images: np.ndarray, columns: int, path: Path, title: str, ticks: tuple[str, ...] = ()
) -> None:
    """Plot many images close together, row by row.

    Args:
        images: uint8 (n, height, width, channels).
        columns: images per row.
        path: of the PNG file.
        title: above the figure.
        ticks: for a grid over two-dimensional latent codes, the values of the columns, which are those of the
            rows from the lowest up.
    """
    images = select_channels(images)
    rows = -(-len(images) // columns)
    _, height, width, channels = images.shape
    gap = 0 if ticks else 1
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    side = 0.45 if columns > 12 else 0.7  # inches per image
    figure = Figure((columns * side + 1, rows * side * height / width + 1), layout="constrained")
    axes = figure.subplots()
    _show_image(axes, sheet)
    if ticks:
        column_centers = [(column + 0.5) * width - 0.5 for column in range(columns)]
        row_centers = [(rows - row - 0.5) * height - 0.5 for row in range(rows)]
        axes.set_xticks(column_centers, ticks, rotation=90, fontsize=7)
        axes.set_yticks(row_centers, ticks[:rows], fontsize=7)
        axes.set(xlabel="latent dimension 1", ylabel="latent dimension 2")
    set_title(figure, title)
    save(figure, path, dpi=150)


def plot_predictions(images: np.ndarray, captions: list[str], path: Path, title: str) -> None:
    """Plot a grid of images with their captions.

    Args:
        images: uint8 (n, height, width, channels), n at least 1.
        captions: one per image.
        path: of the PNG file.
        title: above the figure.
    """
    columns = min(6, len(images))
    rows = -(-len(images) // columns)
    image_height = 1.4 * images.shape[1] / images.shape[2]
    size = (1.5 * columns + 0.5, (image_height + 0.4) * rows + 0.8)
    figure = Figure(size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, image, caption in zip(panels.flat, select_channels(images), captions, strict=False):
        _show_image(axes, image)
        axes.set_title(literal(caption), fontsize=8)
    set_title(figure, title)
    save(figure, path)


def plot_comparisons(
    rows: list[list[np.ndarray]], heads: list[str], captions: list[str], path: Path, title: str
) -> None:
    """Plot pictures of different sizes side by side: a row for each, with its caption above.

    Args:
        rows: pictures of each row, uint8 (height, width, 1 or 3).
        heads: what the pictures of a column are.
        captions: one per row, of one or two lines.
        path: of the PNG file.
        title: above the figure.
    """
    figure = Figure((3.2 * len(heads) + 0.2, 2.9 * len(rows) + 0.8), layout="constrained")
    panels = figure.subplots(len(rows), len(heads), squeeze=False)
    for line, pictures, caption in zip(panels, rows, captions, strict=True):
        for axes, picture, head in zip(line, pictures, heads, strict=True):
            axes.axis("off")
            _show_image(axes, picture)
            name = "\n".join(literal(part) for part in caption.split("\n")) if axes is line[0] else ""
            axes.set_title("\n".join(filter(None, [name, literal(head)])), fontsize=8)
    set_title(figure, title)
    save(figure, path)


def _join_row(images: np.ndarray) -> np.ndarray:
    """Images (n, height, width, …) side by side as one, with white (masked in errors) between them."""
    count, height, width = images.shape[:3]
    gap = max(1, round(IMAGE_GAP * width))
    # Zeros below the mask: Matplotlib computes with them, and uninitialized memory can cause warnings there.
    row = np.ma.zeros((height, count * (width + gap) - gap, *images.shape[3:]), images.dtype)
    row.mask = True
    for index, image in enumerate(images):
        left = index * (width + gap)
        row[:, left : left + width] = image
    return row.filled(255) if images.ndim == 4 else row


def _show_image(axes, image: np.ndarray, cmap: str = "gray") -> None:
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    axes.imshow(image, cmap=cmap, vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
