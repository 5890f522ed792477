"""Decompression bombs, false headers, invalid files: python -m pytest tests/data/test_hostile_files.py"""

import contextlib
import gzip
import io
import os
import struct
import tarfile
import tempfile
import tracemalloc
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.io
from PIL import Image

from lib.common.errors import UserError
from lib.data import user_images
from lib.data.formats import base, npy_arrays, registry
from tests.harness import sample_files
from tests.harness.refusals import assert_refused

IMAGES, LABELS = sample_files.shapes(12)
COLOR, _ = sample_files.shapes(12, 32, 32, channels=3)
BATCH = sample_files.cifar(COLOR, LABELS)
MEGABYTE = 1 << 20


pytestmark = pytest.mark.usefixtures("impatient")


@contextmanager
def within(megabytes: float):
    """Memory that Python and NumPy take stays below this many megabytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("action", [registry.peek_source, registry.read_source])
def test_idx_headers_that_announce_petabytes(action):
    header = struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1)
    Path("a.idx").write_bytes(header + bytes(100))
    Path("a.gz").write_bytes(gzip.compress(header + bytes(100)))
    with within(5):
        assert_refused(
            "a.idx", "is truncated: 116 bytes, but its header declares 4,294,967,295×4,294,967,295", action
        )
        assert_refused("a.gz", "more than a gzip file of", action)


def test_surplus_data_in_a_gzip_file_is_not_unpacked():
    with gzip.open("a.gz", "wb", 1) as file:
        file.write(sample_files.idx(IMAGES))
        for _ in range(200):
            file.write(bytes(MEGABYTE))
    with within(10):
        assert_refused("a.gz", "is too long: there are more bytes, but its header declares 12×12×10")


def test_content_larger_than_disk_or_memory_is_refused_before_allocation(monkeypatch):
    monkeypatch.setattr(base.shutil, "disk_usage", lambda where: SimpleNamespace(free=10**9))
    noise = os.urandom(2 * MEGABYTE)  # so many bytes that they could be two gigabytes, unpacked
    Path("a.gz").write_bytes(gzip.compress(struct.pack(">4I", 0x803, 2000, 1000, 1000) + noise))
    with zipfile.ZipFile("a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", npy("|u1", "(2000, 1000, 1000)") + noise)
    Path("a.tar.gz").write_bytes(gzip.compress(member("data_batch_1.bin", 3073 * 600_000) + noise))
    words = (
        " has only 1.0 GB; set TMPDIR to a folder with more space, or use an uncompressed .idx or .npy of "
        "bytes"
    )
    with within(20):
        for name in ("a.gz", "a.npz", "a.tar.gz"):
            assert_refused(name, words)
    monkeypatch.setattr(base, "free_memory", lambda: 1000)
    Path("p").mkdir()
    Image.fromarray(COLOR[0]).save("p/a.png")
    Path("data_batch_1.bin").write_bytes(BATCH)
    np.save("l.npy", np.arange(1000))
    assert_refused("p", "of memory, only 0.0 GB are free")
    assert_refused("data_batch_1.bin", "of memory, only 0.0 GB are free")
    assert_refused("l.npy", "of memory, only 0.0 GB are free", registry.read_labels)


def test_free_memory():
    assert 0 < base.free_memory() <= 2**63
    np.testing.assert_array_equal(base.allocate(Path("a"), (2, 3)).shape, (2, 3))


def test_large_content_is_unpacked_into_an_unnamed_temporary_file(monkeypatch, tmp_path):
    monkeypatch.setattr(base, "DISK_THRESHOLD_BYTES", 1)
    monkeypatch.setattr(base, "free_memory", lambda: 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert isinstance(base.allocate(Path("a"), (2, 3)), np.memmap)
    Path("a.gz").write_bytes(gzip.compress(sample_files.idx(IMAGES)))
    np.savez_compressed("a.npz", images=IMAGES)
    Path("p").mkdir()
    for number, image in enumerate(IMAGES):
        Image.fromarray(image.reshape(image.shape[:2])).save(f"p/{number:02}.png")
    for name in ("a.gz", "a.npz", "p"):
        images = registry.read_source(Path(name)).train.images
        np.testing.assert_array_equal(images.reshape(IMAGES.shape), IMAGES)
    assert {path.name for path in tmp_path.iterdir()} == {"a.gz", "a.npz", "p"}


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    chunks = [
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    ]
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("side", [10_000, 20_000])  # of the first Pillow warns, the second it refuses
def test_png_bombs(side, capfd):
    Path("p").mkdir()
    Path("p/a.png").write_bytes(png(side, side, bytes(MEGABYTE)))
    with within(5), warnings.catch_warnings(action="error"):
        for action in (
            registry.peek_source,
            registry.read_source,
            lambda path: user_images.UserImages(str(path), (8, 8, 1)).chunks().__next__(),
        ):
            with pytest.raises(
                UserError, match=r"p/a\.png: more than 89,478,485 pixels, too large for one picture"
            ):
                action(Path("p"))
    assert capfd.readouterr() == ("", "")


def test_a_picture_of_another_size_is_refused_before_it_is_decoded():
    Path("p").mkdir()
    Image.fromarray(IMAGES[0]).save("p/a.png")
    Path("p/b.png").write_bytes(png(9000, 9000, b"no pixels"))
    with within(5), pytest.raises(UserError, match=r"2 sizes, 12×10 to 9,000×9,000; give one"):
        registry.read_source(Path("p"))


def test_postscript_named_as_a_picture_is_refused():
    """Pillow hands an EPS, whatever its name is, to Ghostscript, which runs it."""
    Path("p").mkdir()
    Path("p/a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    with pytest.raises(UserError, match=r"p/a\.png: cannot be read as an image \(cannot identify image file"):
        registry.read_source(Path("p"))


def test_messages_of_libtiff_are_silenced(capfd):
    Path("p").mkdir()
    Image.fromarray(COLOR[0]).save("p/a.tiff", compression="tiff_lzw")
    content = Path("p/a.tiff").read_bytes()
    Path("p/a.tiff").write_bytes(
        content[:8] + bytes(60) + content[68:]
    )  # libtiff itself writes of this to standard error
    with pytest.raises(UserError, match=r"p/a\.tiff: cannot be read as an image"):
        registry.read_source(Path("p"))
    assert capfd.readouterr() == ("", "")


def member(name: str, size: int, kind: bytes = tarfile.REGTYPE, body: bytes = b"") -> bytes:
    """A member of a tar file; the size that it announces need not be that of its body."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "/etc/passwd"
    return info.tobuf(tarfile.GNU_FORMAT) + body + bytes(-len(body) % 512)


def test_archives_are_not_unpacked_to_the_disk():
    names = ("../../data_batch_1.bin", "/tmp/data_batch_2.bin", "a/../../test_batch.bin")
    Path("a").mkdir()
    os.chdir("a")
    Path("c.tar").write_bytes(b"".join(member(name, len(BATCH), body=BATCH) for name in names) + bytes(1024))
    before = {*Path("..").rglob("*"), *Path("/tmp").glob("*.bin")}
    source = registry.read_source(Path("c.tar"))
    assert (len(source.train), len(source.test)) == (24, 12)
    assert {*Path("..").rglob("*"), *Path("/tmp").glob("*.bin")} == before


def test_links_devices_and_other_headers_in_an_archive_are_skipped():
    kinds = b"123456" + tarfile.XHDTYPE + tarfile.GNUTYPE_LONGNAME
    strange = b"".join(
        member("data_batch_9.bin", 10**9 if kind in b"12346" else 0, bytes([kind])) for kind in kinds
    )
    Path("c.tar").write_bytes(strange + member("data_batch_1.bin", len(BATCH), body=BATCH) + bytes(1024))
    np.testing.assert_array_equal(registry.read_source(Path("c.tar")).train.images, COLOR)
    Path("c.tar").write_bytes(
        member("data_batch_1.bin", len(BATCH), tarfile.GNUTYPE_SPARSE, BATCH) + bytes(1024)
    )
    assert_refused("c.tar", "is a tar archive without the binary files of CIFAR-10")


def test_impossible_sizes_in_an_archive_are_refused():
    negative = bytearray(member("data_batch_1.bin", 0))
    negative[124:136] = (
        b"\xff" * 12
    )  # -1: some versions of Python's tarfile go back and read it again, for ever
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    Path("c.tar").write_bytes(bytes(negative) + bytes(1024))
    assert_refused("c.tar", "declares -1 bytes")
    Path("c.tar").write_bytes(member("data_batch_1.bin", 3073 * 2**50) + bytes(1024))
    assert_refused("c.tar", f"declares {3073 * 2**50:,} bytes, more than the archive can contain")
    Path("c.tar").write_bytes(member("pax", 8 * 2**60, tarfile.XHDTYPE) + bytes(1024))
    assert_refused("c.tar", "is a tar archive without the binary files")
    Path("c.tar").write_bytes(member("data_batch_1.bin", len(BATCH), body=BATCH[:-600]))
    assert_refused("c.tar", "it ends too early")
    Path("c.tar.gz").write_bytes(b"no archive at all")
    assert_refused("c.tar.gz", "cannot be read, it is corrupt or truncated", registry.peek_source)


def test_many_members_and_large_headers_in_an_archive_need_little_memory():
    with gzip.open("c.tar.gz", "wb", 1) as file:
        file.write(member("pax", 40 * MEGABYTE, tarfile.XHDTYPE))
        for _ in range(40):
            file.write(bytes(MEGABYTE))
        for _ in range(20):
            file.write(member("nothing.txt", 0) * 1000)
        file.write(bytes(1024))
    with within(20):
        assert_refused("c.tar.gz", "is a tar archive without the binary files of CIFAR-10")


class Payload:
    """An object that creates a file when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("planted"),)


def test_a_pickle_does_not_run():
    planted = np.array([Payload()] * 12, dtype=object).reshape(3, 2, 2)
    np.save("a.npy", planted, allow_pickle=True)
    np.savez("a.npz", images=planted, allow_pickle=True)
    np.savez("l.npz", images=IMAGES, labels=planted)
    for name in ("a.npy", "a.npz"):
        assert_refused(name, "object")
        assert_refused(name, "object", registry.read_labels)
    assert_refused("l.npz", "object", registry.read_labels)
    source = registry.read_source(Path("l.npz"))  # images that are fine are read without their labels
    assert source.train.labels is None
    assert "labels is object" in source.notes[0]
    assert not Path("planted").exists()
    np.load("a.npy", allow_pickle=True)
    assert Path("planted").exists()  # so unpickling would have run it


def npy(descr: str, shape: str, order: str = "False") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy("|u1", "(9223372036854775807, 9223372036854775807, 2)"), "is truncated"),
        (npy("|u1", "(-1, 12, 10)"), "is not a plain array of numbers"),
        (npy("|u1", "()") + b"1", "it has shape (); images are (n, height, width)"),
        (npy("|u3", "(1, 1, 1)") + bytes(3), "it is |u3, which is not a numeric type"),
        (npy("|u1", "(1, 1, 1" + "1" * 5000 + ")"), "corrupt or truncated"),
        (npy("|u1", "(1, 1, 1)" + "(" * 8000), "is truncated"),
        (npy("('|u1', 'x')", "(1, 1, 1)"), "is not a plain array of numbers; its header is {'descr':"),
        (b"\x93NUMPY\x02\0" + b"\xff" * 4 + b"{" * 100, "it does not begin with a NumPy header"),
        (b"\x93NUMPY", "it does not begin with a NumPy header"),
    ],
)
def test_headers_of_npy_files(content, words):
    Path("a.npy").write_bytes(content)
    assert_refused("a.npy", words)
    with zipfile.ZipFile("a.npz", "w") as archive:
        archive.writestr("images.npy", content)
    with pytest.raises(UserError, match=r"^a\.npz: "):
        registry.read_source(Path("a.npz"))


def test_arrays_of_any_memory_order_and_byte_order_are_read():
    np.save("f.npy", np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(registry.read_source(Path("f.npy")).train.images[..., 0], IMAGES)
    np.save("b.npy", np.asfortranarray(IMAGES / 255).astype(">f4"))
    np.testing.assert_array_equal(registry.read_source(Path("b.npy")).train.images[..., 0], IMAGES)
    np.savez("b.npz", images=np.asfortranarray(IMAGES), labels=LABELS.astype(">u8"))
    source = registry.read_source(Path("b.npz"))
    np.testing.assert_array_equal(source.train.images[..., 0], IMAGES)
    np.testing.assert_array_equal(source.train.labels, LABELS)
    np.save("s.npy", np.zeros(12, [("a", "u1"), ("b", "f4")]))
    assert_refused("s.npy", "is not a plain array of numbers")
    np.save("none.npy", np.zeros(0, int))
    assert_refused("none.npy", "is int64 of shape 0; images and labels must be", registry.read_labels)


def mat(*elements: bytes) -> bytes:
    """A file of MATLAB's with these elements."""
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + b"".join(elements)


def element(kind: int, content: bytes, size: int | None = None) -> bytes:
    """An element of it; the size that it announces need not be that of its content."""
    return (
        struct.pack("<II", kind, len(content) if size is None else size) + content + bytes(-len(content) % 8)
    )


def mat_array(shape: tuple[int, ...], values: bytes, name: bytes = b"x", array_class: int = 9) -> bytes:
    flags = element(6, struct.pack("<II", array_class, 0))
    return flags + element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, name) + values


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (element(14, mat_array((2**31 - 1, 2**31 - 1, 3, 9), element(2, b"x"))), "the size of x is not"),
        (element(14, mat_array((32, 32, 3, 10**6), element(2, b"", 3072 * 10**6))), "the size of x is not"),
        (element(14, mat_array((4, 4, 9), element(2, bytes(9), 144))), "it ends too early"),
        (
            element(14, mat_array((4, 4, 9), element(2, bytes(144)), b"x" * 10**6)),
            "an element has 1,000,000 by",
        ),
        (element(14, mat_array((4, -4, 9), element(2, bytes(144)))), "none of its arrays (there are none)"),
        (element(14, mat_array((4,) * 9, element(2, bytes(4**9)))), "an element has 36 bytes"),
        (element(14, mat_array((4, 4, 9), element(99, bytes(144)))), "the size of x is not the one"),
        (
            element(14, mat_array((4, 4, 9), element(2, bytes(144)), array_class=3)),
            "(there are none)",
        ),  # an object
        (element(14, b""), "it ends too early"),
        (element(15, b"no zlib stream"), "corrupt or truncated"),
        (element(99, b"") * 10**5, "none of its arrays (there are none)"),
        (b"", "none of its arrays (there are none)"),
    ],
)
def test_headers_of_matlab_files(content, words):
    Path("a.mat").write_bytes(mat(content))
    with within(5):
        assert_refused("a.mat", words)
        with contextlib.suppress(UserError):
            registry.read_labels("a.mat")


def test_bombs_in_matlab_files():
    """A compressed element is unpacked no further than the array that it announces."""
    body = mat_array((4, 4, 9), element(2, bytes(144))) + bytes(40 * MEGABYTE)
    Path("a.mat").write_bytes(mat(element(15, zlib.compress(element(14, body)))))
    with within(8):
        assert len(registry.read_source(Path("a.mat")).train) == 9
    name = mat_array((4, 4, 9), element(2, bytes(144)), bytes(40 * MEGABYTE))
    Path("b.mat").write_bytes(mat(element(15, zlib.compress(element(14, name)))))
    with within(8):
        assert_refused("b.mat", "an element has 41,943,040 bytes")


def test_a_text_of_numbers_that_are_no_characters_is_refused():
    """Python itself fails to make such a text."""
    np.save("l.npy", np.full(12, 2**31 - 1, np.uint32).view("U1"))
    assert_refused("l.npy", "is not text: it contains invalid characters", registry.read_labels)
    np.savez("a.npz", images=IMAGES, labels=np.load("l.npy"))
    assert registry.read_source(Path("a.npz")).train.labels is None


def test_texts_without_characters_take_no_memory():
    Path("l.npy").write_bytes(npy("<U0", "(1000000000000,)"))
    assert_refused("l.npy", "it is <U0, which is not a numeric type", registry.read_labels)


def test_zip_bombs_duplicate_names_encryption_and_checksums():
    with (
        zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("images.npy", "w") as file,
    ):
        file.write(npy("|u1", "(12, 12, 10)"))
        for _ in range(200):
            file.write(bytes(MEGABYTE))
    with within(10):
        assert_refused("bomb.npz", "images is truncated or too long: its header declares 12×12×10 of uint8")
    with zipfile.ZipFile("twice.npz", "w") as archive, warnings.catch_warnings(action="ignore"):
        for array in (IMAGES[:3], IMAGES):
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr("images.npy", content.getvalue())
    assert (
        len(registry.read_source(Path("twice.npz")).train)
        == registry.peek_source(Path("twice.npz")).count
        == 12
    )  # the later one
    content = bytearray(Path("twice.npz").read_bytes())
    for place in range(len(content) - 4):
        if content[place : place + 4] in (b"PK\3\4", b"PK\1\2"):
            content[place + (6 if content[place + 2] == 3 else 8)] |= 1  # says that it is encrypted
    Path("secret.npz").write_bytes(content)
    assert_refused("secret.npz", "is encrypted, password required")
    content = Path("twice.npz").read_bytes().replace(IMAGES.tobytes(), IMAGES[::-1].tobytes())
    Path("changed.npz").write_bytes(content)
    assert_refused("changed.npz", "Bad CRC-32")


def test_numpy_reads_a_header_of_any_length_and_negative_sizes():
    """`lib.data.formats.npy_arrays.parse_header` does not."""
    length = struct.pack("<I", 4 * MEGABYTE)
    content = io.BytesIO(length + bytes(4 * MEGABYTE))
    with pytest.raises(ValueError, match="is large and may not be safe"):
        np.lib.format.read_array_header_2_0(content, max_header_size=npy_arrays.MAX_HEADER_BYTES)
    assert content.tell() > 4 * MEGABYTE
    content = io.BytesIO(base.NPY_MAGIC + b"\2\0" + length + bytes(4 * MEGABYTE))
    with pytest.raises(UserError, match="does not begin with a NumPy header"):
        npy_arrays.parse_header(Path("a.npy"), "it", content)
    assert content.tell() <= 12
    header = npy("|u1", "(-1,)")[8:]
    assert np.lib.format.read_array_header_1_0(io.BytesIO(header))[0] == (-1,)


def test_scipy_takes_the_memory_that_a_header_of_matlab_asks_for():
    """`lib.data.formats.matlab_arrays` does not."""
    parts = (6, struct.pack("<2I", 1, 0)), (5, struct.pack("<2i", 1 << 11, 1 << 11)), (1, b"cells".ljust(8))
    cells = b"".join(struct.pack("<2I", kind, len(content)) + content for kind, content in parts)
    head = b"MATLAB".ljust(116) + bytes(8) + b"\x00\x01IM"
    Path("a.mat").write_bytes(head + struct.pack("<2I", 14, len(cells)) + cells)
    tracemalloc.start()
    with pytest.raises(OSError, match="could not read bytes"):
        scipy.io.loadmat("a.mat")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak > 30 * MEGABYTE
    with within(1):
        assert_refused("a.mat", "a.mat")
