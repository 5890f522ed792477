"""Figures of a finished run: one registered function each, with its menu entry.

    base          registry, and the loss curves
    autoencoder   reconstructions, samples, latent space
    detection     curves, scores and heat maps of detectors
    classifier    confusion matrix, predictions

Every module of this package is imported, so that a new file is enough for a new figure: a function below
`@figure`, which draws a PNG file with the functions of `lib.evaluation.figures`. Record, reports and, with a
menu text, the menu of the program follow.

>>> from lib.config.hyperparameters import ClassifierHyperparameters
>>> from lib.evaluation.run_figures import menu_entries
>>> [entry.text for entry in menu_entries(ClassifierHyperparameters())]
['Show the loss plots of both phases', 'Show correct predictions', 'Show incorrect predictions']
"""

from lib.common.discovery import import_modules
from lib.evaluation.run_figures.base import (
    RunFigures,
    draw_loss,
    figure,
    list_figures,
    menu_entries,
    shown_images,
)

import_modules("lib.evaluation.run_figures")

__all__ = ["RunFigures", "draw_loss", "figure", "list_figures", "menu_entries", "shown_images"]
