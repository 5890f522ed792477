"""File formats of images and labels: recognized by their content, measured by their headers.

    base            types, safe reading, memory limits
    registry        list of formats; reads any
    identification  kinds of other files; remedies
    idx             MNIST's format; writing
    idx_folder      MNIST's, EMNIST's, QMNIST's folders
    cifar           CIFAR-10's and CIFAR-100's binary versions
    stl10           STL-10's binary version
    archives        members of tar archives
    numpy_files     .npy and .npz data sets
    npy_arrays      arrays in NumPy's files
    matlab_files    .mat data sets, such as SVHN
    matlab_arrays   arrays in MATLAB's files
    array_roles     which array holds what
    array_layouts   height, width, channels of arrays
    depths          values as 8 or 16 bits
    labels          class numbers and class names
    label_tables    labels in text and CSV
    image_folder    folders of pictures as data sets
    picture_lists   classes and parts of such folders
    picture_files   opening of untrusted pictures; headers
    pictures        decoding of one picture; fitting
    masks           missing pixels: masks, transparency
    mask_folders    the folder of masks of defects
    defect_masks    masks matched with defective pictures
    deep_pictures   more than 8 bits, many channels
    tiff_channels   channels of TIFF files
    picture_placement  images within their pictures
    picture_fit     sizes and colors of all pictures
    picture_threads  decoding in several threads
    jpeg_reduction  JPEGs at a fraction of their size
    picture_patches  random crops of one picture
    picture_decoding  all pictures as one array
    picture_matching  names of degraded and clean ones
    picture_pairs   pairs of pictures or of arrays
    picture_cache   decoded pictures on disk

Each format is a subclass of `base.Format`, which `registry` finds. Files are untrusted: a size that a
file announces is compared with its real size before memory is taken, and every failure is a `UserError` that
names the file. Other packages use `registry` to peek and read, `idx` to write, `picture_fit`,
`read_stored_arrays` of `npy_arrays`, and of `base` `exists`, `element_count`,
`MAX_MESSAGE_LENGTH`, and the types `Images`, `Source` and `Header`.

>>> import tempfile
>>> from pathlib import Path
>>> import numpy as np
>>> from lib.data.formats.registry import peek_source, read_source
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "tiny.npz")
...     np.savez(path, x_train=np.zeros((5, 8, 6), np.uint8), y_train=np.arange(5))
...     header = peek_source(path)
...     header.shape, header.count, header.labeled
...     read_source(path).train.images.shape
((8, 6, 1), 5, True)
(5, 8, 6, 1)
"""
