"""Holes: their kinds, masks, pairs and baselines. python -m pytest tests/tasks/test_holes.py"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.common.errors import UserError
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.evaluation import baselines
from lib.tasks import completion, get_task, hole_baselines, holes, make_inference_pair, make_pair
from lib.tasks.pixels import UNKNOWN, to_uint8
from lib.tasks.predictions import Predictions
from lib.training.batches import Batches

KINDS = ("center", "boxes", "strokes", "random", "random:0.5:2", "boxes:0.1-0.6")


def settings(missing: str, **values) -> AutoencoderHyperparameters:
    return AutoencoderHyperparameters(task="complete", missing=missing, **values)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_value_has_one_form_whoever_reads_it(tmp_path):
    forms = {
        "right": "right",
        "center": "center:0.5",
        " random:0.50:4": "random:0.5:4",
        "boxes:0.1-0.4": "boxes:0.1-0.4",
        "strokes:": "strokes:0.25",
        "/no such/folder": "/no such/folder",
        "no/folder": "no/folder",
        "./center": "./center",
    }
    (tmp_path / "masks").mkdir()
    for text, form in (forms | {"masks": "./masks"}).items():
        hp = settings(text)
        assert hp.missing == form == settings(form).missing
    assert set(holes.MissingPart().choices) == {
        *holes.SIDES,
        *map(holes.MissingPart().read, holes.HOLE_KINDS),
    }


@pytest.mark.parametrize(
    "text", ["centre", "center:0", "center:1", "boxes:0.5:3", "random:0.5:0", "random:x", ""]
)
def test_a_hole_that_does_not_exist_is_refused(text):
    with pytest.raises(UserError, match=r"^missing must be right, left, top, bottom, center"):
        settings(text)


@given(
    st.sampled_from(KINDS),
    st.tuples(st.integers(1, 30), st.integers(1, 30)).filter(lambda sides: max(sides) > 2),
    st.integers(0, 2**32 - 1),
)
def test_every_hole_has_missing_and_known_pixels(kind, sides, seed):
    masks = holes.draw_holes(settings(kind).missing, sides, 5, np.random.default_rng(seed))
    assert (masks.shape, masks.dtype) == ((5, *sides), bool)
    assert masks.any(axis=(1, 2)).all()
    assert not masks.all(axis=(1, 2)).any()


def test_holes_have_their_fraction():
    def areas(missing):
        return holes.draw_holes(settings(missing).missing, (32, 32), 200, rng()).mean(axis=(1, 2))

    np.testing.assert_array_equal(areas("center"), 0.25)
    np.testing.assert_array_equal(areas("center:0.25"), 1 / 16)
    np.testing.assert_array_equal(areas("random"), 0.75)
    assert areas("boxes:0.3").mean() == pytest.approx(0.3, abs=0.04)
    assert areas("strokes:0.3").min() >= 0.3
    assert areas("strokes:0.3").mean() < 0.4
    drawn = areas("random:0.2-0.8")
    assert 0.2 <= drawn.min() < 0.3 < 0.7 < drawn.max() <= 0.8
    patches = holes.draw_holes("random:0.5:4", (8, 12), 3, rng())
    np.testing.assert_array_equal(patches[:, ::4, ::4].repeat(4, axis=1).repeat(4, axis=2), patches)


@pytest.mark.parametrize("kind", ["boxes", "strokes", "random"])
def test_a_test_image_has_one_hole_in_all_batches(dataset, kind):
    hp = settings(kind)
    whole, target = Batches(dataset.test, len(dataset.test), hp)[0]
    np.testing.assert_array_equal(np.concatenate([pair[0] for pair in Batches(dataset.test, 7, hp)]), whole)
    np.testing.assert_array_equal(Batches(dataset.test.select([5, 2]), 2, hp)[0][0], whole[[5, 2]])
    assert len(np.unique(whole[..., -1], axis=0)) > 10
    mask = whole[..., -1:]
    np.testing.assert_array_equal(whole[..., :-1], target * (1 - mask))
    training = Batches(dataset.train, 64, hp, training=True)
    assert (training[0][0][..., -1] != training[len(training)][0][..., -1]).any()
    assert (Batches(dataset.test, 64, settings(kind, seed=1))[0][0][..., -1] != whole[:64, ..., -1]).any()


def test_inputs_are_shown_with_a_gray_hole_and_encoded_without_one():
    hp, images = settings("center"), rng().integers(0, 256, (3, 8, 6, 3), dtype=np.uint8)
    inputs, targets = make_pair(hp, images, rng())
    shown, true = map(to_uint8, get_task(hp).to_pixels(hp, inputs, targets))
    np.testing.assert_array_equal(true, images)
    assert (shown[:, 2:6, 1:4] == UNKNOWN).all()  # of 6 columns 3
    np.testing.assert_array_equal(shown[:, :2], images[:, :2])
    whole, _ = make_inference_pair(hp, images)
    np.testing.assert_array_equal(whole[..., :-1], targets)
    assert not whole[..., -1].any()


def test_only_the_hole_is_scored():
    hp = settings("center")
    inputs, targets = make_pair(hp, np.zeros((2, 8, 8, 1), np.uint8), rng())
    outputs = np.full_like(targets, 0.5)
    outputs[1, 3, 3] = 1
    predictions = Predictions(hp, inputs, outputs, targets)
    assert predictions.squared_errors().shape == (2 * 16, 1)
    np.testing.assert_allclose(predictions.image_errors(), [0.25, (15 * 0.25 + 1) / 16])
    whole, _ = make_inference_pair(hp, np.zeros((2, 8, 8, 1), np.uint8))
    assert np.isnan(predictions._replace(inputs=whole).image_errors()).all()


def test_settings_that_contradict_a_hole_are_refused():
    for values, reason in (
        ({"residual": True}, "residual requires the task .*complete of a half"),
        ({"erase": True}, "erase has no use with a hole"),
    ):
        with pytest.raises(UserError, match=reason):
            settings("center", **values)
    settings("right", residual=True, erase=True)
    settings("center", flip=True, tta=True)


def test_holes_need_room():
    for image, missing, reason in (
        ((1, 1, 3), "center", "too small"),
        ((4, 6, 1), "random:0.5:6", "maximum is 5"),
    ):
        with pytest.raises(UserError, match=reason):
            plan_architecture(settings(missing, layers=1), image)


# --- baselines


def test_baselines_against_their_definitions(dataset, monkeypatch):
    pytest.importorskip("skimage")
    monkeypatch.setattr(hole_baselines, "MAX_BIHARMONIC_IMAGES", 4)
    hp = settings("center")
    scores = baselines.autoencoder_baselines(dataset, hp, 3)
    train = dataset.train.take(slice(None)) / np.float32(255)
    inputs, targets = Batches(dataset.test, 512, hp)[0]
    images, mask = inputs[..., :-1], inputs[0, ..., -1] > 0.5
    known = (np.square(images[:, None] - train)[:, :, ~mask]).sum(axis=(2, 3))
    nearest = np.argsort(known, axis=1)[:, :15]
    errors = np.square(train[nearest].mean(axis=1) - targets)[:, mask]
    assert scores["known_neighbors_mse"] == pytest.approx(errors.mean(), rel=1e-3)
    assert scores["known_neighbors_images"] == len(train)
    assert scores["constant_mse"] == pytest.approx(
        np.square(train.mean(axis=0) - targets)[:, mask].mean(), rel=1e-3
    )
    assert scores["biharmonic_images"] == 4
    assert scores["biharmonic_psnr"] == pytest.approx(-10 * np.log10(scores["biharmonic_mse"]))
    assert "mirror_mse" not in scores
    label = hole_baselines.biharmonic.describe(scores)
    assert label == "biharmonic inpainting of 4 images"


def test_the_nearest_known_pixel_fills_a_hole():
    image = np.arange(5, dtype=np.float32).reshape(1, 1, 5, 1)
    inputs = completion.MissingHole.mask_images(image, np.array([[[False, True, True, True, False]]]))
    sample = type("Sample", (), {"settings": settings("center")})()
    filled = hole_baselines.nearest_border.fit(sample)(inputs)
    assert filled.ravel()[[0, 1, 3, 4]].tolist() == [0, 0, 4, 4]


def test_biharmonic_inpainting_is_skipped_without_scikit_image(dataset, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage.restoration", None)
    notes: list[str] = []
    scores = baselines.autoencoder_baselines(dataset, settings("center"), 3, note=notes.append)
    assert "biharmonic_mse" not in scores
    assert notes == ["biharmonic inpainting is skipped as a baseline: it requires pip install scikit-image"]
