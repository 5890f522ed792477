"""python -m pytest tests/data/test_user_images.py"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.common.errors import UserError
from lib.data.formats import image_folder
from lib.data.user_images import UserImages
from tests.harness import sample_files

SHAPE = (12, 10, 1)


def test_pictures_of_any_size_and_format_are_made_to_fit():
    Path("p").mkdir()
    red = np.zeros((40, 80, 3), np.uint8)
    red[:, 20:60, 0] = 255
    Image.fromarray(red).save("p/a.png")
    Image.fromarray(red).convert("P").save("p/b.gif")
    Image.fromarray(red[..., 0]).save("p/c.bmp")
    Image.fromarray(red).save("p/d.tiff")
    own = UserImages("p", (20, 20, 3))
    (places, images), *rest = own.chunks()
    assert (own.names, len(places), rest) == (["a.png", "b.gif", "c.bmp", "d.tiff"], 4, [])
    assert images.shape == (4, 20, 20, 3)
    middle = images[0, 2:-2, 2:-2]
    assert (middle[..., 0] > 250).all()  # crop: the red middle alone
    assert (middle[..., 1:] < 5).all()


def test_three_ways_to_fit():
    Image.fromarray(np.full((10, 30), 200, np.uint8)).save("wide.png")
    crop, pad, stretch = (
        image_folder.load_fitted(Path("wide.png"), (12, 12, 1), fit) for fit in image_folder.FIT_MODES
    )
    assert (crop == 200).all()
    assert (stretch == 200).all()
    assert (pad[:3] == 0).all()
    assert (pad[5:7] == 200).all()
    assert (image_folder.load_fitted(Path("wide.png"), (12, 12, 1), invert=True) == 55).all()


def test_gray_is_bt601_transparency_is_white_and_sixteen_bits_are_scaled():
    Image.new("RGB", (8, 8), (255, 0, 0)).save("red.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save("clear.png")
    Image.fromarray(np.full((8, 8), 128 * 256, np.uint16)).save("deep.png")
    assert (image_folder.load_fitted(Path("red.png"), (8, 8, 1)) == round(0.299 * 255)).all()
    assert (image_folder.load_fitted(Path("clear.png"), (8, 8, 1)) == 255).all()
    assert (image_folder.load_fitted(Path("deep.png"), (8, 8, 1)) == 128).all()


def test_a_picture_that_a_camera_turned_is_turned_back():
    image = Image.fromarray(np.repeat(np.uint8([[255, 0]]), 8, axis=0).repeat(4, axis=1))
    exif = image.getexif()
    exif[0x0112] = 6  # turn right by 90 degrees to see it upright
    image.save("turned.jpg", exif=exif)
    seen = image_folder.load_fitted(Path("turned.jpg"), (8, 8, 1))
    assert seen[:3].mean() > 200 > 50 > seen[-3:].mean()


def test_what_cannot_be_read_is_named_and_the_rest_goes_on():
    Path("p").mkdir()
    Image.new("L", (5, 5)).save("p/a.png")
    Path("p/b.png").write_text("no picture")
    own = UserImages("p", SHAPE)
    places = np.concatenate([places for places, _ in own.chunks()])
    assert places.tolist() == [0]
    assert "b.png: cannot be read as an image" in own.problems["b.png"]
    Path("p/a.png").unlink()
    with pytest.raises(UserError, match=r"p: none of its 1 pictures can be read; .*b\.png"):
        list(UserImages("p", SHAPE).chunks())


def test_subfolders_are_labels_and_one_file_is_a_folder_of_one():
    for name in ("cat", "dog"):
        Path("p", name).mkdir(parents=True)
        Image.new("L", (5, 5)).save(f"p/{name}/1.png")
    own = UserImages("p", SHAPE)
    assert (own.names, own.classes, own.labels.tolist()) == (
        ["cat/1.png", "dog/1.png"],
        ("cat", "dog"),
        [0, 1],
    )
    assert UserImages("p/cat/1.png", SHAPE).names == ["1.png"]


def test_every_image_of_a_data_set_are_those_for_training_and_then_the_test_images():
    images, labels = sample_files.shapes(30)
    np.savez("both.npz", x_train=images[:20], y_train=labels[:20], x_test=images[20:], y_test=labels[20:])
    assert len(UserImages("both.npz", SHAPE)) == 10
    every = UserImages("both.npz", SHAPE, every=True)
    np.testing.assert_array_equal(np.concatenate([part for _, part in every.chunks()])[..., 0], images)
    np.testing.assert_array_equal(every.labels, labels)


def test_a_data_set_comes_as_it_is_or_not_at_all(tiny):
    own = UserImages(tiny["-t"], SHAPE)
    images = np.concatenate([images for _, images in own.chunks(7)])
    np.testing.assert_array_equal(images[..., 0], sample_files.shapes(80)[0][60:67])
    assert own.names[:2] == ["01", "02"]
    with pytest.raises(
        UserError, match=r"test\.idx: its images are 12×10×1, the model takes 28×28×1; only a folder"
    ):
        UserImages(tiny["-t"], (28, 28, 1))
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        UserImages("nowhere", SHAPE)
