"""Plot of the validation losses of several runs as SVG, for reports: no matplotlib, no script."""

import math
from collections.abc import Sequence
from html import escape

from lib.runs.document_blocks import Drawing
from lib.runs.records import SCRATCH_PHASE
from lib.runs.run_entries import RunEntry
from lib.runs.validation import is_number

MAX_LINES = 20
MAX_POINTS = 500  # of a line
MAX_LOSS = 1e300
MAX_NAME_LENGTH = 40
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f")
WIDTH, PLOT_WIDTH, PLOT_HEIGHT = 960, 560, 300
LEFT, TOP, LEGEND_STEP = 80, 16, 18

Point = tuple[float, float]


def plot_losses(lines: Sequence[tuple[str, Sequence[Point]]]) -> str:
    """Return losses per epoch as an SVG element, with a logarithmic axis if all losses are positive.

    Args:
        lines: name of each run, and its points (epoch, loss); epochs count from 1, over all phases.
    """
    epochs = max(epoch for _, points in lines for epoch, _ in points)
    losses = [loss for _, points in lines for _, loss in points]
    axis = _LossAxis(min(losses), max(losses))
    height = max(PLOT_HEIGHT + 60, TOP + LEGEND_STEP * (len(lines) + 1))
    parts = [*_frame(axis, epochs)]
    for index, (name, points) in enumerate(lines):
        color, dash = COLORS[index % len(COLORS)], "4 3" if index >= len(COLORS) else "none"
        style = f'fill="none" stroke="{color}" stroke-width="1.5" stroke-dasharray="{dash}"'
        places = [(_x(epoch, epochs), axis.y(loss)) for epoch, loss in points]
        parts.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" {style}/>')
        parts.append(f'<circle cx="{places[-1][0]:.1f}" cy="{places[-1][1]:.1f}" r="2.5" fill="{color}"/>')
        x, y = LEFT + PLOT_WIDTH + 20, TOP + 8 + LEGEND_STEP * index
        parts.append(f'<line x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}" {style}/>')
        parts.append(_text(x + 28, y + 4, name[:MAX_NAME_LENGTH], "start"))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>"
    )


class _LossAxis:
    """The vertical axis, from the lowest loss to the highest."""

    def __init__(self, low: float, high: float):
        self._is_log = low > 0
        if not self._scale(high) > self._scale(low):
            high = low + (abs(low) or 1)
        self._low, self._high = low, high

    def _scale(self, loss: float) -> float:
        return math.log(loss) if self._is_log else loss

    def y(self, loss: float) -> float:
        low, high, value = map(self._scale, (self._low, self._high, loss))
        return TOP + PLOT_HEIGHT * (high - value) / (high - low)

    def ticks(self) -> list[float]:
        """Return 1, 2 and 5 times powers of ten inside the range; the ends if there are not two."""
        if not self._is_log:
            return [self._low, self._high]
        powers = range(math.floor(math.log10(self._low)), math.ceil(math.log10(self._high)) + 1)
        steps = (1,) if len(powers) > 4 else (1, 2, 5)
        ticks = [float(f"{step}e{power}") for power in powers for step in steps]
        inside = [tick for tick in ticks if self._low <= tick <= self._high]
        return inside if len(inside) > 1 else [self._low, self._high]


def loss_plots(entries: Sequence[RunEntry]) -> list[Drawing]:
    """Return a plot of the validation losses for each task and data set with recorded epochs.

    Args:
        entries: the runs, in the order of the legend; of each group the first `MAX_LINES` are plotted.
    """
    groups: dict[tuple[str, str], list[tuple[str, list[Point]]]] = {}
    for entry in entries:
        if points := _loss_points(entry):
            groups.setdefault((entry.task_label, entry.dataset), []).append((entry.name, points))
    plots = []
    for (task, dataset), lines in groups.items():
        caption = f"Validation loss per epoch: {task}, {dataset}"
        if len(lines) > MAX_LINES:
            caption += f" (the first {MAX_LINES} of {len(lines):,} runs)"
        plots.append(Drawing(plot_losses(lines[:MAX_LINES]), caption))
    return plots


def _loss_points(entry: RunEntry) -> list[Point]:
    """Return (epoch, validation loss) of the phases of one network, thinned out to about `MAX_POINTS`."""
    phases = [curves for name, curves in entry.record["history"].items() if name != SCRATCH_PHASE]
    losses = [loss for curves in phases for loss in curves.get("val_loss", [])]
    step = math.ceil(len(losses) / MAX_POINTS) or 1
    points = list(enumerate(losses, 1))
    kept = [*points[::step], *(points[-1:] if (len(points) - 1) % step else [])]
    return [(epoch, float(loss)) for epoch, loss in kept if is_number(loss) and abs(loss) < MAX_LOSS]


def _frame(axis: _LossAxis, epochs: float) -> list[str]:
    bottom = TOP + PLOT_HEIGHT
    parts = [
        f'<path d="M{LEFT} {TOP}V{bottom}H{LEFT + PLOT_WIDTH}" fill="none" stroke="#555"/>',
        _text(LEFT + PLOT_WIDTH / 2, bottom + 40, "epoch", "middle"),
    ]
    for tick in axis.ticks():
        y = axis.y(tick)
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{tick:.4g}", "end"))
    for epoch in dict.fromkeys((1, round((1 + epochs) / 2), int(epochs))):
        parts.append(_text(_x(epoch, epochs), bottom + 18, f"{epoch:,}", "middle"))
    return parts


def _x(epoch: float, epochs: float) -> float:
    return LEFT + PLOT_WIDTH * (epoch - 1) / max(epochs - 1, 1)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#333">{escape(text)}</text>'
