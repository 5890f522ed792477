"""Numbers, durations, shapes and arbitrary values as text for messages and tables."""

import reprlib
from collections.abc import Iterable

MISSING = "–"  # shown for a value that is not there

_ABBREVIATION = reprlib.Repr()
_ABBREVIATION.maxstring = _ABBREVIATION.maxother = _ABBREVIATION.maxlong = 60


def abbreviate(value) -> str:
    """The `repr` of a value, cut to 60 characters per string and to a few elements and levels."""
    return _ABBREVIATION.repr(value)


def format_decimal(value: float, decimals: int = 5) -> str:
    """A number with fixed decimals; a small one that they would show as zero has one significant digit."""
    text = f"{value:.{decimals}f}"
    return text if float(text) or not value else f"{value:.1g}"


def format_channels(channels: int) -> str:
    """Return a number of channels as text: `gray`, `color` or `5 channels`."""
    return {1: "gray", 3: "color"}.get(channels, f"{channels} channels")


def format_shape(sizes: Iterable[int]) -> str:
    """Sizes joined by ×, such as `28×28×1`; `()` for no sizes."""
    return "×".join(f"{size:,}" for size in sizes) or "()"


def format_psnr(psnr: float | None) -> str:
    """A peak signal-to-noise ratio in dB; `None` is the infinite one of an error of zero."""
    return "∞" if psnr is None else f"{psnr:.2f}"


def metric_label(name: str) -> str:
    """The name of a metric in words: `val_kl_loss` is `validation kl`."""
    return name.replace("val_", "validation ").replace("_loss", "").replace("_", " ")


def format_duration(seconds: float) -> str:
    """Seconds as `0:07`, `12:34` or `1:02:03`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def format_minutes(seconds: float) -> str:
    """A rough duration as `7 s`, `12 min` or `3.5 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:,.1f} h"


def format_gigabytes(count: float) -> str:
    """A number of bytes as `0.4 GB` or `1,234 GB`."""
    gigabytes = count / 1e9
    return f"{gigabytes:,.0f} GB" if gigabytes >= 100 else f"{max(gigabytes, 0.1):.1f} GB"


def format_megabytes(count: float) -> str:
    """A number of bytes as `0.3 MB`, `12 MB` or `1,234 MB`."""
    megabytes = count / 1e6
    return f"{megabytes:,.0f} MB" if megabytes >= 10 else f"{max(megabytes, 0.1):.1f} MB"
