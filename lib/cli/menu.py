"""Menu entries of both programs: views of the last run, and its model applied to other images.

`lib.cli.commands.menu_action` imports this module when an entry is chosen and calls its function by name.
"""

from pathlib import Path
from typing import Any

from lib.cli import model_commands, runs_command
from lib.cli.codes_size import confirm_size
from lib.cli.commands import command_module
from lib.cli.conversation import ask_in_order
from lib.cli.session import Session
from lib.config.hyperparameters import Hyperparameters
from lib.data.user_images import find_pictures, require_user_images
from lib.runs import report
from lib.runs.run_folder import main_model_file
from lib.worker.messages import Apply, Encode, Generate, JobRequest, Predict, Probe

FIT_CHOICES = {
    "crop": "scale and crop to the center",
    "pad": "scale and pad with black",
    "crop inverted": "crop and invert black on white (to white on black, as in MNIST)",
    "pad inverted": "pad and invert black on white",
}
DATA_QUESTION = "Pictures: a folder (of any sizes) or a data set"


def list_runs(session: Session) -> None:
    """List all recorded runs, and write a report of them if a name for it is given."""
    runs_command.run_runs(session.answers.program, [])
    name = session.answers.ask_text(
        "File of the report, .html or .md (leave empty for none)", _check_report_name
    )
    if name:
        session.wait_for_figures()  # which are part of the report
        runs_command.run_runs(session.answers.program, ["--export", name])


def _check_report_name(name: str) -> None:
    if name.strip():
        report.require_free_report(Path(name.strip()), False)


def apply(session: Session) -> None:
    """Run the autoencoder on the user's images."""
    _run_job(session, Apply(models=_models(session), **_ask_images(session)))


def encode(session: Session) -> None:
    """Save the latent codes of the user's images."""
    models, options = _models(session), _ask_images(session)
    output = model_commands.default_codes_file(models[0], options["data"])
    request = Encode(models=models, output=output, **options)
    if not session.answers.has_terminal or confirm_size(request):
        _run_job(session, request)


def predict(session: Session) -> None:
    """Classify the user's images."""
    _run_job(session, Predict(models=_models(session), **_ask_images(session)))


def generate(session: Session) -> None:
    """Sample new images with a seed from a prompt."""
    if not session.has_figure("samples"):
        session.show_figure("samples")
        return
    seed = session.answers.ask_text(
        "Seed (a whole number; another seed gives other samples)",
        model_commands.parse_integer,
        default=str(_next_seed(session.last_run.folder)),
    )
    request = Generate(models=_models(session), seed=model_commands.parse_integer(seed) or 0)
    _run_job(session, request)


def _next_seed(folder: Path) -> int:
    """A seed for samples that differs from those before: the number of folders with samples of a run."""
    return len(list(folder.glob("generated*")))


def search(session: Session) -> None:
    """Search for better hyperparameters; those that are not varied stay as in the last run."""
    command_module(session.answers.program, "search").run_from_menu(session)


def probe(session: Session) -> None:
    """Probe the encoder with few and with all labels."""
    hp = Hyperparameters.from_json(session.last_run.record["hyperparameters"], "the last run")
    _run_job(session, Probe(hp, model_commands.LABEL_FRACTIONS))


def _ask_images(session: Session) -> dict[str, Any]:
    """The options of a request about the user's images."""
    answers, data, fit = session.answers, "", ""

    def ask_data() -> None:
        nonlocal data
        data = answers.ask_text(DATA_QUESTION, require_user_images, is_path=True)

    def ask_fit() -> None:
        nonlocal fit
        is_fitted = find_pictures(data) is not None
        question = "How should pictures be resized?"
        fit = answers.choose(question, FIT_CHOICES, at_end="crop") if is_fitted else "crop"

    ask_in_order(answers, [ask_data, ask_fit])
    return {"data": data, "fit": fit.split()[0], "invert": fit.endswith("inverted")}


def _run_job(session: Session, request: JobRequest) -> None:
    model_commands.run_job(request, session.display, worker=session.take_worker())


def _models(session: Session) -> tuple[str]:
    folder = session.last_run.folder
    return (str(folder / main_model_file(folder)),)
