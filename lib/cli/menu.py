"""What both menus offer beside running again: the last run looked at, and its model used on something else."""

from pathlib import Path

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


def figure_path(session: Session, name: str) -> str:
    """The path of a figure of the last run."""
    return str(Path(session.last["folder"]) / "figures" / f"{name}.png")


def show_latent(session: Session) -> None:
    """The codes of test images in two dimensions, colored by label."""
    shown = session.last["pictures"]
    if "latent" not in shown:
        session.display.result("There are too few test images for a picture of the latent space.")
        return
    classes = session.last["record"]["dataset"]["classes"]
    session.display.latent(shown["latent"], shown["labels"], classes, figure_path(session, "latent"))


def show_samples(session: Session) -> None:
    """Images decoded from codes that were drawn."""
    if "samples" not in session.last["pictures"]:
        session.display.result(
            "Its decoder needs more than a code (skip connections or residual): no codes can be drawn for it."
        )
        return
    session.display.sheet(session.last["pictures"]["samples"], 12, figure_path(session, "samples"))


def list_runs(session: Session) -> None:
    """Every run that was recorded here, and, by a name for it, a report of them all."""
    runs_command.run_runs(session.answers.program, [])
    name = session.answers.text(
        "A report of them: a name that ends in .html or .md (none: no report)", _check_report_name
    )
    if name:
        runs_command.run_runs(session.answers.program, ["--export", name])


def _check_report_name(name: str) -> None:
    if name.strip():
        report.require_free_report(Path(name.strip()), False)


def apply(session: Session) -> None:
    """The autoencoder on pictures of your own."""
    _apply_to_pictures(session, "apply")


def encode(session: Session) -> None:
    """The codes of pictures of your own."""
    _apply_to_pictures(session, "encode")


def predict(session: Session) -> None:
    """The classifier on pictures of your own."""
    _apply_to_pictures(session, "predict")


def generate(session: Session) -> None:
    """New images, drawn with a seed of your own."""
    if "samples" not in session.last["pictures"]:
        show_samples(session)
        return
    seed = session.answers.text(
        "Seed (a whole number; another one draws other images)", model_commands.read_integer
    )
    wanted = model_commands.GENERATE_DEFAULTS | {"seed": model_commands.read_integer(seed)}
    _run_job(session, "generate", wanted)


def search(session: Session) -> None:
    """Trials of other hyperparameters, the rest as in the last run."""
    command_module(session.answers.program, "search").run_from_menu(session)


def probe(session: Session) -> None:
    """The encoder probed with few and many labels."""
    hyperparameters = session.last["record"]["hyperparameters"]
    wanted = {"hyperparameters": hyperparameters, "shares": model_commands.LABEL_FRACTIONS, "output": None}
    model_commands.run_job("probe", wanted, session.display)


def _apply_to_pictures(session: Session, verb: str) -> None:
    data = session.answers.text(DATA_QUESTION, require_user_images)
    how = (
        session.answers.choose("Made to fit how?", FIT_CHOICES, last="crop")
        if find_pictures(data)
        else "crop"
    )
    output = model_commands.default_codes_file(_model_path(session), data) if verb == "encode" else None
    _run_job(
        session,
        verb,
        {"data": data, "output": output, "fit": how.split()[0], "invert": how.endswith("inverted")},
    )


def _run_job(session: Session, verb: str, options: dict) -> None:
    model_commands.run_job(
        verb, model_commands.DEFAULT_OPTIONS | {"models": [_model_path(session)]} | options, session.display
    )


def _model_path(session: Session) -> str:
    folder = Path(session.last["folder"])
    return str(folder / main_model_file(folder))
