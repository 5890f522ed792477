"""Division of groups of images, which stay whole, among parts of given shares; stratified by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LARGE_GROUP = 0.25  # of the smallest part; larger groups are placed first
MAX_TRIES, TRIED_GROUPS = 64, 20_000  # orders that are tried; groups in all of them


class Part(NamedTuple):
    """A part of a split.

    Attributes:
        share: of the images in 0..1.
        min_groups: number of groups that it must have.
        max_images: number of images that it must not exceed; None for any.
    """

    share: float
    min_groups: int = 1
    max_images: int | None = None


def divide_groups(
    indices: np.ndarray,
    group_numbers: np.ndarray,
    labels: np.ndarray | None,
    parts: Sequence[Part],
    seed: int,
) -> list[np.ndarray]:
    """Return the indices of each part, such that all of one group are in one part.

    Groups are drawn at random, class by class (a group belongs to its most frequent one), and each goes to
    the part that lacks most. Of several orders the one is taken that leaves the fewest classes out of the
    first part, then meets the shares best, then those of each class.

    Args:
        indices: int64 (n,), positions of the images to divide.
        group_numbers: int64, group of each image, by position.
        labels: int64, class of each image, by position; None where unknown.
        parts: at most as many as there are groups.
        seed: of the order of the groups.

    Returns:
        int64 arrays, in the order of `indices`.
    """
    strata = np.zeros(len(indices), np.int64) if labels is None else labels[indices]
    table = _GroupTable(group_numbers[indices], strata)
    rng = np.random.default_rng(seed)
    tries = min(max(TRIED_GROUPS // len(table.sizes), 1), MAX_TRIES)
    divisions = (table.place(table.draw_order(parts, rng), parts) for _ in range(tries))
    part_of_group = min(divisions, key=lambda division: table.deviation(division, parts))
    part_of_image = part_of_group[table.group_of_image]
    return [indices[part_of_image == number] for number in range(len(parts))]


class _GroupTable:
    """Numbers of images of each group and class."""

    def __init__(self, group_numbers: np.ndarray, labels: np.ndarray):
        _, self.group_of_image, self.sizes = np.unique(group_numbers, return_inverse=True, return_counts=True)
        classes, class_of_image = np.unique(labels, return_inverse=True)
        self.n_classes = len(classes)
        cells, self.cell_sizes = np.unique(
            self.group_of_image * self.n_classes + class_of_image, return_counts=True
        )
        self.cell_groups, self.cell_classes = np.divmod(cells, self.n_classes)
        by_size = np.argsort(self.cell_sizes, kind="stable")
        self.main_classes = np.zeros(len(self.sizes), np.int64)
        self.main_classes[self.cell_groups[by_size]] = self.cell_classes[by_size]  # the last one stays

    def draw_order(self, parts: Sequence[Part], rng: np.random.Generator) -> np.ndarray:
        """Return the groups in the order in which they are placed: large ones first, the others by class."""
        order = rng.permutation(len(self.sizes))
        large = self.sizes[order] > LARGE_GROUP * min(part.share for part in parts) * self.sizes.sum()
        first, others = order[large], order[~large]
        return np.concatenate(
            [
                first[np.argsort(-self.sizes[first], kind="stable")],
                others[np.argsort(self.main_classes[others], kind="stable")],
            ]
        )

    def place(self, order: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
        """Return the part of each group, each placed where most images are missing so far."""
        shares = np.array([part.share for part in parts])
        limits = np.array([np.inf if part.max_images is None else part.max_images for part in parts])
        has_limits = bool(np.isfinite(limits).any())
        missing = np.array([part.min_groups for part in parts])
        all_missing, placed = int(missing.sum()), 0
        filled = np.zeros(len(parts))
        part_of_group = np.empty(len(order), np.int64)
        for remaining, group, size in zip(
            range(len(order), 0, -1), order, self.sizes[order].tolist(), strict=True
        ):
            placed += size
            lack = shares * placed - filled
            if all_missing >= remaining:
                lack[missing <= 0] = -np.inf
            if has_limits:
                lack[filled + size > limits] = -np.inf
            part = int(lack.argmax())
            part_of_group[group] = part
            filled[part] += size
            all_missing -= int(missing[part] > 0)
            missing[part] -= 1
        return part_of_group

    def deviation(self, part_of_group: np.ndarray, parts: Sequence[Part]) -> tuple[float, float, float]:
        """Return the classes that the first part lacks, and the images by which sizes differ from shares."""
        shares = np.array([[part.share] for part in parts])
        cells = part_of_group[self.cell_groups] * self.n_classes + self.cell_classes
        counts = np.bincount(cells, self.cell_sizes, len(parts) * self.n_classes).reshape(len(parts), -1)
        by_part = np.abs(counts.sum(axis=1, keepdims=True) - shares * counts.sum()).sum()
        by_class = np.abs(counts - shares * counts.sum(axis=0)).sum()
        return float((counts[0] == 0).sum()), float(by_part), float(by_class)
