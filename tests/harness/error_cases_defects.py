"""What provokes each error about normal and defective images and masks: (what to do, names, what is said)."""

from pathlib import Path

import numpy as np
from PIL import Image

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from tests.harness.error_cases_data import IMAGES

GOOD = [f"good/{number}" for number in range(12)]


def detected(names=(), masks=(), mask_size=(8, 8), dataset="p", mask_folder="m", **values):
    """A data set for the detection of defects, with pictures of these names and masks below the folder m."""
    for folder, files, size in (("p", names, (8, 8)), ("m", masks, mask_size)):
        for name in files:
            file = Path(folder, f"{name}.png")
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full(size, 255, np.uint8)).save(file)
    if masks or mask_folder != "m":
        values["masks"] = mask_folder
    datasets.load_dataset(AutoencoderHyperparameters(dataset=dataset, task="anomaly", **values))


def arrays(labels=None, **values):
    found = {"images": IMAGES} if labels is None else {"images": IMAGES, "labels": labels}
    np.savez("a.npz", **found)
    detected(dataset="a.npz", **values)


def in_parts(*test: str, **values):
    """A data set with a training set of good pictures, and these in the test set."""
    detected([*(f"train/{name}" for name in GOOD), *(f"test/{name}" for name in test)], **values)


def without_normal_test_images():
    labels = np.zeros(len(IMAGES), int)
    np.savez("a.npz", x_train=IMAGES, y_train=labels, x_test=IMAGES, y_test=labels + 1)
    detected(dataset="a.npz")


CASES = {
    "data/normal_images": [
        (
            lambda: arrays(np.arange(20) % 10, normal="3"),
            "a.npz",
            "2 normal training images are not enough; the minimum is 10",
        ),
        (
            lambda: detected([*GOOD, "0"], normal="good"),
            "p/0.png",
            "is outside the class folders; move it into a class folder (--normal good requires classes)",
        ),
        (
            lambda: arrays(normal="3"),
            "a.npz",
            "the images have no labels, which --normal 3 requires; use one folder per class, an IDX folder",
        ),
        (
            lambda: detected(GOOD, normal="god"),
            "p",
            "no normal images: no training image has the class god (--normal god); the classes are good; did "
            "you mean good?",
        ),
        (
            lambda: detected([f"{number}/a" for number in range(14)], normal="77"),
            "p",
            "no training image has the class 77 (--normal 77); the classes are 0, 1, 10, 11, 12, 13, 2, 3, "
            "4, 5, 6, 7 and 2 more",
        ),
    ],
    "data/test_defects": [
        (
            lambda: detected(GOOD, ["bent/0"]),
            "m",
            "all test images of p are normal, and masks show defects; name the normal classes with --normal, "
            "or remove --masks",
        ),
        (
            lambda: arrays(np.arange(20) // 12, normal="0", masks="m"),
            "a.npz",
            "--masks requires pictures in folders, which masks belong to by their names",
        ),
        (
            lambda: in_parts("0", "1"),
            "p",
            "the test images have no labels that tell normal from defective ones; put them into subfolders, "
            "such as p/good and p/scratch",
        ),
        (
            lambda: in_parts("good/0", "1"),
            "p/test/1.png",
            "is outside the class folders; move it into a class folder",
        ),
        (
            lambda: in_parts("good/0"),
            "p",
            "no test image is defective: the classes of all are normal (good); add defective ones in a class "
            "of their own, or choose the normal classes with --normal",
        ),
        (
            lambda: in_parts("bent/0", "torn/0"),
            "p",
            "no test image is normal: the classes are bent, torn; add normal ones, or name their class with",
        ),
        (
            without_normal_test_images,
            "a.npz",
            "no test image is normal: the classes are 1; add normal ones, or name their class with --normal",
        ),
    ],
    "data/defective_images": [
        (
            lambda: in_parts("good/0", "bent/0", defective="p/test/bent"),
            "p/test/bent",
            "1 image is in p, too, such as p/test/bent/0.png; --defective requires images that are neither",
        ),
        (
            lambda: detected([*GOOD, "bent/0"], dataset="p/good", testset="p", defective="p/bent"),
            "p/bent",
            "1 image is in p/good or p, too, such as p/bent/0.png",
        ),
        (
            lambda: detected(dataset="digits", normal="3", defective="digits"),
            "digits",
            "1,797 images are in digits, too; --defective requires images that are neither trained on nor",
        ),
    ],
    "data/formats/defect_masks": [
        (
            lambda: detected([*GOOD, "bent/a", "torn/a"], ["a_mask"]),
            "m/a_mask.png",
            "is the mask of several pictures, p/bent/a.png and p/torn/a.png; put the masks into subfolders",
        ),
        (
            lambda: detected([*GOOD, "bent/a"], ["bent/a_mask", "bent/a"]),
            "m/bent/a.png and m/bent/a_mask.png",
            "are both masks of p/bent/a.png; remove one of them",
        ),
        (
            lambda: in_parts("good/0", "bent/0", mask_folder="p"),
            "p",
            ".png is a picture of the data set, not a mask; --masks requires a folder of masks",
        ),
        (
            lambda: in_parts("good/0", "bent/0", mask_folder="p/test"),
            "p/test",
            ".png is a picture of the data set, not a mask; --masks requires a folder of masks",
        ),
        (
            lambda: detected([*GOOD, "bent/a"], ["bent/a-gt"]),
            "m",
            "none of the 1 masks has the name of a picture with defects; the mask of p/bent/a.png is "
            "bent/a_mask.png or bent/a.png in this folder (--masks, --mask-ending)",
        ),
        (
            lambda: detected([*GOOD, "bent/a"], ["bent/a"], (4, 8)),
            "m/bent/a.png",
            "the mask is 4×8, its picture p/bent/a.png is 8×8; give both one size",
        ),
    ],
}
