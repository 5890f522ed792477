"""Detectors in records and in the `.h5` files of their models."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.common.errors import RunFailed, UserError
from lib.common.typed_json import read_fields
from lib.evaluation.detection.code_scores import CodeReference
from lib.evaluation.detection.detector import SMALLEST_DEVIATION, Detector, Scale, Scoring
from lib.evaluation.detection.map_scores import MapReference
from lib.evaluation.detection.threshold import FALSE_ALARMS, RULES, Threshold
from lib.models.saving.detector_files import read_detector, write_detector
from lib.tasks import list_tasks
from lib.tasks.code_distances import CODE_DISTANCES
from lib.tasks.error_maps import ERROR_MAPS
from lib.tasks.settings import MAX_CODE_WEIGHT

VERSION = 1  # raised when error maps or scores are computed in another way


@dataclass(frozen=True)
class Description:
    """The plain numbers of a detector, as `Detector` describes them, and the version of what they mean."""

    version: int
    scoring: Scoring
    map_scale: Scale
    code_scale: Scale
    map_range: tuple[float, float]
    threshold: Threshold


def describe_detector(detector: Detector) -> dict[str, Any]:
    """Return the plain numbers of a detector as JSON values, for `run.json` and the `.h5` file."""
    names = "scoring", "map_scale", "code_scale", "map_range", "threshold"
    return asdict(Description(VERSION, **{name: getattr(detector, name) for name in names}))


def save_detector(path: Path, detector: Detector) -> None:
    """Add a detector to the `.h5` file of its model. Raises `RunFailed` where it cannot be written."""
    arrays: dict[str, np.ndarray] = {"normal_scores": detector.normal_scores}
    for kind, reference in detector.maps.items():
        arrays |= {f"{kind}_mean": reference.mean, f"{kind}_deviation": reference.deviation}
    if (codes := detector.codes) is not None:
        arrays |= {"code_center": codes.center, "code_axes": codes.axes, "codes": codes.codes}
    write_detector(path, describe_detector(detector), arrays)


def load_detector(path: Path, sides: tuple[int, int]) -> Detector:
    """Return the detector in the `.h5` file of a model, which has been loaded before.

    Args:
        path: the file.
        sides: (height, width) of the model's images.

    Raises:
        UserError: the file has no detector, or one that does not fit the model.
    """
    if (stored := read_detector(path)) is None:
        task = list_tasks(lambda task: task.detects_defects)
        raise UserError(
            f"{path}: the model has no threshold; train one with --task {task} on normal pictures"
        )
    description, arrays = stored
    try:
        plain = read_fields(Description, description, "detector")
        maps = {
            kind: MapReference(arrays[f"{kind}_mean"], arrays[f"{kind}_deviation"])
            for kind in plain.scoring.kinds
        }
        codes = None
        if plain.scoring.code_weight:
            codes = CodeReference(*(arrays[name] for name in ("code_center", "code_axes", "codes")))
        normal_scores = np.sort(arrays["normal_scores"].ravel()).astype(np.float64)
        numbers = (*plain.map_range, plain.threshold.value, plain.map_scale.mean, plain.code_scale.mean)
        valid = _fits(maps, sides) and (codes is None or _is_consistent(codes)) and _is_sane(plain, numbers)
        valid = valid and len(normal_scores) > 0
    except (RunFailed, UserError, KeyError, TypeError, ValueError):
        valid = False
    if not valid:
        raise unfit_detector(path)
    scales = plain.map_scale, plain.code_scale, plain.map_range
    return Detector(plain.scoring, maps, codes, *scales, normal_scores, plain.threshold)


def unfit_detector(path: Path) -> UserError:
    """The error for a detector that does not belong to its model."""
    return UserError(
        f"{path}: the detector does not fit the model, is damaged or of another version; train the model "
        "again"
    )


def _fits(maps: dict[str, MapReference], sides: tuple[int, int]) -> bool:
    """Whether the maps are those of images of these sides."""
    arrays = [array for reference in maps.values() for array in (reference.mean, reference.deviation)]
    return (
        bool(arrays)
        and all(array.shape == sides for array in arrays)
        and all((reference.deviation > 0).all() for reference in maps.values())
    )


def _is_consistent(codes: CodeReference) -> bool:
    """Whether the arrays belong together."""
    shapes = codes.center.shape, codes.axes.shape, codes.codes.shape
    if tuple(map(len, shapes)) != (1, 2, 2) or not len(codes.codes):
        return False
    return shapes[0][0] == shapes[1][0] and shapes[1][1] == shapes[2][1]


def _is_sane(plain: Description, numbers: tuple[float, ...]) -> bool:
    """Whether numbers are finite and within their bounds, and error maps and version known."""
    scoring = plain.scoring
    deviations = plain.map_scale.deviation, plain.code_scale.deviation
    return (
        all(map(math.isfinite, (*numbers, *deviations)))
        and min(deviations) >= SMALLEST_DEVIATION
        and 0 < plain.map_range[1] - plain.map_range[0] < math.inf
        and 0 < scoring.area <= 1
        and 0 <= scoring.code_weight <= MAX_CODE_WEIGHT
        and set(scoring.kinds) <= ERROR_MAPS.keys()
        and scoring.code_distance in CODE_DISTANCES
        and plain.threshold.rule in RULES
        and (plain.threshold.rule != FALSE_ALARMS or 0 < plain.threshold.share < 1)
        and plain.version == VERSION
    )
