"""What provokes each error about an answer, a flag or a setting, by module: (what to do, what is named, what
is said).
"""

import io
import json
from pathlib import Path
from unittest import mock

import autoencoder
import classification
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.cli.streams import prepare_streams
from lib.config import architecture_planner, fields, presets
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.config.value_types import (
    FloatInterval,
    FloatRange,
    Fold,
    IntList,
    IntRange,
    KernelSizes,
    LayerNumbers,
    OneOf,
    OrWord,
    PerLayer,
    SplitPercentages,
    Switch,
    Text,
)
from lib.tasks import base
from lib.worker.process import Worker
from tests.harness import sample_files

PROGRAMS = {"autoencoder": autoencoder, "classification": classification}


def printed_on_a_full_disk():
    with (
        open("/dev/full", "w") as full,
        open("/dev/null") as null,
        mock.patch.multiple("sys", stdin=null, stdout=full, stderr=full),
    ):
        prepare_streams()
        print("a result", flush=True)


def plan(image=(28, 28, 1), **values):
    architecture_planner.plan_architecture(Hyperparameters(**values), image)


def called(program: str, *words: str, stdin: str = ""):
    """A program, as far as it goes without its worker."""
    with mock.patch("sys.stdin", io.StringIO(stdin)), mock.patch.object(Worker, "send"):
        PROGRAMS[program].main(list(words))


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
    Hyperparameters(layers=3, **{name: values})


CASES = {
    "config/value_types": [
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
        (lambda: FloatRange(0, 1).parse("0,5"), "'0,5'", "(write a decimal point)"),
        (
            lambda: PerLayer(IntRange(1, 64)).parse("8,,16"),
            "'8,,16'",
            "or several with commas (8,12,16), not",
        ),
        (
            lambda: IntList(IntRange(1, 64)).parse("8;16"),
            "'8;16'",
            "or several with commas (128,64), or none, not",
        ),
        (
            lambda: KernelSizes(IntRange(1, 64)).parse("4x2x3"),
            "'4x2x3'",
            "or height x width (4x2); one, or one per layer",
        ),
        (
            lambda: LayerNumbers().parse("first"),
            "'first'",
            "must be numbers of layers with commas (1,2), all or none, not",
        ),
        (lambda: Switch().parse("perhaps"), "'perhaps'", "must be yes or no, not"),
        (
            lambda: FloatInterval(FloatRange(0, 10)).parse("0.9-0.1"),
            "'0.9-0.1'",
            "or a range of them (0.1-0.9), not",
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
        (lambda: Fold().parse("3/2"), "'3/2'", "must be one of two to a thousand equal parts, such as 2/5"),
        (lambda: Fold().parse("2"), "'2'", "must be one of two to a thousand equal parts"),
    ],
    "config/fields": [
        (
            lambda: fields.parse_value("epochs", "0"),
            "epochs",
            "must be a whole number from 1 to 100000, not '0'",
        ),
        (
            lambda: called("autoencoder", "-d", "digits", stdin="many\n"),
            "layers",
            "must be a whole number from 0 to 64, not",
        ),
        (lambda: fields.parse_value("l2", "-1"), "L2 penalty", "must be a number from 0 to 10, not '-1'"),
        (lambda: answered("[1, 2]"), "a.json", 'must be a JSON object such as {"epochs": 20}'),
        (
            lambda: answered('{"program": "classification"}'),
            "a.json",
            "answers for classification.py, not for autoencoder.py",
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
            "unknown key 'zzz'; keys are the long flags' names, such as 'learning_rate'",
        ),
        (lambda: answered('{"epochs": "many"}'), "a.json", "epochs must be a whole number"),
    ],
    "config/hyperparameters": [
        (
            lambda: Hyperparameters(split="90/0/10", patience=3),
            "90/0/10",
            "patience watches validation images, and split",
        ),
        (
            lambda: Hyperparameters(split="90/0/10", schedule="plateau"),
            "90/0/10",
            "schedule plateau watches validation images",
        ),
        (
            lambda: Hyperparameters(program="decoder"),
            "'decoder'",
            "program must be autoencoder or classification, not",
        ),
        (lambda: Hyperparameters(noise=0.4), "noise", "is for --task denoise"),
        (lambda: Hyperparameters(color_space="yuv"), "color space", "is for --task colorize"),
        (lambda: Hyperparameters(missing="left"), "missing", "is for --task complete"),
        (lambda: Hyperparameters(beta=2), "beta", "is for --variational"),
        (lambda: Hyperparameters(plateau_factor=0.3), "plateau factor", "is for --schedule plateau"),
        (lambda: Hyperparameters(plateau_patience=3), "plateau patience", "is for --schedule plateau"),
        (lambda: Hyperparameters(program="classification", tta=True), "TTA", "is for --flip"),
        (
            lambda: Hyperparameters(flip=True, tta=True),
            "TTA makes a picture of two codes",
            "is for denoise, colorize",
        ),
        (
            lambda: Hyperparameters(task="complete", flip=True, tta=True),
            "TTA mirrors images",
            "with missing left or right",
        ),
        (
            lambda: Hyperparameters().require("dataset"),
            "data set",
            "missing: the run names none; begin a new one with --dataset",
        ),
        (
            lambda: too_few_kernels("kernels", "8,16"),
            "kernels 8,16",
            "are for 2 layers, but layers is 3; give one number",
        ),
        (
            lambda: too_few_kernels("kernel_size", "3,4x2"),
            "kernel size 3,4x2",
            "are for 2 layers, but layers is 3",
        ),
        (lambda: too_few_kernels("stride", "1,2,1,2"), "stride 1,2,1,2", "are for 4 layers, but layers is 3"),
        (lambda: Hyperparameters(layers=2, pool="1,3"), "pool 1,3", "there is no layer 3, layers is 2"),
        (
            lambda: Hyperparameters(layers=2, batch_norm="4"),
            "batch norm 4",
            "there is no layer 4, layers is 2",
        ),
        (lambda: Hyperparameters(layers=0), "0 layers", "need a dense code: give --latent-dim"),
        (
            lambda: Hyperparameters(layers=0, latent_dim=2, decoder_kernels=8),
            "decoder kernels",
            "need layers",
        ),
        (
            lambda: Hyperparameters(fc_units=64),
            "fully connected units",
            "need a dense code: give --latent-dim",
        ),
        (
            lambda: Hyperparameters(skip=True),
            "skip connections",
            "they are for denoise, colorize and complete",
        ),
        (
            lambda: Hyperparameters(task="denoise", variational=True, skip=True),
            "a VAE",
            "neither skip nor residual nor linear",
        ),
        (
            lambda: Hyperparameters(task="denoise", variational=True, residual=True),
            "a VAE",
            "has nothing but its code",
        ),
        (lambda: Hyperparameters(variational=True, linear_path=8), "a VAE", "goes with variational"),
        (lambda: Hyperparameters(residual=True), "residual", "is for denoise, complete and colorize in RGB"),
        (
            lambda: Hyperparameters(task="colorize", color_space="yuv", residual=True),
            "residual",
            "is for denoise, complete and colorize in RGB",
        ),
        (
            lambda: Hyperparameters(linear_path=8, latent_dim=2),
            "a linear path with a kernel size",
            "needs a convolutional code; for a dense one give full",
        ),
        (
            lambda: Hyperparameters(linear_path="full"),
            "linear path full",
            "needs a dense code and layers: give --latent-dim",
        ),
        (lambda: Hyperparameters(linear_path=8, padding="valid"), "a linear path", "needs padding same"),
        (
            lambda: Hyperparameters(pca=True),
            "PCA gives a dense code",
            "give --latent-dim, and at least one layer",
        ),
        (
            lambda: Hyperparameters(feedback=8),
            "feedback corrects a dense code",
            "needs --latent-dim, and reconstruct or denoise",
        ),
        (
            lambda: Hyperparameters(feedback=8, latent_dim=4, variational=True),
            "feedback corrects a plain code",
            "neither variational nor pca, skip, residual or latent activation goes with it",
        ),
        (
            lambda: Hyperparameters(feedback=8, latent_dim=4),
            "feedback needs a decoder",
            "give --batch-norm none and no dropout",
        ),
        (
            lambda: Hyperparameters(pca=True, latent_dim=4, fc_units=8),
            "PCA keeps the code as it is",
            "activation goes with it",
        ),
        (
            lambda: Hyperparameters(pca=True, latent_dim=4, task="complete"),
            "PCA is for reconstruct and denoise",
            "whole images",
        ),
        (
            lambda: Hyperparameters(task="colorize", color_space="yuv", output_activation="sigmoid"),
            "UV and a sigmoid output",
            "do not go together: the values are not 0 to 1",
        ),
        (
            lambda: Hyperparameters(task="denoise", residual=True, output_activation="sigmoid"),
            "residual and a sigmoid output",
            "do not go together",
        ),
        (
            lambda: Hyperparameters(linear_path=8, output_activation="sigmoid"),
            "linear path and a sigmoid output",
            "do not go together",
        ),
        (
            lambda: Hyperparameters(loss="bce", output_activation="linear"),
            "loss bce",
            "needs outputs from 0 to 1, such as a",
        ),
        (lambda: Hyperparameters(loss="bce", linear_path=8), "loss bce", "needs outputs from 0 to 1"),
    ],
    "config/architecture_planner": [
        (
            lambda: plan(layers=3, kernel_size=9),
            "kernel size 9",
            "does not fit: 7×7 is left before layer 3; at most 7 works",
        ),
        (
            lambda: plan((8, 9, 1), layers=1, kernel_size="4x10"),
            "kernel size 4×10",
            "8×9 is left before layer 1; at most 8",
        ),
        (
            lambda: plan((1, 1, 1), layers=1, kernel_size=2, padding="valid"),
            "kernel size 2",
            "at most 1 works",
        ),
        (
            lambda: plan(padding="valid", kernel_size="3x9", layers=4, stride=1),
            "kernel size 3×9",
            "does not fit: 22×4 is left before layer 4; at most 7 works",
        ),
        (
            lambda: plan(layers=6, kernel_size=1, pool="all"),
            "pool after layer 6",
            "1×1 is left, nothing to halve; at most 5",
        ),
        (
            lambda: plan(variational=True, layers=2, pool="2"),
            "a pool after the last layer",
            "does not go with variational",
        ),
        (
            lambda: plan(linear_path=8, layers=2, pool="2"),
            "a pool after the last layer",
            "does not go with linear path",
        ),
        (
            lambda: plan((4, 4, 3), layers=1, pca=True, latent_dim=49),
            "latent size 49 with pca",
            "has at most 48 components",
        ),
        (
            lambda: plan(linear_path=3),
            "linear path 3",
            "leaves pixels out between the code's; at least 4 works",
        ),
        (
            lambda: plan((64, 31, 1), layers=1, task="complete", linear_path=8),
            "64×15×1 and 64×16×1",
            "needs input and target",
        ),
    ],
    "tasks/base": [
        (lambda: plan(task="colorize"), "28×28×1", "colorize needs color images; these are"),
        (lambda: plan((8, 1, 3), task="complete"), "8×1×3", "complete: an image of 8×1×3 has no two halves"),
        (
            lambda: base.task_shapes(Hyperparameters(task="complete", missing="top"), (1, 8, 1)),
            "1×8×1",
            "has no two halves",
        ),
    ],
    "config/presets": [
        (
            lambda: called("autoencoder", "--preset", "cifar-bas"),
            "'cifar-bas'",
            "is unknown; did you mean 'cifar-base'?",
        ),
        (lambda: presets.preset_values("x"), "'x'", "is unknown; there are cifar-base, cifar-1"),
        (
            lambda: called("classification", "--preset", "best-labels"),
            "'best-labels'",
            "is for autoencoder.py; classification.py has mnist-classifier, ",
        ),
    ],
    "cli/parser": [
        (lambda: called("autoencoder", "--nonsense"), "--nonsense", "unrecognized arguments"),
        (lambda: called("autoencoder", "--layer", "3"), "--layer 3", "unrecognized arguments"),
        (lambda: called("autoencoder", "train", "invent"), "invent", "unrecognized arguments"),
        (
            lambda: called("autoencoder", "-d", "x", "-dl", "y"),
            "-dl",
            "(labels) is for classification.py, not for auto",
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
            lambda: called("autoencoder", "--epochs", "0"),
            "--epochs",
            "must be a whole number from 1 to 100000, not '0'",
        ),
        (lambda: called("autoencoder", "--color-space", "x"), "--color-space", "must be rgb or yuv, not 'x'"),
        (lambda: called("autoencoder", "--no-input"), "--no-input", "needs -d or --dataset"),
        (
            lambda: called("classification", "--no-input"),
            "--no-input",
            "needs -d or --dataset and -model or --model",
        ),
        (
            lambda: called("autoencoder", "-d", "digits", "--noise", "0.3", "--yes"),
            "noise",
            "is for --task denoise",
        ),
        (lambda: unlabeled(), "labels", "missing: give -dl or --labels"),
        (
            lambda: called("classification", "-d", "digits", "--yes"),
            "model",
            "missing: train one on these images with autoencoder.py first, or give -model or --model",
        ),
        (lambda: chosen("z\n"), "What next?: 'z'", "is not one of a, b"),
        (
            lambda: called("autoencoder", "-d", "digits", stdin="3\n"),
            "Kernel size",
            "standard input ended before this was answered: Kernel size (3 means 3×3); give a flag, one "
            "more line, or --yes",
        ),
        (lambda: called("autoencoder", "--answers", "none.json"), "none.json", "no such file"),
        (lambda: answered('{"preset": ["cifar-base"]}'), "a.json", "preset ['cifar-base'] is unknown"),
        (
            lambda: called("autoencoder", "--resume", "x", "--epochs", "3", "--preset", "cifar-base"),
            "--epochs, --preset",
            "--resume goes on with a run as it was asked for; leave --epochs, --preset out",
        ),
    ],
    "common/reading": [
        (
            lambda: answered(json.dumps({"layers": 1}) + "}"),
            "a.json",
            "cannot be read as JSON (Extra data: line 1 column 14",
        ),
        (lambda: answered(" " * (1 << 21)), "a.json", "bytes, too many for such a file; give another one"),
    ],
    "config/process_group": [
        (
            lambda: ProcessGroup.parse("lab:9911"),
            "'lab:9911'",
            "must be alone or HOST:PORT,N/OF, such as 10.0.0.1:9911,1/2, not",
        ),
    ],
    "cli/streams": [
        (
            printed_on_a_full_disk,
            "results",
            "cannot be printed (No space left on device); redirect standard output",
        )
    ],
    "cli/session": [
        (
            lambda: called("autoencoder", "-d", "digits", "--distributed", "lab:9911,1/2"),
            "--distributed",
            "with several processes needs --no-input or --yes: all must be given the same answers",
        ),
        (
            lambda: called("autoencoder", "--resume", "x", "--no-input", "--distributed", "lab:9911,1/2"),
            "--resume",
            "is for one process: what --distributed began on several goes on with the devices of one",
        ),
    ],
    "cli/commands": [
        (
            lambda: called("autoencoder", "fly"),
            "'fly'",
            "is no command; there are train, apply, generate, encode, search, runs",
        ),
        (
            lambda: called("classification", "apply"),
            "'apply'",
            "is no command; there are train, predict, probe, search, runs",
        ),
    ],
}
