"""Commands on a saved model: apply, encode, generate, predict and probe; flags, request, result.

The child process does the work (`lib.worker.apply_job` and the other jobs) and writes all files.
"""

import argparse
import itertools
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from lib.cli.display import BAD, QUIET, Display
from lib.cli.parser import CommandParser, TrainParser
from lib.cli.prompts import Answers
from lib.cli.session import ask_labeled_data
from lib.cli.terminal_graphics import ARROW, SEPARATOR, print_table
from lib.common.errors import INTERRUPTED, UserError, printable
from lib.common.formatting import format_shape
from lib.common.terminal_state import muted_keyboard
from lib.config.fields import get_field
from lib.config.value_types import IntRange, PerLayer
from lib.data import datasets
from lib.data.formats.pictures import FIT_MODES
from lib.runs import run_folder
from lib.worker.process import Worker

DESCRIPTIONS = {
    "apply": (
        "Images of your own through one saved autoencoder, or several side by side: the outcomes, and their "
        "errors, worst first."
    ),
    "encode": "The codes of images, as .npz or as an IDX file.",
    "generate": (
        "New images from a saved decoder: drawn, on a grid, or on the way from one picture to another."
    ),
    "predict": "Labels and confidences for images of your own.",
    "probe": "What an encoder has learned without labels, measured with few and with many of them.",
}
MAX_ROWS = 10  # rows of a table on the screen; the file has all of them
MAX_PROBLEMS = 3  # messages about unreadable pictures
COLUMN_TITLES = {"psnr_db": "PSNR (dB)"}  # instead of the names in the file
MIN_NAME_WIDTH = 12  # columns of the terminal for the name of a picture
MAX_OPTION = 10**9  # of all numbers that are flags
MIN_VALUES = {"count": 1, "grid": 2, "steps": 2, "seed": 0}  # of the flags of generate
LAYER_COMMANDS = ("apply", "encode", "generate")  # that use an encoder and a decoder of codes
REFINING_FLAGS = {"apply": ("encoder_layer", "decoder_layer"), "encode": ("decoder_layer",)}  # with --refine
DECODER_LAYER_HELP = (
    "the layer that takes the code, in a model made elsewhere (default: found by the rule in the README)"
)
MAX_SIDE = 8192  # pixels of images for models of any size
LABEL_FRACTIONS = [0.01, 0.1, 1.0]  # of probe

# Values of a request from the menu, which has no flags: of every command except probe, and more of generate.
DEFAULT_OPTIONS = {
    "data": None,
    "output": None,
    "fit": "crop",
    "invert": False,
    "limit": None,
    "refine": None,
    "size": None,
    "encoder_layer": None,
    "decoder_layer": None,
}
GENERATE_DEFAULTS = {"mixture": False, "between": None, "count": 48, "grid": None, "steps": 10, "seed": 0}


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
                "improve each image's code by so many steps of gradient descent, 30 for instance, to see "
                "what the decoder could do with a better encoder"
            ),
        )
    if command == "generate":
        _add_generate_options(parser)
    return parser


def _make_probe_parser(program: str) -> TrainParser:
    """The parser of probe, which trains and so has the flags of train."""
    parser = TrainParser(program, DESCRIPTIONS["probe"])
    parser.prog = f"{program}.py probe"
    parser.add_argument(
        "--shares", metavar="1,10,100", default="1,10,100", help="percentages of the labels to learn from"
    )
    return parser


def _add_model_and_images(parser: CommandParser, command: str) -> None:
    if command == "apply":
        model_help = "saved autoencoder.h5; several are compared side by side"
        parser.add_argument("-model", "--model", metavar="FILE", required=True, nargs="+", help=model_help)
    else:
        model_help = "the saved model (.h5)"
        parser.add_argument("-model", "--model", metavar="FILE", required=True, help=model_help)
    if command == "generate":
        data_help = "images that a mixture of codes is learned from (default: those of the model's training)"
    else:
        data_help = "a folder of pictures of any size and format, a data set, or a name"
    parser.add_argument("-d", "--dataset", metavar="PATH", required=command != "generate", help=data_help)
    parser.add_argument("--output", metavar="PATH", help="where the results go; nothing is ever overwritten")
    parser.add_argument(
        "--fit",
        choices=FIT_MODES,
        default="crop",
        help=(
            "how pictures of another size are made to fit: scaled and cut in the middle (crop), scaled and "
            "filled up with black (pad), or out of proportion (stretch); color becomes gray where the model "
            "is gray"
        ),
    )
    parser.add_argument(
        "--invert", action="store_true", help="black on white becomes white on black, as in MNIST"
    )
    parser.add_argument("--limit", metavar="N", help="at most so many pictures")
    parser.add_argument(
        "--size", metavar="HxW", help="the size of the images, for a model that takes any (28x28, or 28)"
    )
    if command in LAYER_COMMANDS:
        parser.add_argument(
            "--encoder-layer", metavar="NAME", help=get_field("encoder_layer").metadata["help"]
        )
        parser.add_argument("--decoder-layer", metavar="NAME", help=DECODER_LAYER_HELP)


def _add_generate_options(parser: CommandParser) -> None:
    parser.add_argument("--count", metavar="N", default="48", help="images to draw (default 48)")
    parser.add_argument(
        "--mixture", action="store_true", help="draw a VAE's codes from a Gaussian mixture too"
    )
    parser.add_argument(
        "--grid", metavar="SIDE", help="SIDE × SIDE images over a latent space of two numbers"
    )
    parser.add_argument(
        "--between", metavar="PICTURE", nargs=2, help="walk from the code of one picture to that of another"
    )
    parser.add_argument(
        "--steps", metavar="N", default="10", help="images of such a walk with both ends (default 10)"
    )
    parser.add_argument("--seed", metavar="N", default="0", help="seed of what is drawn (default 0)")


def _make_request(command: str, args: argparse.Namespace, **options: Any) -> dict[str, Any]:
    """The request to the worker, from the values of the flags and further options."""
    for name in REFINING_FLAGS.get(command, ()):
        if getattr(args, name) and not args.refine:
            raise UserError(f"--{name.replace('_', '-')} is for --refine; without it {command} needs none")
    models = [args.model] if isinstance(args.model, str) else args.model
    for model in models:
        run_folder.require_model_file(model)
    if args.dataset:
        datasets.locate(args.dataset)
    request = {
        "models": models,
        "data": args.dataset,
        "size": parse_size(args.size),
        "encoder_layer": getattr(args, "encoder_layer", None),
        "decoder_layer": getattr(args, "decoder_layer", None),
        "output": args.output,
        "fit": args.fit,
        "invert": args.invert,
    }
    for name in ("limit", "refine"):
        request[name] = parse_integer(getattr(args, name, None), f"--{name}", low=1)
    return request | options


def run_apply(program: str, arguments: list[str]) -> int:
    """Run images through one or several autoencoders; show the errors, the worst first."""
    args = make_parser(program, "apply").parse(arguments)
    return run_job("apply", _make_request("apply", args))


def run_encode(program: str, arguments: list[str]) -> int:
    """Save the latent codes of images."""
    args = make_parser(program, "encode").parse(arguments)
    request = _make_request("encode", args)
    if not args.output:
        suffix = "-refined" if request["refine"] else ""
        request["output"] = default_codes_file(args.model, args.dataset, suffix)
    return run_job("encode", request)


def default_codes_file(model: str, data: str, suffix: str = "") -> str:
    """Return a free path in the model's folder, named after the data, and numbered if necessary."""
    first = Path(model).parent / f"codes-{datasets.short_name(data)}{suffix}.npz"
    numbered = (first.with_stem(f"{first.stem}-{number}") for number in itertools.count(2))
    return str(next(path for path in itertools.chain([first], numbered) if not path.exists()))


def run_generate(program: str, arguments: list[str]) -> int:
    """Decode latent codes that are sampled, on a grid, or between those of two images."""
    args = make_parser(program, "generate").parse(arguments)
    numbers = {name: parse_integer(getattr(args, name), f"--{name}", low) for name, low in MIN_VALUES.items()}
    return run_job(
        "generate", _make_request("generate", args, mixture=args.mixture, between=args.between, **numbers)
    )


def run_predict(program: str, arguments: list[str]) -> int:
    """Classify images."""
    args = make_parser(program, "predict").parse(arguments)
    return run_job("predict", _make_request("predict", args))


def run_probe(program: str, arguments: list[str]) -> int:
    """Measure the test accuracy of probes of an encoder with few and with many labels."""
    args = make_parser(program, "probe").parse(arguments)
    try:
        fractions = [percent / 100 for percent in PerLayer(IntRange(1, 100)).parse(args.shares)]
    except UserError as error:
        raise UserError(f"--shares {error}") from None
    answers = Answers(program, args)
    hp = answers.hyperparameters(ask_labeled_data(answers))
    request = {"hyperparameters": hp.to_json(), "shares": fractions, "output": args.output}
    return run_job("probe", request)


COMMANDS = {
    "apply": run_apply,
    "encode": run_encode,
    "generate": run_generate,
    "predict": run_predict,
    "probe": run_probe,
}


def run_job(command: str, request: dict[str, Any], display: Display | None = None) -> int:
    """Let the worker do a job and show its result.

    Args:
        command: a key of `COMMANDS`.
        request: the job's options.
        display: the display; by default a new one.

    Returns:
        The exit status.
    """
    display = display or Display()
    display.show_status("starting Keras …")
    with muted_keyboard(), Worker() as worker:
        try:
            worker.send(command, **request)
            result = worker.follow(display)
        finally:
            display.close()
    SHOW_RESULT[command](display, result)
    if not (missing := result.get("missing")):
        return 0
    display.note(f"Interrupted: {missing}.", "bold")
    return INTERRUPTED


def _show_apply_result(display: Display, result: dict) -> None:
    errors = {"denoise": "what was changed", "complete": "error of the missing half"}
    _show_table(display, f"{errors.get(result['task'], 'error')}, worst first", result, "errors.csv")
    if display.out.is_terminal:
        first, *others = result["heads"]
        caption = f"{first} {ARROW} {f' {SEPARATOR} '.join(others)}"
        display.show_image_strip(result["pictures"], str(Path(result["folder"]) / "worst.png"), caption)
    count, names = len(result["table"]), result["names"]
    means = (
        f"{'' if len(names) == 1 else name + ' '}{mse:.6f}"
        for name, mse in zip(names, result["mean"], strict=True)
    )
    display.result(
        printable(f"mean over {count:,} picture{'s' if count > 1 else ''}: MSE {'   '.join(means)}")
    )
    if result["refined"]:
        # Each model is followed by the same model with refined codes.
        for name, before, after in zip(names[::2], result["mean"][::2], result["mean"][1::2], strict=True):
            display.result(f"{printable(name)}: {_refinement_gain(before, after)}")
    _show_problems(display, result)
    display.result(f"{result['folder']}: {', '.join(result['files'])}, errors.csv, worst.png", unwrapped=True)


def _show_predict_result(display: Display, result: dict) -> None:
    _show_table(display, "predictions", result, "predictions.csv")
    if display.out.is_terminal:
        path = str(Path(result["folder"]) / "predictions.png")
        display.show_captioned_images(result["pictures"], path)
    if result["accuracy"] is not None:
        labeled = f"{result['known']:,} picture{'s' if result['known'] > 1 else ''}"
        display.result(f"accuracy {result['accuracy']:.4f} on the {labeled} whose label is known")
    _show_problems(display, result)
    display.result(f"{result['folder']}: predictions.csv, predictions.png", unwrapped=True)


def _show_encode_result(display: Display, result: dict) -> None:
    _show_problems(display, result)
    refined = "refined " if result["refined"] else ""
    if refined:
        before, after = result["refined"]
        display.result(f"MSE {before:.6f}, refined {after:.6f}: {_refinement_gain(before, after)}")
    display.result(
        f"{result['count']:,} {refined}codes of {format_shape(result['shape'])} numbers: "
        f"{', '.join(result['files'])}",
        unwrapped=True,
    )


def _refinement_gain(before: float, after: float) -> str:
    """The relative reduction of the mean squared error by refining latent codes, as a sentence."""
    gain = 1 - after / before if before else 0
    return f"refined codes take {gain:.1%} of the error away; at least so much is the encoder's"


def _show_generate_result(display: Display, result: dict) -> None:
    if display.out.is_terminal:
        path = str(Path(result["folder"]) / "sheet.png")
        display.show_image_grid(result["pictures"], result["columns"], path)
    display.result(f"{result['count']:,} images, {result['how']}")
    display.result(f"{result['folder']}: the images, codes.npy, sheet.png", unwrapped=True)


def _show_probe_result(display: Display, result: dict) -> None:
    rows = result["record"]["accuracy"]
    label_counts = list(dict.fromkeys(row["labels"] for row in rows))
    table = Table(title="Test accuracy", title_justify="left")
    for column in ("method", "weights", *(f"{count:,} labels" for count in label_counts)):
        table.add_column(column, justify="right" if "labels" in column else "left")
    for method, weights in dict.fromkeys((row["method"], row["weights"]) for row in rows):
        scores = {
            row["labels"]: row["test_accuracy"]
            for row in rows
            if (row["method"], row["weights"]) == (method, weights)
        }
        cells = (f"{scores[count]:.4f}" if count in scores else "–" for count in label_counts)
        table.add_row(method, weights, *cells)
    display.out.print(table)
    silhouettes = (
        f"{name} {score:.3f}" for name, score in result["record"]["silhouette"].items() if score is not None
    )
    display.result("silhouette of the classes: " + "   ".join(silhouettes))
    display.result(f"{result['folder']}: probe.json, probe.png", unwrapped=True)


SHOW_RESULT = {
    "apply": _show_apply_result,
    "predict": _show_predict_result,
    "encode": _show_encode_result,
    "generate": _show_generate_result,
    "probe": _show_probe_result,
}


def _show_table(display: Display, title: str, result: dict, file_name: str) -> None:
    """Show the first rows of a result's table: all columns in a file or pipe, else as many as fit."""
    names, rows = result["columns"], result["table"]
    # Cells are file names in part, which may hold control characters.
    cells = [[*map(printable, row), *[""] * (len(names) - len(row))] for row in rows[:MAX_ROWS]]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    widths[0] = min(widths[0], MIN_NAME_WIDTH)
    right_edges = itertools.accumulate(width + 3 for width in widths)  # two spaces and a line each
    count = len(names)
    if display.out.is_terminal:
        count = sum(edge < display.out.width for edge in right_edges)
    if len(rows) > MAX_ROWS:
        title += f", {MAX_ROWS} of {len(rows):,}"
    if hidden := len(names) - count:
        title += f"; {hidden} more column{'s' if hidden > 1 else ''} in {file_name}"
    table = Table(title=title, title_justify="left")
    for number, (name, width) in enumerate(zip(names[:count], widths, strict=False)):
        header = Text(COLUMN_TITLES.get(name, printable(name.replace("_", " "))))
        if number:
            table.add_column(header, justify="right", min_width=width)
        else:
            table.add_column(header, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row[:count]))
    print_table(display.out, table)


def _show_problems(display: Display, result: dict) -> None:
    problems = list(result["problems"].values())
    for problem in problems[:MAX_PROBLEMS]:
        display.note(problem, BAD)
    if len(problems) > MAX_PROBLEMS:
        count = len(problems) - MAX_PROBLEMS
        display.note(f"and {count:,} more pictures that cannot be read", QUIET)


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
