"""The command `predict`: labels of images from a saved classifier."""

from pathlib import Path

from lib.cli.display import Display
from lib.cli.model_command import ModelCommand
from lib.cli.model_results import show_problems, show_table
from lib.runs.views import CaptionedImages
from lib.worker.messages import Predict, PredictResult


class PredictCommand(ModelCommand):
    """Labels with confidences."""

    name = "predict"
    programs = ("classification",)
    description = "Classify images, with confidences."
    order = 10
    menu_text = "Classify your pictures"
    menu_order = 10
    request_type = Predict
    model_files = ("classifier.h5", "classifier-head.h5")
    has_layer_flags = False

    def show(self, result: PredictResult, display: Display) -> None:
        show_table(display, "predictions", result.columns, result.table, "predictions.csv")
        if display.out.is_terminal:
            path = str(Path(result.folder) / "predictions.png")
            display.show_figure(CaptionedImages(**result.pictures), path)
        if result.accuracy is not None:
            labeled = f"{result.known:,} picture{'s' if result.known > 1 else ''}"
            display.result(f"accuracy {result.accuracy:.4f} on the {labeled} with known labels")
        show_problems(display, result.problems)
        display.result(f"{result.folder}: predictions.csv, predictions.png")
