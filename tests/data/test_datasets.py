"""Named data sets, splits and folds: python -m pytest tests/data/test_datasets.py"""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.data import dataset_names, datasets
from lib.data.formats.base import Header, Images
from lib.data.named_datasets import FASHION_CLASSES, NAMED_DATASETS
from lib.data.splits import split_images, training_count
from tests.harness import sample_files


def hp(**values) -> Hyperparameters:
    return ClassifierHyperparameters(**values)


@pytest.mark.parametrize(
    ("name", "count", "shape"), [("digits", 1797, (28, 28, 1)), ("photos", 520, (32, 32, 3))]
)
def test_bundled_data_sets_agree_with_their_headers(name, count, shape):
    assert dataset_names.peek(name) == NAMED_DATASETS[name].header
    dataset = datasets.load_dataset(hp(dataset=name))
    assert dataset.shape == shape
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == count
    assert dataset.train.take(slice(None)).dtype == np.uint8
    assert dataset.train.take(slice(None)).max() > 200


@pytest.mark.parametrize("split", ["60/20/20", "70/15/15", "80/10/10", "90/0/10"])
def test_the_number_of_training_images_is_known_before_they_are_split(split):
    for count in range(20, 120):
        images = Images(np.zeros((count, 1, 1, 1), np.uint8))
        for settings in (hp(split=split), hp(split=split, limit=17)):
            train = split_images(images, None, settings)[0]
            assert training_count(Header((1, 1, 1), count), settings) == len(train)


def test_no_two_photo_patches_share_pixels():
    photos = datasets.load_dataset(hp(dataset="photos")).train.parent.images
    assert len(np.unique(photos.reshape(len(photos), -1), axis=0)) > 500  # plain sky may repeat


def test_splits_are_disjoint_complete_and_reproducible(tiny):
    settings = hp(dataset=tiny["-d"], labels=tiny["-dl"], split="60/20/20")
    dataset = datasets.load_dataset(settings)
    subsets = (dataset.train, dataset.validation, dataset.test)
    assert [len(subset) for subset in subsets] == [36, 12, 12]
    assert sorted(np.concatenate([subset.indices for subset in subsets])) == list(range(60))
    for subset in subsets:
        assert len(set(np.bincount(subset.labels))) == 1  # stratified: three classes of one size
    again = datasets.load_dataset(settings)
    assert all(
        np.array_equal(a.indices, b.indices)
        for a, b in zip(subsets, (again.train, again.validation, again.test), strict=True)
    )
    other = datasets.load_dataset(hp(dataset=tiny["-d"], labels=tiny["-dl"], split="60/20/20", seed=1))
    assert not np.array_equal(dataset.train.indices, other.train.indices)


@pytest.mark.parametrize("labeled", [True, False])
def test_folds_are_equal_disjoint_and_cover_all_but_the_test_images(tiny, labeled):
    labels = {"labels": tiny["-dl"]} if labeled else {}
    folds = [
        datasets.load_dataset(hp(dataset=tiny["-d"], split="80/0/20", fold=f"{number}/4", **labels))
        for number in range(1, 5)
    ]
    assert {(len(fold.train), len(fold.validation), len(fold.test)) for fold in folds} == {(36, 12, 12)}
    assert len({tuple(fold.test.indices) for fold in folds}) == 1
    validation_indices = np.concatenate([fold.validation.indices for fold in folds])
    assert len(set(validation_indices)) == 48
    for fold in folds:
        indices = np.concatenate([fold.train.indices, fold.validation.indices, fold.test.indices])
        assert sorted(indices) == list(range(60))
        if labeled:
            assert list(np.bincount(fold.validation.labels)) == [4, 4, 4]


def test_folds_need_enough_images(tiny):
    with pytest.raises(UserError, match="54 images are too few for 60 folds; use more images or fewer folds"):
        datasets.load_dataset(hp(dataset=tiny["-d"], fold="2/60"))


def test_without_validation_images_all_the_rest_is_for_training(tiny):
    dataset = datasets.load_dataset(hp(dataset=tiny["-d"], split="80/0/20"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (48, 0, 12)


def test_a_given_test_set_is_not_split(tiny):
    dataset = datasets.load_dataset(
        hp(dataset=tiny["-d"], labels=tiny["-dl"], testset=tiny["-t"], test_labels=tiny["-tl"], limit=30)
    )
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (27, 3, 20)  # 80:10 of 30


def test_take_and_select_follow_the_indices(tiny):
    images, _ = sample_files.shapes(80)
    train = datasets.load_dataset(hp(dataset=tiny["-d"])).train
    np.testing.assert_array_equal(train.take([3, 1])[..., 0], images[train.indices[[3, 1]]])
    np.testing.assert_array_equal(train.select([3, 1]).indices, train.indices[[3, 1]])
    np.testing.assert_array_equal(train.first(2).take(slice(None)), train.take(slice(2)))


def test_the_checksum_does_not_depend_on_the_file_format(tiny, tmp_path):
    images, _ = sample_files.shapes(80)
    zipped = sample_files.write_idx(tmp_path / "z.gz", images[:60])
    np.save("n.npy", images[:60])
    sums = {datasets.load_dataset(hp(dataset=str(path))).sha256 for path in (tiny["-d"], zipped, "n.npy")}
    assert sums == {hashlib.sha256(images[:60].tobytes()).hexdigest()}


def test_contradicting_files_and_settings_are_refused(tiny, tmp_path):
    images, labels = sample_files.shapes(80)
    few = sample_files.write_idx(tmp_path / "few", labels[:50])
    with pytest.raises(UserError, match=r"few: 50 labels for the 60 images of .*train\.idx"):
        datasets.load_dataset(hp(dataset=tiny["-d"], labels=str(few)))
    small = sample_files.write_idx(tmp_path / "small", images[:20, :5])
    with pytest.raises(UserError, match="small: the test images are 5×10×1, the training images 12×10×1"):
        datasets.load_dataset(hp(dataset=tiny["-d"], testset=str(small)))
    np.save("negative.npy", np.arange(60) - 5)
    with pytest.raises(
        UserError,
        match=r"negative\.npy: the labels range from -5 to 54; class numbers are 0 to 999",
    ):
        datasets.load_dataset(hp(dataset=tiny["-d"], labels="negative.npy"))
    np.savez("ids.npz", images=sample_files.shapes(60)[0], labels=np.arange(60) * 10**9)
    assert (
        datasets.load_dataset(AutoencoderHyperparameters(dataset="ids.npz")).classes == ()
    )  # an autoencoder does not look at labels
    with pytest.raises(
        UserError, match=r"ids\.npz: the labels range from 0 to 59000000000"
    ):  # unless it learns them
        datasets.load_dataset(AutoencoderHyperparameters(dataset="ids.npz", label_weight=0.1))
    np.save("huge.npy", np.arange(60) * 10**9)
    with pytest.raises(UserError, match=r"huge\.npy: the labels range from 0 to 59000000000"):
        datasets.load_dataset(hp(dataset=tiny["-d"], labels="huge.npy"))
    with pytest.raises(UserError, match="leaves no test images"):
        datasets.load_dataset(hp(dataset=tiny["-d"], split="90/10/0"))
    with pytest.raises(UserError, match="three: 3 images are not enough; the minimum is 10"):
        dataset_names.require_trainable(str(sample_files.write_idx(tmp_path / "three", images[:3])))
    with pytest.raises(UserError, match="too few for split"):
        datasets.load_dataset(hp(dataset=str(sample_files.write_idx(tmp_path / "three", images[:3]))))
    with pytest.raises(
        UserError, match="nowhere: no such file or folder; the named data sets are digits, photos, mnist"
    ):
        dataset_names.peek("nowhere")


def test_published_sets_are_found_in_data(tmp_path):
    images, labels = sample_files.shapes(30)
    for folder, name in (("data", "mnist"), ("data/fashion-mnist", "fashion-mnist")):
        Path(folder).mkdir(exist_ok=True)
        for prefix in ("train", "t10k"):
            sample_files.write_idx(Path(folder) / f"{prefix}-images-idx3-ubyte.gz", images)
            sample_files.write_idx(Path(folder) / f"{prefix}-labels-idx1-ubyte.gz", labels)
        assert dataset_names.locate(name) == Path(folder)
        assert dataset_names.peek(name).count == 30
    assert len(datasets.load_dataset(hp(dataset="mnist")).test) == 30
    assert datasets.load_source("fashion-mnist").test.classes == FASHION_CLASSES
    assert datasets.load_source("./data/fashion-mnist").test.classes == ()
    Path("mnist").mkdir()  # a name takes precedence over a folder
    assert dataset_names.locate("mnist") == Path("data")
    assert dataset_names.locate("./mnist") == Path("./mnist")
    np.save("data/mine.npy", images)
    Path("data/notes.txt").write_text("nothing to see")
    offered = dataset_names.offered_datasets()
    assert list(offered) == ["digits", "photos", "mnist", "fashion-mnist", "data/mine.npy", "cifar10"]
    assert offered["cifar10"].endswith("Keras downloads it")
    assert offered["data/mine.npy"] == "30 images, 12×10 gray"


def test_a_published_data_set_without_files_is_downloaded_by_keras(monkeypatch):
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
        match=r"cifar10 cannot be downloaded \(URL fetch failure\); put its files into data/cifar10",
    ):
        datasets.load_dataset(hp(dataset="cifar10"))


@pytest.mark.parametrize(
    ("name_or_path", "name"),
    [
        ("digits", "digits"),
        ("data/my-images.npz", "my-images"),
        ("x/mnist/train-images-idx3-ubyte.gz", "mnist"),
        ("data/train-images-idx3-ubyte", "train-images"),
        ("pictures/", "pictures"),
    ],
)
def test_short_names(name_or_path, name):
    assert dataset_names.short_name(name_or_path) == name


def test_real_cifar_10(real):
    dataset = datasets.load_dataset(hp(dataset=str(real / "cifar-10" / "cifar-10-binary.tar.gz")))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (44_444, 5_556, 10_000)
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10


def test_a_folder_named_like_a_data_set_is_pointed_out():
    Path("photos").mkdir()
    note = "photos is read as the named data set; use ./photos for the folder"
    assert datasets.load_source("photos").notes == (note,)
    assert datasets.load_source("digits").notes == ()


def test_a_fraction_of_the_labels_leaves_the_test_set_whole():
    images, labels = sample_files.shapes(100)
    whole, half = (
        split_images(
            Images(images, labels), None, ClassifierHyperparameters(labels_fraction=fraction, model="m")
        )
        for fraction in (1.0, 0.5)
    )
    assert [len(part) for part in whole] == [80, 10, 10]
    assert [len(part) for part in half] == [40, 5, 10]
    np.testing.assert_array_equal(half[2].indices, whole[2].indices)
    assert {*half[0].indices, *half[1].indices} < {*whole[0].indices, *whole[1].indices}
