"""Results of runs as text: scores beside their baselines, reports per class, comparisons of runs."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from lib.cli.output import ACCENT, BAD, GOOD, QUIET, Output
from lib.cli.tables import fits_unbroken, new_table, print_bars, print_table
from lib.common.formatting import format_decimal
from lib.config.program_settings import display_name, find_setting
from lib.runs.detection_results import MAX_KINDS, kind_rows, kind_titles, kinds_title, read_detection
from lib.runs.records import FINISHED, main_curves
from lib.runs.summary import describe_ending, describe_timing, run_remarks, score_rows, score_titles

REMARK_STYLES = {"": "", "bad": BAD, "quiet": QUIET}
MAX_CONFUSIONS = 10  # in the table that replaces a matrix that is too wide
MAX_BARS = 30  # of one hyperparameter; the figure shows more


def scores_table(record: dict) -> Table:
    """Return a table of the test scores of a network and of its baselines."""
    title = f"Test set, {record['dataset']['sizes']['test']:,} images"
    table = new_table(title, ["method", *score_titles(record)], left=["method"])
    for index, (label, scores) in enumerate(score_rows(record).items()):
        table.add_row(label, *scores, style="" if index else "bold")
    return table


class ResultViews(Output):
    """Tables of the results of runs."""

    def show_result(self, folder: Path, record: dict) -> None:
        """Show a run: reports per class of a classifier, duration, files, command; above the menu, scores."""
        if record.get("program") == "classification":
            self.show_classification_report(record)
            self.show_confusion_matrix(record)
        self.result(describe_timing(record))
        self.result(f"{folder}: {', '.join(name for name in record['files'] if not name.endswith('.json'))}")
        self.command(record["command"], "Again:", ACCENT)
        self.begin_view()
        print_table(self.out, scores_table(record))
        self.show_kinds(record)
        for remark in run_remarks(record):
            self.result(remark.text, REMARK_STYLES[remark.style])
        if ending := describe_ending(record):
            self.result(ending, BAD)

    def show_kinds(self, record: dict) -> None:
        """Show the numbers of each kind of test images of a detector; nothing of another run."""
        if (result := read_detection(record)) is None or not result.kinds:
            return
        table = new_table(kinds_title(result, MAX_KINDS), kind_titles(result), left=["kind"])
        for name, *cells in kind_rows(result, MAX_KINDS):
            table.add_row(Text(name), *cells)
        print_table(self.out, table)

    def show_classification_report(self, record: dict) -> None:
        """Show scikit-learn's report per class."""
        metrics = record["metrics"]
        columns = ("", "precision", "recall", "f1-score", "support")
        table = new_table("Classification report", columns, left=[""])
        for name, row in metrics["report"].items():
            if name == "accuracy":
                count = metrics["correct"] + metrics["incorrect"]
                table.add_row(Text(name), "", "", f"{row:.4f}", f"{count:,}", style="bold")
            else:
                scores = [f"{row[key]:.4f}" for key in ("precision", "recall", "f1-score")]
                is_last_class = name == record["dataset"]["classes"][-1]
                table.add_row(Text(name), *scores, f"{row['support']:,.0f}", end_section=is_last_class)
        print_table(self.out, table)

    def show_confusion_matrix(self, record: dict) -> None:
        """Show the confusion matrix; where it is wider than the terminal, the most frequent confusions."""
        classes, matrix = record["dataset"]["classes"], record["metrics"]["confusion_matrix"]
        numbers = [str(number) for number in range(len(classes))]
        numbered = [f"{number} {name}" for number, name in zip(numbers, classes, strict=True)]
        for rows, columns in ((classes, classes), (numbered, numbers)):
            table = _confusion_table(rows, columns, matrix)
            if fits_unbroken(self.out, table):
                print_table(self.out, table)
                return
        print_table(self.out, _confusions_table(classes, matrix))

    def show_run_comparison(
        self, runs: list[tuple[Path, dict]], hyperparameters: list[str], metric: str
    ) -> None:
        """Show a table of the runs of a session.

        Args:
            runs: folder and record of each, best first.
            hyperparameters: names of those that differ between the runs.
            metric: name of the metric by which they are sorted.
        """
        columns = map(display_name, ("run", *hyperparameters, metric, "images/s"))
        table = new_table("Runs of this session, best first", columns, left=["run"])
        for place, (folder, record) in enumerate(runs):
            values = (
                find_setting(name).format_json(record["hyperparameters"].get(name))
                for name in hyperparameters
            )
            stopped = record["status"] != FINISHED
            ending = f" (stopped in epoch {len(main_curves(record)['loss'])})" if stopped else ""
            table.add_row(
                f"{folder}{ending}",
                *values,
                format_decimal(record["metrics"][metric]),
                f"{record['timing']['images_per_second']:,.0f}",
                style="" if place else "bold",
            )
        print_table(self.out, table)

    def show_metric_bars(self, points: dict[str, list[tuple[str, float]]], metric: str) -> None:
        """Show a metric against each hyperparameter as horizontal bars.

        Args:
            points: value of the hyperparameter and of the metric, for each run; by hyperparameter. One with
                more than `MAX_BARS` runs is left out.
            metric: its name, for the titles.
        """
        for name, scores in points.items():
            if len(scores) > MAX_BARS:
                continue
            highest = max(score for _, score in scores) or 1
            rows = [(value, format_decimal(score), score / highest) for value, score in scores]
            print_bars(self.out, f"{display_name(metric)} against {display_name(name)}", rows, ACCENT)


def _confusion_table(rows: list[str], columns: list[str], matrix: list[list[int]]) -> Table:
    """A table of counts, with titles for the true classes (rows) and the predicted ones (columns)."""
    title = "Confusion matrix (rows: true class, columns: predicted)"
    table = Table(title=title, padding=(0, 0), pad_edge=False)
    table.add_column("")
    for title in columns:
        table.add_column(f" {title}", justify="right", no_wrap=True)
    for true_class, (name, counts) in enumerate(zip(rows, matrix, strict=True)):
        cells = []
        for predicted_class, count in enumerate(counts):
            style = GOOD if predicted_class == true_class else BAD if count else QUIET
            cells.append(Text(str(count) if count else "·", style=style))
        table.add_row(Text(name), *cells)
    return table


def _confusions_table(classes: list[str], matrix: list[list[int]]) -> Table:
    """A table of the pairs of classes that are confused most often."""
    confusions = [
        (count, true_class, predicted)
        for true_class, counts in enumerate(matrix)
        for predicted, count in enumerate(counts)
        if predicted != true_class and count
    ]
    confusions.sort(key=lambda confusion: -confusion[0])
    shown = min(MAX_CONFUSIONS, len(confusions))
    title = f"Most frequent confusions, {shown} of {len(confusions):,} pairs of classes"
    names = ("true class", "predicted")
    table = new_table(title, (*names, "images"), left=names)
    for count, true_class, predicted in confusions[:shown]:
        table.add_row(Text(classes[true_class]), Text(classes[predicted]), f"{count:,}")
    return table
