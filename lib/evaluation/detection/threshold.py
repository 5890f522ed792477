"""Thresholds: the score above which a picture is an anomaly."""

import math
from dataclasses import dataclass

import numpy as np

from lib.evaluation.detection.detection_scores import best_f1
from lib.runs.detection_results import describe_choice, fewest_images

FALSE_ALARMS, BEST_F1, CHOSEN = "false alarms", "best F1", "chosen"
RULES = (FALSE_ALARMS, BEST_F1, CHOSEN)


@dataclass(frozen=True)
class Threshold:
    """A threshold with how it was chosen.

    Attributes:
        value: pictures with a greater score are anomalies.
        rule: `FALSE_ALARMS`, `BEST_F1`, or `CHOSEN` by the user.
        share: with `FALSE_ALARMS`, the share of normal pictures above it, 0..1.
        normal: number of normal images that it was chosen with.
        defective: number of defective ones.
    """

    value: float
    rule: str
    share: float = 0.0
    normal: int = 0
    defective: int = 0

    def describe_shortage(self) -> str:
        """Return a sentence where there were too few normal images for the share of false alarms, or "".

        With n images the next normal one exceeds all of their scores with a probability of 1 / (n + 1).
        """
        needed = fewest_images(self.share) if self.rule == FALSE_ALARMS else 0
        if self.normal >= needed:
            return ""
        return (
            f"{self.normal:,} validation images are too few for {100 * self.share:.3g} % false alarms: the "
            f"threshold is their highest score, about {100 / (self.normal + 1):.2g} % false alarms; "
            f"{needed:,} are enough"
        )

    def describe(self) -> str:
        """Return the threshold and how it was chosen, as a sentence without a full stop."""
        return f"threshold {self.value:.4g}{describe_choice(self.share, self.normal, self.defective)}"


def threshold_for(scores: np.ndarray, share: float) -> Threshold:
    """Return the threshold that a share of further normal pictures exceeds, or fewer.

    It is the score of the rank ⌈(n + 1)(1 − share)⌉ (split conformal prediction: Vovk, Gammerman and Shafer,
    2005; as "conformal anomaly detection", Laxhammar and Falkman 2010); with too few pictures the greatest.

    Args:
        scores: of normal pictures that the detector was not fitted on, (n,).
        share: of false alarms, between 0 and 1.
    """
    rank = min(math.ceil((len(scores) + 1) * (1 - share)), len(scores))
    return Threshold(float(np.sort(scores)[rank - 1]), FALSE_ALARMS, share, len(scores))


def threshold_of_best_f1(normal: np.ndarray, defective: np.ndarray) -> Threshold:
    """Return the threshold with the best F1 for reporting defective pictures, between two scores.

    Args:
        normal: scores (n,).
        defective: scores (m,), at least one.
    """
    scores = np.concatenate([normal, defective])
    _, value = best_f1(scores, np.arange(len(scores)) >= len(normal))
    return Threshold(value, BEST_F1, normal=len(normal), defective=len(defective))
