"""The verbs that use a saved model, as the person sees them: flags in, the worker's request, its results on
the screen.
"""

import itertools
from pathlib import Path

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
from lib.config.value_types import IntRange, PerLayer
from lib.data import datasets
from lib.data.formats.image_folder import FIT_MODES
from lib.runs import run_folder
from lib.worker.process import Worker

MAX_ROWS = 10  # rows of a long table on the screen; the file has all of them
COLUMN_TITLES = {"psnr_db": "PSNR (dB)"}  # of columns that a file calls otherwise
MIN_NAME_WIDTH = 12  # columns of the terminal that the name of a picture has at the least


def make_parser(program: str, verb: str) -> CommandParser:
    """The flags of a verb."""
    does = COMMANDS[verb].__doc__
    if verb == "probe":  # trains, and so has the flags of training
        parser: CommandParser = TrainParser(program, does)
        parser.prog = f"{program}.py {verb}"
        parser.add_argument(
            "--shares", metavar="1,10,100", default="1,10,100", help="percentages of the labels to learn from"
        )
        return parser
    parser = CommandParser(f"{program}.py {verb}", does)
    several = {"nargs": "+"} if verb == "apply" else {}
    what = "saved autoencoder.h5; several are compared side by side" if several else "the saved model (.h5)"
    parser.add_argument("-model", "--model", metavar="FILE", required=True, help=what, **several)
    data = "images that a mixture of codes is learned from (default: those of the model's training)"
    data = (
        data if verb == "generate" else "a folder of pictures of any size and format, a data set, or a name"
    )
    parser.add_argument("-d", "--dataset", metavar="PATH", required=verb != "generate", help=data)
    parser.add_argument("--output", metavar="PATH", help="where the results go; nothing is ever overwritten")
    parser.add_argument(
        "--fit",
        choices=FIT_MODES,
        default="crop",
        help=(
            "how pictures of another size are made to fit: scaled and cut in the middle (crop), scaled and "
            "filled up with black "
            "(pad), or out of proportion (stretch); color becomes gray where the model is gray"
        ),
    )
    parser.add_argument(
        "--invert", action="store_true", help="black on white becomes white on black, as in MNIST"
    )
    parser.add_argument("--limit", metavar="N", help="at most so many pictures")
    if verb in ("apply", "encode"):
        parser.add_argument(
            "--refine",
            metavar="STEPS",
            help=(
                "improve each image's code by so many steps of gradient descent, 30 for instance, to see "
                "what the decoder could do "
                "with a better encoder"
            ),
        )
    if verb == "generate":
        parser.add_argument("--count", metavar="N", default="48", help="images to draw (default 48)")
        parser.add_argument(
            "--mixture", action="store_true", help="draw a VAE's codes from a Gaussian mixture too"
        )
        parser.add_argument(
            "--grid", metavar="SIDE", help="SIDE × SIDE images over a latent space of two numbers"
        )
        parser.add_argument(
            "--between",
            metavar="PICTURE",
            nargs=2,
            help="walk from the code of one picture to that of another",
        )
        parser.add_argument(
            "--steps", metavar="N", default="10", help="images of such a walk with both ends (default 10)"
        )
        parser.add_argument("--seed", metavar="N", default="0", help="seed of what is drawn (default 0)")
    return parser


def make_request(args, **more) -> dict:
    """What the worker is asked, from parsed flags."""
    models = [args.model] if isinstance(args.model, str) else args.model
    for model in models:
        run_folder.require_model_file(model)
    if args.dataset:
        datasets.locate(args.dataset)
    common = {
        "models": models,
        "data": args.dataset,
        "output": args.output,
        "fit": args.fit,
        "invert": args.invert,
    }
    numbers = {name: read_integer(getattr(args, name, None), f"--{name}", 1) for name in ("limit", "refine")}
    return common | numbers | more


def run_apply(program: str, words: list[str]) -> int:
    """Images of your own through one saved autoencoder, or several side by side: the outcomes, and their
    errors, worst first.
    """
    return run_job("apply", make_request(make_parser(program, "apply").parse(words)))


def run_encode(program: str, words: list[str]) -> int:
    """The codes of images, as .npz or as an IDX file."""
    args = make_parser(program, "encode").parse(words)
    wanted = make_request(args)
    wanted["output"] = args.output or default_codes_file(
        args.model, args.dataset, "-refined" if wanted["refine"] else ""
    )
    return run_job("encode", wanted)


def default_codes_file(model: str, data: str, end: str = "") -> str:
    """Where codes go unless told otherwise: beside the model, under the name of the data, with a number where
    that is taken.
    """
    first = Path(model).parent / f"codes-{datasets.short_name(data)}{end}.npz"
    others = (first.with_stem(f"{first.stem}-{number}") for number in itertools.count(2))
    return str(next(path for path in itertools.chain([first], others) if not path.exists()))


def run_generate(program: str, words: list[str]) -> int:
    """New images from a saved decoder: drawn, on a grid, or on the way from one picture to another."""
    args = make_parser(program, "generate").parse(words)
    numbers = {name: read_integer(getattr(args, name), f"--{name}", low) for name, low in MIN_VALUES.items()}
    return run_job("generate", make_request(args, mixture=args.mixture, between=args.between, **numbers))


MIN_VALUES = {"count": 1, "grid": 2, "steps": 2, "seed": 0}
LABEL_FRACTIONS = [0.01, 0.1, 1.0]  # of the labels
# Where nothing was said: of every verb, and of `generate` besides.
DEFAULT_OPTIONS = {
    "data": None,
    "output": None,
    "fit": "crop",
    "invert": False,
    "limit": None,
    "refine": None,
}
GENERATE_DEFAULTS = {"mixture": False, "between": None, "count": 48, "grid": None, "steps": 10, "seed": 0}


def run_predict(program: str, words: list[str]) -> int:
    """Labels and confidences for images of your own."""
    return run_job("predict", make_request(make_parser(program, "predict").parse(words)))


def run_probe(program: str, words: list[str]) -> int:
    """What an encoder has learned without labels, measured with few and with many of them."""
    args = make_parser(program, "probe").parse(words)
    try:
        shares = [share / 100 for share in PerLayer(IntRange(1, 100)).read(args.shares)]
    except UserError as error:
        raise UserError(f"--shares {error}") from None
    answers = Answers(program, args)
    hp = answers.hyperparameters(ask_labeled_data(answers))
    return run_job("probe", {"hyperparameters": hp.to_json(), "shares": shares, "output": args.output})


COMMANDS = {
    "apply": run_apply,
    "encode": run_encode,
    "generate": run_generate,
    "predict": run_predict,
    "probe": run_probe,
}


def run_job(verb: str, wanted: dict, display: Display | None = None) -> int:
    """Have the worker do it, and show what came of it."""
    display = display or Display()
    display.wait("starting Keras …")
    with muted_keyboard(), Worker() as worker:
        try:
            worker.send(verb, **wanted)
            ended = worker.follow(display)
        finally:
            display.close()
    SHOW_RESULT[verb](display, ended)
    if not (missing := ended.get("missing")):
        return 0
    display.note(f"Interrupted: {missing}.", "bold")
    return INTERRUPTED


def _show_applied(display: Display, ended: dict) -> None:
    what = {"denoise": "what was changed", "complete": "error of the missing half"}.get(
        ended["task"], "error"
    )
    _show_table(display, f"{what}, worst first", ended, "errors.csv")
    if display.out.is_terminal:
        first, *others = ended["heads"]
        words = f"{first} {ARROW} {f' {SEPARATOR} '.join(others)}"
        display.strip(ended["pictures"], str(Path(ended["folder"]) / "worst.png"), words)
    count, names = len(ended["table"]), ended["names"]
    means = (
        f"{'' if len(names) == 1 else name + ' '}{mse:.6f}"
        for name, mse in zip(names, ended["mean"], strict=True)
    )
    display.result(
        printable(f"mean over {count:,} picture{'s' if count > 1 else ''}: MSE {'   '.join(means)}")
    )
    if ended["refined"]:
        for name, before, after in zip(names[::2], ended["mean"][::2], ended["mean"][1::2], strict=True):
            display.result(f"{printable(name)}: {_refinement_gain(before, after)}")
    _show_problems(display, ended)
    display.result(f"{ended['folder']}: {', '.join(ended['files'])}, errors.csv, worst.png", whole=True)


def _show_predicted(display: Display, ended: dict) -> None:
    _show_table(display, "predictions", ended, "predictions.csv")
    if display.out.is_terminal:
        display.gallery(ended["pictures"], str(Path(ended["folder"]) / "predictions.png"))
    if ended["accuracy"] is not None:
        known = f"{ended['known']:,} picture{'s' if ended['known'] > 1 else ''}"
        display.result(f"accuracy {ended['accuracy']:.4f} on the {known} whose label is known")
    _show_problems(display, ended)
    display.result(f"{ended['folder']}: predictions.csv, predictions.png", whole=True)


def _show_encoded(display: Display, ended: dict) -> None:
    _show_problems(display, ended)
    refined = "refined " if ended["refined"] else ""
    if refined:
        before, after = ended["refined"]
        display.result(f"MSE {before:.6f}, refined {after:.6f}: {_refinement_gain(before, after)}")
    display.result(
        f"{ended['count']:,} {refined}codes of {format_shape(ended['shape'])} numbers: "
        f"{', '.join(ended['files'])}",
        whole=True,
    )


def _refinement_gain(before: float, after: float) -> str:
    """What refining codes has taken off the mean error."""
    share = 1 - after / before if before else 0
    return f"refined codes take {share:.1%} of the error away; at least so much is the encoder's"


def _show_generated(display: Display, ended: dict) -> None:
    if display.out.is_terminal:
        display.sheet(ended["pictures"], ended["columns"], str(Path(ended["folder"]) / "sheet.png"))
    display.result(f"{ended['count']:,} images, {ended['how']}")
    display.result(f"{ended['folder']}: the images, codes.npy, sheet.png", whole=True)


def _show_probed(display: Display, ended: dict) -> None:
    rows = ended["record"]["accuracy"]
    labels = list(dict.fromkeys(row["labels"] for row in rows))
    table = Table(title="Test accuracy", title_justify="left")
    for column in ("method", "weights", *(f"{count:,} labels" for count in labels)):
        table.add_column(column, justify="right" if "labels" in column else "left")
    for method, weights in dict.fromkeys((row["method"], row["weights"]) for row in rows):
        scores = {
            row["labels"]: row["test_accuracy"]
            for row in rows
            if (row["method"], row["weights"]) == (method, weights)
        }
        table.add_row(
            method, weights, *(f"{scores[count]:.4f}" if count in scores else "–" for count in labels)
        )
    display.out.print(table)
    found = {name: score for name, score in ended["record"]["silhouette"].items() if score is not None}
    display.result(
        "silhouette of the classes: " + "   ".join(f"{name} {score:.3f}" for name, score in found.items())
    )
    display.result(f"{ended['folder']}: probe.json, probe.png", whole=True)


SHOW_RESULT = {
    "apply": _show_applied,
    "predict": _show_predicted,
    "encode": _show_encoded,
    "generate": _show_generated,
    "probe": _show_probed,
}


def _show_table(display: Display, title: str, ended: dict, file: str) -> None:
    """The first rows. A terminal that is too narrow for all columns shows the first ones; a file or a pipe
    gets them all.
    """
    count = len(ended["columns"])
    rows = [
        [*map(printable, row), *[""] * (count - len(row))] for row in ended["table"][:MAX_ROWS]
    ]  # printable: names of files
    least = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    least[0] = min(least[0], MIN_NAME_WIDTH)
    ends = itertools.accumulate(width + 3 for width in least)  # a space on either side, and a line
    fits = sum(end < display.out.width for end in ends) if display.out.is_terminal else count
    title += f", {MAX_ROWS} of {len(ended['table']):,}" if len(ended["table"]) > MAX_ROWS else ""
    title += (
        f"; {count - fits} more column{'s' if count - fits > 1 else ''} in {file}" if fits < count else ""
    )
    table = Table(title=title, title_justify="left")
    for number, (column, width) in enumerate(zip(ended["columns"][:fits], least, strict=False)):
        look = {"justify": "right", "min_width": width} if number else {"overflow": "fold"}
        table.add_column(Text(COLUMN_TITLES.get(column, printable(column.replace("_", " ")))), **look)
    for row in rows:
        table.add_row(*map(Text, row[:fits]))
    print_table(display.out, table)


def _show_problems(display: Display, ended: dict) -> None:
    problems = list(ended["problems"].values())
    for problem in problems[:3]:
        display.note(problem, BAD)
    if len(problems) > 3:
        display.note(f"and {len(problems) - 3:,} more pictures that cannot be read", QUIET)


def read_integer(text: str | None, flag: str = "", low: int = 0) -> int | None:
    """A whole number as somebody has typed it. Raises `UserError` for anything else."""
    try:
        return None if text is None else IntRange(low, 10**9).read(text)
    except UserError as error:
        raise UserError(f"{flag} {error}".strip()) from None
