"""The command `probe`: the quality of an encoder, measured with few and with many labels."""

import argparse

from lib.cli.display import Display
from lib.cli.job_command import JobCommand
from lib.cli.parser import CommandParser, TrainingCommandParser
from lib.cli.prompts import Answers
from lib.cli.run_questions import ask_labeled_data
from lib.cli.session import Session
from lib.cli.tables import new_table, print_table
from lib.common.value_types import IntRange, PerLayer
from lib.config.hyperparameters import Hyperparameters
from lib.worker.messages import JobRequest, Probe, ProbeResult

LABEL_FRACTIONS = (0.01, 0.1, 1.0)
PERCENTAGES = PerLayer(IntRange(1, 100))


class ProbeCommand(JobCommand):
    """Test accuracy of probes of an encoder."""

    name = "probe"
    programs = ("classification",)
    description = "Measure the quality of an encoder with few and with many labels."
    order = 20
    menu_text = "Probe the encoder with 1, 10 and 100 % of the labels"
    menu_order = 20

    def make_parser(self, program: str) -> CommandParser:
        """Return a parser that has the flags of train, because fine-tuning trains."""
        output_help = "output folder (default probed next to the model); nothing is overwritten"
        parser = TrainingCommandParser(program, self.name, self.description, output_help)
        shares_help = "percentages of the labels to train on"
        parser.add_value("--shares", "1,10,100", shares_help, PERCENTAGES, default="1,10,100")
        return parser

    def make_request(self, args: argparse.Namespace) -> JobRequest | None:
        answers = Answers("classification", args)
        hp = answers.hyperparameters(ask_labeled_data(answers))
        return Probe(hp, tuple(percent / 100 for percent in args.shares), args.output)

    def ask_request(self, session: Session) -> JobRequest | None:
        hp = Hyperparameters.from_json(session.last_run.record["hyperparameters"], "the last run")
        return Probe(hp, LABEL_FRACTIONS)

    def show(self, result: ProbeResult, display: Display) -> None:
        rows = result.record["accuracy"]
        label_counts = list(dict.fromkeys(row["labels"] for row in rows))
        names = ("method", "encoder")
        counts = (f"{count:,} labels" for count in label_counts)
        table = new_table("Test accuracy", (*names, *counts), left=names)
        for method, weights in dict.fromkeys((row["method"], row["weights"]) for row in rows):
            scores = {
                row["labels"]: row["test_accuracy"]
                for row in rows
                if (row["method"], row["weights"]) == (method, weights)
            }
            cells = (f"{scores[count]:.4f}" if count in scores else "–" for count in label_counts)
            table.add_row(method, weights, *cells)
        print_table(display.out, table)
        silhouettes = (
            f"{name} {score:.3f}" for name, score in result.record["silhouette"].items() if score is not None
        )
        display.result("silhouette of the classes: " + "   ".join(silhouettes))
        display.result(f"{result.folder}: probe.json, probe.png")
