"""File formats of images and labels: recognized by their content, measured by their headers, read as uint8.

    base          types, safe reading, memory limits
    registry      list of formats; reads any
    idx           MNIST's files and folder; writing
    cifar10       CIFAR-10's batches and archives
    numpy_files   .npy and .npz arrays
    image_folder  pictures in folders; fitting

Each format is a subclass of `base.Format`, listed in `registry.FORMATS`. Files are untrusted: a size that a
file announces is compared with its real size before memory is taken, and every failure is a `UserError` that
names the file. Other packages use `registry` to peek and read, `idx` to write, `FIT_MODES` and `load_fitted`
of `image_folder`, and of `base` the types `Images`, `Source` and `Header`, `exists`, `element_count` and
`MAX_MESSAGE_LENGTH`.

>>> import tempfile
>>> from pathlib import Path
>>> import numpy as np
>>> from lib.data.formats.registry import peek_source, read_source
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "tiny.npz")
...     np.savez(path, x_train=np.zeros((5, 8, 6), np.uint8), y_train=np.arange(5))
...     peek_source(path)
...     read_source(path).train.images.shape
Header(shape=(8, 6, 1), count=5, test_count=0, labeled=True)
(5, 8, 6, 1)
"""
