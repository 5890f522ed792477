"""Metrics of regularized latent codes, which `lib.evaluation.metrics` computes by the training model."""

from functools import partial

from lib.tasks.metrics import METRICS, Metric, Values

COLLAPSED = 0.1  # nats; a number of a code with less tells the decoder nothing


def _describe_elbo(values: Values) -> str:
    names = {"reconstruction": "reconstruction", "kl": "KL divergence"}
    if not names.keys() <= values.keys():
        return ""
    terms = " + ".join(f"{name} {values[key]:.2f}" for key, name in names.items())
    return f"negative ELBO {values['negative_elbo']:.2f} nats per image = {terms}"


def _describe_penalty(name: str, key: str, decimals: int, values: Values) -> str:
    """The reconstruction loss and a penalty of codes that is no KL divergence."""
    if "reconstruction" not in values:
        return ""
    terms = f"reconstruction {values['reconstruction']:.2f} nats per image, {name} {values[key]:.{decimals}f}"
    accuracy = values.get("discriminator_accuracy")
    return terms if accuracy is None else f"{terms}, accuracy of the discriminator {accuracy:.3f}"


_regularized_term = partial(Metric, decimals=2, unit="nats", describe=lambda values: "")


def _describe_likelihood(values: Values) -> str:
    error, trivial = values.get("nll_error") or 0, values.get("independent_nll")
    text = f"negative log-likelihood {values['nll']:.2f} ± {error:.2f} nats per image"
    return text if trivial is None else f"{text}; if pixels were independent {trivial:.2f}"


def _describe_patches(values: Values) -> str:
    accuracy = values.get("patch_discriminator_accuracy") or 0
    distinction = f"distinction of outputs from targets {values['patches_distinction']:.3f} nats"
    return f"discriminator of patches: {distinction}, accuracy {accuracy:.3f}"


def _describe_active(values: Values) -> str:
    count = values["active_numbers"] or 0
    return f"numbers of the code with a KL divergence of {COLLAPSED} nat or more: {count:.0f}"


METRICS += [
    _regularized_term(
        key="reconstruction",
        label="reconstruction loss",
        meaning="of an autoencoder with a regularization, per image",
    ),
    _regularized_term(key="kl", label="KL divergence", meaning="of a VAE, per image"),
    Metric(
        key="negative_elbo",
        label="negative ELBO",
        meaning="reconstruction loss and KL divergence of a VAE, per image",
        decimals=2,
        unit="nats",
        describe=_describe_elbo,
        ranks_trials=lambda settings: settings.regularization == "kl",
    ),
    Metric(
        key="mmd",
        label="mean discrepancy",
        meaning="squared maximum mean discrepancy of codes from the prior, of a Wasserstein autoencoder",
        decimals=4,
        describe=partial(_describe_penalty, "squared discrepancy from the prior", "mmd", 4),
    ),
    Metric(
        key="adversarial",
        label="distinction",
        meaning="2 log 2 minus the cross-entropy of the discriminator of an adversarial autoencoder",
        decimals=3,
        unit="nats",
        describe=partial(_describe_penalty, "distinction from the prior", "adversarial", 3),
    ),
    Metric(
        key="discriminator_accuracy",
        label="accuracy of the discriminator",
        meaning="fraction of codes and of samples of the prior that it tells apart; 0.5 is by chance",
        decimals=3,
        describe=lambda values: "",
    ),
    Metric(
        key="patches_distinction",
        label="distinction of patches",
        meaning="2 log 2 minus the cross-entropy of the discriminator of --adversarial-weight; 0 where it "
        "cannot tell outputs from targets",
        decimals=3,
        unit="nats",
        describe=_describe_patches,
    ),
    Metric(
        key="patch_discriminator_accuracy",
        label="accuracy of the discriminator of patches",
        meaning="fraction of patches of outputs and of targets that it tells apart; 0.5 is by chance",
        decimals=3,
        describe=lambda values: "",
    ),
    Metric(
        key="active_numbers",
        label="active numbers of the code",
        meaning=f"of a VAE: those whose mean KL divergence is at least {COLLAPSED} nat; others tell the "
        "decoder nothing",
        decimals=0,
        higher_is_better=True,
        describe=_describe_active,
    ),
    Metric(
        key="nll",
        label="negative log-likelihood",
        meaning="of images of two values, by importance sampling with --nll-samples codes of each (Burda, "
        "Grosse and Salakhutdinov 2016); and its standard error",
        decimals=2,
        unit="nats",
        describe=_describe_likelihood,
    ),
    Metric(
        key="nll_error",
        label="standard error of the negative log-likelihood",
        meaning="over the images",
        decimals=2,
        unit="nats",
        describe=lambda values: "",
    ),
    _regularized_term(
        key="independent_nll",
        label="negative log-likelihood of independent pixels",
        meaning="the baseline: each pixel is white as often as in the training images",
    ),
]
