"""Thresholds: the score above which a picture is reported."""

import math
from dataclasses import dataclass

import numpy as np

FALSE_ALARMS, BEST_F1, CHOSEN = "false alarms", "best F1", "chosen"


@dataclass(frozen=True)
class Threshold:
    """A threshold with how it was chosen.

    Attributes:
        value: pictures with a greater score are reported.
        rule: `FALSE_ALARMS`, `BEST_F1`, or `CHOSEN` by the user.
        share: with `FALSE_ALARMS`, the share of normal pictures that may be reported.
        normal: number of normal pictures that it was chosen with.
        defective: number of defective ones.
    """

    value: float
    rule: str
    share: float = 0.0
    normal: int = 0
    defective: int = 0

    def describe_shortage(self) -> str:
        """Return a sentence where there were too few normal pictures for the share of false alarms, or "".

        With n pictures the next normal one exceeds all of their scores with a probability of 1 / (n + 1).
        """
        needed = math.ceil(1 / self.share) - 1 if self.rule == FALSE_ALARMS else 0
        if self.normal >= needed:
            return ""
        return (
            f"{self.normal:,} validation pictures are too few for a false alarm rate of {self.share:g}: the "
            f"threshold is their highest score, about {1 / (self.normal + 1):.2g} false alarms; "
            f"{needed:,} are enough"
        )

    def describe(self) -> str:
        """Return the threshold and how it was chosen, as a sentence without a full stop."""
        text = f"threshold {self.value:.3f}"
        if self.rule == BEST_F1:
            return (
                f"{text}: the best F1 for {self.defective:,} defective and {self.normal:,} normal validation "
                "pictures"
            )
        if self.rule == FALSE_ALARMS:
            share = f"{100 * self.share:.3g} %"
            return f"{text}: {share} false alarms, chosen with {self.normal:,} normal validation pictures"
        return text


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
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(order >= len(normal))
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # where a threshold can lie
    f1 = 2 * found[ends] / (ends + 1 + len(defective))
    last = ends[int(np.argmax(f1))]
    above = scores[order[last]]
    below = scores[order[last + 1]] if last + 1 < len(scores) else above - abs(above) - 1
    return Threshold(float((above + below) / 2), BEST_F1, 0.0, len(normal), len(defective))
