"""Request and result of the job `evaluate`, as `lib.worker.messages` has those of the other jobs."""

from dataclasses import dataclass

from lib.worker.messages import ModelRequest, PartialResult, Pictures


@dataclass(frozen=True, kw_only=True)
class Evaluate(ModelRequest):
    """Measure how close generated images are to test images.

    Attributes:
        samplers: names of entries of `lib.config.samplers`; empty for all that apply to a model.
        features: file of the classifier; None for the newest of these images below models/.
        count: number of samples.
        fid: also compute the FID, where InceptionV3's weights are in Keras's cache.
        seed: of the samples.
    """

    job = "lib.worker.evaluate_job.evaluate"

    samplers: tuple[str, ...] = ()
    features: str | None = None
    count: int = 10_000
    fid: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Features:
    """The classifier whose features are compared.

    Attributes:
        model: its file.
        sha256: checksum of the file.
        copy: name of the copy in the output folder.
        size: number of features.
    """

    model: str
    sha256: str
    copy: str
    size: int


@dataclass(frozen=True)
class ScoreRow:
    """A row of the table.

    Attributes:
        model: name of the model; empty for rows that need none.
        source: where the images come from.
        images: their number.
        against: number of real images that they are compared with.
        frechet: Fréchet distance of the features.
        kernel, kernel_deviation: mean and standard deviation of the kernel distance.
        precision, recall: in 0..1; None for fewer than four images.
        fid, kid, kid_deviation: the distances of InceptionV3's features; None without its weights.
    """

    model: str
    source: str
    images: int
    against: int
    frechet: float
    kernel: float
    kernel_deviation: float
    precision: float | None
    recall: float | None
    fid: float | None = None
    kid: float | None = None
    kid_deviation: float | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluateResult(PartialResult):
    """Scores of generated images on the test set.

    Attributes:
        models: files of the models.
        dataset: name of the data set.
        seed: of the samples.
        features: the classifier.
        rows: of the table.
        files: names of the files in the folder.
        heads, pictures: name and first images of each row.
    """

    models: list[str]
    dataset: str
    seed: int
    features: Features
    rows: list[ScoreRow]
    files: list[str]
    heads: list[str]
    pictures: Pictures
