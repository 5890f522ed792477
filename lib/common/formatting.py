"""Kinds of answers: each reads what a person typed or a JSON file holds, bounds it, and shows it as it would
be typed.
"""

import reprlib

_ABBREVIATION = reprlib.Repr()
_ABBREVIATION.maxstring = _ABBREVIATION.maxother = _ABBREVIATION.maxlong = 60


def abbreviate(value) -> str:
    """A value as Python writes it, for a message: not all of it, nor all its depths, where there is much."""
    return _ABBREVIATION.repr(value)


def format_decimal(value: float, decimals: int = 5) -> str:
    """A number with so many decimals, unless nothing would be left of it."""
    text = f"{value:.{decimals}f}"
    return text if float(text) or not value else f"{value:.1g}"


def format_shape(sizes) -> str:
    return "×".join(f"{size:,}" for size in sizes) or "()"


def format_psnr(psnr: float | None) -> str:
    """A PSNR as it is shown; no error at all has no number."""
    return "∞" if psnr is None else f"{psnr:.2f}"


def format_duration(seconds: float) -> str:
    """Seconds as people say them: 0:07, 12:34, 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
