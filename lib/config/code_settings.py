"""Table of the settings of the latent code: regularization, conditioning, quantization, likelihood."""

from dataclasses import dataclass

from lib.common.settings import setting
from lib.common.value_types import FloatRange, IntList, IntRange, OneOf, OrWord, Switch
from lib.config.regularizations import KL, NO_REGULARIZATION, REGULARIZATIONS, describe_regularizations

MAX_LEVELS = 64  # of a number of a quantized code
WITH_PENALTY = frozenset(REGULARIZATIONS) - {NO_REGULARIZATION}


@dataclass(frozen=True)
class CodeSettings:
    """Settings of the latent code: regularization, conditioning, quantization, likelihood."""

    # fmt: off
    regularization: str = setting(
        NO_REGULARIZATION, OneOf(tuple(REGULARIZATIONS)), group="code", searchable=False,
        former_name="variational", former_values={False: NO_REGULARIZATION, True: KL},
        switches={"--variational": KL},
        value_help={name: entry.description for name, entry in REGULARIZATIONS.items()},
        help=f"penalty that makes codes a sample of the standard normal distribution, the prior, from which "
             f"images can be generated: {describe_regularizations()}",
    )
    beta: float = setting(
        1.0, FloatRange(0, 1000), group="code", only_when={"regularization": WITH_PENALTY},
        help="weight of the penalty of --regularization; more brings codes nearer to the prior, and makes "
             "reconstructions worse",
    )
    beta_warmup: float = setting(
        0.0, FloatRange(0, 1), group="code", only_when={"regularization": WITH_PENALTY}, is_later=True,
        help="fraction of the training, or of each of --beta-cycles, in which beta rises from 0, so that the "
             "code is learned first (such as 0.3)",
    )
    beta_cycles: int = setting(
        1, IntRange(1, 1000), group="code", only_when={"regularization": WITH_PENALTY}, is_later=True,
        help="number of times that beta rises from 0, with --beta-warmup",
    )
    free_bits: float = setting(
        0.0, FloatRange(0, 100), group="code", only_when={"regularization": KL}, is_later=True,
        help="part of the KL divergence of each number of the code that costs nothing, in nats, for a VAE "
             "whose decoder ignores its code (such as 0.1)",
    )
    importance_samples: int = setting(
        1, IntRange(1, 1000), group="code", only_when={"regularization": KL}, is_later=True, searchable=False,
        help="codes of each image in training; more than 1 train on a closer bound of the likelihood (IWAE)",
    )
    nll_samples: int | None = setting(
        None, OrWord("off", IntRange(1, 1_000_000)), group="code", only_when={"regularization": KL},
        is_later=True, searchable=False, label="NLL samples",
        help="estimate the negative log-likelihood of test images by this many codes of each (5000); pixels "
             "must be of two values (--binarize)",
    )
    conditional: bool = setting(
        False, Switch(), group="code", searchable=False, is_later=True,
        help="give labels to encoder and decoder, so that one model can generate images of each class",
    )
    quantize: tuple[int, ...] = setting(
        (), IntList(IntRange(2, MAX_LEVELS)), group="code", searchable=False, is_later=True,
        help="round each number of the code to this many levels, so that its size is known in bits; of "
             "several (8,5,5,5) each number takes its turn",
    )
    # fmt: on

    @property
    def has_prior(self) -> bool:
        """Whether codes are trained to be a sample of the standard normal distribution."""
        return self.regularization != NO_REGULARIZATION

    @property
    def variational(self) -> bool:
        """Whether the encoder returns a distribution: its mean and the logarithm of its variance."""
        return self.regularization == KL

    @property
    def normalizes_code(self) -> bool:
        """Whether the code has batch normalization: its penalty or its levels are for numbers of about 1."""
        return bool(self.quantize) or REGULARIZATIONS[self.regularization].normalizes_code

    @property
    def penalty_weight(self) -> float:
        """The weight of the penalty of the regularization in the loss."""
        return self.beta * REGULARIZATIONS[self.regularization].scale
