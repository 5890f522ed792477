"""Tests of the evidence of a detector: scores in all and by kind, beside trivial methods."""

import dataclasses
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.datasets import Dataset
from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.evaluation.detection.evidence import (
    DefectTestSet,
    detection_baselines,
    detection_evidence,
    normal_pictures,
)
from tests.harness.textures import grain, scratch, spot

SIDE = 24
CLASSES = ("good", "scratch", "spot")
HP = AutoencoderHyperparameters(dataset="textures", task="anomaly", seed=1)


@dataclass(frozen=True)
class Defects:
    """The part of `lib.data.test_defects.TestDefects` that evidence reads."""

    is_defective: np.ndarray
    kinds: np.ndarray
    masks: SimpleNamespace | None


def _dataset(with_masks=True):
    """Pictures of grain: 40 normal ones to learn from; 12 normal, 8 scratched and 7 stained ones, mixed."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2], [12, 8, 7]))
    pictures = [grain(SIDE, rng) for _ in range(40 + len(labels))]
    masks = np.zeros((len(labels), SIDE, SIDE), bool)
    for index, label in enumerate(labels):
        if label:
            masks[index] = (scratch, spot)[label - 1](pictures[40 + index], rng)
    images = (np.clip(pictures, 0, 1) * 255).round().astype(np.uint8)
    train, test = Images(images[:40]), Images(images[40:], labels, CLASSES)
    kinds = np.array(CLASSES)[labels]
    known = SimpleNamespace(take=masks.__getitem__, is_known=np.ones(len(labels), bool))
    defects = Defects(labels > 0, kinds, known if with_masks else None)
    dataset = Dataset(
        name="textures",
        sha256="",
        shape=(SIDE, SIDE, 3),
        classes=CLASSES,
        train=Subset(train, np.arange(30)),
        validation=Subset(train, np.arange(30, 40)),
        test=Subset(test, np.arange(len(labels))),
    )
    return _with_defects(dataset, defects), masks


def _with_defects(dataset, defects):
    copy = dataclasses.replace(dataset)
    object.__setattr__(copy, "defects", defects)
    return copy


def _examine(images):
    """Maps and scores of a detector that knows the gray of a picture."""
    maps = np.abs(images.astype(np.float32) - images.mean(axis=(1, 2), keepdims=True)).mean(axis=-1)
    return maps, maps.max(axis=(1, 2)).astype(float)


DETECTING = SimpleNamespace(examine=_examine, detector=SimpleNamespace(threshold=SimpleNamespace(value=90.0)))


def test_scores_are_those_of_all_pictures_and_of_each_kind():
    dataset, masks = _dataset()
    evidence = detection_evidence(DETECTING, dataset, seed=1)
    test = dataset.test.take(slice(None))
    maps, scores = _examine(test)
    labels = dataset.test.labels
    assert evidence.scores == pytest.approx(scores)
    assert evidence.metrics["test_auroc"] == pytest.approx(roc_auc_score(labels > 0, scores))
    exact = roc_auc_score(masks.ravel(), maps.ravel())
    assert evidence.metrics["test_pixel_auroc"] == pytest.approx(exact, abs=1e-3)
    assert set(evidence.metrics) == {
        "test_auroc",
        "test_average_precision",
        "test_f1",
        "test_pixel_auroc",
        "test_pro",
    }
    detection = evidence.record
    assert (detection["normal"], detection["defective"]) == (12, 15)
    assert detection["found"] == (scores[labels > 0] > 90).sum()
    assert detection["false_alarm_rate"] == (scores[labels == 0] > 90).mean()
    low, high = detection["intervals"]["auroc"]
    assert low <= evidence.metrics["test_auroc"] <= high
    assert [kind["name"] for kind in detection["kinds"]] == list(CLASSES)
    for kind in detection["kinds"][1:]:
        label = CLASSES.index(kind["name"])
        part = (labels == 0) | (labels == label)
        assert kind["auroc"] == pytest.approx(roc_auc_score(labels[part] > 0, scores[part]))
        exact = roc_auc_score(masks[part].ravel(), maps[part].ravel())
        assert kind["pixel_auroc"] == pytest.approx(exact, abs=1e-3)


def test_normal_pictures_of_a_kind_of_defect_are_told_apart():
    dataset, _ = _dataset(with_masks=False)
    defects = Defects(dataset.defects.is_defective, ("part",) * len(dataset.test), None)
    kinds = DefectTestSet.of(_with_defects(dataset, defects)).kinds
    assert [kind.name for kind in kinds] == ["part, no defect", "part"]


def test_baselines_have_the_same_metrics():
    dataset, _ = _dataset()
    evidence = detection_baselines(dataset, HP, latent_size=16)
    for name in ("mean", "pca_residual", "pca_patch", "neighbors"):
        assert 0 <= evidence.values[f"{name}_auroc"] <= 1
        assert 0 <= evidence.values[f"{name}_pro"] <= 1
    assert evidence.values["pca_residual_components"] == 7  # a component for four training images
    assert evidence.values["neighbors_images"] == 30
    assert list(evidence.scores) == [
        "distance to the mean image",
        "PCA residual, 7 components",
        "PCA residual, worst patch",
        "5 neighbors of 30 images",
    ]
    assert all(np.isfinite(scores).all() for scores in evidence.scores.values())
    assert evidence.values["pca_patch_pixel_auroc"] > 0.6


def test_baselines_agree_with_slow_computations():
    dataset, _ = _dataset()
    scores = detection_baselines(dataset, HP, latent_size=16).scores
    train, test = (
        part.take(slice(None)).reshape(len(part), -1) / 255 for part in (dataset.train, dataset.test)
    )
    mean = train.mean(axis=0)
    assert scores["distance to the mean image"] == pytest.approx(
        np.square(test - mean).mean(axis=1), rel=1e-3
    )
    distances = np.sqrt(np.square(test[:, None] - train).mean(axis=2))
    nearest = np.sort(distances, axis=1)[:, :5].mean(axis=1)
    assert scores["5 neighbors of 30 images"] == pytest.approx(nearest, rel=1e-3)
    axes = np.linalg.svd(train - mean)[2][:7]
    residual = (test - mean) - (test - mean) @ axes.T @ axes
    assert scores["PCA residual, 7 components"] == pytest.approx(np.square(residual).mean(axis=1), rel=1e-2)


def test_defects_of_unknown_places_do_not_count_in_scores_of_pixels():
    dataset, masks = _dataset()
    places = dataset.defects.masks
    places.is_known = dataset.test.labels != 2
    evidence = detection_evidence(DETECTING, dataset, seed=1)
    maps = _examine(dataset.test.take(np.flatnonzero(places.is_known)))[0]
    exact = roc_auc_score(masks[places.is_known].ravel(), maps.ravel())
    assert evidence.metrics["test_pixel_auroc"] == pytest.approx(exact, abs=1e-3)


def test_without_masks_there_are_no_scores_of_pixels():
    dataset, _ = _dataset(with_masks=False)
    evidence = detection_evidence(DETECTING, dataset, seed=1)
    assert set(evidence.metrics) == {"test_auroc", "test_average_precision", "test_f1"}
    assert not any("pro" in kind for kind in evidence.record["kinds"])
    assert "mean_pro" not in detection_baselines(dataset, HP, latent_size=16).values


@pytest.mark.parametrize("defective", [False, True])
def test_of_pictures_of_one_sort_there_are_only_rates(defective):
    dataset, _ = _dataset(with_masks=False)
    positions = np.flatnonzero(dataset.defects.is_defective == defective)
    defects = Defects(dataset.defects.is_defective[positions], dataset.defects.kinds[positions], None)
    dataset = _with_defects(dataclasses.replace(dataset, test=dataset.test.select(positions)), defects)
    evidence = detection_evidence(DETECTING, dataset, seed=1)
    assert not evidence.metrics
    assert ("recall" in evidence.record, "false_alarm_rate" in evidence.record) == (
        defective,
        not defective,
    )
    assert not detection_baselines(dataset, HP, latent_size=16).values
    assert len(normal_pictures(dataset)) == len(positions)


def test_test_set_of_data_without_defects_is_normal():
    dataset = _with_defects(_dataset()[0], None)
    test = DefectTestSet.of(dataset)
    assert not test.has_both
    assert [kind.name for kind in test.kinds] == ["normal"]
