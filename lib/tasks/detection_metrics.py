"""Metrics of detectors, which `lib.evaluation.detection` computes from the scores of all test pictures."""

from functools import partial

from lib.tasks.metrics import METRICS, Metric, is_of_outputs

_detection_metric = partial(
    Metric, decimals=4, higher_is_better=True, in_table=lambda keys: not is_of_outputs(keys)
)

METRICS += [
    _detection_metric(
        key="auroc",
        label="AUROC",
        meaning="area under the ROC curve: probability that a defective picture has a higher score than a "
        "normal one",
        ranks_runs=True,
    ),
    _detection_metric(
        key="average_precision",
        label="average precision",
        meaning="area under the curve of precision and recall of defective pictures",
    ),
    _detection_metric(
        key="f1",
        label="best F1",
        meaning="of the threshold with the best F1 for the test set, which a user does not know",
    ),
    _detection_metric(
        key="pixel_auroc",
        label="pixel AUROC",
        meaning="area under the ROC curve of the pixels of error maps, where there are masks of defects",
    ),
    _detection_metric(
        key="pro",
        label="PRO",
        meaning="mean overlap with each region of a defect, up to 30 % false positive pixels (Bergmann et "
        "al. 2021)",
    ),
]
