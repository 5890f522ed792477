"""python -m pytest tests/data/test_datasets.py"""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from tests.harness import sample_files


def hp(**values) -> Hyperparameters:
    return Hyperparameters(program="classification", **values)


@pytest.mark.parametrize(
    ("name", "count", "shape"), [("digits", 1797, (28, 28, 1)), ("photos", 520, (32, 32, 3))]
)
def test_the_bundled_sets_are_what_their_headers_say(name, count, shape):
    assert datasets.peek(name) == datasets.NAMED_DATASETS[name].header
    dataset = datasets.load_dataset(hp(dataset=name))
    assert dataset.shape == shape
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == count
    assert dataset.train.take(slice(None)).dtype == np.uint8
    assert dataset.train.take(slice(None)).max() > 200


def test_no_two_photo_patches_share_pixels():
    photos = datasets.load_dataset(hp(dataset="photos")).train.source.images
    assert len(np.unique(photos.reshape(len(photos), -1), axis=0)) > 500  # plain sky may repeat


def test_parts_are_disjoint_whole_and_repeatable(tiny):
    given = hp(dataset=tiny["-d"], labels=tiny["-dl"], split="60/20/20")
    dataset = datasets.load_dataset(given)
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [36, 12, 12]
    assert sorted(np.concatenate([part.positions for part in parts])) == list(range(60))
    for part in parts:
        assert len(set(np.bincount(part.labels))) == 1  # three equal classes stay equal
    again = datasets.load_dataset(given)
    assert all(
        np.array_equal(a.positions, b.positions)
        for a, b in zip(parts, (again.train, again.validation, again.test), strict=True)
    )
    other = datasets.load_dataset(hp(dataset=tiny["-d"], labels=tiny["-dl"], split="60/20/20", seed=1))
    assert not np.array_equal(dataset.train.positions, other.train.positions)


@pytest.mark.parametrize("labeled", [True, False])
def test_folds_are_equal_disjoint_and_cover_all_but_the_test_images(tiny, labeled):
    labels = {"labels": tiny["-dl"]} if labeled else {}
    parts = [
        datasets.load_dataset(hp(dataset=tiny["-d"], split="80/0/20", fold=f"{number}/4", **labels))
        for number in range(1, 5)
    ]
    assert {(len(part.train), len(part.validation), len(part.test)) for part in parts} == {(36, 12, 12)}
    assert len({tuple(part.test.positions) for part in parts}) == 1
    validated = np.concatenate([part.validation.positions for part in parts])
    assert len(set(validated)) == 48
    for part in parts:
        every = np.concatenate([part.train.positions, part.validation.positions, part.test.positions])
        assert sorted(every) == list(range(60))
        if labeled:
            assert list(np.bincount(part.validation.labels)) == [4, 4, 4]


def test_too_few_images_make_no_folds(tiny):
    with pytest.raises(UserError, match="54 images cannot make 60 folds; use more of them, or fewer folds"):
        datasets.load_dataset(hp(dataset=tiny["-d"], fold="2/60"))


def test_no_share_for_validation_leaves_all_the_rest_for_training(tiny):
    dataset = datasets.load_dataset(hp(dataset=tiny["-d"], split="80/0/20"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (48, 0, 12)


def test_a_test_set_of_its_own_is_taken_whole(tiny):
    dataset = datasets.load_dataset(
        hp(dataset=tiny["-d"], labels=tiny["-dl"], testset=tiny["-t"], test_labels=tiny["-tl"], limit=30)
    )
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (27, 3, 20)  # 80:10 of 30


def test_images_are_taken_as_they_lie_in_the_file(tiny):
    images, _ = sample_files.shapes(80)
    part = datasets.load_dataset(hp(dataset=tiny["-d"])).train
    np.testing.assert_array_equal(part.take([3, 1])[..., 0], images[part.positions[[3, 1]]])


def test_the_checksum_is_of_the_images_not_of_their_wrapping(tiny, tmp_path):
    images, _ = sample_files.shapes(80)
    zipped = sample_files.write_idx(tmp_path / "z.gz", images[:60])
    np.save("n.npy", images[:60])
    sums = {datasets.load_dataset(hp(dataset=str(path))).sha256 for path in (tiny["-d"], zipped, "n.npy")}
    assert sums == {hashlib.sha256(images[:60].tobytes()).hexdigest()}


def test_what_does_not_fit_together_is_refused(tiny, tmp_path):
    images, labels = sample_files.shapes(80)
    few = sample_files.write_idx(tmp_path / "few", labels[:50])
    with pytest.raises(UserError, match=r"few: 50 labels for the 60 images of .*train\.idx"):
        datasets.load_dataset(hp(dataset=tiny["-d"], labels=str(few)))
    small = sample_files.write_idx(tmp_path / "small", images[:20, :5])
    with pytest.raises(UserError, match="small: test images are 5×10×1, training images 12×10×1"):
        datasets.load_dataset(hp(dataset=tiny["-d"], testset=str(small)))
    np.save("negative.npy", np.arange(60) - 5)
    with pytest.raises(
        UserError,
        match=r"negative\.npy: its labels go from -5 to 54; they are the numbers of classes, 0 to 999",
    ):
        datasets.load_dataset(hp(dataset=tiny["-d"], labels="negative.npy"))
    np.savez("ids.npz", images=sample_files.shapes(60)[0], labels=np.arange(60) * 10**9)
    assert (
        datasets.load_dataset(Hyperparameters(dataset="ids.npz")).classes == ()
    )  # an autoencoder does not look at labels
    with pytest.raises(
        UserError, match=r"ids\.npz: its labels go from 0 to 59000000000"
    ):  # unless it learns them
        datasets.load_dataset(Hyperparameters(dataset="ids.npz", label_weight=0.1))
    np.save("huge.npy", np.arange(60) * 10**9)
    with pytest.raises(UserError, match=r"huge\.npy: its labels go from 0 to 59000000000"):
        datasets.load_dataset(hp(dataset=tiny["-d"], labels="huge.npy"))
    with pytest.raises(UserError, match="leaves no test images"):
        datasets.load_dataset(hp(dataset=tiny["-d"], split="90/10/0"))
    with pytest.raises(UserError, match="three: 3 images are too few; at least 10 are needed"):
        datasets.require_trainable(str(sample_files.write_idx(tmp_path / "three", images[:3])))
    with pytest.raises(UserError, match="too few to split"):
        datasets.load_dataset(hp(dataset=str(sample_files.write_idx(tmp_path / "three", images[:3]))))
    with pytest.raises(
        UserError, match="nowhere: no such file or folder; the names are digits, photos, mnist"
    ):
        datasets.peek("nowhere")


def test_published_sets_are_found_in_data(tmp_path):
    images, labels = sample_files.shapes(30)
    for place, name in (("data", "mnist"), ("data/fashion-mnist", "fashion-mnist")):
        Path(place).mkdir(exist_ok=True)
        for part in ("train", "t10k"):
            sample_files.write_idx(Path(place) / f"{part}-images-idx3-ubyte.gz", images)
            sample_files.write_idx(Path(place) / f"{part}-labels-idx1-ubyte.gz", labels)
        assert datasets.locate(name) == Path(place)
        assert datasets.peek(name).count == 30
    assert len(datasets.load_dataset(hp(dataset="mnist")).test) == 30
    Path("mnist").mkdir()  # a name stays a name, whatever lies about
    assert datasets.locate("mnist") == Path("data")
    assert datasets.locate("./mnist") == Path("./mnist")
    np.save("data/mine.npy", images)
    Path("data/notes.txt").write_text("nothing to see")
    offered = datasets.offered_datasets()
    assert list(offered) == ["digits", "photos", "mnist", "fashion-mnist", "data/mine.npy"]
    assert offered["data/mine.npy"] == "30 images, 12×10 gray"


def test_a_name_that_lies_nowhere_is_downloaded_by_keras(monkeypatch):
    import keras

    images, labels = sample_files.shapes(40, 28, 28)
    monkeypatch.setattr(
        keras.datasets.mnist, "load_data", lambda: ((images[:30], labels[:30]), (images[30:], labels[30:]))
    )
    dataset = datasets.load_dataset(hp(dataset="mnist"))
    assert (dataset.name, len(dataset.test), dataset.classes[3]) == ("mnist", 10, "3")

    def offline():
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", offline)
    with pytest.raises(
        UserError,
        match=r"cifar10 could not be downloaded \(URL fetch failure\); put its files into data/cifar10",
    ):
        datasets.load_dataset(hp(dataset="cifar10"))


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("digits", "digits"),
        ("data/my-images.npz", "my-images"),
        ("x/mnist/train-images-idx3-ubyte.gz", "mnist"),
        ("data/train-images-idx3-ubyte", "train-images"),
        ("pictures/", "pictures"),
    ],
)
def test_short_names(where, name):
    assert datasets.short_name(where) == name


def test_real_cifar_10(real):
    dataset = datasets.load_dataset(hp(dataset=str(real / "cifar-10" / "cifar-10-binary.tar.gz")))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (44_444, 5_556, 10_000)
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
