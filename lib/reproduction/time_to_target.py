"""Time to target: training time of the report's settings and of ours until they reach a published value.

Both are trained on the same machine, one after the other.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from lib.cli.output import ACCENT, BAD
from lib.common.errors import RunFailed, UserError
from lib.common.filesystem import write_json
from lib.common.formatting import format_decimal
from lib.common.reading import MAX_RECORD_BYTES, read_json
from lib.config.hyperparameters import ClassifierHyperparameters, Hyperparameters
from lib.config.program_settings import rename_former_keys
from lib.reproduction.context import MAX_SEEDS, QUICK_NOTE, ReproductionContext
from lib.reproduction.tables import TIME_TARGETS
from lib.runs import documents, run_folder
from lib.runs.document_blocks import Block, Cell, Code, DocumentTable, Paragraph, Section, Strong
from lib.runs.events import EpochEnded, Event, PhaseStarted
from lib.tasks.metrics import find_metric

FILE_NAME = "race"
TITLE = "Time to the published value"
REACHED_REASON = "the value is reached"
SIDES = {"plain": "the report's settings", "ours": "ours"}
METHOD_NOTE = (
    "Seconds from the start of the training to the end of the epoch that reaches the value on the validation "
    "set, with compilation and validation, without loading and baselines. With several seeds: median "
    "and range. The latent sizes are those of the report's network and of ours."
)


@dataclass
class TargetObserver:
    """Callback for the events of a run that stops it once it reaches a target on validation images.

    The error alone counts, without an L2 penalty that the loss of one side may contain.

    Attributes:
        quantity: `val_loss` or `val_accuracy`; `None` to measure the time without a target.
        target: the value to reach.
        seconds: duration of the training until the end of the last epoch.
        epochs: number of complete epochs.
        best: the best value; `None` before the first.
        reached: whether the target is reached.
        start: of the training, on a clock; `None` before.
    """

    quantity: str | None
    target: float
    seconds: float = 0.0
    epochs: int = 0
    best: float | None = None
    reached: bool = False
    start: float | None = None

    def __call__(self, event: Event) -> str | None:
        if isinstance(event, PhaseStarted) and self.start is None:
            self.start = time.perf_counter()
        if isinstance(event, EpochEnded) and self.start is not None and not self.reached:
            self.seconds = time.perf_counter() - self.start
            self.epochs += 1
            self._compare(event.numbers)
        return REACHED_REASON if self.reached else None

    def _compare(self, numbers: dict[str, float]) -> None:
        quantity = self.quantity or ""
        value = numbers.get(quantity.replace("loss", "mse"), numbers.get(quantity))
        metric = find_metric(quantity)
        if value is None or metric is None:
            return
        cost = metric.cost
        self.best = value if self.best is None else min(self.best, value, key=cost)
        self.reached = cost(value) <= cost(self.target)


@dataclass(frozen=True)
class SideResult:
    """The result of the report's settings or of ours with one seed, as race.json stores it.

    Attributes:
        definition: the runs and the target; a result counts only for an equal definition.
        seconds: duration of all trainings until the target was reached, or until their last epoch.
        epochs: number of epochs of each run, of all its phases together.
        reached: whether the target was reached.
        best: the best value of the target's quantity; `None` if it was never measured.
        latent_size: values in a code; `None` if unknown.
        device: the device that trained.
        command: the command line that trained.
        date: the day, as YYYY-MM-DD.
    """

    definition: dict
    seconds: float
    epochs: list[int]
    reached: bool
    best: float | None
    latent_size: int | None
    device: str
    command: str
    date: str

    def to_json(self) -> dict:
        values = dataclasses.asdict(self)
        return {JSON_KEYS.get(name, name): value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: dict) -> SideResult | None:
        """Return the result; `None` if a key is missing."""
        names = [field.name for field in dataclasses.fields(cls)]
        keys = [JSON_KEYS.get(name, name) for name in names]
        if not {*values} >= {*keys}:
            return None
        result = cls(**{name: values[key] for name, key in zip(names, keys, strict=True)})
        runs = [rename_former_keys(run) for run in result.definition["runs"]]
        return dataclasses.replace(result, definition=result.definition | {"runs": runs})

    @property
    def text(self) -> str:
        """The result in words."""
        epochs = _describe_epochs([self])
        if self.reached:
            return f"reached after {self.seconds:,.1f} s, {epochs}"
        best = "nothing" if self.best is None else format_decimal(self.best)
        return f"not reached after {self.seconds:,.1f} s, {epochs}; the best was {best}"


JSON_KEYS = {"definition": "asked", "latent_size": "code"}  # where they differ from the names of fields


class TimeToTarget:
    """Trains both sides of time targets and shows their times; a result of an earlier call is used again."""

    def __init__(self, context: ReproductionContext):
        self.context = context
        self.display = context.display
        self.path = context.folder / context.file_name(FILE_NAME, ".json")
        self.results = _read_results(self.path)
        self._measured: list[str] = []

    def run(self, names: list[str]) -> int:
        """Train both sides of some targets and show their times; return the exit status."""
        try:
            return self.context.for_each(names, self._measure)
        finally:
            if self._measured:
                self._show()

    def _measure(self, name: str) -> int:
        target = TIME_TARGETS[name]
        self.display.note(
            f"{name}: {target.title}, until {target.quantity_text} is at {target.target:g}", "bold"
        )
        for side, label in SIDES.items():
            for seed in self.context.seeds:
                try:
                    result = self._stored_result(name, side, seed) or self._train(name, side, seed)
                except RunFailed as error:
                    self.display.note(f"{name}, {label}, seed {seed}, failed: {error}", BAD)
                    return 1
                self.display.result(f"{name}, {label}, seed {seed}: {result.text}")
        self._measured.append(name)
        return 0

    def _runs(self, name: str, side: str, seed: int) -> list[Hyperparameters]:
        target = TIME_TARGETS[name]
        return self.context.hyperparameters(target.settings(side == "ours"), target.dataset, seed)

    def _definition(self, name: str, side: str, seed: int) -> dict:
        target = TIME_TARGETS[name]
        runs = [hp.to_json() for hp in self._runs(name, side, seed)]
        return {"runs": runs, "until": [target.quantity_text, target.target]}

    def _stored_result(self, name: str, side: str, seed: int) -> SideResult | None:
        """Return the result of this or an earlier call with the same settings and target, if any."""
        result = self.results.get(_result_key(name, side, seed))
        return result if result and result.definition == self._definition(name, side, seed) else None

    def _train(self, name: str, side: str, seed: int) -> SideResult:
        """Train one side with one seed, an autoencoder and its classifier if any, and store the result."""
        target = TIME_TARGETS[name]
        runs = self._runs(name, side, seed)
        observers: list[TargetObserver] = []
        model = latent_size = None
        for hp in runs:
            is_last = len(observers) == len(runs) - 1
            observer = TargetObserver(target.quantity if is_last else None, target.target)
            if isinstance(hp, ClassifierHyperparameters):
                hp = dataclasses.replace(hp, model=model)
            folder, record = self._train_run(hp, f"{name}-{side}-{hp.program}-seed-{seed}", observer)
            model = str(folder / "autoencoder.h5")
            latent_size = record["metrics"].get("latent_size", latent_size)
            observers.append(observer)
        result = SideResult(
            definition=self._definition(name, side, seed),
            seconds=sum(observer.seconds for observer in observers),
            epochs=[observer.epochs for observer in observers],
            reached=observers[-1].reached,
            best=observers[-1].best,
            latent_size=latent_size,
            device=record["environment"]["device"],
            command=self.context.command,
            date=time.strftime("%Y-%m-%d"),
        )
        self.results[_result_key(name, side, seed)] = result
        write_json(self.path, {key: result.to_json() for key, result in self.results.items()})
        return result

    def _train_run(self, hp: Hyperparameters, name: str, observer: TargetObserver) -> tuple[Path, dict]:
        """Train a run in a new folder; return the folder and its record."""

        def on_event(event: Event) -> str | None:
            self.display(event)
            return observer(event)

        folder = run_folder.new_output_folder(None, self.context.folder / FILE_NAME / name)
        try:
            return self.context.run_sequence.train(hp, folder, on_event, trial=True, start_next=False)
        except UserError:
            if not any(folder.iterdir()):  # the data are missing, and no training has started
                folder.rmdir()
            raise

    def _show(self) -> None:
        """Print the times of this call's targets; write those of all calls to a document."""
        head = ("target", "value", "latent size", *SIDES.values(), "time ratio")
        rows = {name: self._row(name, list(self.context.seeds)) for name in self._measured}
        self.context.show_table(TITLE, head, [[Text(cell) for cell in row] for row in rows.values()])
        for name in TIME_TARGETS:
            if name not in rows and (seeds := self._complete_seeds(name)):
                rows[name] = self._row(name, seeds)
        rows = {name: rows[name] for name in TIME_TARGETS if name in rows}
        results = [result for name in rows for result in self._stored_results(name)]
        cells: list[tuple[Cell, ...]] = [(*row[:-1], Strong(row[-1])) for row in rows.values()]
        machines = "; ".join(sorted({result.device for result in results}))
        blocks: list[Block] = [
            *([Paragraph(f"{QUICK_NOTE[0].upper()}{QUICK_NOTE[1:]}.", "bad")] if self.context.quick else []),
            Paragraph(f"Written {time.strftime('%Y-%m-%d')}. Trained on {machines}."),
            Paragraph(METHOD_NOTE),
            *(Code(command) for command in dict.fromkeys(result.command for result in results)),
            DocumentTable("", head, cells, "l" + "r" * (len(head) - 1)),
        ]
        path = self.context.folder / self.context.file_name(FILE_NAME, ".md")
        documents.write_document(Section(TITLE, blocks), path)
        self.display.result(str(path), ACCENT)

    def _complete_seeds(self, name: str) -> list[int]:
        """Return the seeds with stored results of both sides."""
        return [
            seed for seed in range(MAX_SEEDS) if all(self._stored_result(name, side, seed) for side in SIDES)
        ]

    def _stored_results(self, name: str) -> list[SideResult]:
        seeds = self._complete_seeds(name)
        results = (self._stored_result(name, side, seed) for side in SIDES for seed in seeds)
        return [result for result in results if result]

    def _row(self, name: str, seeds: list[int]) -> tuple[str, ...]:
        """Return target, sizes of the codes, times of both sides and their ratio."""
        target = TIME_TARGETS[name]
        sides = {side: [self.results[_result_key(name, side, seed)] for seed in seeds] for side in SIDES}
        sizes = (results[0].latent_size for results in sides.values())
        codes = " and ".join(dict.fromkeys(f"{size:,}" if size else "–" for size in sizes))
        cells = map(_time_cell, sides.values())
        ratio = _time_ratio(sides["plain"], sides["ours"])
        return f"{name}: {target.title}", f"{target.target:g}", codes, *cells, ratio


def _result_key(name: str, side: str, seed: int) -> str:
    return f"{name}, {side}, seed {seed}"


def _read_results(path: Path) -> dict[str, SideResult]:
    """Return the results of earlier calls by key, without incomplete ones; raise `UserError` if invalid."""
    if not path.is_file():
        return {}
    try:
        stored = read_json(path, MAX_RECORD_BYTES)
        if not isinstance(stored, dict):
            raise TypeError
        results = {key: SideResult.from_json(values) for key, values in stored.items()}
        return {key: result for key, result in results.items() if result is not None}
    except (UserError, OSError, ValueError, TypeError, AttributeError, LookupError):
        raise UserError(f"{path}: cannot be read; delete it to repeat the measurements") from None


def _median_seconds(results: list[SideResult]) -> float:
    return statistics.median(result.seconds for result in results)


def _all_reached(results: list[SideResult]) -> bool:
    return all(result.reached for result in results)


def _time_ratio(report: list[SideResult], ours: list[SideResult]) -> str:
    """Return our median time as a fraction of the report's."""
    if not _all_reached(ours):
        return "not reached" if _all_reached(report) else "neither reached"
    bound = "" if _all_reached(report) else "less than "
    return f"{bound}{_median_seconds(ours) / _median_seconds(report):.2f}"


def _time_cell(results: list[SideResult]) -> str:
    """Return the median time of one side, its range over several seeds, and the epochs."""
    seconds = [result.seconds for result in results]
    spread = f" ({min(seconds):,.0f} to {max(seconds):,.0f})" if len(seconds) > 1 else ""
    bound = "" if _all_reached(results) else "more than "
    return f"{bound}{_median_seconds(results):,.0f} s{spread}, {_describe_epochs(results)}"


def _describe_epochs(results: list[SideResult]) -> str:
    counts = "; ".join(dict.fromkeys(" + ".join(map(str, result.epochs)) for result in results))
    return f"{counts} {'epoch' if counts == '1' else 'epochs'}"
