"""Request and result of the command `explore`."""

from dataclasses import dataclass

from lib.worker.messages import ModelRequest, PartialResult

PROJECTIONS = ("pca", "t-sne", "umap")
DEFAULT_PROJECTIONS = ("pca", "t-sne")
DEFAULT_POINTS, MAX_POINTS = 10_000, 50_000
PAGE_SUFFIX = ".html"


@dataclass(frozen=True, kw_only=True)
class Explore(ModelRequest):
    """Write a page about the latent space.

    Attributes:
        projection: some of `PROJECTIONS`.
        seed: of the sample of images and of the projections.
        label: name or number of the class that a conditional model decodes; None to decode nothing then.
    """

    job = "lib.worker.exploration.job.explore"

    data: str
    output: str
    limit: int = DEFAULT_POINTS
    projection: tuple[str, ...] = DEFAULT_PROJECTIONS
    seed: int = 0
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExploreResult(PartialResult):
    """A page of `count` images.

    Attributes:
        file: the page, of `size` bytes.
        shape: of a latent code.
        projections: their titles.
        decoded: what is decoded from codes, or codes and a label; if not `is_decoded`, why nothing is.
        problems: messages about images that cannot be read, by file.
    """

    file: str
    size: int
    count: int
    shape: list[int]
    projections: list[str]
    decoded: str
    is_decoded: bool
    problems: dict[str, str]
