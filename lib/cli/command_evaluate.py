"""The command `evaluate`: how close generated images are to test images."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from lib.cli.display import Display
from lib.cli.job_command import JobCommand
from lib.cli.model_command import MAX_OPTION, generates_from_codes, last_model
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.cli.tables import new_table, print_table
from lib.common.value_types import IntRange
from lib.config.data_settings import FIT_MODES
from lib.config.samplers import SAMPLERS, describe_samplers
from lib.data import dataset_names
from lib.runs import records, run_folder
from lib.runs.classifiers import missing_classifier, newest_classifier
from lib.runs.views import ImageStrip
from lib.worker.evaluate_messages import Evaluate, EvaluateResult, ScoreRow
from lib.worker.messages import JobRequest

COUNT, SEED = IntRange(2, 100_000), IntRange(0, MAX_OPTION)
MODEL_FILES = ("autoencoder.h5",)
CLASSIFIER_FILES = ("classifier.h5", "classifier-head.h5")
SAMPLER_HELP = f"samplers to compare (default: all that apply). {describe_samplers()}"
DATA_HELP = "data set in place of the one that the first model was trained on; its test images are compared"
FEATURES_HELP = (
    "run folder or .h5 of classification.py whose features are compared (default: the newest classifier of "
    "these images below models/)"
)
FID_HELP = "do not compute the FID, which takes long without a GPU"
MISSING = "–"


class EvaluateCommand(JobCommand):
    """Distances, precision and recall of samples and reconstructions."""

    name = "evaluate"
    programs = ("autoencoder",)
    description = (
        "Measure how close samples of saved models are to the test images, with reconstructions, real images "
        "and a baseline for comparison."
    )
    order = 22
    menu_text = "Measure how close samples are to the test images"
    menu_order = 12
    request_type = Evaluate

    def add_flags(self, parser: CommandParser) -> None:
        add, value = parser.add_argument, parser.add_value
        model_help = "run folders, or saved autoencoders (.h5)"
        add("-model", "--model", metavar="FILE", required=True, nargs="+", help=model_help)
        add("-d", "--dataset", metavar="PATH", dest="data", help=DATA_HELP)
        names = {"choices": tuple(SAMPLERS), "action": "extend", "nargs": "+", "dest": "samplers"}
        add("--sampler", help=SAMPLER_HELP, **names)
        value("--features", "FILE", FEATURES_HELP)
        value("--count", "N", "number of samples (default 10,000)", COUNT, default=10_000)
        parser.add_switch("--no-fid", FID_HELP)
        value("--seed", "N", "seed of the samples (default 0)", SEED, default=0)
        add("--fit", choices=FIT_MODES, help="how pictures are resized (default: as for the training)")
        value("--output", "PATH", "output folder; nothing is ever overwritten")

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        models = tuple(run_folder.locate_model(model, MODEL_FILES, self.name) for model in args.model)
        if args.data:
            dataset_names.locate(args.data)
        features = args.features and run_folder.locate_model(args.features, CLASSIFIER_FILES, "--features")
        fit = args.fit or records.trained_fit(Path(models[0]).parent)
        samplers = tuple(dict.fromkeys(args.samplers or ()))
        return super().options(args) | {
            "models": models,
            "samplers": samplers,
            "features": features or None,
            "fid": not args.no_fid,
            "fit": fit,
        }

    def is_offered(self, session: Session) -> bool:
        return generates_from_codes(session.last_run.record)

    def ask_request(self, session: Session) -> JobRequest | None:
        folder, dataset = session.last_run.folder, session.last_run.record["dataset"]
        if newest_classifier(tuple(dataset["shape"]), dataset.get("sha256", "")) is None:
            raise missing_classifier(dataset["name"], Path(last_model(session)))
        check = partial(COUNT.parse_as, "the number")
        count = session.answers.ask_text("Number of samples", check, default="10000")
        return Evaluate(
            models=(last_model(session),), count=COUNT.parse(count), fit=records.trained_fit(folder)
        )

    def show(self, result: EvaluateResult, display: Display) -> None:
        names = {row.model for row in result.rows if row.model}
        title = f"{result.dataset}, test set: distances 0 and precision and recall 1 are best"
        has_fid = any(row.fid is not None for row in result.rows)
        columns = ["images", "model", "number", "Frechet distance", "kernel distance", "precision", "recall"]
        columns += ["FID", "KID"] if has_fid else []
        if len(names) < 2:
            columns.remove("model")
        table = new_table(title, columns, left=("images", "model"))
        for row in result.rows:
            cells = _cells(row)
            table.add_row(*(cells[column] for column in columns))
        if display.out.is_terminal:
            path = str(Path(result.folder) / "samples.png")
            display.show_figure(ImageStrip(result.pictures), path, ", ".join(result.heads))
        print_table(display.out, table)
        features = result.features
        display.result(f"features: {features.size} of {features.model}, SHA-256 {features.sha256[:12]}…")
        display.result(f"{result.folder}: {', '.join(result.files)}")


def _cells(row: ScoreRow) -> dict[str, str]:
    """The cells of a row by the title of the column."""
    return {
        "images": row.source,
        "model": row.model,
        "number": f"{row.images:,} and {row.against:,}",
        "Frechet distance": _number(row.frechet),
        "kernel distance": _with_deviation(row.kernel, row.kernel_deviation),
        "precision": MISSING if row.precision is None else f"{row.precision:.3f}",
        "recall": MISSING if row.recall is None else f"{row.recall:.3f}",
        "FID": _number(row.fid),
        "KID": _with_deviation(row.kid, row.kid_deviation),
    }


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _with_deviation(value: float | None, deviation: float | None) -> str:
    return MISSING if value is None or deviation is None else f"{value:.4f} ± {deviation:.4f}"
