"""The command `generate`: images from a saved decoder."""

import argparse
from pathlib import Path
from typing import Any

from lib.cli.display import Display
from lib.cli.model_command import ModelCommand, last_model, parse_integer
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.runs.views import ImageGrid
from lib.worker.messages import Generate, GenerateResult, JobRequest

MIN_VALUES = {"count": 1, "grid": 2, "steps": 2, "seed": 0}  # of its flags


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
        add = parser.add_argument
        add("--count", metavar="N", default="48", help="number of samples (default 48)")
        add("--mixture", action="store_true", help="sample the codes of a VAE from a Gaussian mixture too")
        add("--grid", metavar="SIDE", help="SIDE × SIDE images over a two-dimensional latent space")
        between_help = "interpolate between the latent codes of two pictures"
        add("--between", metavar="PICTURE", nargs=2, help=between_help)
        steps_help = "images of the interpolation, ends included (default 10)"
        add("--steps", metavar="N", default="10", help=steps_help)
        add("--seed", metavar="N", default="0", help="seed of the samples (default 0)")

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        numbers = {
            name: parse_integer(getattr(args, name), f"--{name}", low) for name, low in MIN_VALUES.items()
        }
        between = args.between and tuple(args.between)
        return super().options(args) | numbers | {"mixture": args.mixture, "between": between}

    def ask_request(self, session: Session) -> JobRequest | None:
        if not session.has_figure("samples"):
            session.show_figure("samples")
            return None
        folder = session.last_run.folder
        next_seed = len(list(folder.glob("generated*")))  # another one each time
        seed = session.answers.ask_text(
            "Seed (a whole number; another seed gives other samples)", parse_integer, default=str(next_seed)
        )
        return Generate(models=(last_model(session),), seed=parse_integer(seed) or 0)

    def show(self, result: GenerateResult, display: Display) -> None:
        if display.out.is_terminal:
            path = str(Path(result.folder) / "sheet.png")
            display.show_figure(ImageGrid(result.pictures, result.columns), path)
        display.result(f"{result.count:,} images, {result.how}")
        display.result(f"{result.folder}: the images, codes.npy, sheet.png")
