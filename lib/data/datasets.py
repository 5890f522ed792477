"""Data sets of runs: loading with labels and pairs, checks, and splitting into three sets."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.config.hyperparameters import Hyperparameters
from lib.data.class_labels import align_classes, attach_labels, class_names, require_class_numbers
from lib.data.dataset_names import locate, short_name
from lib.data.defective_images import join_parts, require_disjoint
from lib.data.file_changes import FileState, changed_files, describe_changes, file_states
from lib.data.formats.base import Images, Source
from lib.data.formats.mask_folders import find_mask_folder
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit
from lib.data.formats.picture_pairs import join_sources, read_picture_pairs
from lib.data.formats.registry import is_published_folder, read_source
from lib.data.group_notes import describe_groups
from lib.data.groups import group_images
from lib.data.named_datasets import NAMED_DATASETS, download
from lib.data.normal_images import choose_normal, describe_unused_defects
from lib.data.splits import Subset, split_images
from lib.data.test_defects import TestDefects, find_defects
from lib.data.value_range import BYTES, ValueRange

CHUNK_SIZE = 4096  # images hashed at once, so that no data set is copied


@dataclass(frozen=True)
class Dataset:
    """A data set, split.

    Attributes:
        name: short name for tables and folders.
        sha256: checksum of all images that are not in a test set of their own, before the split.
        shape: (height, width, channels) of an image.
        classes: the class name of each label; empty where unknown.
        train: training set.
        validation: validation set; may be empty.
        test: test set.
        notes: sentences for the user about how the files were read.
        value_range: the values of black and white in the files.
        file_states: sizes and times of change of the files, after they were read.
        defects: of the test images, for a task that detects them; else None.
        defective: images with defects that are not in the test set, where the user gives some.
    """

    name: str
    sha256: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: Subset
    validation: Subset
    test: Subset
    notes: tuple[str, ...] = ()
    value_range: ValueRange = BYTES
    file_states: dict[str, FileState] = field(default_factory=dict)
    defects: TestDefects | None = None
    defective: Subset | None = None

    def describe_changes(self) -> str:
        """Return a sentence about files that were changed since they were read, or "" if none was."""
        if not (changed := changed_files(self.file_states)):
            return ""
        images = (self.train.parent.images, self.test.parent.images)
        mapped = {str(getattr(array, "filename", None)) for array in images}
        if mapped & {str(Path(name).resolve()) for name in changed}:
            effect = "which reads it in place: the scores may mix old and new images"
        else:
            effect = "which used the content read at its start"
        return f"{describe_changes(changed)} during this run, {effect}"

    def to_json(self) -> dict:
        """Return the description of the data set for `run.json`."""
        sizes = {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}
        content: dict = {
            "name": self.name,
            "sha256": self.sha256,
            "shape": list(self.shape),
            "sizes": sizes,
            "classes": list(self.classes),
            "notes": list(self.notes),
        }
        if self.value_range.is_deep:
            content["pixel_range"] = self.value_range.to_json()
        if self.defects:
            content["defects"] = self.defects.to_json()
        if self.defects and self.defective:
            content["defects"]["for_threshold"] = len(self.defective)
        return content


def load_dataset(hp: Hyperparameters, value_range: ValueRange = BYTES) -> Dataset:
    """Read the data set of a run, check it, and split it with `split_images`.

    Args:
        hp: `dataset` is required. `testset`, `labels` and `test_labels` name further files; `split` makes a
            test set where the data set has none and none is given.
        value_range: of the images that a saved model was trained on, which images of more than 8 bits get
            unless `hp.pixel_range` says otherwise.

    Returns:
        The training, validation and test set.

    Raises:
        UserError: a file is invalid, or numbers of labels and images, or sizes of training and test images,
            differ.
    """
    name = hp.require("dataset")
    states = file_states(_paths_of(hp))
    fit = PictureFit.of(hp)
    fit = fit if fit.value_range else fit.with_range_of(value_range)
    targets, test_targets = hp.target_files
    source = load_pairs(name, targets, fit)
    labels, test_labels = hp.label_files
    patches = hp.patches or 1
    train, label_notes = attach_labels(source.train, labels, name, patches)
    notes, test = source.notes + label_notes, None
    if hp.testset:
        like_training = fit.with_color_of(source.train.images.shape[1:]).with_range_of(source.value_range)
        test_source = load_pairs(hp.testset, test_targets, like_training)
        test, label_notes = attach_labels(
            test_source.test or test_source.train, test_labels, hp.testset, patches
        )
        notes += test_source.notes + label_notes
    elif source.test:
        test, label_notes = attach_labels(source.test, test_labels, name, patches)
        notes += label_notes
    if test is not None:
        require_same_shape(hp.testset or name, train, test)
    train, test = _checked_labels(train, test, hp)
    notes += tuple(filter(None, [describe_unused_defects(name, train, test, hp)]))
    normal = choose_normal(train, test, hp)
    groups = group_images(train, hp)
    subsets = split_images(train, test, hp, groups, None if normal is None else normal.indices)
    if groups is not None:
        notes += describe_groups(groups, train, test, subsets, hp)
    shape, checksum = train.images.shape[1:], _checksum(train)
    classes = class_names(train)
    defects = defective = None
    if normal is not None:
        classes = normal.classes
        subsets, defects, defect_notes = find_defects(normal, train, test, subsets, groups, hp, fit)
        defective, defective_notes = _load_defective(train, test, source.value_range, hp, fit)
        notes += normal.notes + defect_notes + defective_notes
    if changed := changed_files(states):
        notes += (f"{describe_changes(changed)} while it was being read; start again when it is complete",)
        states = file_states(list(map(Path, states)))
    require_shown_channels(hp, shape)
    return Dataset(
        *(short_name(name), checksum, shape, classes, *subsets, notes, source.value_range, states),
        defects=defects,
        defective=defective,
    )


def _load_defective(
    train: Images, test: Images | None, value_range: ValueRange, hp: Hyperparameters, fit: PictureFit
) -> tuple[Subset | None, tuple[str, ...]]:
    """Return the user's images with defects that are not in the test set, if there are any, and notes."""
    data = hp.defect_data
    if data is None or data.defective is None:
        return None, ()
    like_training = fit.with_color_of(train.images.shape[1:]).with_range_of(value_range)
    loaded = load_source(data.defective, like_training)
    require_disjoint(data.defective, loaded, train, test, hp)
    for part in filter(None, (loaded.train, loaded.test)):
        require_same_shape(data.defective, train, part, "images of --defective")
    images = join_parts(loaded)
    return Subset(images, np.arange(len(images))), loaded.notes


def _paths_of(hp: Hyperparameters) -> list[Path]:
    """Return the files and folders that the data set of a run is read from."""
    data, masks = hp.defect_data, find_mask_folder(hp)
    names = (hp.dataset, hp.testset, *hp.target_files, data and data.defective)
    located = [*(locate(name) for name in names if name), masks and masks.path]
    labels = [Path(path) for path in hp.label_files if path]
    return [path for path in (*located, *labels) if path is not None]


def require_same_shape(name_or_path: str, train: Images, test: Images, what: str = "test images") -> None:
    """Raise `UserError` where the training and other images, by default tests, differ in size or channels."""
    train_shape, test_shape = train.images.shape[1:], test.images.shape[1:]
    if test_shape != train_shape:
        flag = f"--size {train_shape[0]}x{train_shape[1]}"
        hint = f"; for a folder of pictures, set {flag}" if Path(name_or_path).is_dir() else ""
        raise UserError(
            f"{name_or_path}: the {what} are {format_shape(test_shape)}, "
            f"the training images {format_shape(train_shape)}{hint}"
        )


def require_shown_channels(hp: Hyperparameters, shape: tuple[int, int, int]) -> None:
    """Raise `UserError` where figures are to show channels that the images do not have."""
    if hp.show_channels and max(hp.show_channels) > shape[2]:
        raise UserError(
            f"{hp.settings()['show_channels'].describe(hp.show_channels)}: the images of {hp.dataset} have "
            f"{shape[2]} channel{'s' if shape[2] > 1 else ''}"
        )


def _checked_labels(train: Images, test: Images | None, hp: Hyperparameters) -> tuple[Images, Images | None]:
    """Return the images with labels that agree. Raises `UserError` for labels that are needed and wrong."""
    name = hp.require("dataset")
    labels, test_labels = hp.label_files
    test_name = test_labels or hp.testset or name
    if hp.needs_labels:
        require_class_numbers(train, labels or name)
    if hp.needs_test_labels:
        require_class_numbers(test, test_name)
    if test is not None:
        test = align_classes(train, test, test_name, hp.needs_test_labels)
    return train, test


def load_source(name_or_path: str, fit: PictureFit = AS_THEY_ARE) -> Source:
    """Return all images of a data set, downloading a published one that has no files here.

    Args:
        name_or_path: a name of `NAMED_DATASETS`, or the path of a file or folder.
        fit: how the pictures of a folder become images.

    Raises:
        UserError: there is no such data set, it is invalid, or it could not be downloaded.
    """
    path = locate(name_or_path)
    if path is not None:
        source = read_source(path, fit)
    elif (load_bundled := NAMED_DATASETS[name_or_path].load_bundled) is not None:
        source = Source(load_bundled())
    else:
        source = download(name_or_path)
    if name_or_path not in NAMED_DATASETS:
        return source
    classes = NAMED_DATASETS[name_or_path].classes
    test = None if source.test is None else _with_classes(source.test, classes)
    notes = source.notes
    if path is None and Path(name_or_path).exists():
        notes += (f"{name_or_path} is read as the named data set; use ./{name_or_path} for the folder",)
    return replace(source, train=_with_classes(source.train, classes), test=test, notes=notes)


def load_pairs(name_or_path: str, targets: str | None, fit: PictureFit = AS_THEY_ARE) -> Source:
    """Return all images of a data set, as `load_source` does, and with targets as the inputs of pairs.

    Args:
        name_or_path: as in `load_source`.
        targets: name or path of the clean images; None for images without pairs.
        fit: how the pictures of folders become images.

    Raises:
        UserError: as `load_source`, or the targets do not match.
    """
    if targets is None:
        return load_source(name_or_path, fit)
    paths = [locate(name) for name in (name_or_path, targets)]
    folders = [path for path in paths if path and path.is_dir() and not is_published_folder(path)]
    if len(folders) == 2:
        return read_picture_pairs(folders[0], folders[1], fit)
    if folders:
        raise UserError(
            f"{name_or_path} and {targets}: one is a folder of pictures, the other is not; pairs are two "
            "folders, or two files of images"
        )
    inputs = load_source(name_or_path, fit)
    target_fit = fit.with_range_of(inputs.value_range)
    return join_sources(name_or_path, inputs, targets, load_source(targets, target_fit))


def _with_classes(images: Images, classes: tuple[str, ...]) -> Images:
    return images if images.classes else replace(images, classes=classes)


def _checksum(images: Images) -> str:
    """Return the SHA-256 of the pixels: the same whether they were stored as IDX, gzip or NumPy arrays."""
    digest = hashlib.sha256()
    for array in (images.images,) if images.inputs is None else (images.images, images.inputs):
        for start in range(0, len(array), CHUNK_SIZE):
            digest.update(np.ascontiguousarray(array[start : start + CHUNK_SIZE]).data)
    return digest.hexdigest()
