"""The roles of the arrays of a file by name: images and labels, for training and for testing."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.data.formats.array_layouts import find_layout, require_pixel_type

# Names of arrays by their role, in small letters without other characters; the preferred one first.
ROLES = {
    "images": (
        *("xtrain", "trainimages", "trainx", "traindata", "trainingimages", "images", "x", "data", "train"),
        *("image", "imgs", "pixels", "features", "arr0"),
    ),
    "labels": (
        *("ytrain", "trainlabels", "trainy", "traintargets", "traininglabels", "labels", "y", "targets"),
        *("target", "label", "classes"),
    ),
    "test_images": ("xtest", "testimages", "testx", "testdata", "test"),
    "test_labels": ("ytest", "testlabels", "testy", "testtargets"),
}
LABEL_NAMES = {*ROLES["labels"], *ROLES["test_labels"]}
# Names of further arrays that are never images.
OTHER_NAMES = re.compile(
    r"(x|y|images|labels|data|targets)?(val|valid|validation)(x|y|images|labels|data|targets)?"
)
MAX_LISTED = 10  # arrays named in a message

ShapeAndType = tuple[Sequence[int], np.dtype]


def find_roles(path: Path, arrays: Mapping[str, ShapeAndType]) -> tuple[dict[str, str], list[str]]:
    """Return the names of arrays by role, and notes on what was assumed or left out.

    Images are the array with a name of `ROLES`; without one, the only array that can be images. Unnamed
    arrays, arr_0, arr_1 and so on, are told apart by their shapes.

    Args:
        path: the file, named in errors.
        arrays: shape and type of each array, by name.

    Raises:
        UserError: no array can be images, or several can be.
    """
    plain = {plain_name(name): name for name in reversed(list(arrays))}
    if len(plain) > 1 and all(re.fullmatch(r"arr\d+", name) for name in plain):
        roles = _roles_by_shape(arrays)
        listed = ", ".join(f"{name} as {role.replace('_', ' ')}" for role, name in roles.items())
        return _require_images(path, arrays, roles), [f"{path}: using {listed}"]
    roles = {
        role: plain[next(name for name in names if name in plain)]
        for role, names in ROLES.items()
        if {*names} & {*plain}
    }
    if "images" not in roles:
        free = [name for name in arrays if name not in roles.values()]
        candidates = [
            name for name in free if len(arrays[name][0]) > 2 and _may_be_images(path, arrays[name])
        ]
        if len(candidates) == 1 or len(arrays) == 1:
            roles["images"] = next(iter(candidates or arrays))
    roles = _require_images(path, arrays, roles)
    left_out = [name for key, name in plain.items() if OTHER_NAMES.fullmatch(key)]
    notes = [f"{path}: ignoring {_listed(sorted(left_out))}"] if left_out else []
    return roles, notes


def find_labels(path: Path, names: Sequence[str]) -> str:
    """Return the name of the array of labels in a file that is given for its labels.

    Raises:
        UserError: no array has the name of labels, and there is not just one.
    """
    plain = {plain_name(name): name for name in reversed(names)}
    for role in ("labels", "test_labels"):
        for name in ROLES[role]:
            if name in plain:
                return plain[name]
    if len(names) == 1:
        return names[0]
    raise UserError(
        f"{path}: none of its arrays ({_listed(names) or 'there are none'}) is named labels or y; save the "
        "labels under the name labels"
    )


def plain_name(name: str) -> str:
    """Return the name of an array in small letters, without characters such as _."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _require_images(path: Path, arrays: Mapping[str, ShapeAndType], roles: dict[str, str]) -> dict[str, str]:
    if "images" not in roles:
        listed = _listed(list(arrays)) or "there are none"
        raise UserError(
            f"{path}: none of its arrays ({listed}) is named x_train or images; save the images under "
            "the name images, and the labels under labels"
        )
    return roles


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names[:MAX_LISTED])) + (" …" if len(names) > MAX_LISTED else "")


def _may_be_images(path: Path, array: ShapeAndType) -> bool:
    shape, dtype = array
    try:
        find_layout(path, "it", shape)
        require_pixel_type(path, "it", dtype)
    except UserError:
        return False
    return True


def _roles_by_shape(arrays: Mapping[str, ShapeAndType]) -> dict[str, str]:
    """Return the roles of unnamed arrays: the first of images, its labels, and the same of a test set."""
    names = sorted(arrays, key=lambda name: (len(name), name))
    images = [name for name in names if len(arrays[name][0]) > 2]
    images = images or [name for name in names if _may_be_images(Path(), arrays[name])]
    labels = [name for name in names if len(arrays[name][0]) in (1, 2) and name not in images]
    roles: dict[str, str] = {}
    for image_role, label_role, name in zip(
        ("images", "test_images"), ("labels", "test_labels"), images, strict=False
    ):
        roles[image_role] = name
        match = next((label for label in labels if arrays[label][0][0] == arrays[name][0][0]), None)
        if match is not None:
            roles[label_role] = match
            labels.remove(match)
    return roles
