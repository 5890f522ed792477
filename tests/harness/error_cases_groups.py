"""What provokes each error about groups of pictures, by module: (what to do, what is named, what is said)."""

from functools import partial
from pathlib import Path

from PIL import Image

from lib.config.hyperparameters import HYPERPARAMETERS
from lib.data import datasets
from tests.harness.error_cases_data import IMAGES, loaded

SCENES = [f"scene{scene}_{number}.png" for scene in range(9) for number in range(4)]


def grouped(names: list[str], group: str | None, program: str = "autoencoder", **values):
    """A folder of pictures of these names, split by groups."""
    for name in names:
        Path("p", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(IMAGES[0]).save(f"p/{name}")
    datasets.load_dataset(HYPERPARAMETERS[program](dataset="p", group=group, **values))


CASES = {
    "data/splits": [
        (
            lambda: grouped(SCENES, "before:_", limit=3),
            "p",
            "the smallest of 9 groups (--group before:_) has 4 images, more than the limit of 3; use",
        ),
    ],
    "data/groups": [
        (
            partial(loaded, program="autoencoder", group="first:3"),
            "dataset.npy",
            "--group first:3 requires file names, which only folders of pictures have",
        ),
        (
            partial(loaded, program="autoencoder", patches=2),
            "dataset.npy",
            "--patches requires file names, which only folders of pictures have",
        ),
        (
            lambda: grouped(SCENES, "before:-"),
            "p",
            "no file name contains '-' (--group before:-), such as scene0_0.png; use another --group",
        ),
        (
            lambda: grouped(SCENES, "folder"),
            "p",
            "all 36 images are in one group, 'p' (--group folder); use another --group",
        ),
        (
            lambda: grouped(SCENES[:8], "before:_"),
            "p",
            "2 groups (--group before:_) are too few for 3 parts of the split; use another --group, or fewer",
        ),
        (
            lambda: grouped(SCENES[:10], None, size=8, patches=2, fold="1/10"),
            "p",
            "10 pictures (--patches keeps each together) are too few for 11 parts of the split; use more",
        ),
        (
            lambda: grouped([*SCENES[:12], *(f"a_{number}.png" for number in range(80))], "before:_"),
            "p",
            "the group 'a' (--group before:_) has 80 of 92 images, more than the largest part of the split "
            "(80%); use another --group or --split",
        ),
        (
            lambda: grouped([f"{c}/{n}.png" for c in "abcd" for n in range(4)], "folder", "classification"),
            "p",
            "most classes are in a single group each (--group folder), so that test images have classes that "
            "training images lack; group by a part of the file name, or by subfolders of the classes",
        ),
    ],
}
