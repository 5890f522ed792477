"""The command `generate`: images from a saved decoder."""

import argparse
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from lib.cli.class_question import ask_class
from lib.cli.conversation import ask_in_order
from lib.cli.display import Display
from lib.cli.model_command import MAX_OPTION, ModelCommand, generates_from_codes, last_model
from lib.cli.output import BAD
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.common.errors import UserError
from lib.common.value_types import IntRange
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.samplers import SAMPLERS, applicable_samplers, describe_samplers
from lib.runs.views import CaptionedImages, FigureView, ImageGrid, ImageStrip
from lib.worker.generate_messages import Generate, GenerateResult, NearestImages
from lib.worker.messages import JobRequest

SIDE, SEED = IntRange(2, 200), IntRange(0, MAX_OPTION)  # of a grid or an interpolation; of samples
SAMPLES = IntRange(1, 1_000_000)
SAMPLER_HELP = (
    f"what codes are sampled from (default: prior if it applies, else mixture). {describe_samplers()}"
)
NEAREST_HELP = "find the nearest training image of each image, so that copies are seen"
LABEL_HELP = (
    "classes of the images, for a model that was trained with --conditional: names or numbers, in which the "
    "images take turns, such as 3,3,7 (default: all of them, as far as --count goes)"
)
DATA_HELP = (
    "images that samplers are fitted on, and that --nearest compares with (default: the training images)"
)


class GenerateCommand(ModelCommand):
    """Images of latent codes that are sampled, on a grid, or between those of two pictures."""

    name = "generate"
    programs = ("autoencoder",)
    description = (
        "Generate images with a saved decoder: samples, a grid, or an interpolation between two pictures."
    )
    order = 20
    menu_text = "Generate and save more samples"
    menu_order = 10
    request_type = Generate
    model_files = ("autoencoder.h5", "decoder.h5")
    data_help = DATA_HELP
    needs_data = False
    has_limit = False

    def add_flags(self, parser: CommandParser) -> None:
        super().add_flags(parser)
        add = parser.add_value
        add("--count", "N", "number of samples (default 48)", SAMPLES)
        with parser.exclusive():
            parser.add_argument("--sampler", choices=tuple(SAMPLERS), help=SAMPLER_HELP)
            mixture: dict[str, Any] = {"action": "store_const", "const": "mixture", "dest": "sampler"}
            parser.add_argument("--mixture", help="the same as --sampler mixture", **mixture)
        parser.add_switch("--nearest", NEAREST_HELP)
        add("--label", "CLASSES", LABEL_HELP)
        add("--grid", "SIDE", "SIDE × SIDE images over a two-dimensional latent space", SIDE)
        add("--between", "PICTURE", "interpolate between the latent codes of two pictures", nargs=2)
        add("--steps", "N", "images of the interpolation, ends included (default 10)", SIDE)
        add("--seed", "N", "seed of the samples (default 0)", SEED, default=0)

    def is_offered(self, session: Session) -> bool:
        return generates_from_codes(session.last_run.record)

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        if args.between and args.grid:
            raise UserError("--between and --grid exclude each other: remove one of them")
        if args.invert and not args.between:
            raise UserError("--invert has no effect without --between: the data set is read as for training")
        if args.steps is not None and not args.between:
            raise UserError("--steps has no effect without --between")
        codes = "--between" if args.between else "--grid" if args.grid else ""
        for name in ("count", "sampler") if codes else ():
            if getattr(args, name) is not None:
                raise UserError(f"--{name} has no effect with {codes}: remove one of them")
        between = args.between and tuple(args.between)
        labels = _split_classes(args.label) if args.label is not None else ()
        count, steps = args.count or Generate.count, args.steps or Generate.steps
        return super().options(args) | {
            "between": between,
            "labels": labels,
            "count": count,
            "steps": steps,
        }

    def ask_request(self, session: Session) -> JobRequest | None:
        if not session.has_figure("samples"):
            session.show_figure("samples")
            return None
        answers, run = session.answers, session.last_run
        hp = Hyperparameters.from_json(run.record["hyperparameters"], "the last run")
        assert isinstance(hp, AutoencoderHyperparameters)
        samplers = {name: SAMPLERS[name].help for name in applicable_samplers(hp)}
        next_seed = len(list(run.folder.glob("generated*")))  # another one each time
        values: dict[str, Any] = {}

        def ask_label() -> None:
            classes = run.record["dataset"]["classes"]
            chosen = ask_class(answers, classes, "Class of the samples", "all", "all of them")
            values["labels"] = () if chosen is None else (chosen,)

        def ask_sampler() -> None:
            question = "Sample latent codes from"
            values["sampler"] = answers.choose(question, samplers, at_end=next(iter(samplers)))

        def ask_seed() -> None:
            question = "Seed (a whole number; another seed gives other samples)"
            check = partial(SEED.parse_as, "the seed")
            values["seed"] = SEED.parse(answers.ask_text(question, check, default=str(next_seed)))

        def ask_nearest() -> None:
            choices = {"no": "no", "yes": "yes, with the distance, so that copies are seen"}
            question = "Show the nearest training image next to each sample?"
            values["nearest"] = answers.choose(question, choices, at_end="no") == "yes"

        ask_in_order(answers, [*([ask_label] if hp.conditional else []), ask_sampler, ask_seed, ask_nearest])
        return Generate(models=(last_model(session),), **values)

    def show(self, result: GenerateResult, display: Display) -> None:
        if display.out.is_terminal:
            folder = Path(result.folder)
            if result.pairs:
                display.show_figure(
                    ImageStrip(result.pairs), str(folder / "nearest.png"), ", ".join(result.pairs)
                )
            else:
                display.show_figure(_view_of(result), str(folder / "sheet.png"))
        display.result(f"{result.count:,} images, {result.how}")
        if result.nearest is not None:
            _show_nearest(result.nearest, display)
        files = [*result.files, *(["nearest.png", "nearest.csv"] if result.nearest else [])]
        display.result(f"{result.folder}: the images, {', '.join(files)}")


def _view_of(result: GenerateResult) -> FigureView:
    """The images, of a conditional model with their classes."""
    if result.classes:
        return CaptionedImages(result.pictures, result.classes)
    return ImageGrid(result.pictures, result.columns)


def _split_classes(text: str) -> tuple[str, ...]:
    """The names of classes in a text, between commas. Raises `UserError` for none."""
    if not (names := tuple(filter(None, (name.strip() for name in text.split(","))))):
        raise UserError(f"--label {text!r}: names no class; use names or numbers, such as 3,3,7")
    return names


def _show_nearest(nearest: NearestImages, display: Display) -> None:
    """Say how near the training images are, compared with test images."""
    distances = sorted(nearest.distances)
    median = statistics.median(distances)
    display.result(
        f"distance to the nearest training image (RMSE of pixels in 0..1): {distances[0]:.4f} to "
        f"{distances[-1]:.4f}, median {median:.4f}"
    )
    if nearest.typical is None:
        return
    display.result(f"the same of test images: median {nearest.typical:.4f}")
    count = len(distances)
    subject = f"{nearest.copies:,} of {count:,} images are" if nearest.copies else "no image is"
    display.result(
        f"{subject} nearer than 99 % of test images ({nearest.copy_distance:.4f}), as a copy would be",
        BAD if nearest.copies else "",
    )
