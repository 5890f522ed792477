"""Regularizers of the latent code: penalties in the training model of an autoencoder.

    base         what all of them share, and the gradient layers
    kl           variational autoencoders
    mmd          Wasserstein autoencoders
    adversarial  a discriminator of codes

An entry of `lib.config.regularizations.REGULARIZATIONS` names a class of this package. The layers occur only
in the training model: saved models need none of them.

>>> from lib.config.hyperparameters import AutoencoderHyperparameters
>>> from lib.models.regularizers import make_regularizer
>>> make_regularizer(AutoencoderHyperparameters(regularization="mmd", latent_dim=8)).name
'mmd'
>>> make_regularizer(AutoencoderHyperparameters()) is None
True
"""

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.regularizations import REGULARIZATIONS
from lib.models.regularizers.adversarial import AdversarialRegularizer
from lib.models.regularizers.base import PENALTY_FACTOR, CodeRegularizer, GradientFactor
from lib.models.regularizers.kl import KLRegularizer
from lib.models.regularizers.mmd import MMDRegularizer

CLASSES = {cls.__name__: cls for cls in (AdversarialRegularizer, KLRegularizer, MMDRegularizer)}


def make_regularizer(hp: AutoencoderHyperparameters) -> CodeRegularizer | None:
    """Return the regularizer of `hp.regularization`; None without one."""
    name = REGULARIZATIONS[hp.regularization].class_name
    return CLASSES[name](hp) if name else None


__all__ = [
    "PENALTY_FACTOR",
    "AdversarialRegularizer",
    "CodeRegularizer",
    "GradientFactor",
    "KLRegularizer",
    "MMDRegularizer",
    "make_regularizer",
]
