"""Images, loss curves and latent spaces of a run, as many as the terminal has room for above a menu."""

import numpy as np
from rich.table import Table
from rich.text import Text

from lib.cli import terminal_graphics as graphics
from lib.cli.output import ACCENT, Output
from lib.common.formatting import format_decimal, metric_label
from lib.common.serialization import unpack_images
from lib.common.text_layout import ELLIPSIS, as_written, cell_width, ellipsize
from lib.runs.views import CaptionedImages, FigureView, ImageGrid, ImageStrip, LossCurves, PointPlot

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

    def show_figure(self, view: FigureView | None, path: str, caption: str = "") -> None:
        """Show a figure: on a terminal that has graphics the file itself, else a view of it; then the path.

        Args:
            view: shows as many images as the terminal has room for; None for the path alone.
            path: the figure's file.
            caption: names the columns of an `ImageStrip`; by default input, output and, of three, target.
        """
        image = graphics.terminal_image(path) if self.out.is_terminal else None
        if image is not None:
            self.out.print(image)
            self.result(path, ACCENT)
            return
        remarks: list[str] = []
        match view:
            case LossCurves():
                self._show_curves(view)
            case ImageStrip():
                remarks = self._show_strip(view, caption)
            case ImageGrid():
                remarks = self._show_grid(view)
            case PointPlot():
                self._show_points(view)
            case CaptionedImages():
                remarks = self._show_captioned_images(view)
        self.result("; ".join([*remarks, path]), ACCENT)

    def _show_curves(self, view: LossCurves) -> None:
        height = self._chart_height(graphics.CHART_SIZE[1], len(view.curves))
        for phase, history in view.curves.items():
            if len(history["loss"]) == 1:
                values = (
                    f"{metric_label(name)} {format_decimal(value)}" for name, [value] in history.items()
                )
                self.result(f"{phase}: only one epoch, no curve: {', '.join(values)}")
                continue
            self.result(f"{phase}: loss (logarithmic) per epoch", "bold")
            self._print_chart(graphics.loss_chart(history, self._chart_colors, self.out.width, height))

    def _show_strip(self, view: ImageStrip, caption: str) -> list[str]:
        columns = [unpack_images(images) for images in view.columns.values()]
        target = f" {graphics.SEPARATOR} target" if len(columns) > 2 else ""
        count, layout = len(columns[0]), graphics.strip_layout(self.out, columns, self._free_lines)
        shown = min(count, layout.per_row * layout.rows)
        for start in range(0, shown, layout.per_row):
            end = min(shown, start + layout.per_row)
            self.out.print(
                graphics.image_strips(self.out, [images[start:end] for images in columns], layout.max_side)
            )
        return [caption or f"input {graphics.ARROW} output{target}, from the test set", *_count(shown, count)]

    def _show_grid(self, view: ImageGrid) -> list[str]:
        images = unpack_images(view.images)
        layout = graphics.grid_layout(self.out, images, self._free_lines)
        columns = max(1, min(view.per_row, layout.per_row))
        shown = min(len(images), layout.rows * columns)
        small = graphics.subsample(images[:shown], layout.max_side)
        for start in range(0, shown, columns):
            table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
            table.add_row(
                *(graphics.half_blocks(self.out, image) for image in small[start : start + columns])
            )
            self.out.print(table)
        return _count(shown, len(images))

    def _show_points(self, view: PointPlot) -> None:
        height = self._chart_height(2 * graphics.CHART_SIZE[1], len(view.projections))
        for name, points in view.projections.items():
            self.result(name, "bold")
            plot = graphics.scatter_plot(
                np.array(points), view.labels, view.classes, self._chart_colors, self.out.width, height
            )
            self._print_chart(plot)

    def _show_captioned_images(self, view: CaptionedImages) -> list[str]:
        images, ellipsis = unpack_images(view.images), as_written(ELLIPSIS, self.out.file)
        captions = [as_written(caption, self.out.file) for caption in view.captions]
        width = min(MAX_CAPTION, self.out.width, max(map(cell_width, captions)))
        layout = graphics.grid_layout(
            self.out, images, self._free_lines, CAPTION_GAP, width, MAX_CAPTIONED_ROWS
        )
        shown = min(len(images), layout.per_row * layout.rows)
        small = graphics.subsample(images[:shown], layout.max_side)
        width = max(width, small.shape[2])
        for start in range(0, shown, layout.per_row):
            row = slice(start, min(shown, start + layout.per_row))
            table = Table.grid(padding=(0, CAPTION_GAP, 0, 0), pad_edge=False)
            table.add_row(*(graphics.half_blocks(self.out, image) for image in small[row]))
            table.add_row(*(Text(ellipsize(caption, width, ellipsis)) for caption in captions[row]))
            self.out.print(table)
        return _count(shown, len(images))

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


def _count(shown: int, count: int) -> list[str]:
    """How many of the images of a figure are shown, if not all."""
    return [] if shown == count else [f"{shown} of {count}"]
