"""What both menus offer beside running again: the last run looked at, and its model used on something else."""

from pathlib import Path

from lib import ledger, own, report, using
from lib.hyperparameters import Hyperparameters
from lib.runs import main_model
from lib.session import Session

HOW = {
    "crop": "scaled and cut in the middle",
    "pad": "scaled and filled up with black",
    "crop inverted": "cut, and black on white made white on black (as MNIST is)",
    "pad inverted": "filled up, and black on white made white on black",
}
DATA = "Pictures: a folder (of any sizes), a data set, or a name"


def figure(session: Session, name: str) -> str:
    """The path of a figure of the last run."""
    return str(Path(session.last["folder"]) / "figures" / f"{name}.png")


def show_latent(session: Session) -> None:
    """The codes of test images in two dimensions, coloured by label."""
    shown = session.last["pictures"]
    if "latent" not in shown:
        session.display.result("There are too few test images for a picture of the latent space.")
        return
    classes = session.last["record"]["dataset"]["classes"]
    session.display.latent(shown["latent"], shown["labels"], classes, figure(session, "latent"))


def show_samples(session: Session) -> None:
    """Images decoded from codes that were drawn."""
    if "samples" not in session.last["pictures"]:
        session.display.result("Its decoder needs more than a code (skip connections or residual): no codes can be drawn for it.")
        return
    session.display.sheet(session.last["pictures"]["samples"], 12, figure(session, "samples"))


def runs(session: Session) -> None:
    """Every run that was recorded here, and, by a name for it, a report of them all."""
    ledger.command(session.answers.program, [])
    name = session.answers.text("A report of them: a name that ends in .html or .md (none: no report)", _free_report)
    if name:
        ledger.command(session.answers.program, ["--export", name])


def _free_report(name: str) -> None:
    if name.strip():
        report.require_free(Path(name.strip()), False)


def apply(session: Session) -> None:
    """The autoencoder on pictures of your own."""
    _use(session, "apply")


def encode(session: Session) -> None:
    """The codes of pictures of your own."""
    _use(session, "encode")


def predict(session: Session) -> None:
    """The classifier on pictures of your own."""
    _use(session, "predict")


def generate(session: Session) -> None:
    """New images, drawn with a seed of your own."""
    if "samples" not in session.last["pictures"]:
        show_samples(session)
        return
    seed = session.answers.text("Seed (a whole number; another one draws other images)", using.whole)
    wanted = using.DRAWING | {"seed": using.whole(seed)}
    _carry_out(session, "generate", wanted)


def search(session: Session) -> None:
    """Trials of other hyperparameters, the rest as in the last run."""
    from lib import wanted  # with Optuna, which takes a while to import
    from lib.search import Search

    last = Hyperparameters.from_json(session.last["record"]["hyperparameters"], "the last run")
    Search(wanted.planned(last.program, last.flags()), session.display).run()


def probe(session: Session) -> None:
    """The encoder probed with few and many labels."""
    hyperparameters = session.last["record"]["hyperparameters"]
    wanted = {"hyperparameters": hyperparameters, "shares": using.SHARES, "output": None}
    using.carry_out("probe", wanted, session.display)


def _use(session: Session, verb: str) -> None:
    data = session.answers.text(DATA, own.require)
    how = session.answers.choose("Made to fit how?", HOW, last="crop") if own.picture_files(data) else "crop"
    output = using.codes_file(_model(session), data) if verb == "encode" else None
    _carry_out(session, verb, {"data": data, "output": output, "fit": how.split()[0], "invert": how.endswith("inverted")})


def _carry_out(session: Session, verb: str, options: dict) -> None:
    using.carry_out(verb, using.PLAIN | {"models": [_model(session)]} | options, session.display)


def _model(session: Session) -> str:
    folder = Path(session.last["folder"])
    return str(folder / main_model(folder))
