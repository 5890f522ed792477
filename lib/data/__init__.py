"""Data: images and labels, as uint8 or uint16 arrays with the checks that untrusted files need.

    datasets        loading and splitting a data set
    dataset_names   names and paths of data sets
    named_datasets  MNIST and others; bundled ones
    splits          subsets; training, validation, test
    groups          groups of images, by file names
    group_splits    whole groups divided among parts
    group_notes     notes on divided groups
    normal_classes  names of normal classes
    normal_images   normal classes and their images
    test_defects    defects of test images
    defective_images  defects outside the test set
    value_range     black and white of deep images
    class_labels    labels attached, checked, aligned
    file_changes    files changed since they were read
    user_images     images for a saved model
    unscaled_pictures  pictures at their own size
    formats         file formats: IDX, NumPy, MATLAB, pictures

`dataset_names` finds what a name or path means, `datasets` reads it through `formats` and splits it with
`splits`. Images stay integers, and memory mapped where the file allows it; batches are made elsewhere. Other
packages import from the modules: `peek` and the checks of `dataset_names`, `Dataset`, `load_source` and
`load_dataset` of `datasets`, `NAMED_DATASETS` of `named_datasets`, `Subset` and `sample_subset` of `splits`,
and `UserImages`, `find_pictures` and `require_user_images` of `user_images`.

>>> import tempfile
>>> import numpy as np
>>> from lib.config.hyperparameters import AutoencoderHyperparameters
>>> from lib.data.datasets import load_dataset
>>> with tempfile.TemporaryDirectory() as folder:
...     np.savez(f"{folder}/tiny.npz", images=np.zeros((20, 8, 6), np.uint8), labels=np.arange(20) % 2)
...     dataset = load_dataset(AutoencoderHyperparameters(dataset=f"{folder}/tiny.npz", split="70/20/10"))
>>> dataset.name, dataset.classes
('tiny', ('0', '1'))
>>> len(dataset.train), len(dataset.validation), len(dataset.test)
(14, 4, 2)
>>> dataset.train.take(slice(3)).shape
(3, 8, 6, 1)
"""
