"""Presets for a data set: those that fit its images, sorted by relevance, adapted to missing labels."""

from __future__ import annotations

import sys
from typing import Any

from lib.cli.prompts import Answers
from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.text_layout import wrap_for
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.presets import PRESETS, preset_values, presets_for
from lib.data.formats.base import Header
from lib.data.named_datasets import NAMED_DATASETS
from lib.tasks import ImageShape


def fitting_presets(program: str, dataset: str, shape: ImageShape, task: str) -> list[str]:
    """Return the presets that can be built for images, those for the task and the data set first.

    Args:
        program: `autoencoder` or `classification`.
        dataset: name or path of the data set.
        shape: (height, width, channels) of its images.
        task: the task chosen so far.
    """
    presets = presets_for(program)

    def distance(name: str) -> tuple[bool, bool, bool]:
        preset = presets[name]
        made_for = NAMED_DATASETS[preset.dataset].header.shape
        return preset.task != task, preset.dataset != dataset, made_for != shape

    return sorted((name for name in presets if not _obstacle(name, program, shape)), key=distance)


def preset_lines(names: list[str]) -> dict[str, str]:
    """Return a line of text for each of some presets."""
    width = max(map(len, names), default=0)
    return {
        name: f"{name:<{width}}  {PRESETS[name].description}; for {PRESETS[name].dataset}" for name in names
    }


def _obstacle(name: str, program: str, shape: ImageShape) -> str:
    """The reason why a preset cannot be built for images; empty if it can."""
    if program != "autoencoder":
        return ""
    try:
        plan_architecture(AutoencoderHyperparameters(**preset_values(name)), shape)
    except UserError as error:
        return str(error)
    return ""


def adapted_values(name: str, program: str, labeled: bool) -> tuple[dict[str, Any], str]:
    """Return the values of a preset for images with or without labels, and a note on what is left out."""
    values = preset_values(name, program)
    if labeled or not values.get("label_weight"):
        return values, ""
    note = f"{name} without its label weight: the images have no labels"
    return values | {"label_weight": 0.0}, note


def adapt_preset(answers: Answers, dataset: str, header: Header) -> None:
    """Adapt the preset of a flag or an answers file to the images, and say what is left out.

    Args:
        answers: name the preset, if any, and get its adapted values.
        dataset: name or path of the data set.
        header: of the data set.

    Raises:
        UserError: the network of the preset cannot be built for the images; the message names those that can.
    """
    name = answers.preset
    if name is None:
        return
    values, note = adapted_values(name, answers.program, header.labeled)
    if answers.replace_preset_values(values) and note:
        print(wrap_for(note, sys.stderr), file=sys.stderr)
    obstacle = _obstacle(name, answers.program, header.shape)
    if not obstacle:
        return
    try:  # settings beside the preset may make it fit
        hp = answers.hyperparameters({"dataset": dataset})
        assert isinstance(hp, AutoencoderHyperparameters)  # no other preset has an obstacle
        plan_architecture(hp, header.shape)
    except UserError:
        fitting = fitting_presets(answers.program, dataset, header.shape, PRESETS[name].task)
        raise UserError(
            f"preset {name!r} does not fit images of {format_shape(header.shape)}: {obstacle}; presets that "
            f"fit: {', '.join(fitting)}"
        ) from None
