"""Figures of detectors: curves, scores, and pictures of each kind with their heat maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.common.serialization import pack_images
from lib.evaluation import detection_figures
from lib.evaluation.detection.evidence import Detection
from lib.evaluation.detection.heat_colors import blend_colors, heat_levels
from lib.evaluation.detection_figures import ShownPicture
from lib.evaluation.run_figures.autoencoder import AutoencoderFigures
from lib.evaluation.run_figures.base import figure
from lib.runs.detection_results import ANOMALY, NORMAL
from lib.runs.views import CaptionedImages
from lib.tasks import get_task, make_inference_pair

MAX_KINDS = 12  # in the figure of pictures


def _detects(hp) -> bool:
    return get_task(hp).detects_defects


@figure(
    "anomalies",
    "Show test images with heat maps",
    applies=lambda figures_of: figures_of.detection is not None,
    offered=_detects,
)
def draw_anomalies(figures_of: AutoencoderFigures, path: Path) -> CaptionedImages:
    """Pictures with the highest and the lowest score of each kind, their outputs and heat maps."""
    detection = _detection(figures_of)
    kinds = detection.evidence.test.kinds
    rows = {}
    for kind in kinds[:MAX_KINDS]:
        order = kind.positions[np.argsort(detection.evidence.scores[kind.positions], kind="stable")]
        chosen = order[[-1, 0]] if len(order) > 1 else order
        rows[kind.name] = _show_pictures(figures_of, chosen)
    threshold = detection.detecting.detector.threshold.value
    more = f", {MAX_KINDS} of {len(kinds):,} kinds" if len(kinds) > MAX_KINDS else ""
    title = (
        f"{figures_of.scored_title}\nhighest (left) and lowest score of each kind{more}; "
        f"an anomaly has a score above {threshold:.3g}"
    )
    detection_figures.plot_shown_pictures(rows, path, title)
    shown = [(name, picture) for name, pictures in rows.items() for picture in pictures]
    heat_maps = np.stack([picture.heat_map for _, picture in shown])
    return CaptionedImages(pack_images(heat_maps), [f"{name}: {picture.caption}" for name, picture in shown])


def _detection(figures_of: AutoencoderFigures) -> Detection:
    assert figures_of.detection is not None
    return figures_of.detection


def _show_pictures(figures_of: AutoencoderFigures, positions: np.ndarray) -> list[ShownPicture]:
    hp, detection = figures_of.hp, _detection(figures_of)
    test, detector = detection.evidence.test, detection.detecting.detector
    images = test.pictures.take(positions)
    inputs, _ = make_inference_pair(hp, images)
    pixels = get_task(hp).to_pixels(hp, inputs, figures_of.model.predict_on_batch(inputs))
    pictures, outputs = map(figures_of.display.show_pixels, pixels)
    maps = detection.detecting.examine(images).maps
    masks = np.zeros((len(images), *images.shape[1:3]), bool)
    if test.masks is not None:
        masks = test.masks.take(positions)
    shown = []
    for index, position in enumerate(positions):
        score = detection.evidence.scores[position]
        verdict = ANOMALY if score > detector.threshold.value else NORMAL
        heat_map = blend_colors(pictures[index], heat_levels(maps[index], detector.map_range))
        shown.append(
            ShownPicture(pictures[index], outputs[index], heat_map, masks[index], f"{verdict}, {score:.3g}")
        )
    return shown


@figure(
    "scores",
    "Show the scores of normal and defective test images",
    applies=lambda figures_of: figures_of.detection is not None,
    offered=_detects,
)
def draw_scores(figures_of: AutoencoderFigures, path: Path) -> None:
    """Histograms of the scores of normal and defective test images, with the threshold."""
    detection = _detection(figures_of)
    evidence, threshold = detection.evidence, detection.detecting.detector.threshold.value
    detection_figures.plot_score_histograms(
        evidence.scores, evidence.test.is_defective, threshold, path, figures_of.scored_title
    )


@figure(
    "roc",
    "Show ROC and precision-recall curves",
    applies=lambda figures_of: (
        figures_of.detection is not None and figures_of.detection.evidence.test.has_both
    ),
    offered=_detects,
    absent="There are no curves: the test set has no normal or no defective images.",
)
def draw_curves(figures_of: AutoencoderFigures, path: Path) -> None:
    """ROC and precision-recall curves of the network and of the baselines, with the threshold."""
    detection = _detection(figures_of)
    evidence = detection.evidence
    rates = (
        evidence.record["false_alarm_rate"],
        evidence.record["recall"],
        evidence.record.get("precision"),
    )
    methods = {"this autoencoder": evidence.scores} | detection.baselines.scores
    detection_figures.plot_detection_curves(
        methods, evidence.test.is_defective, rates, path, figures_of.scored_title
    )
