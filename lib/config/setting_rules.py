"""Combinations of an autoencoder's settings that are refused, each with the reason."""

from typing import NamedTuple

from lib.common.errors import UserError
from lib.config.network_settings import FULL, RESIDUAL
from lib.config.program_settings import AutoencoderSettings, find_setting
from lib.config.regularizations import REGULARIZATIONS
from lib.config.training_choices import LOSSES
from lib.tasks import get_task, list_tasks
from lib.tasks.registry import list_residual_tasks

# Tasks as they stand in messages.
_OTHER_TARGETS = list_tasks(lambda task: not task.targets_are_inputs)
_OWN_TARGETS = list_tasks(lambda task: task.targets_are_inputs and not task.detects_defects)
_WHOLE_IMAGES = list_tasks(lambda task: task.targets_are_images)
# Settings by which images bypass the latent code, those that change it, and values that mean off.
_BYPASSES = ("skip", "residual", "linear_path")
_CHANGES = ("regularization", "skip", "residual", "quantize", "latent_activation")
_OFF = {"regularization": "none", "importance_samples": 1, "latent_activation": "linear"}


def refuse_combinations(hp: AutoencoderSettings) -> None:
    """Raise `UserError` for settings that contradict each other."""
    for rule in [*_code_rules(hp), *_prior_rules(hp), *_option_rules(hp), *_output_rules(hp)]:
        if rule.when:
            raise UserError(rule.message)


class Rule(NamedTuple):
    """A combination of settings that is refused when `when` is true, and the reason."""

    when: bool
    message: str


def _conflict(
    hp: AutoencoderSettings, when: bool, subject: str, others: tuple[str, ...], reason: str = ""
) -> Rule:
    """The rule that, when `when` is true, none of several settings may be on beside a subject.

    The message names those that are on, with their values, and the reason.
    """
    conflicts = []
    for name in others:
        value, setting = getattr(hp, name), find_setting(name)
        if value and value != _OFF.get(name):
            conflicts.append(setting.label if value is True else setting.describe(value))
    message = f"{subject} cannot be combined with {', '.join(conflicts)}{reason}"
    return Rule(when and bool(conflicts), message)


def _code_rules(hp: AutoencoderSettings) -> list[Rule]:
    dense, task = hp.latent_dim is not None, get_task(hp)
    return [
        Rule(hp.layers == 0 and not dense, "layers 0 requires a dense code: set --latent-dim"),
        Rule(hp.layers == 0 and hp.decoder_kernels is not None, "decoder kernels require layers"),
        Rule(
            bool(hp.fc_units) and not dense,
            "fully connected units require a dense latent code: set --latent-dim",
        ),
        Rule(
            hp.skip and task.targets_are_inputs,
            f"skip connections would copy the image to the output: use them for {_OTHER_TARGETS}",
        ),
        Rule(
            hp.skip_size != FULL and (hp.stride is not None or bool(hp.pool)),
            f"skip size {hp.skip_size} requires automatic strides: omit --stride and --pool",
        ),
        Rule(hp.block == RESIDUAL and hp.padding != "same", "block residual requires padding same"),
        Rule(
            hp.residual and not task.allows_residual(hp),
            f"residual requires the task {list_residual_tasks()}",
        ),
        Rule(
            bool(hp.linear_path) and dense and hp.linear_path != FULL,
            f"linear path with a kernel size requires a convolutional code; for a dense code use {FULL}",
        ),
        Rule(
            hp.linear_path == FULL and not (dense and hp.layers),
            f"linear path {FULL} requires a dense latent code and layers: set --latent-dim",
        ),
        Rule(
            bool(hp.linear_path) and not dense and hp.padding != "same", "linear path requires padding same"
        ),
    ]


def _prior_rules(hp: AutoencoderSettings) -> list[Rule]:
    """Those of regularized and of quantized codes, and of likelihoods."""
    dense = hp.latent_dim is not None
    task = get_task(hp)
    return [
        Rule(
            hp.conditional and not (task.targets_are_inputs and not task.detects_defects),
            f"conditional requires the task {_OWN_TARGETS}",
        ),
        _conflict(hp, hp.conditional, "conditional", ("pca", "linear_path", "feedback", "label_weight")),
        _conflict(
            hp,
            hp.conditional,
            "conditional",
            ("importance_samples", "nll_samples"),
            ": likelihoods are of images without labels",
        ),
        _conflict(
            hp,
            hp.has_prior,
            f"regularization {hp.regularization}",
            _BYPASSES,
            ": images would bypass the latent code",
        ),
        _conflict(
            hp,
            bool(hp.quantize),
            find_setting("quantize").describe(hp.quantize),
            ("regularization", *_BYPASSES),
        ),
        Rule(
            bool(hp.quantize) and hp.code_width % len(hp.quantize or (1,)) > 0,
            f"quantize has {len(hp.quantize)} numbers of levels, which must divide "
            f"{'the latent size' if dense else 'the kernels of the last layer,'} {hp.code_width}",
        ),
        Rule(
            hp.beta_cycles > 1 and not hp.beta_warmup,
            "beta cycles without a warm-up change nothing: set --beta-warmup",
        ),
        Rule(
            hp.has_prior and hp.beta == 0 and bool(hp.beta_warmup or hp.free_bits),
            "beta warmup and free bits change nothing with beta 0: set --beta above 0, or remove them",
        ),
        Rule(
            REGULARIZATIONS[hp.regularization].compares_batch and hp.batch_size == 1,
            f"regularization {hp.regularization} compares codes of a batch: set --batch-size to 2 or more",
        ),
        Rule(
            dense and hp.normalizes_code and hp.batch_size == 1,
            "batch normalization of a dense code makes all codes of a batch of one image equal: set "
            "--batch-size to 2 or more",
        ),
        Rule(
            hp.importance_samples > 1 and bool(hp.beta != 1 or hp.beta_warmup or hp.free_bits),
            "importance samples train on a bound of the likelihood, which beta, beta warmup and free bits "
            "change",
        ),
        _conflict(
            hp, hp.importance_samples > 1, "importance samples", ("label_weight", "adversarial_weight")
        ),
        Rule(
            hp.importance_samples > 1 and not task.targets_are_inputs,
            f"importance samples require the task {_OWN_TARGETS}",
        ),
        Rule(
            (hp.importance_samples > 1 or hp.nll_samples is not None) and hp.loss not in (None, "bce"),
            f"importance samples and NLL samples require the loss bce, which is a likelihood, not {hp.loss}",
        ),
        Rule(
            (hp.importance_samples > 1 or hp.nll_samples is not None) and hp.output_activation == "linear",
            "importance samples and NLL samples require outputs in 0..1: omit --output-activation linear",
        ),
        Rule(
            hp.nll_samples is not None and not task.has_binary_pixels(hp),
            "NLL samples require pixels of two values: set --binarize dynamic",
        ),
    ]


def _option_rules(hp: AutoencoderSettings) -> list[Rule]:
    dense, feedback = hp.latent_dim is not None, bool(hp.feedback)
    task = get_task(hp)
    return [
        Rule(
            hp.begin_with is not None and hp.continues is not None,
            "--continue begins with the weights of the run that it continues: remove --begin-with",
        ),
        Rule(
            hp.pca and (not dense or hp.layers == 0),
            "PCA requires a dense latent code and at least one layer: set --latent-dim and --layers",
        ),
        _conflict(
            hp, hp.pca, "PCA", (*_CHANGES, "fc_units", "linear_path"), ": the code is that of the PCA alone"
        ),
        Rule(
            hp.tta and task.targets_are_inputs,
            f"TTA averages two reconstructions: use it for {_OTHER_TARGETS}",
        ),
        Rule(bool(task.refusal(hp)), task.refusal(hp)),
        Rule(hp.tta and bool(task.mirror_refusal(hp)), task.mirror_refusal(hp)),
        Rule(
            hp.pca and not task.targets_are_images,
            f"PCA requires the task {_WHOLE_IMAGES}: inputs and targets must be whole images",
        ),
        Rule(
            feedback and not (dense and task.targets_are_images),
            f"feedback requires a dense latent code and the task {_WHOLE_IMAGES}: set --latent-dim",
        ),
        _conflict(hp, feedback, "feedback", (*_CHANGES, "pca")),
        Rule(
            feedback and bool(hp.batch_norm or hp.dropout),
            "feedback requires a decoder that works alike in training and inference: set --batch-norm none "
            "and --dropout 0",
        ),
    ]


def _output_rules(hp: AutoencoderSettings) -> list[Rule]:
    added = _added_output(hp)
    loss = LOSSES[hp.loss] if hp.loss else None
    output_name = get_task(hp).output_name(hp)
    return [
        Rule(
            bool(added) and hp.output_activation == "sigmoid",
            f"{added} cannot be combined with a sigmoid output: its values are not limited to 0..1",
        ),
        Rule(
            loss is not None and loss.needs_pixels and bool(output_name),
            f"loss {hp.loss} compares pixels of images, and the outputs are {output_name}: "
            "use another loss, or outputs in RGB",
        ),
        Rule(
            loss is not None and loss.needs_unit_range and (bool(added) or hp.output_activation == "linear"),
            f"loss {hp.loss} requires outputs in 0..1, such as those of a sigmoid",
        ),
    ]


def _added_output(hp: AutoencoderSettings) -> str:
    """The setting by which outputs are UV, or are added to an image, so that 0..1 is no limit; else empty."""
    if name := get_task(hp).output_name(hp):
        return name
    if hp.residual:
        return "residual"
    if hp.linear_path:
        return "linear path"
    return "pca" if hp.pca else ""
