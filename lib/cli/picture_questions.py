"""Questions about a folder of pictures: what it holds, the size of the images, broken files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lib.cli.prompts import Answers
from lib.common.errors import UserError, printable
from lib.common.formatting import format_channels, format_shape
from lib.common.text_layout import wrap_for
from lib.data import dataset_names
from lib.data.formats.picture_fit import PictureFit, PictureSurvey, describe_broken
from lib.data.formats.picture_lists import PictureFolder
from lib.data.user_images import find_pictures
from lib.runs import records

SHOWN_SHAPES = 6  # rows of the table
PROGRESS_FILES = 2000  # of fewer, no progress is shown


def picture_fit(answers: Answers, values: dict[str, Any]) -> PictureFit:
    """Return how pictures become images, as far as that is known.

    Args:
        answers: the session's answers.
        values: answers so far, by setting.
    """
    return PictureFit.of(answers.data_settings(values))


def asks_for_size(answers: Answers, dataset: str) -> bool:
    """Return whether there is a question about the size of pictures of several sizes."""
    can_ask = answers.interactive and answers.has_terminal and "size" not in answers.provided
    return can_ask and find_pictures(dataset) is not None


def ask_picture_size(answers: Answers, values: dict[str, Any]) -> None:
    """Ask on a terminal for the size of the images from pictures of several sizes, or of patches.

    Args:
        answers: the session's answers.
        values: answers so far; `size`, and `skip_broken` if broken files are to be skipped, are added.

    Raises:
        UserError: too many pictures cannot be read, and the user does not leave them out.
    """
    for name in ("size", "skip_broken"):
        values.pop(name, None)
    if not asks_for_size(answers, values["dataset"]):
        answers.drafts.pop("size", None)
        return
    folder, fit = values["dataset"], picture_fit(answers, values)
    pictures = find_pictures(folder, fit.ignored)
    if pictures is None:  # removed meanwhile, as the next step says
        return
    survey = _survey_with_progress(pictures, fit.use_cache)
    needs_size = len(survey.sizes) > 1 or bool(fit.patches)
    if survey.shapes and (needs_size or survey.broken):
        lines = _survey_lines(folder, survey) + ([_describe_use(fit, answers.program)] if needs_size else [])
        if lines != answers.shown_lines:  # not again after Esc, or before the next run
            print("\n".join(wrap_for(line, sys.stderr) for line in lines), file=sys.stderr)
        answers.shown_lines = lines
    _ask_about_broken_files(answers, values, survey, len(pictures.files))
    if needs_size:
        values["size"] = answers.ask(
            "size",
            lambda size: survey.image_shape(Path(folder), PictureFit(size)),
            default=answers.defaults["size"] or _proposed_size(answers, folder, survey),
        )
    else:
        answers.drafts.pop("size", None)


def _proposed_size(answers: Answers, folder: str, survey: PictureSurvey) -> tuple[int, int]:
    """The size of the images that the newest autoencoder for the folder takes; else one that suits them."""
    side = survey.proposed_side()
    trained = records.trained_size(dataset_names.short_name(folder))
    return trained if trained and answers.program == "classification" else (side, side)


def _ask_about_broken_files(
    answers: Answers, values: dict[str, Any], survey: PictureSurvey, count: int
) -> None:
    folder, fit = values["dataset"], picture_fit(answers, values)
    try:
        describe_broken(folder, survey.broken, count, fit)
    except UserError:
        broken = len(survey.broken)
        question = f"{broken:,} of {count:,} pictures cannot be read. Skip them?"
        if answers.choose(question, {"yes": "yes", "no": "no, leave the program"}, at_end="no") == "no":
            raise
        values["skip_broken"] = True


def _survey_with_progress(pictures: PictureFolder, use_cache: bool) -> PictureSurvey:
    count = len(pictures.files)
    if count < PROGRESS_FILES:
        return pictures.survey(use_cache)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"looking at {count:,} pictures", total=count)
        return pictures.survey(use_cache, lambda done: progress.update(bar, completed=done, refresh=True))


def _survey_lines(folder: str, survey: PictureSurvey) -> list[str]:
    """Lines that say how many pictures of which size and color there are, and which files are broken."""
    count = survey.shapes.total() + len(survey.broken)
    rows = [(_describe_shape(shape), number) for shape, number in survey.shapes.most_common(SHOWN_SHAPES)]
    if others := survey.shapes.total() - sum(number for _, number in rows):
        rows.append((f"{len(survey.shapes) - len(rows):,} others", others))
    width = max(len(text) for text, _ in rows)
    lines = [f"{printable(folder)}: {count:,} pictures"]
    lines += [f"  {text:<{width}}  {number:>7,}" for text, number in rows]
    lines += [f"  cannot be read: {printable(str(file))}" for file in list(survey.broken)[:SHOWN_SHAPES]]
    if (more := len(survey.broken) - SHOWN_SHAPES) > 0:
        lines.append(f"  cannot be read: {more:,} more")
    return lines


def _describe_use(fit: PictureFit, program: str) -> str:
    """The purpose of the size in a question, with and without patches."""
    if fit.patches:
        return f"{fit.patches:,} random crops of one size are cut from each picture."
    way = {"crop": "scaled and cropped", "pad": "scaled and padded with black", "stretch": "stretched"}
    text = f"Pictures are {way[fit.mode]} to one size"
    if program == "classification":
        return f"{text}, that of the saved autoencoder."
    return (
        f"{text}; --patches N takes crops of that size from the pictures as they are, which suits denoising."
    )


def _describe_shape(shape: tuple[int, int, int]) -> str:
    return f"{format_shape(shape[:2])} {format_channels(shape[2])}"
