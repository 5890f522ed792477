"""Request and result of the job `generate`, as `lib.worker.messages` has those of the other jobs."""

from dataclasses import dataclass, field

from lib.worker.messages import JobResult, ModelRequest, Pictures


@dataclass(frozen=True, kw_only=True)
class Generate(ModelRequest):
    """Decode latent codes.

    Attributes:
        labels: for a conditional model: classes by name or number, in which the images take turns; () for all
            classes.
        sampler: name of an entry of `lib.config.samplers`; None for the default of the model.
        between: two pictures to interpolate between, in `steps` images.
        count: the number of samples.
        grid: images along a side of a grid over the latent space, in place of samples.
        seed: of the samples.
        nearest: find the nearest training image of each image.
    """

    job = "lib.worker.generate_job.generate"

    labels: tuple[str, ...] = ()
    sampler: str | None = None
    between: tuple[str, str] | None = None
    count: int = 48
    grid: int | None = None
    steps: int = 10
    seed: int = 0
    nearest: bool = False


@dataclass(frozen=True)
class NearestImages:
    """The nearest training images of generated ones.

    Attributes:
        positions: of the nearest among the images of the data set that are not its test set, from 0.
        distances: root mean squared difference of the pixels in 0..1.
        typical: median of the distances of test images to their nearest training images; None without test
            images.
        copy_distance: the 1st percentile of these; an image that is not above it may be a copy.
        copies: number of images that are not above it; None without test images.
    """

    positions: list[int]
    distances: list[float]
    typical: float | None = None
    copy_distance: float | None = None
    copies: int | None = None


@dataclass(frozen=True)
class GenerateResult(JobResult):
    """Generated images.

    Attributes:
        folder, count: of the images.
        how: what was decoded.
        columns: of the sheet.
        sampler: the name of the sampler; None for a grid or an interpolation.
        files: names of the files besides the images.
        nearest: their nearest training images, if they were asked for.
        pairs: the first images and these side by side.
        classes: of a conditional model, the class of each of `pictures`.
    """

    folder: str
    count: int
    how: str
    columns: int
    pictures: Pictures
    sampler: str | None = None
    files: list[str] = field(default_factory=list)
    nearest: NearestImages | None = None
    pairs: Pictures = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
