"""Base of the commands that use saved models on images, such as apply and encode."""

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.cli.conversation import Step, ask_in_order
from lib.cli.job_command import JobCommand
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.common.errors import UserError
from lib.common.size_types import ImageSize
from lib.common.value_types import IntRange
from lib.config.data_settings import FIT_MODES, MAX_SIDE
from lib.config.program_settings import find_setting
from lib.data import dataset_names
from lib.data.user_images import find_pictures, require_user_images
from lib.runs import records, run_folder
from lib.tasks import find_task
from lib.worker.messages import JobRequest, ModelRequest

MAX_OPTION = 10**9  # of all numbers that are flags
COUNT = IntRange(1, MAX_OPTION)
DECODER_LAYER_HELP = (
    "layer that takes the latent code, for models from other programs (default: detected, see "
    "docs/using-models.md)"
)
FIT_HELP = (
    "how pictures are resized: scaled and cropped to the center (crop), scaled and padded with black (pad), "
    "or stretched (stretch) (default: as for the training, else crop); color is converted to gray if the "
    "model is gray"
)
REFINE_HELP = (
    "refine each latent code by this many steps of gradient descent (30, for example), to see what the "
    "decoder could reach with a better encoder"
)
FIT_CHOICES = {
    "crop": "scale and crop to the center",
    "pad": "scale and pad with black",
    "crop inverted": "crop and invert black on white (to white on black, as in MNIST)",
    "pad inverted": "pad and invert black on white",
    "stretch": "stretch",
}
OWN_SIZE = "own"  # the choice of outputs that have the size of each picture
DATA_QUESTION = "Pictures: a folder (of any sizes) or a data set"


class ModelCommand(JobCommand):
    """A command that uses a saved model.

    Attributes:
        request_type: class of its request.
        model_files: files of a run folder; it uses the first that exists.
        model_help: help of --model.
        several_models: whether --model takes several.
        data_help: help of --dataset.
        needs_data: whether --dataset is required.
        takes_foreign_models: whether it uses models of any size from other programs, too.
        has_layer_flags: whether it uses an encoder or decoder, whose layers flags can name.
        refinement_flags: those that have no effect without --refine; empty if there is no such flag.
        has_limit: whether there is a flag --limit.
        limit_help, limits, default_limit: of it.
    """

    request_type: type[ModelRequest]
    model_files: tuple[str, ...]
    model_help = "a run folder, or a saved model (.h5)"
    several_models = False
    data_help = "a folder of pictures of any size and format, a data set, or a name"
    needs_data = True
    takes_foreign_models = True
    has_layer_flags = True
    refinement_flags: tuple[str, ...] = ()
    has_limit = True
    limit_help = "maximum number of pictures"
    limits = COUNT
    default_limit: int | None = None

    def add_flags(self, parser: CommandParser) -> None:
        add = parser.add_argument
        count: dict[str, Any] = {"nargs": "+"} if self.several_models else {}
        add("-model", "--model", metavar="FILE", required=True, help=self.model_help, **count)
        options = {"dest": "data", "required": self.needs_data}
        add("-d", "--dataset", metavar="PATH", help=self.data_help, **options)
        parser.add_value("--output", "PATH", "output folder or file; nothing is ever overwritten")
        add("--fit", choices=FIT_MODES, help=FIT_HELP)
        parser.add_switch("--invert", "invert black on white to white on black, as in MNIST")
        if self.has_limit:
            parser.add_value("--limit", "N", self.limit_help, self.limits, default=self.default_limit)
        if self.takes_foreign_models:
            size_help = "image size, for models that take any size (28x28, or 28)"
            parser.add_value("--size", "HxW", size_help, ImageSize(IntRange(1, MAX_SIDE)))
        if self.has_layer_flags:
            parser.add_value("--encoder-layer", "NAME", find_setting("encoder_layer").help)
            parser.add_value("--decoder-layer", "NAME", DECODER_LAYER_HELP)
        if self.refinement_flags:
            parser.add_value("--refine", "STEPS", REFINE_HELP, COUNT)

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        """Return the fields of a request, for the files of its models."""
        for name in self.refinement_flags:
            if getattr(args, name) and not args.refine:
                raise UserError(f"--{name.replace('_', '-')} has no effect without --refine")
        models = args.model if self.several_models else [args.model]
        models = [run_folder.locate_model(model, self.model_files, self.name) for model in models]
        if args.data:
            dataset_names.locate(args.data)
        fit = args.fit or records.trained_fit(Path(models[0]).parent)
        return super().options(args) | {"models": tuple(models), "fit": fit}

    def ask_request(self, session: Session) -> JobRequest | None:
        return self.request_type(models=(last_model(session),), **ask_images(session))


def generates_from_codes(record: dict[str, Any]) -> bool:
    """Return whether commands that sample latent codes are offered after a run: not for a detector's."""
    hyperparameters = record.get("hyperparameters") or {}
    bypasses_code = hyperparameters.get("skip") or hyperparameters.get("residual")
    return not (bypasses_code and find_task(record.get("task")).detects_defects)


def last_model(session: Session) -> str:
    """Return the path of the model of the last run."""
    folder = session.last_run.folder
    return str(folder / run_folder.main_model_file(folder))


def free_file(model: str, name: str) -> str:
    """Return a free path in a model's folder: a file name, numbered if necessary."""
    first = Path(model).parent / name
    numbered = (first.with_stem(f"{first.stem}-{number}") for number in itertools.count(2))
    return str(next(path for path in itertools.chain([first], numbered) if not path.exists()))


def ask_images(
    session: Session, own_size: str = "", default: str = "", further: Sequence[Step] = ()
) -> dict[str, Any]:
    """Return the options of a request about the user's images, from prompts; the run's fit comes first.

    Args:
        session: has the run whose model is used.
        own_size: text of the choice to give outputs the size of each picture, for commands that can.
        default: the images for an empty line; "" for none.
        further: questions after these.
    """
    answers, data, fit = session.answers, "", ""
    trained_fit = records.trained_fit(session.last_run.folder)
    choices = fit_choices(session.last_run.record, trained_fit)
    question = "How should pictures be resized?"
    if own_size:
        choices = {OWN_SIZE: own_size} | {key: f"that of the model: {text}" for key, text in choices.items()}
        question = "Size of the outputs"

    def ask_data() -> None:
        nonlocal data
        data = answers.ask_text(DATA_QUESTION, require_user_images, default, is_path=True)

    def ask_fit() -> None:
        nonlocal fit
        is_fitted = find_pictures(data) is not None
        fit = answers.choose(question, choices, at_end=next(iter(choices))) if is_fitted else trained_fit

    ask_in_order(answers, [ask_data, ask_fit, *further])
    options = {"data": data, "fit": trained_fit, "invert": fit.endswith("inverted")}
    if fit == OWN_SIZE:
        return options
    is_chosen = own_size and find_pictures(data) is not None
    return options | {"fit": fit.split()[0]} | ({"output_size": "model"} if is_chosen else {})


def fit_choices(record: dict[str, Any], trained_fit: str) -> dict[str, str]:
    """Return the ways in which pictures are resized, by key: that of the training first.

    Args:
        record: of the run; images that are not gray are not offered inverted.
        trained_fit: how the run resized pictures.
    """
    shape = (record.get("dataset") or {}).get("shape") or (1,)
    is_gray = shape[-1] == 1
    choices = {key: text for key, text in FIT_CHOICES.items() if is_gray or not key.endswith("inverted")}
    return {trained_fit: choices[trained_fit]} | choices
