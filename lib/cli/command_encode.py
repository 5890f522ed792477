"""The command `encode`: the latent codes of images, in a file."""

import argparse
import sys
from pathlib import Path

from lib.cli.display import Display
from lib.cli.model_command import ModelCommand, ask_images, free_file, last_model
from lib.cli.model_results import refinement_gain, show_problems
from lib.cli.session import Session
from lib.cli.terminal_prompts import prompt_choice
from lib.common.errors import UserError
from lib.common.formatting import format_megabytes, format_shape
from lib.data import dataset_names
from lib.data.user_images import find_pictures
from lib.runs import records
from lib.runs.run_folder import AUTOENCODER_FILES
from lib.worker.messages import Encode, EncodeResult, JobRequest

LARGE_FILE = 100_000_000  # bytes of latent codes that are written only after a question
BYTES_PER_VALUE = 4  # float32


class EncodeCommand(ModelCommand):
    """Latent codes."""

    name = "encode"
    programs = ("autoencoder",)
    description = "Save the latent codes of images as .npz or IDX."
    order = 30
    menu_text = "Save the latent codes of pictures"
    menu_order = 30
    request_type = Encode
    model_files = AUTOENCODER_FILES
    refinement_flags = ("decoder_layer",)

    def make_request(self, args: argparse.Namespace) -> JobRequest | None:
        options = self.options(args)
        if not args.output:
            suffix = "-refined" if options["refine"] else ""
            options["output"] = default_codes_file(options["models"][0], args.data, suffix)
        request = Encode(**options)
        is_silent = args.yes or args.no_input or args.json or not sys.stdin.isatty()
        return request if is_silent or confirm_size(request) else None

    def ask_request(self, session: Session) -> JobRequest | None:
        model, options = last_model(session), ask_images(session)
        request = Encode(models=(model,), output=default_codes_file(model, options["data"]), **options)
        return request if not session.answers.has_terminal or confirm_size(request) else None

    def show(self, result: EncodeResult, display: Display) -> None:
        show_problems(display, result.problems)
        refined = "refined " if result.refined else ""
        if result.refined:
            before, after = result.refined
            display.result(f"MSE {before:.6f}, refined {after:.6f}: {refinement_gain(before, after)}")
        display.result(
            f"{result.count:,} {refined}codes of {format_shape(result.shape)} numbers: "
            f"{', '.join(result.files)}"
        )


def default_codes_file(model: str, data: str, suffix: str = "") -> str:
    """Return a free path in the model's folder, named after the data, and numbered if necessary."""
    return free_file(model, f"codes-{dataset_names.short_name(data)}{suffix}.npz")


def confirm_size(request: Encode) -> bool:
    """Return whether to write the latent codes of a request; a question if the file will be large."""
    size = latent_size(request.models[0])
    if size is None:
        return True
    count = count_images(request.data, request.limit)
    total = BYTES_PER_VALUE * size * count
    if total < LARGE_FILE:
        return True
    title = f"{count:,} latent codes of {size:,} numbers need {format_megabytes(total)}. Write them?"
    return prompt_choice(title, {"yes": f"yes, to {request.output}", "no": "no"}) == "yes"


def latent_size(model: str) -> int | None:
    """Return the latent size in the record beside a saved model; None if there is none."""
    try:
        size = records.load_record(Path(model).parent).get("metrics", {}).get("latent_size")
    except UserError:
        return None
    return size if isinstance(size, int) else None


def count_images(data: str, limit: int | None) -> int:
    """Return the number of images that `encode` takes from pictures or a data set."""
    if (pictures := find_pictures(data)) is not None:
        count = len(pictures.train) + (len(pictures.test) if pictures.test else 0)
    else:
        header = dataset_names.peek(data)
        count = header.count + header.test_count
    return min(count, limit or count)
