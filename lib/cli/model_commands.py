"""Commands on a saved model: apply, encode, generate, predict and probe; flags, request, result.

The child process does the work (`lib.worker.apply_job` and the other jobs) and writes all files.
"""

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

from lib.cli.codes_size import confirm_size
from lib.cli.display import Display
from lib.cli.model_results import print_json, show_result
from lib.cli.parser import JSON_HELP, CommandParser, TrainParser
from lib.cli.prompts import Answers
from lib.cli.session import ask_labeled_data
from lib.common.errors import INTERRUPTED, UserError, printable
from lib.common.terminal_state import muted_keyboard
from lib.common.value_types import IntRange, PerLayer
from lib.config.fields import get_field
from lib.data import datasets
from lib.data.formats.pictures import FIT_MODES
from lib.runs import run_folder
from lib.worker.messages import (
    Apply,
    Encode,
    Generate,
    JobRequest,
    JobResult,
    PartialResult,
    Predict,
    Probe,
)
from lib.worker.process import Worker

DESCRIPTIONS = {
    "apply": (
        "Apply one or several saved autoencoders to images: save the outputs and list their errors, largest "
        "first."
    ),
    "encode": "Save the latent codes of images as .npz or IDX.",
    "generate": (
        "Generate images with a saved decoder: samples, a grid, or an interpolation between two pictures."
    ),
    "predict": "Classify images, with confidences.",
    "probe": "Measure the quality of an encoder with few and with many labels.",
}
MAX_OPTION = 10**9  # of all numbers that are flags
MIN_VALUES = {"count": 1, "grid": 2, "steps": 2, "seed": 0}  # of the flags of generate
LAYER_COMMANDS = ("apply", "encode", "generate")  # that use an encoder and a decoder of codes
REFINING_FLAGS = {"apply": ("encoder_layer", "decoder_layer"), "encode": ("decoder_layer",)}  # with --refine
DECODER_LAYER_HELP = (
    "layer that takes the latent code, for models from other programs (default: detected, see "
    "docs/using-models.md)"
)
MAX_SIDE = 8192  # pixels of images for models of any size
LABEL_FRACTIONS = (0.01, 0.1, 1.0)  # of probe


def make_parser(program: str, command: str) -> CommandParser:
    """Return the parser of a command's flags."""
    if command == "probe":
        return _make_probe_parser(program)
    parser = CommandParser(f"{program}.py {command}", DESCRIPTIONS[command])
    _add_model_and_images(parser, command)
    if command in ("apply", "encode"):
        parser.add_argument(
            "--refine",
            metavar="STEPS",
            help=(
                "refine each latent code by this many steps of gradient descent (30, for example), to see "
                "what the decoder could reach with a better encoder"
            ),
        )
    if command == "generate":
        _add_generate_options(parser)
    parser.add_prompt_flags()
    parser.add_argument("--json", action="store_true", help=JSON_HELP)
    return parser


def _make_probe_parser(program: str) -> TrainParser:
    """The parser of probe, which trains and so has the flags of train."""
    parser = TrainParser(program, DESCRIPTIONS["probe"])
    parser.prog = f"{program}.py probe"
    parser.set_help("--output", "output folder (default probed next to the model); nothing is overwritten")
    for flag in ("--resume", "--distributed"):
        parser.set_help(flag, argparse.SUPPRESS)
    parser.add_argument(
        "--shares", metavar="1,10,100", default="1,10,100", help="percentages of the labels to train on"
    )
    return parser


def _add_model_and_images(parser: CommandParser, command: str) -> None:
    if command == "apply":
        model_help = "run folder or saved autoencoder.h5; several are compared side by side"
        parser.add_argument("-model", "--model", metavar="FILE", required=True, nargs="+", help=model_help)
    else:
        model_help = "a run folder, or a saved model (.h5)"
        parser.add_argument("-model", "--model", metavar="FILE", required=True, help=model_help)
    if command == "generate":
        data_help = "images whose latent codes the mixture is fitted on (default: the training images)"
    else:
        data_help = "a folder of pictures of any size and format, a data set, or a name"
    parser.add_argument("-d", "--dataset", metavar="PATH", required=command != "generate", help=data_help)
    parser.add_argument("--output", metavar="PATH", help="output folder or file; nothing is ever overwritten")
    parser.add_argument(
        "--fit",
        choices=FIT_MODES,
        default="crop",
        help=(
            "how pictures are resized: scaled and cropped to the center (crop), scaled and padded with "
            "black (pad), or stretched (stretch); color is converted to gray if the model "
            "is gray"
        ),
    )
    parser.add_argument(
        "--invert", action="store_true", help="invert black on white to white on black, as in MNIST"
    )
    parser.add_argument("--limit", metavar="N", help="maximum number of pictures")
    parser.add_argument(
        "--size", metavar="HxW", help="image size, for models that take any size (28x28, or 28)"
    )
    if command in LAYER_COMMANDS:
        parser.add_argument(
            "--encoder-layer", metavar="NAME", help=get_field("encoder_layer").metadata["help"]
        )
        parser.add_argument("--decoder-layer", metavar="NAME", help=DECODER_LAYER_HELP)


def _add_generate_options(parser: CommandParser) -> None:
    parser.add_argument("--count", metavar="N", default="48", help="number of samples (default 48)")
    parser.add_argument(
        "--mixture", action="store_true", help="sample the codes of a VAE from a Gaussian mixture too"
    )
    parser.add_argument(
        "--grid", metavar="SIDE", help="SIDE × SIDE images over a two-dimensional latent space"
    )
    parser.add_argument(
        "--between", metavar="PICTURE", nargs=2, help="interpolate between the latent codes of two pictures"
    )
    parser.add_argument(
        "--steps", metavar="N", default="10", help="images of the interpolation, ends included (default 10)"
    )
    parser.add_argument("--seed", metavar="N", default="0", help="seed of the samples (default 0)")


def _options(command: str, args: argparse.Namespace) -> dict[str, Any]:
    """The options of a request that the commands share, from the values of the flags."""
    for name in REFINING_FLAGS.get(command, ()):
        if getattr(args, name) and not args.refine:
            raise UserError(f"--{name.replace('_', '-')} has no effect without --refine")
    models = [args.model] if isinstance(args.model, str) else args.model
    models = [run_folder.locate_model(model, command) for model in models]
    if args.dataset:
        datasets.locate(args.dataset)
    options = {
        "models": tuple(models),
        "data": args.dataset,
        "size": parse_size(args.size),
        "encoder_layer": getattr(args, "encoder_layer", None),
        "decoder_layer": getattr(args, "decoder_layer", None),
        "limit": parse_integer(args.limit, "--limit", low=1),
        "output": args.output,
        "fit": args.fit,
        "invert": args.invert,
    }
    if command in REFINING_FLAGS:
        options["refine"] = parse_integer(args.refine, "--refine", low=1)
    return options


def run_apply(program: str, arguments: list[str]) -> int:
    """Run images through one or several autoencoders; show the errors, the worst first."""
    args = make_parser(program, "apply").parse(arguments)
    return run_job(Apply(**_options("apply", args)), as_json=args.json)


def run_encode(program: str, arguments: list[str]) -> int:
    """Save the latent codes of images."""
    args = make_parser(program, "encode").parse(arguments)
    options = _options("encode", args)
    if not args.output:
        suffix = "-refined" if options["refine"] else ""
        options["output"] = default_codes_file(options["models"][0], args.dataset, suffix)
    request = Encode(**options)
    is_silent = args.yes or args.no_input or args.json or not sys.stdin.isatty()
    if not (is_silent or confirm_size(request)):
        return 0
    return run_job(request, as_json=args.json)


def default_codes_file(model: str, data: str, suffix: str = "") -> str:
    """Return a free path in the model's folder, named after the data, and numbered if necessary."""
    first = Path(model).parent / f"codes-{datasets.short_name(data)}{suffix}.npz"
    numbered = (first.with_stem(f"{first.stem}-{number}") for number in itertools.count(2))
    return str(next(path for path in itertools.chain([first], numbered) if not path.exists()))


def run_generate(program: str, arguments: list[str]) -> int:
    """Decode latent codes that are sampled, on a grid, or between those of two images."""
    args = make_parser(program, "generate").parse(arguments)
    options: dict[str, Any] = {
        name: parse_integer(getattr(args, name), f"--{name}", low) for name, low in MIN_VALUES.items()
    }
    between = args.between and tuple(args.between)
    request = Generate(**_options("generate", args), mixture=args.mixture, between=between, **options)
    return run_job(request, as_json=args.json)


def run_predict(program: str, arguments: list[str]) -> int:
    """Classify images."""
    args = make_parser(program, "predict").parse(arguments)
    return run_job(Predict(**_options("predict", args)), as_json=args.json)


def run_probe(program: str, arguments: list[str]) -> int:
    """Measure the test accuracy of probes of an encoder with few and with many labels."""
    args = make_parser(program, "probe").parse(arguments)
    try:
        fractions = tuple(percent / 100 for percent in PerLayer(IntRange(1, 100)).parse(args.shares))
    except UserError as error:
        raise UserError(f"--shares {error}") from None
    answers = Answers(program, args)
    hp = answers.hyperparameters(ask_labeled_data(answers))
    return run_job(Probe(hp, fractions, args.output), as_json=args.json)


COMMANDS = {
    "apply": run_apply,
    "encode": run_encode,
    "generate": run_generate,
    "predict": run_predict,
    "probe": run_probe,
}


def run_job(
    request: JobRequest,
    display: Display | None = None,
    as_json: bool = False,
    worker: Worker | None = None,
) -> int:
    """Let the worker do a job and show its result.

    Args:
        request: names the job, with its options.
        display: the display; by default a new one.
        as_json: print the result as JSON.
        worker: does the job; by default a new one.

    Returns:
        The exit status.
    """
    display = display or Display()
    display.show_status("starting Keras …")
    with muted_keyboard(), worker or Worker() as worker:
        try:
            worker.send(request)
            result = worker.follow(display, until=JobResult)
        finally:
            display.close()
    if as_json:
        print_json(display, result)
    else:
        show_result(result, display)
    if not (isinstance(result, PartialResult) and result.missing):
        return 0
    display.note(f"Interrupted: {result.missing}.", "bold")
    return INTERRUPTED


def parse_integer(text: str | None, flag: str = "", low: int = 0) -> int | None:
    """Return an integer from `low` to `MAX_OPTION`; None for None, a flag that was not given.

    Raises:
        UserError: the text is no such number; the message begins with `flag`.
    """
    try:
        return None if text is None else IntRange(low, MAX_OPTION).parse(text)
    except UserError as error:
        raise UserError(f"{flag} {error}".strip()) from None


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return (height, width) of a text such as `28x20`, or `28` for a square; None for None.

    Raises:
        UserError: the text is no size.
    """
    if text is None:
        return None
    try:
        sides = [IntRange(1, MAX_SIDE).parse(side) for side in text.lower().replace("×", "x").split("x")]
    except UserError as error:
        raise UserError(f"--size: height and width in pixels, such as 28x28; a side {error}") from None
    if len(sides) > 2:
        raise UserError(f"--size: height and width in pixels, such as 28x28, not {printable(text)!r}")
    return sides[0], sides[-1]
