"""Suggestions for mistyped names of flags, settings, metrics, presets and commands."""

import difflib
from collections.abc import Iterable

# Names in other programs, as words separated by hyphens, and the names here.
SYNONYMS = {
    "lr": "learning-rate",
    "bs": "batch-size",
    "batch": "batch-size",
    "wd": "weight-decay",
    "latent": "latent-dim",
    "latent-size": "latent-dim",
    "z-dim": "latent-dim",
    "filters": "kernels",
    "depth": "layers",
    "data": "dataset",
    "out": "output",
    "vae": "variational",
    "early-stopping": "patience",
    "validation": "split",
    "validation-split": "split",
    "input": "dataset",
    "images": "dataset",
    "device": "distributed",
    "gpus": "distributed",
    "acc": "test-accuracy",
}
MIN_SIMILARITY = 0.75  # of `difflib`; below it a suggestion is rather a guess
MIN_PART = 3  # letters of a part of a name that stands for it


def closest_name(word: str, names: Iterable[str]) -> str:
    """Return the one of several names that a mistyped word probably means; empty if none is close.

    Args:
        word: the word; hyphens, underscores and capitals do not matter.
        names: names to choose from. Of several with the same part, the first one is preferred.

    >>> closest_name("lr", ["learning-rate", "layers"])
    'learning-rate'
    >>> closest_name("mse", ["loss", "validation_mse", "test_mse"])
    'test_mse'
    >>> closest_name("zzz", ["layers"])
    ''
    """
    name_of = {_normalize(name): name for name in names}
    word = _normalize(word)
    spellings = (word, SYNONYMS.get(word), f"test-{word}", f"{word}s", word.removesuffix("s"))
    for candidate in (*spellings, word.replace("val-", "validation-")):
        if candidate in name_of:
            return name_of[candidate]
    if close := difflib.get_close_matches(word, name_of, n=1, cutoff=MIN_SIMILARITY):
        return name_of[close[0]]
    if len(word) < MIN_PART:
        return ""
    parts = (name for key, name in name_of.items() if word in key.split("-") or key.startswith(word))
    return next(parts, "")


def _normalize(word: str) -> str:
    return word.lower().strip("-_").replace("_", "-").replace(" ", "-")
