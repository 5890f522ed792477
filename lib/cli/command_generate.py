"""The command `generate`: images from a saved decoder."""

import argparse
from pathlib import Path
from typing import Any

from lib.cli.display import Display
from lib.cli.model_command import COUNT, MAX_OPTION, ModelCommand, last_model
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.common.value_types import IntRange
from lib.runs.views import ImageGrid
from lib.tasks import find_task
from lib.worker.messages import Generate, GenerateResult, JobRequest

SIDE, SEED = IntRange(2, MAX_OPTION), IntRange(0, MAX_OPTION)  # of a grid or an interpolation; of samples


class GenerateCommand(ModelCommand):
    """Images of latent codes that are sampled, on a grid, or between those of two pictures."""

    name = "generate"
    programs = ("autoencoder",)
    description = (
        "Generate images with a saved decoder: samples, a grid, or an interpolation between two pictures."
    )
    order = 20
    menu_text = "Generate and save more samples"
    menu_order = 10
    request_type = Generate
    model_files = ("autoencoder.h5", "decoder.h5")
    data_help = "images whose latent codes the mixture is fitted on (default: the training images)"
    needs_data = False

    def add_flags(self, parser: CommandParser) -> None:
        super().add_flags(parser)
        add = parser.add_value
        add("--count", "N", "number of samples (default 48)", COUNT, default=48)
        parser.add_switch("--mixture", "sample the codes of a VAE from a Gaussian mixture too")
        add("--grid", "SIDE", "SIDE × SIDE images over a two-dimensional latent space", SIDE)
        add("--between", "PICTURE", "interpolate between the latent codes of two pictures", nargs=2)
        add("--steps", "N", "images of the interpolation, ends included (default 10)", SIDE, default=10)
        add("--seed", "N", "seed of the samples (default 0)", SEED, default=0)

    def is_offered(self, session: Session) -> bool:
        record = session.last_run.record
        hyperparameters = record.get("hyperparameters") or {}
        bypasses_code = hyperparameters.get("skip") or hyperparameters.get("residual")
        return not (bypasses_code and find_task(record.get("task")).detects_defects)

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        return super().options(args) | {"between": args.between and tuple(args.between)}

    def ask_request(self, session: Session) -> JobRequest | None:
        if not session.has_figure("samples"):
            session.show_figure("samples")
            return None
        folder = session.last_run.folder
        next_seed = len(list(folder.glob("generated*")))  # another one each time
        seed = session.answers.ask_text(
            "Seed (a whole number; another seed gives other samples)", SEED.parse, default=str(next_seed)
        )
        return Generate(models=(last_model(session),), seed=SEED.parse(seed))

    def show(self, result: GenerateResult, display: Display) -> None:
        if display.out.is_terminal:
            path = str(Path(result.folder) / "sheet.png")
            display.show_figure(ImageGrid(result.pictures, result.columns), path)
        display.result(f"{result.count:,} images, {result.how}")
        display.result(f"{result.folder}: the images, codes.npy, sheet.png")
