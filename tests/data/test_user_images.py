"""Images that users give to a saved model: python -m pytest tests/data/test_user_images.py"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

from lib.common.errors import UserError
from lib.config.data_settings import FIT_MODES
from lib.data.formats import pictures
from lib.data.user_images import UserImages
from tests.harness import sample_files

SHAPE = (12, 10, 1)


def test_pictures_of_any_size_and_format_are_fitted():
    Path("p").mkdir()
    red = np.zeros((40, 80, 3), np.uint8)
    red[:, 20:60, 0] = 255
    Image.fromarray(red).save("p/a.png")
    Image.fromarray(red).convert("P").save("p/b.gif")
    Image.fromarray(red[..., 0]).save("p/c.bmp")
    Image.fromarray(red).save("p/d.tiff")
    user_images = UserImages("p", (20, 20, 3))
    (positions, images), *rest = user_images.chunks()
    assert (user_images.names, len(positions), rest) == (["a.png", "b.gif", "c.bmp", "d.tiff"], 4, [])
    assert images.shape == (4, 20, 20, 3)
    middle = images[0, 2:-2, 2:-2]
    assert (middle[..., 0] > 250).all()  # crop: the red middle alone
    assert (middle[..., 1:] < 5).all()


def test_fit_modes():
    Image.fromarray(np.full((10, 30), 200, np.uint8)).save("wide.png")
    crop, pad, stretch = (
        pictures.load_fitted(Path("wide.png"), (12, 12, 1), mode).pixels for mode in FIT_MODES
    )
    assert (crop == 200).all()
    assert (stretch == 200).all()
    assert (pad[:3] == 0).all()
    assert (pad[5:7] == 200).all()
    assert (pictures.load_fitted(Path("wide.png"), (12, 12, 1), invert=True).pixels == 55).all()


def test_gray_is_bt601():
    Image.new("RGB", (8, 8), (255, 0, 0)).save("red.png")
    assert (pictures.load_fitted(Path("red.png"), (8, 8, 1)).pixels == round(0.299 * 255)).all()


def test_a_turned_picture_of_another_size_is_fitted_upright():
    image = Image.fromarray(np.repeat(np.uint8([[255, 0]]), 8, axis=0).repeat(4, axis=1))
    exif = image.getexif()
    exif[0x0112] = 6  # turn right by 90 degrees to see it upright
    image.save("turned.jpg", exif=exif)
    picture = pictures.load_fitted(Path("turned.jpg"), (6, 6, 1)).pixels
    assert picture[:2].mean() > 200 > 50 > picture[-2:].mean()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("fit_mode", FIT_MODES)
def test_large_jpegs_are_decoded_at_a_fraction_with_the_same_result(orientation, fit_mode, monkeypatch):
    image = Image.fromarray(load_sample_images().images[0])
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save("large.jpg", exif=exif)
    sizes = []
    decode = pictures.decode

    def decode_and_note(opened, file):
        sizes.append(opened.size)
        return decode(opened, file)

    monkeypatch.setattr(pictures, "decode", decode_and_note)
    reduced, whole = (
        pictures.load_fitted(Path(name), (32, 24, 3), fit_mode).pixels.astype(float)
        for name in ("large.jpg", _as_png("large.jpg"))
    )
    assert max(sizes[0]) <= 320 < 640 == max(sizes[1])
    assert np.square(reduced - whole).mean() < 10


def _as_png(file: str) -> str:
    with Image.open(file) as image:
        ImageOps.exif_transpose(image).save("whole.png")
    return "whole.png"


def test_unreadable_pictures_are_listed_and_the_others_are_read():
    Path("p").mkdir()
    Image.new("L", (5, 5)).save("p/a.png")
    Path("p/b.png").write_text("no picture")
    user_images = UserImages("p", SHAPE)
    positions = np.concatenate([positions for positions, _ in user_images.chunks()])
    assert positions.tolist() == [0]
    assert "b.png: cannot be read as an image" in user_images.unreadable["b.png"]
    Path("p/a.png").unlink()
    with pytest.raises(UserError, match=r"p: none of the 1 pictures can be read; .*b\.png"):
        list(UserImages("p", SHAPE).chunks())


def test_subfolders_are_labels_and_a_single_picture_is_accepted():
    for name in ("cat", "dog"):
        Path("p", name).mkdir(parents=True)
        Image.new("L", (5, 5)).save(f"p/{name}/1.png")
    user_images = UserImages("p", SHAPE)
    assert (user_images.names, user_images.classes, user_images.labels.tolist()) == (
        ["cat/1.png", "dog/1.png"],
        ("cat", "dog"),
        [0, 1],
    )
    single = UserImages("p/cat/1.png", SHAPE)
    assert (single.names, single.classes, single.labels, single.from_files) == (["1.png"], (), None, True)


def test_training_images_come_before_the_test_images_where_they_are_included():
    images, labels = sample_files.shapes(30)
    np.savez("both.npz", x_train=images[:20], y_train=labels[:20], x_test=images[20:], y_test=labels[20:])
    assert len(UserImages("both.npz", SHAPE)) == 10
    user_images = UserImages("both.npz", SHAPE, include_training=True)
    np.testing.assert_array_equal(
        np.concatenate([chunk for _, chunk in user_images.chunks()])[..., 0], images
    )
    np.testing.assert_array_equal(user_images.labels, labels)


def test_a_data_set_of_another_shape_is_refused(tiny):
    user_images = UserImages(tiny["-t"], SHAPE)
    images = np.concatenate([images for _, images in user_images.chunks(7)])
    np.testing.assert_array_equal(images[..., 0], sample_files.shapes(80)[0][60:67])
    assert user_images.names[:2] == ["01", "02"]
    assert not user_images.from_files
    with pytest.raises(
        UserError, match=r"test\.idx: the images are 12×10×1, the model takes 28×28×1; only pictures"
    ):
        UserImages(tiny["-t"], (28, 28, 1))
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        UserImages("nowhere", SHAPE)
