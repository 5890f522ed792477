"""Menu entries of both programs: views of the last run, and its model applied to other images.

`lib.cli.commands.menu_action` imports this module when an entry is chosen and calls its function by name.
"""

from pathlib import Path
from typing import Any

from lib.cli import model_commands, runs_command
from lib.cli.commands import command_module
from lib.cli.session import Session
from lib.data.user_images import find_pictures, require_user_images
from lib.runs import report
from lib.runs.run_folder import main_model_file

FIT_CHOICES = {
    "crop": "scaled and cut in the middle",
    "pad": "scaled and filled up with black",
    "crop inverted": "cut, and black on white made white on black (as MNIST is)",
    "pad inverted": "filled up, and black on white made white on black",
}
DATA_QUESTION = "Pictures: a folder (of any sizes), a data set, or a name"
SAMPLES_PER_ROW = 12


def show_latent(session: Session) -> None:
    """Show the latent codes of test images in two dimensions, marked by class."""
    run = session.last_run
    if "latent" not in run.pictures:
        session.display.result("There are too few test images for a picture of the latent space.")
        return
    session.display.show_latent_space(
        run.pictures["latent"],
        run.pictures["labels"],
        run.record["dataset"]["classes"],
        run.figure_path("latent"),
    )


def show_samples(session: Session) -> None:
    """Show the images that the run has decoded from sampled latent codes."""
    run = session.last_run
    if "samples" not in run.pictures:
        session.display.result(
            "Its decoder needs more than a code (skip connections or residual): no codes can be drawn for it."
        )
        return
    session.display.show_image_grid(run.pictures["samples"], SAMPLES_PER_ROW, run.figure_path("samples"))


def list_runs(session: Session) -> None:
    """List all recorded runs, and write a report of them if a name for it is given."""
    runs_command.run_runs(session.answers.program, [])
    name = session.answers.ask_text(
        "A report of them: a name that ends in .html or .md (none: no report)", _check_report_name
    )
    if name:
        runs_command.run_runs(session.answers.program, ["--export", name])


def _check_report_name(name: str) -> None:
    if name.strip():
        report.require_free_report(Path(name.strip()), False)


def apply(session: Session) -> None:
    """Run the autoencoder on the user's images."""
    _run_on_user_images(session, "apply")


def encode(session: Session) -> None:
    """Save the latent codes of the user's images."""
    _run_on_user_images(session, "encode")


def predict(session: Session) -> None:
    """Classify the user's images."""
    _run_on_user_images(session, "predict")


def generate(session: Session) -> None:
    """Sample new images with a seed from a prompt."""
    if "samples" not in session.last_run.pictures:
        show_samples(session)
        return
    seed = session.answers.ask_text(
        "Seed (a whole number; another one draws other images)", model_commands.parse_integer
    )
    options = model_commands.GENERATE_DEFAULTS | {"seed": model_commands.parse_integer(seed)}
    _run_job(session, "generate", options)


def search(session: Session) -> None:
    """Search for better hyperparameters; those that are not varied stay as in the last run."""
    command_module(session.answers.program, "search").run_from_menu(session)


def probe(session: Session) -> None:
    """Probe the encoder with few and with all labels."""
    request = {
        "hyperparameters": session.last_run.record["hyperparameters"],
        "shares": model_commands.LABEL_FRACTIONS,
        "output": None,
    }
    model_commands.run_job("probe", request, session.display)


def _run_on_user_images(session: Session, command: str) -> None:
    data = session.answers.ask_text(DATA_QUESTION, require_user_images)
    fit = "crop"
    if find_pictures(data):
        fit = session.answers.choose("Made to fit how?", FIT_CHOICES, at_end="crop")
    output = model_commands.default_codes_file(_model_path(session), data) if command == "encode" else None
    options = {"data": data, "output": output, "fit": fit.split()[0], "invert": fit.endswith("inverted")}
    _run_job(session, command, options)


def _run_job(session: Session, command: str, options: dict[str, Any]) -> None:
    request = model_commands.DEFAULT_OPTIONS | {"models": [_model_path(session)]} | options
    model_commands.run_job(command, request, session.display)


def _model_path(session: Session) -> str:
    folder = session.last_run.folder
    return str(folder / main_model_file(folder))
