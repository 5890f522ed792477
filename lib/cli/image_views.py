"""Images, loss curves and latent spaces of a run, as many as the terminal has room for above a menu."""

import numpy as np
from rich.table import Table
from rich.text import Text

from lib.cli.output import ACCENT, Output
from lib.cli.terminal_graphics import (
    ARROW,
    CHART_SIZE,
    SEPARATOR,
    grid_layout,
    half_blocks,
    image_strips,
    loss_chart,
    scatter_plot,
    strip_layout,
    subsample,
    terminal_image,
)
from lib.common.formatting import format_decimal, metric_label
from lib.common.serialization import unpack_images
from lib.common.text_layout import ELLIPSIS, as_written, cell_width, ellipsize
from lib.runs.views import (
    CaptionedImages,
    FigureView,
    ImageGrid,
    ImageStrip,
    LossCurves,
    PointPlot,
)

MENU_LINES = 8  # of the shortest menu below a view, and of the path of the figure
MIN_CHART_HEIGHT, GOOD_CHART_HEIGHT = 5, 8
CHART_EXTRAS = 6  # lines of a chart besides its curve: title, axes and legend
MAX_CAPTION, CAPTION_GAP = 38, 2  # columns of a caption, and between images
MAX_CAPTIONED_ROWS = 2


class ImageViews(Output):
    """Images and curves of a run."""

    @property
    def _free_lines(self) -> int:
        """Lines of the terminal that a menu leaves free; without a terminal, no limit."""
        return max(1, self.out.height - MENU_LINES) if self.out.is_terminal else 10**6

    def show_figure(self, view: FigureView | None, path: str) -> None:
        """Show a figure of a run: on a terminal that has graphics the file itself.

        Args:
            view: what another terminal shows above the path; None for the path alone.
            path: the figure's file.
        """
        match view:
            case LossCurves():
                self.show_loss_curves(view.curves, path)
            case ImageStrip():
                self.show_image_strip(view.columns, path)
            case ImageGrid():
                self.show_image_grid(view.images, view.per_row, path)
            case PointPlot():
                self.show_latent_space(view.projections, view.labels, view.classes, path)
            case CaptionedImages():
                self.show_captioned_images({"images": view.images, "captions": view.captions}, path)
            case None:
                if not self._show_graphic(path):
                    self.result(path, ACCENT)

    def show_loss_curves(self, histories: dict[str, dict], path: str) -> None:
        """Show loss and validation loss of each phase as a chart, and the path of the figure.

        Args:
            histories: values per epoch of `loss` and, where there is one, `val_loss`; by phase.
            path: the figure's file.
        """
        if self._show_graphic(path):
            return
        height = self._chart_height(CHART_SIZE[1], len(histories))
        for phase, history in histories.items():
            if len(history["loss"]) == 1:
                losses = (
                    f"{metric_label(name)} {format_decimal(history[name][0])}"
                    for name in ("loss", "val_loss")
                    if name in history
                )
                self.result(f"{phase}: only one epoch, no curve: {', '.join(losses)}")
                continue
            self.result(f"{phase}: loss (logarithmic) per epoch", "bold")
            self._print_chart(loss_chart(history, self._chart_colors, self.out.width, height))
        self.result(path, ACCENT)

    def show_image_strip(self, packed: dict, path: str, caption: str = "") -> None:
        """Show images of several columns side by side, such as inputs, outputs and targets.

        Args:
            packed: packed images of each column, equally many.
            path: the figure's file.
            caption: names the columns; by default input, output and, of three, target.
        """
        columns = [unpack_images(images) for images in packed.values()]
        target = f" {SEPARATOR} target" if len(columns) > 2 else ""
        caption = caption or f"input {ARROW} output{target}, from the test set"
        if self._show_graphic(path):
            return
        count = len(columns[0])
        layout = strip_layout(self.out, columns, self._free_lines)
        shown = min(count, layout.per_row * layout.rows)
        for start in range(0, shown, layout.per_row):
            end = min(shown, start + layout.per_row)
            self.out.print(image_strips(self.out, [images[start:end] for images in columns], layout.max_side))
        if shown < count:
            caption += f"; {shown} of {count}"
        self.result(f"{caption}; {path}", ACCENT)

    def show_image_grid(self, packed: dict, per_row: int, path: str) -> None:
        """Show packed images row by row, as many rows as the terminal has room for, and the figure's path."""
        if self._show_graphic(path):
            return
        images = unpack_images(packed)
        layout = grid_layout(self.out, images, self._free_lines)
        columns = max(1, min(per_row, layout.per_row))
        shown = min(len(images), layout.rows * columns)
        small = subsample(images[:shown], layout.max_side)
        for start in range(0, shown, columns):
            table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
            table.add_row(*(half_blocks(self.out, image) for image in small[start : start + columns]))
            self.out.print(table)
        self._print_path(path, shown, len(images))

    def show_latent_space(
        self, projections: dict[str, list], labels: list[int] | None, classes: list[str], path: str
    ) -> None:
        """Show latent codes as scatter plots, one per projection, and the path of the figure.

        Args:
            projections: points (n, 2), by the name of the projection.
            labels: class numbers of the n points.
            classes: names of the classes.
            path: the figure's file.
        """
        if self._show_graphic(path):
            return
        height = self._chart_height(2 * CHART_SIZE[1], len(projections))
        for name, points in projections.items():
            self.result(name, "bold")
            plot = scatter_plot(np.array(points), labels, classes, self._chart_colors, self.out.width, height)
            self._print_chart(plot)
        self.result(path, ACCENT)

    def show_captioned_images(self, packed: dict, path: str) -> None:
        """Show rows of images with a caption below each, and the path of the figure.

        Args:
            packed: `images`, which are packed, and `captions`.
            path: the figure's file.
        """
        if self._show_graphic(path):
            return
        images, ellipsis = unpack_images(packed["images"]), as_written(ELLIPSIS, self.out.file)
        captions = [as_written(caption, self.out.file) for caption in packed["captions"]]
        width = min(MAX_CAPTION, self.out.width, max(map(cell_width, captions)))
        layout = grid_layout(self.out, images, self._free_lines, CAPTION_GAP, width)
        shown = min(len(images), layout.per_row * min(MAX_CAPTIONED_ROWS, layout.rows))
        small = subsample(images[:shown], layout.max_side)
        width = max(width, small.shape[2])
        for start in range(0, shown, layout.per_row):
            row = slice(start, min(shown, start + layout.per_row))
            table = Table.grid(padding=(0, CAPTION_GAP, 0, 0), pad_edge=False)
            table.add_row(*(half_blocks(self.out, image) for image in small[row]))
            table.add_row(*(Text(ellipsize(caption, width, ellipsis)) for caption in captions[row]))
            self.out.print(table)
        self._print_path(path, shown, len(images))

    def _print_path(self, path: str, shown: int, count: int) -> None:
        """Print the path of a figure, and how many of its images are shown, if not all."""
        self.result(path if shown == count else f"{shown} of {count}; {path}", ACCENT)

    def _chart_height(self, highest: int, count: int) -> int:
        """Rows of the curve of each of several charts; if they do not all fit, the last one does."""
        heights = (self._free_lines // divisor - CHART_EXTRAS for divisor in (count, 1))
        height = next((height for height in heights if height >= GOOD_CHART_HEIGHT), MIN_CHART_HEIGHT)
        return min(highest, height)

    @property
    def _chart_colors(self) -> bool:
        return self.out.color_system is not None and not self.out.no_color

    def _print_chart(self, chart: str) -> None:
        self.out.print(Text.from_ansi(chart), soft_wrap=True)

    def _show_graphic(self, path: str) -> bool:
        """Show the figure itself on a terminal that has graphics; return whether it has."""
        image = terminal_image(path) if self.out.is_terminal else None
        if image is not None:
            self.out.print(image)
            self.result(path, ACCENT)
        return image is not None
