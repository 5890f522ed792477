"""The command `apply`: images through saved autoencoders."""

import argparse
from pathlib import Path
from typing import Any

from lib.cli.display import Display
from lib.cli.model_command import ModelCommand, ask_images, last_model
from lib.cli.model_results import refinement_gain, show_problems, show_table
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.cli.terminal_graphics import ARROW, SEPARATOR
from lib.common.errors import UserError, printable
from lib.runs.run_folder import AUTOENCODER_FILES
from lib.runs.views import ImageStrip
from lib.tasks import find_task
from lib.tasks.halves import SIDES
from lib.tasks.holes import MissingPart
from lib.worker.messages import ERROR, Apply, ApplyResult

MISSING_HELP = (
    "for a model trained with a hole: what is missing, as in a training (center, masks/ with a mask of each "
    "picture's name, ...) (default: the transparent pixels of pictures; for a data set as in the training)"
)
OWN_SIZE_TEXT = "that of each picture, where the model can"
OUTPUT_SIZES = ("own", "model")
OUTPUT_SIZE_HELP = (
    "size of the outputs for pictures: that of each picture (own) or of the model (model); default: own if "
    "model and task allow it, model with --fit or --refine"
)


class ApplyCommand(ModelCommand):
    """Outputs and errors of one or several autoencoders."""

    name = "apply"
    programs = ("autoencoder",)
    description = (
        "Apply one or several saved autoencoders to images: save the outputs and list their errors, largest "
        "first."
    )
    order = 10
    menu_text = "Apply the autoencoder to your pictures"
    menu_order = 20
    request_type = Apply
    model_files = AUTOENCODER_FILES[:1]
    model_help = "run folder or saved autoencoder.h5; several are compared side by side"
    several_models = True
    refinement_flags = ("encoder_layer", "decoder_layer")

    def is_offered(self, session: Session) -> bool:
        return not session.last_run.record.get("hyperparameters", {}).get("conditional")

    def add_flags(self, parser: CommandParser) -> None:
        super().add_flags(parser)
        parser.add_value("--missing", "PART", MISSING_HELP, MissingPart())
        parser.add_argument("--output-size", choices=OUTPUT_SIZES, help=OUTPUT_SIZE_HELP)

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        if args.missing in SIDES:
            raise UserError(
                f"--missing {args.missing}: a half is no hole; use center, boxes, strokes, random or a "
                f"folder of masks"
            )
        if args.fit and args.output_size == "own":
            raise UserError("--fit has no effect with --output-size own: pictures keep their size")
        options = super().options(args)
        return options | ({"output_size": "model"} if args.fit else {})

    def ask_request(self, session: Session) -> Apply:
        return Apply(models=(last_model(session),), **ask_images(session, own_size=OWN_SIZE_TEXT))

    def show(self, result: ApplyResult, display: Display) -> None:
        label = find_task(result.task).error_label if result.measure == ERROR else result.measure
        title = f"{label}, largest first"
        show_table(display, title, result.columns, result.table, "errors.csv")
        if display.out.is_terminal:
            first, *others = result.heads
            caption = f"{first} {ARROW} {f' {SEPARATOR} '.join(others)}"
            path = str(Path(result.folder) / "worst.png")
            display.show_figure(ImageStrip(result.pictures), path, caption)
        count, names = len(result.table), result.names
        means = (
            f"{'' if len(names) == 1 else name + ' '}{mse:.6f}"
            for name, mse in zip(names, result.mean, strict=True)
        )
        display.result(
            printable(
                f"mean over {count:,} picture{'s' if count > 1 else ''}: {result.measure} {'   '.join(means)}"
            )
        )
        if result.refined:
            # Each model is followed by the same model with refined codes.
            for name, before, after in zip(names[::2], result.mean[::2], result.mean[1::2], strict=True):
                display.result(f"{printable(name)}: {refinement_gain(before, after)}")
        show_problems(display, result.problems)
        files = [*result.files, "errors.csv", "worst.png", "comparison.png", "comparison.html"]
        display.result(f"{result.folder}: {', '.join(files)}")
