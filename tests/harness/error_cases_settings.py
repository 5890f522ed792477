"""What provokes each error about an answer, a flag or a setting, by module: (what to do, what is named, what
is said).
"""

import io
import json
from pathlib import Path
from unittest import mock

import numpy as np

import autoencoder
import classification
from lib.cli import run_questions
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.cli.session import Session
from lib.cli.streams import prepare_streams
from lib.common.size_types import KernelSizes
from lib.common.value_types import (
    FloatInterval,
    FloatRange,
    Fold,
    IntList,
    IntRange,
    LayerNumbers,
    OneOf,
    OrWord,
    PerLayer,
    SplitPercentages,
    Switch,
    Text,
)
from lib.config import architecture_planner, presets, program_settings
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.tasks.degradation import Damages
from lib.worker.process import Worker
from tests.harness import sample_files
from tests.harness.recorded_runs import record_run

PROGRAMS = {"autoencoder": autoencoder, "classification": classification}


def of_other_images(**settings):
    run_questions._require_usable(str(record_run("other", **settings) / "autoencoder.h5"), (9, 9, 1))


def printed_on_a_full_disk():
    with (
        open("/dev/full", "w") as full,
        open("/dev/null") as null,
        mock.patch.multiple("sys", stdin=null, stdout=full, stderr=full),
    ):
        prepare_streams()
        print("a result", flush=True)


def plan(image=(28, 28, 1), **values):
    architecture_planner.plan_architecture(AutoencoderHyperparameters(**values), image)


def interrupted_before_training() -> None:
    """Press Ctrl-C between two prompts."""

    def ask(answers, worker):
        raise KeyboardInterrupt

    Session("autoencoder", "", ["-d", "digits"]).run(ask, {})


def called(program: str, *words: str, stdin: str = ""):
    """A program, as far as it goes without its worker."""
    with mock.patch("sys.stdin", io.StringIO(stdin)), mock.patch.object(Worker, "send"):
        PROGRAMS[program].main(list(words))


def with_preset(size: int) -> None:
    """A preset for larger images than those of the data set."""
    np.save("small.npy", np.zeros((20, size, size), np.uint8))
    called("autoencoder", "-d", "small.npy", "--preset", "cifar-base", "--yes")


def answered(text: str, *words: str, program: str = "autoencoder"):
    """A program with that text in a file of answers."""
    Path("a.json").write_text(text)
    called(program, "--answers", "a.json", *words)


def chosen(line: str):
    with mock.patch("sys.stdin", io.StringIO(line)):
        Answers("autoencoder", TrainParser("autoencoder", "").parse([])).choose(
            "What next?", {"a": "this", "b": "that"}, at_end="b"
        )


def unlabeled(*words: str):
    sample_files.write_idx(Path("train.idx"), sample_files.shapes(20)[0])
    called("classification", "-d", "train.idx", "--yes", *words)


def too_few_kernels(name: str, values):
    AutoencoderHyperparameters(layers=3, **{name: values})


CASES = {
    "common/value_types": [
        (lambda: answered('{"epochs": "many"}'), "a.json", "epochs must be a whole number"),
        (
            lambda: called("autoencoder", "--epochs", "0"),
            "--epochs",
            "must be a whole number from 1 to 100000, not '0'",
        ),
        (lambda: called("autoencoder", "--color-space", "x"), "--color-space", "must be rgb or yuv, not 'x'"),
        (
            lambda: program_settings.find_setting("epochs").parse("0"),
            "epochs",
            "must be a whole number from 1 to 100000, not '0'",
        ),
        (lambda: IntRange(1, 64).parse("many"), "'many'", "must be a whole number from 1 to 64, not"),
        (lambda: IntRange(1, 64).parse(65), "65", "from 1 to 64"),
        (lambda: IntRange(0, 1).parse(True), "True", "must be a whole number"),
        (lambda: FloatRange(0, 1).parse("-1"), "'-1'", "must be a number from 0 to 1, not"),
        (
            lambda: FloatRange(0, 1, open_low=True, open_high=True).parse("1"),
            "'1'",
            "must be a number above 0 below 1, not",
        ),
        (lambda: FloatRange(0, 1).parse("nan"), "'nan'", "from 0 to 1, not"),
        (lambda: FloatRange(0, 1).parse("0,5"), "'0,5'", "(use a decimal point)"),
        (
            lambda: PerLayer(IntRange(1, 64)).parse("8,,16"),
            "'8,,16'",
            "or several separated by commas (8,12,16), not",
        ),
        (
            lambda: IntList(IntRange(1, 64)).parse("8;16"),
            "'8;16'",
            "or several separated by commas (128,64), or none, not",
        ),
        (
            lambda: KernelSizes(IntRange(1, 64)).parse("4x2x3"),
            "'4x2x3'",
            "",
        ),
        (
            lambda: LayerNumbers().parse("first"),
            "'first'",
            "must be layer numbers separated by commas (1,2), all or none, not",
        ),
        (lambda: Switch().parse("perhaps"), "'perhaps'", "must be yes or no, not"),
        (
            lambda: FloatInterval(FloatRange(0, 10)).parse("0.9-0.1"),
            "'0.9-0.1'",
            "or a range (0.1-0.9), not",
        ),
        (lambda: FloatInterval(FloatRange(0, 10)).parse("loud"), "'loud'", "must be a number from 0 to 10"),
        (
            lambda: OrWord("auto", IntRange(1, 64)).parse("none"),
            "'none'",
            "must be a whole number from 1 to 64, or auto, not",
        ),
        (lambda: OneOf(("same", "valid")).parse("full"), "'full'", "must be same or valid, not"),
        (lambda: Text().parse(" "), "' '", "must be a file, a folder or a name, not"),
        (lambda: SplitPercentages().parse("80/20"), "'80/20'", "three whole percentages that sum to 100"),
        (
            lambda: SplitPercentages().parse("80/10/20"),
            "'80/10/20'",
            "three whole percentages that sum to 100",
        ),
        (lambda: SplitPercentages().parse("0/90/10"), "'0/90/10'", "the last two may be 0"),
        (lambda: Fold().parse("3/2"), "'3/2'", "must be NUMBER/COUNT with 2 to 1000 parts, such as 2/5"),
        (lambda: Fold().parse("2"), "'2'", "must be NUMBER/COUNT with 2 to 1000 parts"),
    ],
    "config/program_settings": [
        (lambda: answered("[1, 2]"), "a.json", 'must be a JSON object such as {"epochs": 20}'),
        (
            lambda: answered('{"program": "classification"}'),
            "a.json",
            "the answers are for classification.py, not for autoencoder.py",
        ),
        (
            lambda: answered('{"program": 5}'),
            "a.json",
            "program must be autoencoder or classification, not 5",
        ),
        (
            lambda: Hyperparameters.from_json({"program": ["x"]}, "run.json"),
            "run.json",
            "classification, not ['x']",
        ),
        (lambda: answered('{"epoch": 5}'), "a.json", "unknown key 'epoch'; did you mean 'epochs'?"),
        (
            lambda: answered('{"zzz": 5}'),
            "a.json",
            "unknown key 'zzz'; keys are names of flags, such as 'learning_rate'",
        ),
    ],
    "config/hyperparameters": [
        (
            lambda: AutoencoderHyperparameters(task="denoise", skip=True, skip_size="half", stride=2),
            "skip size half",
            "requires automatic strides: omit --stride and --pool",
        ),
        (
            lambda: AutoencoderHyperparameters(block="residual", padding="valid"),
            "block residual",
            "requires padding same",
        ),
        (
            lambda: AutoencoderHyperparameters(split="90/0/10", patience=3),
            "90/0/10",
            "leaves none",
        ),
        (
            lambda: AutoencoderHyperparameters(split="90/0/10", schedule="plateau"),
            "90/0/10",
            "leaves none",
        ),
        (
            lambda: Hyperparameters.from_json({"program": "decoder"}, "run.json"),
            "'decoder'",
            "program must be autoencoder or classification, not",
        ),
        (lambda: AutoencoderHyperparameters(skip_size="half"), "skip size", "has no effect without --skip"),
        (lambda: AutoencoderHyperparameters(noise=0.4), "noise", "has no effect without --task denoise"),
        (
            lambda: AutoencoderHyperparameters(degrade="jpeg:5"),
            "degrade",
            "has no effect without --task restore",
        ),
        (
            lambda: AutoencoderHyperparameters(task="restore", targets="c", degrade="jpeg:5"),
            "degrade",
            "has no effect with --targets",
        ),
        (lambda: AutoencoderHyperparameters(targets="c"), "targets", "have no effect without --task restore"),
        (
            lambda: AutoencoderHyperparameters(test_targets="c"),
            "test targets",
            "have no effect without --task restore",
        ),
        (
            lambda: AutoencoderHyperparameters(task="restore", dataset="c", targets="c"),
            "targets",
            "are the pictures of --dataset itself; --targets requires the clean ones",
        ),
        (
            lambda: AutoencoderHyperparameters(task="restore", targets="c", testset="t"),
            "targets and a test set",
            "require --test-targets, the clean pictures of the test set",
        ),
        (
            lambda: AutoencoderHyperparameters(task="restore", test_targets="c"),
            "test targets",
            "require --targets and --testset",
        ),
        (
            lambda: AutoencoderHyperparameters(color_space="yuv"),
            "color space",
            "has no effect without --task colorize",
        ),
        (
            lambda: AutoencoderHyperparameters(missing="left"),
            "missing",
            "has no effect without --task complete",
        ),
        (lambda: AutoencoderHyperparameters(beta=2), "beta", "has no effect without --regularization"),
        (
            lambda: AutoencoderHyperparameters(beta_warmup=0.5),
            "beta warmup",
            "has no effect without --regularization",
        ),
        (
            lambda: AutoencoderHyperparameters(beta_cycles=2),
            "beta cycles",
            "have no effect without --regularization",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="mmd", free_bits=0.5),
            "free bits",
            "have no effect without --regularization kl",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="kl", beta_cycles=2),
            "beta cycles",
            "without a warm-up change nothing: set --beta-warmup",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="kl", beta=0, free_bits=1),
            "beta 0",
            "set --beta above 0, or remove them",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="mmd", batch_size=1),
            "regularization mmd",
            "set --batch-size to 2 or more",
        ),
        (
            lambda: AutoencoderHyperparameters(quantize="8", latent_dim=4, batch_size=1),
            "batch normalization of a dense code",
            "makes all codes of a batch of one image equal: set --batch-size to 2 or more",
        ),
        (
            lambda: AutoencoderHyperparameters(
                binarize="static", regularization="kl", nll_samples=5, output_activation="linear"
            ),
            "importance samples and NLL samples",
            "require outputs in 0..1: omit --output-activation linear",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="mmd", importance_samples=5),
            "importance samples",
            "importance samples have no effect without --regularization kl",
        ),
        (
            lambda: AutoencoderHyperparameters(nll_samples=5, binarize="static"),
            "NLL samples",
            "NLL samples have no effect without --regularization kl",
        ),
        (
            lambda: AutoencoderHyperparameters(task="denoise", binarize="static"),
            "binarize",
            "binarize has no effect without --task reconstruct",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="kl", importance_samples=5, free_bits=1),
            "importance samples",
            "train on a bound of the likelihood, which beta, beta warmup and free bits change",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="kl", importance_samples=5, label_weight=1),
            "importance samples",
            "cannot be combined with label weight 1.0",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="kl", importance_samples=5, loss="mse"),
            "importance samples",
            "require the loss bce, which is a likelihood, not mse",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="kl", nll_samples=5),
            "NLL samples",
            "require pixels of two values: set --binarize dynamic",
        ),
        (
            lambda: AutoencoderHyperparameters(plateau_factor=0.3),
            "plateau factor",
            "has no effect without --schedule plateau",
        ),
        (
            lambda: AutoencoderHyperparameters(plateau_patience=3),
            "plateau patience",
            "has no effect without --schedule plateau",
        ),
        (lambda: ClassifierHyperparameters(tta=True), "TTA", "has no effect without --flip"),
        (
            lambda: AutoencoderHyperparameters(flip=True, tta=True),
            "TTA averages two reconstructions",
            "TTA averages two reconstructions: use it for denoise, colorize, complete, restore or anomaly",
        ),
        (
            lambda: AutoencoderHyperparameters(task="complete", flip=True, tta=True),
            "TTA mirrors images",
            "left to right: it requires missing top or bottom",
        ),
        (
            lambda: AutoencoderHyperparameters().require("dataset"),
            "data set",
            "is missing in the record; start a new run with --dataset",
        ),
        (
            lambda: too_few_kernels("kernels", "8,16"),
            "kernels 8,16",
            "has 2 values for 3 layers; give one value, or one per layer",
        ),
        (
            lambda: too_few_kernels("kernel_size", "3,4x2"),
            "kernel size 3,4x2",
            "has 2 values for 3 layers; give one value, or one per layer",
        ),
        (
            lambda: too_few_kernels("stride", "1,2,1,2"),
            "stride 1,2,1,2",
            "has 4 values for 3 layers; give one value, or one per layer",
        ),
        (
            lambda: AutoencoderHyperparameters(layers=2, pool="1,3"),
            "pool 1,3",
            "there is no layer 3 with layers 2",
        ),
        (
            lambda: AutoencoderHyperparameters(layers=2, batch_norm="4"),
            "batch norm 4",
            "there is no layer 4 with layers 2",
        ),
        (
            lambda: AutoencoderHyperparameters(layers=0),
            "layers 0",
            "layers 0 requires a dense code: set --latent-dim",
        ),
        (
            lambda: AutoencoderHyperparameters(layers=0, latent_dim=2, decoder_kernels=8),
            "decoder kernels",
            "require layers",
        ),
        (
            lambda: AutoencoderHyperparameters(fc_units=64),
            "fully connected units",
            "require a dense latent code: set --latent-dim",
        ),
        (
            lambda: AutoencoderHyperparameters(skip=True),
            "skip connections",
            "would copy the image to the output: use them for denoise, colorize, complete, restore or "
            "anomaly",
        ),
        (
            lambda: AutoencoderHyperparameters(task="denoise", regularization="kl", skip=True),
            "regularization",
            "regularization kl cannot be combined with skip: images would bypass the latent code",
        ),
        (
            lambda: AutoencoderHyperparameters(task="denoise", regularization="kl", residual=True),
            "regularization",
            "regularization kl cannot be combined with residual: images would bypass the latent code",
        ),
        (
            lambda: AutoencoderHyperparameters(regularization="kl", linear_path=8),
            "regularization",
            "regularization kl cannot be combined with linear path 8: images would bypass the latent code",
        ),
        (
            lambda: AutoencoderHyperparameters(
                task="complete", regularization="kl", importance_samples=5, latent_dim=2
            ),
            "importance samples",
            "importance samples require the task reconstruct",
        ),
        (
            lambda: AutoencoderHyperparameters(
                adversarial_weight=0.1, regularization="kl", importance_samples=5, latent_dim=2
            ),
            "importance samples",
            "importance samples cannot be combined with adversarial weight 0.1",
        ),
        (
            lambda: AutoencoderHyperparameters(conditional=True, task="denoise"),
            "conditional",
            "conditional requires the task reconstruct",
        ),
        (
            lambda: AutoencoderHyperparameters(conditional=True, linear_path=8),
            "conditional",
            "conditional cannot be combined with linear path 8",
        ),
        (
            lambda: AutoencoderHyperparameters(
                conditional=True, regularization="kl", importance_samples=5, latent_dim=2
            ),
            "conditional",
            "conditional cannot be combined with importance samples 5: likelihoods are of images",
        ),
        (
            lambda: AutoencoderHyperparameters(quantize="8", latent_dim=4, regularization="kl"),
            "quantize",
            "quantize 8 cannot be combined with regularization kl",
        ),
        (
            lambda: AutoencoderHyperparameters(quantize="8,5,5", latent_dim=4),
            "quantize has 3 numbers of levels",
            "which must divide the latent size 4",
        ),
        (
            lambda: AutoencoderHyperparameters(quantize="8,5,5", kernels=32),
            "quantize has 3 numbers of levels",
            "which must divide the kernels of the last layer, 32",
        ),
        (
            lambda: AutoencoderHyperparameters(residual=True),
            "residual",
            "requires the task denoise, restore, anomaly, colorize in RGB or complete of a half",
        ),
        (
            lambda: AutoencoderHyperparameters(task="colorize", color_space="yuv", residual=True),
            "residual",
            "requires the task denoise, restore, anomaly, colorize in RGB or complete of a half",
        ),
        (
            lambda: AutoencoderHyperparameters(linear_path=8, latent_dim=2),
            "linear path with a kernel size",
            "linear path with a kernel size requires a convolutional code; for a dense",
        ),
        (
            lambda: AutoencoderHyperparameters(linear_path="full"),
            "linear path full",
            "requires a dense latent code and layers: set --latent-dim",
        ),
        (
            lambda: AutoencoderHyperparameters(linear_path=8, padding="valid"),
            "linear path",
            "linear path requires padding same",
        ),
        (
            lambda: AutoencoderHyperparameters(pca=True),
            "PCA requires a dense latent code",
            "PCA requires a dense latent code and at least one layer: set --latent-dim and",
        ),
        (
            lambda: AutoencoderHyperparameters(feedback=8),
            "feedback requires a dense latent code",
            "feedback requires a dense latent code and the task reconstruct, denoise, restore or anomaly:",
        ),
        (
            lambda: AutoencoderHyperparameters(feedback=8, latent_dim=4, regularization="kl"),
            "feedback cannot be combined",
            "feedback cannot be combined with regularization kl",
        ),
        (
            lambda: AutoencoderHyperparameters(feedback=8, latent_dim=4),
            "feedback requires a decoder",
            "feedback requires a decoder that works alike in training and inference: set",
        ),
        (
            lambda: AutoencoderHyperparameters(pca=True, latent_dim=4, fc_units=8),
            "PCA cannot be combined",
            "PCA cannot be combined with fully connected units 8: the code is that of the PCA alone",
        ),
        (
            lambda: AutoencoderHyperparameters(pca=True, latent_dim=4, task="complete"),
            "PCA requires the task reconstruct, denoise, restore or anomaly",
            "PCA requires the task reconstruct, denoise, restore or anomaly: inputs and targets must be",
        ),
        (
            lambda: AutoencoderHyperparameters(
                task="colorize", color_space="yuv", output_activation="sigmoid"
            ),
            "UV cannot be combined",
            "UV cannot be combined with a sigmoid output: its values are not limited to",
        ),
        (
            lambda: AutoencoderHyperparameters(task="denoise", residual=True, output_activation="sigmoid"),
            "residual cannot be combined",
            "residual cannot be combined with a sigmoid output: its values are not limited",
        ),
        (
            lambda: AutoencoderHyperparameters(linear_path=8, output_activation="sigmoid"),
            "linear path cannot be combined",
            "linear path cannot be combined with a sigmoid output: its values are not",
        ),
        (
            lambda: AutoencoderHyperparameters(loss="bce", output_activation="linear"),
            "loss bce",
            "requires outputs in 0..1, such as those of a sigmoid",
        ),
        (
            lambda: AutoencoderHyperparameters(task="colorize", color_space="yuv", loss="mse+ssim"),
            "loss mse+ssim compares pixels of images",
            "the outputs are UV: use another loss, or outputs in RGB",
        ),
        (
            lambda: AutoencoderHyperparameters(loss="bce", linear_path=8),
            "loss bce",
            "requires outputs in 0..1, such as those of a sigmoid",
        ),
    ],
    "config/architecture_planner": [
        (
            lambda: plan((4, 4, 3), layers=1, pca=True, latent_dim=49),
            "latent size 49",
            "is too large for PCA: images of 4×4×3 have at most 48",
        ),
    ],
    "config/encoder_planner": [
        (
            lambda: plan(layers=3, kernel_size=9),
            "kernel size 9",
            "does not fit the 7×7 feature map before layer 3; the maximum is 7",
        ),
        (
            lambda: plan((8, 9, 1), layers=1, kernel_size="4x10"),
            "kernel size 4×10",
            "the 8×9 feature map before layer 1; the maximum is 8",
        ),
        (
            lambda: plan((1, 1, 1), layers=1, kernel_size=2, padding="valid"),
            "kernel size 2",
            "the maximum is 1",
        ),
        (
            lambda: plan(padding="valid", kernel_size="3x9", layers=4, stride=1),
            "kernel size 3×9",
            "does not fit the 22×4 feature map before layer 4; the maximum is 7",
        ),
        (
            lambda: plan(layers=6, kernel_size=1, pool="all"),
            "pool after layer 6",
            "is impossible: the feature map is already 1×1; the maximum is 5 pools",
        ),
        (
            lambda: plan(layers=2, pool_type="average"),
            "pool type average",
            "has no effect: no layer is followed by a pool; set --pool",
        ),
        (
            lambda: plan(regularization="kl", layers=2, pool="2"),
            "a pool after the last layer",
            "cannot be combined with regularization kl: the latent code must be the output of a",
        ),
        (
            lambda: plan(linear_path=8, layers=2, pool="2"),
            "a pool after the last layer",
            "cannot be combined with linear path: the latent code must be the output of a",
        ),
        (
            lambda: plan(layers=1, block="residual"),
            "block residual",
            "has no effect: no convolution precedes the latent code; set --layers",
        ),
        (
            lambda: plan(layers=1, growth=2),
            "growth 2",
            "has no effect: no layer after the first has a smaller feature map, except for the latent code",
        ),
    ],
    "cli/training_plan": [
        (
            lambda: called(
                "autoencoder", *["-d", "digits", "--kernels", "2048", "--batch-size", "65536", "--yes"]
            ),
            "batches of",
            "are free; the largest batch size that fits is ",
        ),
    ],
    "config/parallel_layers": [
        (
            lambda: plan(linear_path=3),
            "linear path 3",
            "is smaller than the stride of the encoder; the minimum is 4",
        ),
        (
            lambda: plan((64, 31, 1), layers=1, task="complete", linear_path=8),
            "64×15×1 and 64×16×1",
            "",
        ),
    ],
    "tasks/base": [
        (lambda: plan(task="colorize"), "28×28×1", "task colorize requires color images; these are"),
        (lambda: plan((8, 1, 3), task="complete"), "8×1×3", "are too small to split into halves"),
        (lambda: plan((1, 1, 3), task="complete", missing="center"), "1×1×3", "are too small for a hole"),
        (
            lambda: plan((4, 6, 1), task="complete", missing="random:0.5:6"),
            "random:0.5:6",
            "one patch of 6×6 covers images of 4×6×1; the maximum is 5",
        ),
        (
            lambda: plan((1, 8, 1), task="complete", missing="top"),
            "1×8×1",
            "are too small to split into halves",
        ),
    ],
    "tasks/degradation": [
        (
            lambda: Damages().parse("jpg:5"),
            "jpg:5",
            "must be blur, downscale, poisson, gaussian, salt-pepper, jpeg, each with a value or a range",
        ),
        (lambda: Damages().parse("jpeg:5,jpeg:9"), "jpeg", "twice; give it one value or a range"),
    ],
    "config/presets": [
        (
            lambda: called("autoencoder", "--preset", "cifar-bas"),
            "'cifar-bas'",
            "; did you mean 'cifar-base'?",
        ),
        (
            lambda: presets.preset_values("x"),
            "'x'",
            "; available: cifar-base, cifar-1, cifar-2, cifar-3, cifar-4, cifar-5,",
        ),
        (
            lambda: called("classification", "--preset", "best-labels"),
            "'best-labels'",
            "is for autoencoder.py; those of classification.py are mnist-classifier,",
        ),
    ],
    "cli/parser": [
        (lambda: called("autoencoder", "--nonsense"), "--nonsense", "; see python autoencoder.py --help"),
        (
            lambda: called("autoencoder", "--layer", "3"),
            "--layer",
            "unknown flag --layer; did you mean --layers?",
        ),
        (
            lambda: called("autoencoder", "--gpu"),
            "--gpu",
            "unknown flag --gpu; a GPU is used if Keras finds one, and --distributed uses several",
        ),
        (lambda: called("autoencoder", "train", "invent"), "invent", "unrecognized arguments"),
        (
            lambda: called("autoencoder", "-d", "x", "-dl", "y"),
            "-dl",
            "(labels) belongs to classification.py, not autoencoder.py; see python",
        ),
        (
            lambda: called("autoencoder", "--epochs"),
            "--epochs",
            "expected one argument; see python autoencoder.py --help",
        ),
        (
            lambda: called("autoencoder", "apply", "-d", "digits"),
            "-model/--model",
            "see python autoencoder.py apply --help",
        ),
        (lambda: called("autoencoder", "encode", "--fit", "squeeze"), "'squeeze'", "choose from"),
        (
            lambda: called("classification", "runs", "--json", "--figure", "x"),
            "--figure",
            "not allowed with argument --json",
        ),
    ],
    "cli/prompts": [
        (
            lambda: called("autoencoder", "-d", "digits", "--noise", "0.3", "--yes"),
            "noise",
            "has no effect without --task denoise",
        ),
        (lambda: unlabeled(), "labels", "missing: give -dl or --labels"),
        (
            lambda: called("classification", "-d", "digits", "--yes"),
            "model",
            "missing: train one on these images with autoencoder.py first, or give -model or --model",
        ),
    ],
    "cli/run_questions": [
        (lambda: of_other_images(), "autoencoder.h5", "not 9×9×1; Esc leads back to"),
        (lambda: of_other_images(conditional=True), "autoencoder.h5", "use one that was trained without"),
    ],
    "cli/provided_values": [
        (lambda: called("autoencoder", "--no-input"), "--no-input", "needs -d or --dataset"),
        (
            lambda: called("classification", "--no-input"),
            "--no-input",
            "needs -d or --dataset and -model or --model",
        ),
        (lambda: called("autoencoder", "--answers", "none.json"), "none.json", "no such file"),
        (
            lambda: answered('{"preset": ["cifar-base"]}'),
            "a.json",
            "unknown preset ['cifar-base']; did you mean 'cifar-base'?",
        ),
        (
            lambda: called("autoencoder", "--resume", "x", "--epochs", "3", "--preset", "cifar-base"),
            "--epochs, --preset",
            "",
        ),
    ],
    "cli/answer_lines": [
        (lambda: chosen("z\n"), "What next?: 'z'", "is not one of a, b"),
        (
            lambda: called("autoencoder", "-d", "digits", stdin="3\n"),
            "Kernel size",
            "(3 means 3×3); pass a flag, another line, or --yes",
        ),
    ],
    "common/settings": [
        (lambda: Damages().parse("jpeg:500"), "jpeg (quality)", "must be a number from 1 to 100, or a range"),
        (
            lambda: called("autoencoder", "-d", "digits", stdin="many\n"),
            "layers",
            "must be a whole number from 0 to 64, not",
        ),
        (
            lambda: program_settings.find_setting("l2").parse("-1"),
            "L2 penalty",
            "must be a number from 0 to 10, not '-1'",
        ),
    ],
    "common/reading": [
        (
            lambda: answered(json.dumps({"layers": 1}) + "}"),
            "a.json",
            "cannot be read as JSON (Extra data: line 1 column 14",
        ),
        (
            lambda: answered(" " * (1 << 21)),
            "a.json",
            "more than 1,048,576 bytes, too large for such a file; use another one",
        ),
    ],
    "config/process_group": [
        (
            lambda: ProcessGroup.parse("lab:9911"),
            "'lab:9911'",
            "",
        ),
    ],
    "cli/streams": [
        (
            printed_on_a_full_disk,
            "the output",
            "cannot be written (No space left on device); redirect standard",
        )
    ],
    "cli/session": [
        (
            lambda: called("autoencoder", "-d", "digits", "--distributed", "lab:9911,1/2"),
            "--distributed",
            "with several processes requires --no-input or --yes, because all need the",
        ),
        (
            lambda: called("autoencoder", "--resume", "x", "--no-input", "--distributed", "lab:9911,1/2"),
            "--resume",
            "requires a single process: a --distributed run is continued with the devices",
        ),
        (interrupted_before_training, "training", "stopped before training began"),
    ],
    "cli/preset_choices": [
        (
            lambda: with_preset(8),
            "'cifar-base'",
            "preset 'cifar-base' does not fit images of 8×8×1: kernel size 3 does not fit the 2×2 feature "
            "map before layer 3; the maximum is 2; presets that fit: cifar-1, cifar-2",
        ),
        (
            lambda: with_preset(1),
            "'cifar-base'",
            "; presets that fit: latent-10, vae-2, ",
        ),
    ],
    "cli/commands": [
        (lambda: called("autoencoder", "aply"), "'aply'", "unknown command 'aply'; did you mean apply?"),
        (
            lambda: called("autoencoder", "fly"),
            "'fly'",
            "; the commands are train, apply, detect, generate, evaluate, explore, encode, search, runs, "
            "reproduce",
        ),
        (
            lambda: called("classification", "apply"),
            "'apply'",
            "; the commands are train, predict, probe, search, runs",
        ),
    ],
}
