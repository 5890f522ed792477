"""Hostile links, pipes, devices and file names: python -m pytest tests/data/test_hostile_paths.py"""

import os
import socket
import struct
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

import autoencoder
from lib.common.errors import UserError, exit_status
from lib.data import dataset_names, datasets, user_images
from lib.data.formats import picture_lists, registry
from lib.runs import documents
from tests.data.test_hostile_files import BATCH, IMAGES, LABELS
from tests.harness import sample_files
from tests.harness.refusals import assert_refused

pytestmark = pytest.mark.usefixtures("impatient")


def test_circular_and_broken_links():
    Path("p/cat").mkdir(parents=True)
    Image.fromarray(IMAGES[0]).save("p/cat/a.png")
    for name, target in (
        ("p/up", "."),
        ("p/above", ".."),
        ("p/root", "/"),
        ("p/itself", "itself"),
        ("p/cat/again", ".."),
    ):
        Path(name).symlink_to(target, target_is_directory=True)
    for name, target in (
        ("gone", "nowhere"),
        ("zero", "/dev/zero"),
        ("null", "/dev/null"),
        ("loop", "loop.png"),
    ):
        Path(f"p/cat/{name}.png").symlink_to(target)
    os.mkfifo("p/cat/pipe.png")
    source = registry.read_source(Path("p"))
    assert (len(source.train), source.train.classes) == (1, ("cat",))
    assert registry.peek_source(Path("p")).count == 1
    assert user_images.UserImages("p", (8, 8, 1)).names == ["cat/a.png"]


def test_entries_named_as_batches_that_are_not_files_are_skipped():
    Path("c/data_batch_2.bin").mkdir(parents=True)
    Path("c/data_batch_3.bin").symlink_to("nowhere")
    os.mkfifo("c/data_batch_4.bin")
    Path("c/data_batch_1.bin").write_bytes(BATCH)
    assert len(registry.read_source(Path("c")).train) == 12


def special(name: str) -> str:
    """A path that is neither file nor folder."""
    if name == "pipe":
        os.mkfifo(name)
    elif name == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
    return name


@pytest.mark.parametrize("name", ["pipe", "socket", "/dev/zero", "/dev/null"])
@pytest.mark.parametrize("action", [registry.peek_source, registry.read_source, registry.read_labels])
def test_pipes_sockets_and_devices_are_not_opened(name, action):
    assert_refused(special(name), "is a pipe, a socket or a device; use a file or a folder", action)


def test_a_figure_that_is_a_pipe_is_left_out_of_a_report():
    os.mkfifo("loss.png")
    assert not documents.is_png(Path("loss.png"))


def test_paths_that_the_system_cannot_look_up():
    long = "a" * 1000
    assert_refused(long, "cannot be read (File name too long)", registry.peek_source)
    assert_refused(long, "cannot be read (File name too long)", lambda path: dataset_names.peek(str(path)))
    assert_refused(
        long, "cannot be read (File name too long)", lambda path: user_images.require_user_images(str(path))
    )
    Path("folder").mkdir()
    assert_refused("folder", "is a folder, not a file of labels", registry.read_labels)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_read_permission():
    Path("p").mkdir()
    Image.fromarray(IMAGES[0]).save("p/a.png")
    Path("a.idx").write_bytes(sample_files.idx(IMAGES))
    for name in ("p", "a.idx"):
        Path(name).chmod(0)
        assert_refused(name, "cannot be read (Permission denied)")
        Path(name).chmod(0o700)


def test_a_folder_that_cannot_be_listed(monkeypatch):
    Path("p").mkdir()
    monkeypatch.setattr(os, "scandir", mock.Mock(side_effect=PermissionError(13, "Permission denied")))
    with pytest.raises(UserError, match=r"p: cannot be read \(Permission denied\)"):
        picture_lists.list_pictures(Path("p"))


def test_contradicting_numbers_and_sizes_are_refused():
    Path("m").mkdir()
    sample_files.write_idx(Path("m/train-images-idx3-ubyte"), IMAGES)
    sample_files.write_idx(Path("m/train-labels-idx1-ubyte.gz"), LABELS[:5])
    assert registry.read_source(Path("m")).train.label_error == (
        "m/train-labels-idx1-ubyte.gz: 5 labels for the 12 images of train-images-idx3-ubyte"
    )
    np.savez("a.npz", x_train=IMAGES, x_test=IMAGES[:, :5])
    with pytest.raises(UserError, match=r"a\.npz: the test images are 5×10×1, the training images 12×10×1"):
        user_images.all_images("a.npz", datasets.load_source("a.npz"))
    Path("a.idx").write_bytes(struct.pack(">5I", 0x804, 2, 17, 3, 17) + bytes(1734))
    assert_refused("a.idx", "has shape 2×17×3×17; images are (n, height, width), or (n, height, width, 1 to")


def test_control_characters_in_names_do_not_reach_the_terminal(capfd):
    name = "evil\n\x1b[2Jname\x07"
    Path(name).mkdir()
    for argument in (name, f"{name}/none", special("pipe")):
        assert (
            exit_status(
                "autoencoder.py", lambda argument=argument: autoencoder.main(["-d", argument, "--no-input"])
            )
            == 2
        )
        out, err = capfd.readouterr()
        assert (out, err.count("\n"), err[:-1].isprintable()) == ("", 1, True)
    Path(f"p/{name}").mkdir(parents=True)
    Image.fromarray(IMAGES[0]).save(f"p/{name}/a.png")
    assert registry.read_source(Path("p")).train.classes == ("evil \ufffd[2Jname\ufffd",)
    assert dataset_names.short_name(f"p/{name}") == "evil \ufffd[2Jname\ufffd"
