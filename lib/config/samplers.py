"""Samplers of latent codes: one entry each, by the name that `--sampler` has.

An entry names the function that samples, of a module of `lib.evaluation.samplers`, and the models that it
applies to.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lib.config.hyperparameters import AutoencoderHyperparameters


@dataclass(frozen=True)
class Sampler:
    """A sampler of latent codes.

    Args:
        help: for the help text of `--sampler`.
        source: what codes are sampled from, in titles and tables.
        function: dotted name of the function that samples, which takes and returns what
            `lib.evaluation.samplers` says.
        max_images: training images at most whose codes it is fitted on; 0 for a sampler that needs none.
        work: progress of a fit, in images whose features take as long.
        applies: whether it applies to a model with these hyperparameters.
    """

    help: str
    source: str
    function: str
    max_images: int = 0
    work: int = 0
    applies: Callable[[AutoencoderHyperparameters], bool] = lambda hp: True


SAMPLERS = {
    "prior": Sampler(
        "the standard normal distribution, for codes that are trained towards it",
        "the prior",
        "lib.evaluation.samplers.prior.sample",
        applies=lambda hp: hp.has_prior,
    ),
    "mixture": Sampler(
        "a Gaussian mixture of codes of training images, mostly closest to real ones",
        "a Gaussian mixture",
        "lib.evaluation.samplers.mixture.sample",
        max_images=5000,
        work=1000,
    ),
    "two-stage": Sampler(
        "a second, small VAE that is trained on the codes of training images",
        "a two-stage VAE",
        "lib.evaluation.samplers.two_stage.sample",
        max_images=20_000,
        work=20_000,
    ),
}


def applicable_samplers(hp: AutoencoderHyperparameters) -> tuple[str, ...]:
    """Return the names of the samplers that apply to a model, the default first."""
    return tuple(name for name, sampler in SAMPLERS.items() if sampler.applies(hp))


def describe_samplers() -> str:
    """Return the help text of all samplers."""
    return "; ".join(f"{name}: {sampler.help}" for name, sampler in SAMPLERS.items())
