"""Material that samplers are fitted on, and sampling by the name of a sampler."""

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lib.config.samplers import SAMPLERS


def _no_codes(count: int, from_posterior: bool) -> np.ndarray:
    """No codes, for samplers that need none."""
    raise LookupError("there are no images whose codes a sampler could be fitted on")


def _ignore(fraction: float) -> None:
    """The report of a fit without progress."""


@dataclass(frozen=True)
class CodeSource:
    """Latent codes of training images, encoded when a sampler needs them.

    Attributes:
        shape: of one code.
        encode: returns the codes, float32 (n, *shape), of a random sample of this many training images, or of
            all where there are fewer. If its second argument is true, codes of a VAE are drawn from their
            posterior distribution; else they are its means.
        report: called with the fraction of a fit that is done, 0 to 1.
        stop_event: ends a fit early; the samples are then not used.
    """

    shape: tuple[int, ...]
    encode: Callable[[int, bool], np.ndarray] = _no_codes
    report: Callable[[float], None] = _ignore
    stop_event: threading.Event = field(default_factory=threading.Event)


def sample_codes(name: str, source: CodeSource, count: int, seed: int) -> np.ndarray:
    """Return latent codes of a sampler.

    Args:
        name: of an entry of `lib.config.samplers.SAMPLERS`.
        source: what the sampler is fitted on.
        count: of samples.
        seed: of the fit and the samples.

    Returns:
        float32 (count, *source.shape).
    """
    module, _, function = SAMPLERS[name].function.rpartition(".")
    return getattr(importlib.import_module(module), function)(source, count, seed)
