"""Groups of pictures in one part of a split. python -m pytest tests/data/test_groups.py"""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.common.errors import UserError
from lib.common.group_rules import GroupRule, group_of
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data import datasets
from lib.data.datasets import Dataset
from lib.data.group_splits import Part, divide_groups


def draw(names: list[str], folder: str = "p") -> None:
    for name in names:
        file = Path(folder, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(file)


def scenes(count: int, per_scene: int = 4) -> list[str]:
    return [f"scene{scene}_{number}.png" for scene in range(count) for number in range(per_scene)]


def load(group: str | None, **values) -> Dataset:
    return datasets.load_dataset(AutoencoderHyperparameters(dataset="p", group=group, **values))


def groups_of_parts(dataset: Dataset, rule: str) -> list[set[str | None]]:
    files = dataset.train.parent.files
    parts = (dataset.train, dataset.validation, dataset.test)
    return [
        {group_of(files[index], rule) for index in part.indices}
        for part in parts
        if part.parent.files is files
    ]


@pytest.mark.parametrize(
    ("rule", "group"),
    [
        ("folder", "data/cats"),
        ("folder:2", "data"),
        ("folder:9", "."),
        ("before:_", "p01"),
        ("before-last:_", "p01_left"),
        ("after:_", "left_3"),
        ("after-last:_", "3"),
        ("before:.", None),
        ("first:3", "p01"),
        ("last:1", "3"),
        ("first:99", "p01_left_3"),
    ],
)
def test_rules(rule, group):
    assert group_of(Path("data/cats/p01_left_3.png"), GroupRule().parse(rule)) == group


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text(max_size=3), max_size=2)))
def test_other_rules_are_refused(value):
    with suppress(UserError):  # no other error
        rule = GroupRule().parse(value)
        assert GroupRule().parse(rule) == rule
        group_of(Path("a/b_c.png"), rule)


@pytest.mark.parametrize(
    "rule", ["", "before", "before:", "first:0", "first:x", "folder:0", "re:.*", "Folder"]
)
def test_unclear_rules_are_refused(rule):
    with pytest.raises(UserError, match="must be folder, or"):
        GroupRule().parse(rule)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=12, max_size=80),
    st.sampled_from([(0.9, 0.1), (0.5, 0.5), (0.2,) * 5]),
    st.booleans(),
    st.integers(0, 3),
)
@settings(max_examples=60)
def test_groups_stay_whole_and_no_part_is_empty(pairs, shares, labeled, seed):
    groups, labels = np.array([*pairs, *((number, 0) for number in range(5))], np.int64).T
    parts = [Part(share) for share in shares]
    divided = divide_groups(np.arange(len(groups)), groups, labels if labeled else None, parts, seed)
    assert sorted(np.concatenate(divided)) == list(range(len(groups)))
    assert all(map(len, divided))
    assert sum(len(set(groups[part])) for part in divided) == len(set(groups))


@given(st.lists(st.integers(1, 9), min_size=30, max_size=100), st.integers(0, 3))
@settings(max_examples=30)
def test_shares_are_met_as_well_as_groups_allow(sizes, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    first, _ = divide_groups(np.arange(len(groups)), groups, None, [Part(0.8), Part(0.2)], seed)
    assert abs(len(first) - 0.8 * len(groups)) <= max(sizes)


def test_groups_are_stratified_by_class():
    labels = np.repeat([0, 1, 2], [300, 60, 40])
    groups = np.arange(400) // 4
    train, test = divide_groups(np.arange(400), groups, labels, [Part(0.8), Part(0.2)], 0)
    assert np.bincount(labels[test]).tolist() == [60, 12, 8]
    assert len(train) == 320
    other = divide_groups(np.arange(400), groups, labels, [Part(0.8), Part(0.2)], 1)[1]
    assert not np.array_equal(test, other)


def test_a_large_group_is_placed_first():
    groups = np.array([0] * 100 + list(range(1, 91)))
    train, test = divide_groups(np.arange(190), groups, None, [Part(0.8), Part(0.2)], 0)
    assert (len(train), len(test)) == (152, 38)


@pytest.mark.parametrize("values", [{}, {"split": "90/0/10"}, {"fold": "1/4"}, {"limit": 50}, {"seed": 5}])
def test_scenes_are_in_one_part(values):
    draw(scenes(20))
    dataset = load("before:_", **values)
    parts = groups_of_parts(dataset, "before:_")
    assert sum(map(len, parts)) == len(set.union(*parts)) == (12 if "limit" in values else 20)
    assert len(parts[-1]) == (1 if "limit" in values else 2)


def test_folds_are_disjoint_and_leave_the_test_set_alone():
    draw(scenes(20))
    folds = [load("before:_", fold=f"{number}/6") for number in range(1, 7)]
    assert len({tuple(fold.test.indices) for fold in [*folds, load("before:_")]}) == 1
    assert sorted(np.concatenate([fold.validation.indices for fold in folds])) == sorted(
        np.concatenate([folds[0].train.indices, folds[0].validation.indices])
    )


def test_the_numbers_of_groups_are_noted():
    draw([*scenes(20), "alone.png"])
    assert load("before:_").notes == (
        "p: 81 pictures in 21 groups (--group before:_): 17 for training, 2 for validation, 2 for testing",
        "p: without '_' in the name, a group of its own: alone.png",
    )


def test_percentages_that_groups_do_not_allow_are_noted():
    draw(scenes(4, per_scene=10))
    assert load("first:6").notes == (
        "p: 40 pictures in 4 groups (--group first:6): 2 for training, 1 for validation, 1 for testing; with "
        "whole groups these have 50%, 25%, 25% of the images",
    )


def test_a_separate_test_set_is_left_alone_and_compared():
    draw(scenes(10))
    draw(["scene3_9.png", "other_1.png"], "t")
    dataset = load("before:_", testset="t")
    assert len(dataset.test) == 2
    assert dataset.notes == (
        "p: 40 pictures in 10 groups (--group before:_): 9 for training, 1 for validation; the test "
        "set is separate",
        "p: 1 group is in the test set, too, such as 'scene3': scores are too good "
        "if the images show the same",
    )
    assert (
        load("before:_", testset="t", split="100/0/0")
        .notes[0]
        .endswith("10 for training; the test set is separate")
    )


def test_parts_of_a_folder_are_grouped_by_subfolders():
    draw([f"train/{scene}/{n}.png" for scene in "abcdefghij" for n in range(3)] + ["test/a/0.png"])
    dataset = load("folder")
    assert [len(part) for part in groups_of_parts(dataset, "folder")] == [9, 1]


def test_classes_of_a_classifier_need_several_groups():
    draw([f"{name}/{n}.png" for name in "abcd" for n in range(5)])
    with pytest.raises(UserError, match="most classes are in a single group each"):
        datasets.load_dataset(ClassifierHyperparameters(dataset="p", group="folder"))
    assert len(load("folder").train) == 10


def test_data_sets_without_file_names_have_no_groups():
    hp = AutoencoderHyperparameters(dataset="digits", group="folder")
    with pytest.raises(UserError, match=r"digits: --group folder requires file names, which only folders"):
        datasets.load_dataset(hp)
