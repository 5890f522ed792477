"""Pictures of any depth and channels as files: python -m pytest tests/worker/test_picture_encoding.py"""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays_of
from PIL import Image

from lib.worker.picture_encoding import encode_picture, picture_suffix


@settings(max_examples=60, deadline=None)
@given(some.data(), some.sampled_from([np.uint8, np.uint16, np.float32]), some.integers(1, 16))
def test_other_programs_read_the_same_pixels(data, dtype, channels):
    tifffile = pytest.importorskip("tifffile")
    sides = data.draw(some.tuples(some.integers(1, 5), some.integers(1, 5)))
    values = {} if dtype is not np.float32 else {"elements": some.floats(-1e3, 1e3, width=32)}
    image = data.draw(arrays_of.arrays(dtype, (*sides, channels), **values))
    content = encode_picture(image)
    if picture_suffix(image.dtype, channels) == ".tif":
        stored = tifffile.imread(io.BytesIO(content))
        assert stored.dtype == dtype
    else:
        with Image.open(io.BytesIO(content)) as picture:
            stored = np.asarray(picture)
            if (dtype, channels) == (np.uint16, 3):  # Pillow gives the upper 8 bits of 16
                image = image >> 8
    np.testing.assert_array_equal(stored.reshape(image.shape), image)
