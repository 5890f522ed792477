"""Closeness of generated images to real ones.

    distances     Fréchet and kernel distance of features
    manifolds     precision and recall of features
    scores        all of them, for two sets
    features      features of a classifier or InceptionV3
    pixel_mixture  Gaussian mixture of pixels, a baseline
    neighbors     nearest training images, in pixels

`features` turns images into rows of numbers; `distances` and `manifolds` compare two sets of rows and know
nothing of images; `scores` has both for a row of the table. `neighbors` says whether images are copies.

>>> import numpy as np
>>> from lib.evaluation.sample_quality.distances import frechet_distance
>>> rows = np.random.default_rng(0).standard_normal((100, 3))
>>> round(frechet_distance(rows, rows + [1, 2, 2]), 6)
9.0
"""
