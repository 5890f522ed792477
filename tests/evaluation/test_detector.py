"""Detectors: normal values, scores, thresholds, files. python -m pytest tests/evaluation/test_detector.py"""

import json
import shutil
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.common.errors import UserError
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.evaluation.detection.code_scores import CodeReference
from lib.evaluation.detection.detecting_model import DetectingModel
from lib.evaluation.detection.detector import ScoreParts, Scoring, fit_detector
from lib.evaluation.detection.detector_record import describe_detector, load_detector
from lib.evaluation.detection.map_scores import MapMoments, picture_scores
from lib.evaluation.detection.threshold import BEST_F1, Threshold, threshold_for, threshold_of_best_f1
from lib.models.autoencoder import build_autoencoder
from lib.models.saving.model_files import load_saved_model, save_model
from lib.tasks.code_distances import CODE_DISTANCES
from tests.harness.detectors import KINDS, random_images, save_detecting_autoencoder

RNG = np.random.default_rng(0)


def batches(maps, codes=None, size=7):
    def generate():
        for start in range(0, len(maps), size):
            rows = slice(start, start + size)
            yield ScoreParts(dict.fromkeys(KINDS, maps[rows]), None if codes is None else codes[rows])

    return generate


def nothing():
    return ()


def normal_maps(count=200, side=6):
    """Maps whose places have different means and deviations."""
    rng = np.random.default_rng(1)
    scale = np.linspace(1, 5, side * side, dtype=np.float32).reshape(side, side)
    return scale * (3 + rng.standard_normal((count, side, side)).astype(np.float32))


# --- maps


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 30), parts=st.integers(1, 5))
def test_moments_of_parts_are_those_of_the_whole(count, parts):
    maps = RNG.random((count, 3, 4), np.float32)
    moments = MapMoments()
    for part in np.array_split(maps, parts):
        moments.add(part)
    reference = moments.reference()
    np.testing.assert_allclose(reference.mean, maps.mean(axis=0), rtol=1e-5)
    assert (reference.deviation > 0).all()
    others = MapMoments()
    others.add(maps[1:])
    expected = others.reference().normalize(maps[:1])
    np.testing.assert_allclose(moments.normalize_by_others(maps)[:1], expected, rtol=1e-3, atol=1e-3)


def test_places_that_vary_much_count_less():
    moments = MapMoments()
    moments.add(normal_maps())
    reference = moments.reference()
    maps = np.tile(reference.mean, (2, 1, 1))
    maps[0, 0, 0] += 3  # where the deviation is about 1
    maps[1, -1, -1] += 3  # where it is about 5
    calm, restless = reference.normalize(maps).max(axis=(1, 2))
    assert calm > 1.5 * restless > 0


def test_the_score_is_the_mean_of_the_greatest_values():
    maps = np.arange(100, dtype=np.float32).reshape(1, 10, 10)
    assert picture_scores(maps, 0.05)[0] == np.mean([95, 96, 97, 98, 99])
    assert picture_scores(maps, 1.0)[0] == maps.mean()
    assert picture_scores(maps, 1e-9)[0] == 99


# --- codes


@pytest.mark.parametrize("distance", CODE_DISTANCES)
def test_codes_far_from_normal_ones_have_greater_scores(distance):
    normal = RNG.normal(0, 1, (500, 4, 2)).astype(np.float32)
    reference = CodeReference.of(normal)
    inside, outside = (reference.scores(normal[:50] + shift, distance) for shift in (0.01, 5))
    assert outside.min() > inside.max()


def test_distances_are_those_of_their_definitions():
    normal = (RNG.normal(0, 1, (500, 8)) * np.arange(1, 9)).astype(np.float32)
    reference, point = CodeReference.of(normal), RNG.normal(0, 3, (1, 8)).astype(np.float32)
    nearest = np.sort(np.linalg.norm(normal - point, axis=1))[:3].mean()
    assert reference.scores(point, "neighbors")[0] == pytest.approx(np.log(nearest), abs=1e-3)
    difference = (point - normal.mean(axis=0))[0]
    covariance = np.cov(normal.T, bias=True)
    expected = np.sqrt(difference @ np.linalg.inv(covariance) @ difference)
    assert reference.scores(point, "mahalanobis")[0] == pytest.approx(np.log(expected), abs=1e-3)


@pytest.mark.parametrize("distance", CODE_DISTANCES)
@pytest.mark.parametrize("count", [1, 5])
def test_one_code_and_equal_codes_are_enough(distance, count):
    reference = CodeReference.of(np.ones((count, 3), np.float32))
    assert np.isfinite(reference.scores(np.array([[1, 1, 1], [1, 1, 2]], np.float32), distance)).all()


# --- thresholds


@pytest.mark.parametrize(
    ("count", "share", "rank"), [(99, 0.01, 99), (199, 0.01, 198), (9, 0.5, 5), (5, 0.01, 5)]
)
def test_the_threshold_is_a_score_of_a_normal_picture(count, share, rank):
    scores = np.random.default_rng(0).permutation(count).astype(float) + 1
    threshold = threshold_for(scores, share)
    assert threshold.value == rank
    assert bool(threshold.describe_shortage()) == (count * share < 1 - share)


def test_false_alarms_of_further_pictures_are_as_rare_as_asked_for():
    rng = np.random.default_rng(3)
    rates = [
        (rng.normal(size=2000) > threshold_for(rng.normal(size=199), 0.05).value).mean() for _ in range(200)
    ]
    assert np.mean(rates) == pytest.approx(0.05, abs=0.005)


def test_the_threshold_of_the_best_f1_lies_between_two_scores():
    threshold = threshold_of_best_f1(np.array([1.0, 2, 4]), np.array([3.0, 5, 6]))
    assert threshold == Threshold(2.5, BEST_F1, 0.0, 3, 3)


# --- detectors


def test_a_detector_finds_what_is_not_normal_and_where():
    detector = fit_detector(Scoring(KINDS, 0.02), batches(normal_maps()), None, 0.05, nothing)
    further = normal_maps(400)[200:]
    maps, scores = detector.examine(next(batches(further, size=200)()))
    assert (scores > detector.threshold.value).mean() < 0.12
    changed = further.copy()
    changed[:, 2, 3] += 60
    maps, found = detector.examine(next(batches(changed, size=200)()))
    assert (found > detector.threshold.value).all()
    assert (maps.reshape(200, -1).argmax(axis=1) == 2 * 6 + 3).all()
    low, high = detector.map_range
    assert low < np.quantile(maps, 0.9) < high


def test_codes_count_by_their_weight():
    maps, codes = normal_maps(), RNG.normal(0, 1, (200, 5)).astype(np.float32)
    scoring = Scoring(KINDS, 0.1, code_weight=1.0)
    detector = fit_detector(scoring, batches(maps, codes), codes + 0.01, 0.05, nothing)
    parts = next(batches(maps, codes, size=200)())
    near = detector.examine(parts).scores
    far = detector.examine(parts._replace(codes=codes + 8)).scores
    assert (far > near + 1).all()


def test_defective_pictures_make_the_threshold_that_of_the_best_f1():
    maps = normal_maps()
    defective = maps[:30] + 20
    detector = fit_detector(Scoring(KINDS, 0.1), batches(maps), None, 0.05, batches(defective))
    assert detector.threshold.rule == "best F1"
    assert detector.threshold.defective == 30
    scores = detector.examine(next(batches(defective, size=30)())).scores
    assert (scores > detector.threshold.value).mean() > 0.9


def test_batches_of_one_picture_give_the_same_detector():
    maps = normal_maps(20)
    one, other = (
        fit_detector(Scoring(KINDS, 0.1), batches(maps, size=size), None, 0.1, nothing) for size in (1, 20)
    )
    assert one.threshold.value == pytest.approx(other.threshold.value, rel=1e-4)
    assert one.map_scale.mean == pytest.approx(other.map_scale.mean, rel=1e-4)


# --- files


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """An untrained autoencoder with a detector, in a file; and what it says of images."""
    path = tmp_path_factory.mktemp("detector") / "autoencoder.h5"
    detecting, images = save_detecting_autoencoder(path), random_images()
    return path, detecting.detector, detecting.examine(images), images


def test_a_saved_detector_gives_the_same_scores(saved):
    path, detector, expected, images = saved
    loaded = load_saved_model(path)
    read = load_detector(path, (12, 10))
    assert describe_detector(read) == describe_detector(detector)
    examined = DetectingModel(loaded.model, loaded.hp, read).examine(images)
    np.testing.assert_allclose(examined.scores, expected.scores, rtol=1e-4)
    np.testing.assert_allclose(examined.maps, expected.maps, atol=1e-3)
    again = threshold_for(read.normal_scores, detector.threshold.share)
    assert again.value == pytest.approx(detector.threshold.value, rel=1e-5)


def test_the_file_holds_the_threshold_as_plain_attributes_and_opens_in_keras(saved):
    path, detector, _, _ = saved
    with h5py.File(path) as file:
        assert file.attrs["latent_lab_threshold_value"] == detector.threshold.value
        assert file.attrs["latent_lab_threshold_rule"] == "false alarms"
    assert keras.models.load_model(path).name == "autoencoder"


def test_a_model_without_a_detector_is_named(tmp_path):
    hp = AutoencoderHyperparameters(layers=1)
    path = tmp_path / "autoencoder.h5"
    save_model(build_autoencoder(plan_architecture(hp, (8, 8, 1))), path, hp)
    with pytest.raises(UserError, match="the model has no threshold; train one with --task anomaly"):
        load_detector(path, (8, 8))


def _set(name, value):
    def change(file):
        del file[f"latent_lab_detector/{name}"]
        if value is not None:
            file[f"latent_lab_detector/{name}"] = np.float32(value)

    return change


def _describe(text):
    def change(file):
        file.attrs["latent_lab_detector"] = text

    return change


def _edit(part, **values):
    def change(file):
        content = json.loads(file.attrs["latent_lab_detector"])
        (content[part] if part else content).update(values)
        file.attrs["latent_lab_detector"] = json.dumps(content)

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("squared_mean", None),
        _set("squared_mean", np.zeros((12, 11))),
        _set("squared_mean", np.full((12, 10), np.nan)),
        _set("squared_deviation", np.zeros((12, 10))),
        _set("codes", np.zeros((3, 99))),
        _set("codes", np.zeros(3)),
        _describe("{}"),
        _describe('{"scoring": {"kinds": ["other"], "area": 0.1, "code_weight": 0}}'),
        _set("squared_mean", np.full((12, 10), np.inf)),
        _describe("[" * 10_000),
        _edit("threshold", value=10**400),
        _edit("threshold", rule="\x1b[2J"),
        _edit("scoring", code_weight=1e300),
        _edit("map_scale", deviation=1e-320),
        _edit(None, map_range=[-1e308, 1e308]),
    ],
)
def test_damaged_detectors_are_refused_in_one_line(saved, tmp_path, change):
    path = tmp_path / "autoencoder.h5"
    shutil.copyfile(saved[0], path)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(UserError) as error:
        load_detector(path, (12, 10))
    assert "\n" not in str(error.value)


def test_codes_of_another_size_do_not_fit_the_model(saved):
    path, detector, _, _ = saved
    loaded = load_saved_model(path)
    assert DetectingModel(loaded.model, loaded.hp, detector).fits
    other = replace(detector, codes=CodeReference.of(np.zeros((5, 7), np.float32)))
    assert not DetectingModel(loaded.model, loaded.hp, other).fits


def test_a_threshold_describes_itself():
    text = Threshold(3.21, "false alarms", 0.01, 540).describe()
    assert text == "threshold 3.21, for 1 % false alarms by 540 validation images"


def test_shares_of_false_alarms_may_be_the_smallest_of_all():
    threshold = threshold_for(np.arange(3.0), 5e-324)
    assert threshold.value == 2
    assert "too few" in threshold.describe_shortage()
