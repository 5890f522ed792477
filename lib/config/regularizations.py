"""Regularizations of the latent code: one entry each, by the name that the setting has.

An entry names a class of `lib.models.regularizers`, which adds a penalty to the reconstruction loss, so that
codes of images are distributed as the prior, the standard normal distribution, from which images can then be
generated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NO_REGULARIZATION, KL = "none", "kl"


@dataclass(frozen=True)
class Regularization:
    """A regularization of the latent code.

    Attributes:
        class_name: in `lib.models.regularizers`; empty for none.
        help: for the help text of `--regularization`.
        label: of such autoencoders in lists of runs, after the task.
        scale: the weight of the penalty is this times `--beta`.
        normalizes_code: the code has batch normalization, so that the training begins near the prior.
        compares_batch: the penalty is of the codes of a batch, of which there must be several.
    """

    class_name: str = ""
    help: str = ""
    label: str = ""
    scale: float = 1.0
    normalizes_code: bool = False
    compares_batch: bool = False

    @property
    def description(self) -> str:
        """What it is, for menus."""
        return f"{self.help} ({self.label})" if self.label else self.help


REGULARIZATIONS = {
    NO_REGULARIZATION: Regularization(help="no penalty"),
    KL: Regularization("KLRegularizer", "variational autoencoder, by the KL divergence", "VAE"),
    "mmd": Regularization(
        class_name="MMDRegularizer",
        help="Wasserstein autoencoder, by the maximum mean discrepancy",
        label="WAE",
        scale=100.0,
        normalizes_code=True,
        compares_batch=True,
    ),
    "adversarial": Regularization(
        class_name="AdversarialRegularizer",
        help="adversarial autoencoder: a second network tells codes from the prior",
        label="AAE",
        scale=10.0,
        normalizes_code=True,
    ),
}


def recorded_label(hyperparameters: Mapping[str, Any]) -> str:
    """Return the label of the regularization in the hyperparameters of a record; empty for none."""
    entry = REGULARIZATIONS.get(str(hyperparameters.get("regularization")))
    return entry.label if entry else ""


def describe_regularizations() -> str:
    """Return what each is, for a help text."""
    return "; ".join(
        f"{name}: {entry.description}" for name, entry in REGULARIZATIONS.items() if entry.class_name
    )
