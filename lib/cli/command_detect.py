"""The command `detect`: pictures that are not normal, by a model with a detector."""

import argparse
from pathlib import Path

from lib.cli.display import Display
from lib.cli.model_command import MAX_OPTION, ModelCommand
from lib.cli.model_results import show_problems, show_table
from lib.cli.output import BAD, GOOD
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.cli.terminal_graphics import ARROW
from lib.common.value_types import FloatRange
from lib.runs.run_folder import AUTOENCODER_FILES
from lib.runs.views import ImageStrip
from lib.tasks import find_task, list_tasks
from lib.worker.detect_messages import MAPS, REPORTED_MAPS, Detect, DetectResult

TASKS = list_tasks(lambda task: task.detects_defects)
ANOMALIES_FOUND = 3  # the exit status with --fail-if-any
SCORES, SHARES = FloatRange(-MAX_OPTION, MAX_OPTION), FloatRange(0, 1, open_low=True, open_high=True)
THRESHOLD_HELP = "score above which a picture is an anomaly (default: that of the model)"
FALSE_ALARMS_HELP = (
    "threshold for this share of false alarms, such as 0.05, by the scores of validation images"
)
FAIL_HELP = f"end with status {ANOMALIES_FOUND} if a picture is an anomaly or cannot be read"
MAPS_HELP = (
    "pictures that get a heat map: all, the anomalies (reported), or none; detections.html has the worst "
    f"anyway (default: {REPORTED_MAPS})"
)


class DetectCommand(ModelCommand):
    """Verdicts, boxes and heat maps."""

    name = "detect"
    programs = ("autoencoder",)
    description = (
        f"Find pictures that are not normal, with a model of --task {TASKS}: verdict, score and box of each "
        f"picture, highest score first, and heat maps."
    )
    order = 15
    menu_text = "Find anomalies in your pictures"
    menu_order = 1  # after a run of its task, the purpose of the run
    request_type = Detect
    model_files = AUTOENCODER_FILES[:1]
    model_help = f"run folder or saved autoencoder.h5 of --task {TASKS}"
    takes_foreign_models = False
    has_layer_flags = False

    def add_flags(self, parser: CommandParser) -> None:
        super().add_flags(parser)
        with parser.exclusive():
            parser.add_value("--threshold", "X", THRESHOLD_HELP, SCORES)
            parser.add_value("--false-alarms", "SHARE", FALSE_ALARMS_HELP, SHARES)
        parser.add_argument("--maps", choices=MAPS, default=REPORTED_MAPS, help=MAPS_HELP)
        parser.add_switch("--fail-if-any", FAIL_HELP)

    def is_offered(self, session: Session) -> bool:
        return find_task(session.last_run.record.get("task")).detects_defects

    def exit_status(self, args: argparse.Namespace, result: DetectResult) -> int:
        found = result.anomalies or result.problems
        return ANOMALIES_FOUND if args.fail_if_any and found else 0

    def show(self, result: DetectResult, display: Display) -> None:
        *columns, _ = result.columns  # without the paths of heat maps
        rows = [cells[: len(columns)] for cells in result.table]
        show_table(display, "scores, highest first", columns, rows, "detections.csv")
        if display.out.is_terminal and result.pictures:
            path = str(Path(result.folder) / "worst.png")
            display.show_figure(ImageStrip(result.pictures), path, f" {ARROW} ".join(result.heads))
        display.result(_summary(result), BAD if result.anomalies else GOOD)
        show_problems(display, result.problems)
        names = [*result.files, *(["heat-maps/"] if result.heat_maps else [])]
        display.result(f"{result.folder}: {', '.join(names)}")


def _summary(result: DetectResult) -> str:
    pictures = f"{result.count:,} picture{'s' if result.count > 1 else ''}"
    found = {0: "no anomaly", 1: "1 anomaly"}.get(result.anomalies, f"{result.anomalies:,} anomalies")
    return f"{found} in {pictures} ({result.rule})"
