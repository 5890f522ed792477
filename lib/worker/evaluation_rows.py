"""The rows of `evaluate`: features of images, batch by batch, and their scores."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from lib.common.errors import Interrupted
from lib.data.datasets import Dataset
from lib.data.splits import sample_subset
from lib.evaluation.sample_quality.features import FeatureModel
from lib.evaluation.sample_quality.scores import score_features
from lib.worker.evaluate_messages import Evaluate, ScoreRow
from lib.worker.image_sources import (
    Generator,
    ImageSource,
    Report,
    baseline_source,
    subset_batches,
    training_source,
)
from lib.worker.messages import ItemProgress
from lib.worker.process import Channel

SHOWN = 12  # images of a row in the sheet
TEST, HALVES = "test images", "half of the test images"
INCEPTION_WORK = 50  # progress of an image, in images of the classifier
MIN_HALVES = 4  # test images that are divided into halves of two
SCORE_WORK = 5000  # progress of the scores of a row, in images


@dataclass(frozen=True)
class Evaluation:
    """The rows of an evaluation.

    Attributes:
        channel: receives the progress.
        request: the job's.
        dataset: its test images are the real ones.
        generators: the models.
        models: of the features: the classifier and, where its weights are there, InceptionV3.
    """

    channel: Channel
    request: Evaluate
    dataset: Dataset
    generators: list[Generator]
    models: list[FeatureModel]

    def run(self) -> tuple[list[ScoreRow], dict[str, np.ndarray]]:
        """Return the rows, fewer after Ctrl-C, and the first images of the test set and of each row.

        Raises:
            Interrupted: Ctrl-C before the first row is finished.
        """
        sources = self._sources()
        progress = Progress(self.channel, self._total(sources))
        rows: list[ScoreRow] = []
        pictures: dict[str, np.ndarray] = {}
        real: list[np.ndarray] | None = None
        for source in sources:
            extracted = self._features(source, progress)
            if extracted is None:
                break
            pictures[" · ".join(filter(None, (source.model, source.source)))] = extracted.first
            if real is None:  # the first source is the test set
                real = extracted.features
                continue
            rows.append(self._score(source, real, extracted.features))
            progress.add(SCORE_WORK)
        else:
            assert real is not None
            if len(real[0]) >= MIN_HALVES:
                rows.append(self._score_halves(real))
            progress.finish()
        if not rows:
            raise Interrupted("stopped before the first row was finished; nothing was written")
        count = min(map(len, pictures.values()))
        return rows, {name: images[:count] for name, images in pictures.items()}

    def missing(self, count: int) -> str:
        """Return how many rows are there after Ctrl-C, as a sentence; "" for all."""
        if not self.channel.stop_event.is_set():
            return ""
        return f"{count} of {len(self._sources())} rows are finished"

    def _sources(self) -> list[ImageSource]:
        """The test images, the baseline, all models, and the training images."""
        request, dataset = self.request, self.dataset
        test = sample_subset(dataset.test, request.count, request.seed)
        sources = [ImageSource("", TEST, len(test), lambda report: subset_batches(test))]
        sources.append(baseline_source(dataset, request.count, request.seed))
        for generator in self.generators:
            sources += generator.sources(self.channel, test, request.count, request.seed)
        sources.append(training_source(sample_subset(dataset.train, request.count, request.seed)))
        return sources

    @property
    def _cost(self) -> int:
        return 1 + (INCEPTION_WORK if len(self.models) > 1 else 0)

    def _total(self, sources: list[ImageSource]) -> int:
        return sum(self._cost * source.count + source.work + SCORE_WORK for source in sources)

    def _features(self, source: ImageSource, progress: "Progress") -> "Extracted | None":
        """The features of a source by each model; None after Ctrl-C."""
        parts: list[list[np.ndarray]] = [[] for _ in self.models]
        first: list[np.ndarray] = []
        report = progress.begin(source)
        for images in source.batches(report):
            if self.channel.stop_event.is_set():
                return None
            for model, part in zip(self.models, parts, strict=True):
                part.append(model.extract(images))
            if not first:
                first.append(images[:SHOWN].copy())
            progress.add(self._cost * len(images))
        if self.channel.stop_event.is_set():
            return None
        return Extracted([np.concatenate(part) for part in parts], first[0])

    def _score(self, source: ImageSource, real: list[np.ndarray], extracted: list[np.ndarray]) -> ScoreRow:
        scores = score_features(real[0], extracted[0], self.request.seed)
        row = ScoreRow(source.model, source.source, len(extracted[0]), len(real[0]), **asdict(scores))
        if len(self.models) == 1:
            return row
        fid = score_features(real[1], extracted[1], self.request.seed, with_manifolds=False)
        return replace(row, fid=fid.frechet, kid=fid.kernel, kid_deviation=fid.kernel_deviation)

    def _score_halves(self, real: list[np.ndarray]) -> ScoreRow:
        """The row of one half of the test images against the other."""
        order = np.random.default_rng(self.request.seed).permutation(len(real[0]))
        one, other = order[: len(order) // 2], order[len(order) // 2 :]
        source = ImageSource("", HALVES, len(one), lambda report: iter(()))
        return self._score(source, [rows[other] for rows in real], [rows[one] for rows in real])


@dataclass(frozen=True)
class Extracted:
    """Features of images by each model, (n, size) each, and the first images."""

    features: list[np.ndarray]
    first: np.ndarray


class Progress:
    """Events `ItemProgress` from 0 to 100 percent of an evaluation."""

    def __init__(self, channel: Channel, total: int):
        self._channel, self._total = channel, total
        self._done, self._last = 0, -1
        self._emit(0)

    def begin(self, source: ImageSource) -> Report:
        """Return the function by which a source reports the fraction of its preparation that is done."""
        start = self._done
        self._done += source.work
        return lambda fraction: self._emit(start + round(fraction * source.work))

    def add(self, work: int) -> None:
        """Report work that is done, in images of the classifier."""
        self._done += work
        self._emit(self._done)

    def finish(self) -> None:
        """Report that all is done."""
        self._emit(self._total)

    def _emit(self, done: int) -> None:
        if (percent := 100 * done // self._total) > self._last:
            self._last = percent
            self._channel.emit(ItemProgress(percent, 100, "percent of the evaluation"))
