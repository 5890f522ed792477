"""The command `explore`: a page to look at a latent space."""

import argparse
from typing import Any

from lib.cli.class_question import ask_class
from lib.cli.display import Display
from lib.cli.model_command import MAX_OPTION, ModelCommand, ask_images, free_file, last_model
from lib.cli.model_results import show_problems
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.common.formatting import format_megabytes, format_shape
from lib.common.value_types import IntRange
from lib.common.word_types import SeveralOf
from lib.data import dataset_names
from lib.runs.run_folder import AUTOENCODER_FILES
from lib.worker.explore_messages import (
    DEFAULT_POINTS,
    DEFAULT_PROJECTIONS,
    MAX_POINTS,
    PAGE_SUFFIX,
    PROJECTIONS,
    Explore,
    ExploreResult,
)
from lib.worker.messages import JobRequest

PROJECTION_HELP = (
    f"projections of the latent codes to a plane: {', '.join(PROJECTIONS)}; umap requires umap-learn; codes "
    f"of one or two numbers are shown themselves in place of pca (default: {','.join(DEFAULT_PROJECTIONS)})"
)
LABEL_HELP = (
    "label that codes are decoded with, for a model that was trained with --conditional: the name of a "
    "class, or its number from 0 (without it no codes of such a model are decoded)"
)
SEED_HELP = "seed of the sample and of the projections (default 0)"


class ExploreCommand(ModelCommand):
    """A page with a map of latent codes."""

    name = "explore"
    programs = ("autoencoder",)
    description = (
        "Write a page, in one HTML file, to look at a latent space: a map of the codes of images with "
        "reconstructions, nearest neighbors and decoded codes."
    )
    order = 25
    menu_text = "Explore the latent space as a page"
    menu_order = 25
    request_type = Explore
    model_files = AUTOENCODER_FILES[:1]
    model_help = "a run folder, or a saved autoencoder.h5"
    limit_help = f"maximum number of images, a random sample of them (default {DEFAULT_POINTS:,})"
    limits = IntRange(3, MAX_POINTS)
    default_limit = DEFAULT_POINTS

    def add_flags(self, parser: CommandParser) -> None:
        super().add_flags(parser)
        values = SeveralOf(PROJECTIONS, or_none=False)
        parser.add_value("--projection", "NAMES", PROJECTION_HELP, values, default=DEFAULT_PROJECTIONS)
        parser.add_argument("--label", metavar="CLASS", help=LABEL_HELP)
        parser.add_value("--seed", "N", SEED_HELP, IntRange(0, MAX_OPTION), default=0)

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        options = super().options(args)
        return options | {"output": args.output or default_page(options["models"][0], args.data)}

    def ask_request(self, session: Session) -> JobRequest | None:
        model, record = last_model(session), session.last_run.record
        label: str | None = None

        def ask_label() -> None:
            nonlocal label
            label = ask_class(session.answers, record["dataset"]["classes"], "Label to decode codes with")

        is_conditional = record["hyperparameters"].get("conditional")
        further = [ask_label] if is_conditional else []
        options = ask_images(session, default=run_images(session), further=further)
        page = default_page(model, options["data"])
        return Explore(models=(model,), output=page, label=label, **options)

    def show(self, result: ExploreResult, display: Display) -> None:
        show_problems(display, result.problems)
        size = format_shape(result.shape)
        count = f"{result.count:,} codes of {size} number{'' if size == '1' else 's'}"
        display.result(f"{count}: {', '.join(result.projections)}")
        display.result(f"decoded: {result.decoded}" if result.is_decoded else result.decoded)
        display.result(f"{result.file}: {format_megabytes(result.size)}, open it in a browser")


def default_page(model: str, data: str) -> str:
    """Return a free path of a page in the model's folder, named after the data."""
    return free_file(model, f"explore-{dataset_names.short_name(data)}{PAGE_SUFFIX}")


def run_images(session: Session) -> str:
    """Return the data set whose test images the last run was scored on; "" if the record has none."""
    hyperparameters = session.last_run.record.get("hyperparameters") or {}
    return str(hyperparameters.get("testset") or hyperparameters.get("dataset") or "")
