"""Anomaly detection: a network that repairs simulated defects of normal pictures, and so shows real ones."""

from typing import ClassVar

from lib.common.settings import IMAGES, task_option
from lib.common.value_types import FloatInterval, FloatRange, IntRange, OneOf, OrWord, Text
from lib.common.word_types import Names, SeveralOf
from lib.tasks.base import Task
from lib.tasks.baselines import constant, pca
from lib.tasks.code_distances import CODE_DISTANCES
from lib.tasks.detection_baselines import mean, neighbors, pca_patch, pca_residual
from lib.tasks.error_maps import ERROR_MAPS
from lib.tasks.settings import MAX_CODE_WEIGHT, DefectData, DetectionOptions
from lib.tasks.simulated_defects import DEFECTS, DefectSettings, add_defects

FRACTIONS = FloatRange(0, 1, open_low=True)
MAX_DEFECTS = 100  # simulated ones of a picture


class Anomaly(Task):
    """Detection of pictures that differ from normal ones, and of the places where they do.

    The network learns from normal pictures alone: its inputs have simulated defects, its targets have none
    (as in Collin and De Vleeschouwer, "Improved anomaly detection by training an autoencoder with skip
    connections on images corrupted with stain-shaped noise", 2021). What it changes of a picture is its error
    map. Without simulated defects it is a plain reconstruction.
    """

    name = "anomaly"
    help = "the normal picture from one with defects; finds pictures that are not normal"
    order = 60
    baselines = (constant, pca, mean, pca_residual, pca_patch, neighbors)
    targets_are_images = True
    bypasses_code = True
    detects_defects = True
    options: ClassVar = {
        "defects": task_option(
            tuple(DEFECTS),
            SeveralOf(tuple(DEFECTS)),
            is_later=True,
            help="simulated defects of the inputs: "
            + "; ".join(f"{name}: {entry.help}" for name, entry in DEFECTS.items())
            + "; none: plain reconstruction",
        ),
        "defect_size": task_option(
            (0.1, 0.5),
            FloatInterval(FRACTIONS),
            is_later=True,
            help="side of a simulated defect, as a fraction of the picture's sides",
        ),
        "defect_opacity": task_option(
            (0.3, 1.0),
            FloatInterval(FRACTIONS),
            is_later=True,
            help="share by which a simulated defect replaces the picture",
        ),
        "defect_count": task_option(
            3,
            IntRange(1, MAX_DEFECTS),
            is_later=True,
            help="largest number of simulated defects in a picture; it is drawn from 1 to this",
        ),
        "error_map": task_option(
            ("squared",),
            SeveralOf(tuple(ERROR_MAPS), or_none=False),
            is_later=True,
            follows=IMAGES,
            help="how pictures are compared with what the network returns for them: "
            + "; ".join(f"{name}: {entry.help}" for name, entry in ERROR_MAPS.items())
            + "; of several the greatest counts at each place",
        ),
        "score_area": task_option(
            0.02,
            FRACTIONS,
            is_later=True,
            follows=IMAGES,
            help="share of a picture whose greatest errors make its score",
        ),
        "code_weight": task_option(
            0.0,
            FloatRange(0, MAX_CODE_WEIGHT),
            is_later=True,
            follows=IMAGES,
            help="weight in the score of the distance of the latent code from those of normal pictures",
        ),
        "code_distance": task_option(
            next(iter(CODE_DISTANCES)),
            OneOf(tuple(CODE_DISTANCES)),
            is_later=True,
            help="distance of latent codes: "
            + "; ".join(f"{name}: {entry.help}" for name, entry in CODE_DISTANCES.items()),
        ),
        "false_alarms": task_option(
            0.01,
            FloatRange(0, 1, open_low=True, open_high=True),
            is_later=True,
            help="share of normal pictures that may be reported as anomalies, which sets the threshold",
        ),
        "normal": task_option(
            None,
            OrWord("auto", Names()),
            group="data",
            is_later=True,
            in_menu=True,
            help="names of the classes that are normal (3, or good,fine); the training uses them alone; all: "
            "those of the training images; auto: good, normal or ok where there is such a class, else all",
        ),
        "masks": task_option(
            None,
            OrWord("auto", Text("a folder")),
            group="data",
            is_later=True,
            help="folder of pictures that are white where a test picture has a defect, in subfolders like "
            "those of the test set; auto: ground_truth or masks in the folder of the data set, if there",
        ),
        "mask_ending": task_option(
            "_mask",
            Text("the end of a file's name"),
            group="data",
            is_later=True,
            help="end of the names of masks before the suffix (000_mask.png is the mask of 000.png); masks "
            "may have the names of the pictures, too",
        ),
        "defective": task_option(
            None,
            OrWord("none", Text("a folder")),
            group="data",
            is_later=True,
            in_menu=True,
            help="folder or data set of images with defects that are not in the test set; the threshold is "
            "then the one with the best F1 for them and the validation images",
        ),
    }

    method_options = tuple(name for name in options if name != "normal")

    def defect_data(self, settings):
        return DefectData(settings.normal, settings.masks, settings.mask_ending, settings.defective)

    def for_options(self, settings):
        return self if settings.defects else PLAIN

    def detection(self, settings):
        names = "error_map", "score_area", "code_weight", "code_distance", "false_alarms"
        return DetectionOptions(*(getattr(settings, name) for name in names))

    def refusal(self, settings):
        if not settings.validates:
            return "a detector requires a validation set: set --split 80/10/10"
        return ""

    def make_pair(self, settings, pixels, rng):
        return add_defects(pixels, simulated(settings), rng)[0], pixels

    def make_inference_pair(self, settings, pixels):
        return pixels, pixels


class PlainAnomaly(Anomaly):
    """The same with a network that learns to reconstruct normal pictures."""

    targets_are_inputs = True
    bypasses_code = False

    def make_pair(self, settings, pixels, rng):
        return pixels, pixels


PLAIN = PlainAnomaly()


def simulated(settings) -> DefectSettings:
    """Return what the options of the task say about simulated defects."""
    sizes, opacities = settings.defect_size, settings.defect_opacity
    return DefectSettings(settings.defects, sizes, opacities, settings.defect_count)
