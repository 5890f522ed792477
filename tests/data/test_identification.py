"""Files that are no data set are called by their name: python -m pytest tests/data/test_identification.py"""

import gzip
import io
import pickle
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from lib.common.errors import UserError
from lib.data.formats import registry


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(content, kind)
    return content.getvalue()


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return content.getvalue()


def hdf5() -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["images"] = np.zeros(3)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: picture("JPEG"), "is a JPEG picture, not a data set; use the folder that contains it"),
        (lambda: picture("PNG"), "is a PNG picture"),
        (lambda: picture("GIF"), "is a GIF picture"),
        (lambda: picture("BMP"), "is a BMP picture"),
        (lambda: picture("TIFF"), "is a TIFF picture"),
        (lambda: picture("WEBP"), "is a WebP picture"),
        (lambda: picture("PPM"), "is a PNM picture"),
        (lambda: b"\0\0\0\x18ftypheic", "is a HEIF picture"),
        (lambda: b"\0\0\0\x18ftypmp42", "is a video, not a data set; save its frames as pictures"),
        (lambda: b"RIFF\1\2\3\4AVI LIST", "is a video"),
        (lambda: b"\x1aE\xdf\xa3", "is a video"),
        (lambda: b"%PDF-1.7", "is a PDF"),
        (hdf5, "is an HDF5 file, not a data set; pass a saved model with -model"),
        (lambda: pickle.dumps([1]), "is a pickle, not a data set; loading a pickle can run any program"),
        (lambda: b"PAR1", "is a Parquet table"),
        (lambda: struct.pack("<Q", 90) + b"crc!\n\x58\n" + bytes(90), "is a TFRecord file"),
        (lambda: zipped("m/data.pkl", "m/data/0"), "is a PyTorch file, which is pickled"),
        (
            lambda: zipped("config.json", "model.weights.h5"),
            "is a saved Keras model, not a data set; save it as .h5",
        ),
        (
            lambda: zipped("a/1.png", "a/2.JPG", "b.txt"),
            "is a ZIP archive of 2 pictures, not a data set; unpack it",
        ),
        (lambda: zipped("a.txt"), "is a ZIP archive without NumPy arrays"),
        (lambda: zipped("a.txt")[:20], "is a corrupt or truncated ZIP archive"),
        (
            lambda: b"id,label\n1,2\n",
            "is a text table, such as CSV, not a data set; save its pixels as an array",
        ),
        (lambda: b"hello\nworld", "is a text file, not a data set; pass labels with -dl or -tl"),
        (lambda: gzip.compress(b"hello"), "is a text file"),
        (lambda: b'{"a": 1}', "is a text file, probably JSON"),
        (lambda: b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (lambda: b"<!DOCTYPE html><html>", "is a web page, not a data set; download the file itself"),
        (lambda: b"", "is an empty file"),
        (lambda: b"\xfd7zXZ\0", "is a compressed file, not a data set; unpack it"),
        (lambda: bytes(257) + b"ustar", "is a tar archive"),
        (
            lambda: b"\x7fELF\2\1\1\0",
            "is not a data set in a known format: use IDX, .npz, .npy, .mat, the binary versions of CIFAR",
        ),
        (
            lambda: b"\x7fELF\2\1\1\0",
            "and STL-10, or a folder of images (it begins with the bytes 7f 45 4c 46)",
        ),
    ],
)
def test_a_file_is_called_what_it_is(content, words):
    path = Path("a.data")
    path.write_bytes(content())
    for action in (registry.peek_source, registry.read_source):
        with pytest.raises(UserError) as error:
            action(path)
        assert str(error.value).startswith("a.data: is ")
        assert words in str(error.value)
        assert "magic" not in str(error.value)


def test_names_tell_of_some():
    Path("a.bin").write_bytes(bytes(1000))
    with pytest.raises(
        UserError, match=r"a\.bin: is a file of 1,000 bytes, which is not a whole number of CIF"
    ):
        registry.read_source(Path("a.bin"))
