"""Hyperparameters: values, JSON and commands. python -m pytest tests/config/test_hyperparameters.py"""

import dataclasses
import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.cli.parser import TrainParser
from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.network_settings import ACTIVATIONS
from lib.config.program_settings import PROGRAMS, find_setting, settings
from lib.config.training_choices import LOSSES, OPTIMIZERS, SCHEDULES

SIDES = st.tuples(st.integers(1, 64), st.integers(1, 64))

hyperparameters = st.integers(1, 64).flatmap(
    lambda layers: st.builds(
        AutoencoderHyperparameters,
        dataset=st.sampled_from(["digits", "data/my images", "it's.idx"]),
        layers=st.just(layers),
        kernel_size=st.one_of(st.integers(1, 64), st.lists(SIDES, min_size=layers, max_size=layers)),
        stride=st.none() | st.lists(st.integers(1, 16), min_size=layers, max_size=layers),
        pool=st.one_of(st.just("all"), st.lists(st.integers(1, layers), max_size=3)),
        batch_norm=st.one_of(st.just("all"), st.lists(st.integers(1, layers), max_size=3)),
        padding=st.sampled_from(["same", "valid"]),
        upsampling=st.sampled_from(["transpose", "nearest"]),
        decoder_kernels=st.none() | st.lists(st.integers(1, 99), max_size=3),
        activation=st.sampled_from(ACTIVATIONS),
        optimizer=st.sampled_from(list(OPTIMIZERS)),
        schedule=st.sampled_from(list(SCHEDULES)),
        regularization=st.sampled_from(["none", "kl", "mmd", "adversarial"]),
        latent_dim=st.none() | st.integers(1, 9),
        loss=st.none() | st.sampled_from(list(LOSSES)),
        patience=st.none() | st.integers(1, 9),
        flip=st.booleans(),
        l2=st.sampled_from([0, 1e-5]),
        label_weight=st.sampled_from([0, 1e-5]),
        kernels=st.one_of(
            st.integers(1, 4096), st.lists(st.integers(1, 4096), min_size=layers, max_size=layers)
        ),
        epochs=st.integers(1, 100_000),
        batch_size=st.integers(2, 65_536),
        learning_rate=st.floats(1e-6, 10),
        limit=st.none() | st.integers(1, 10**9),
        seed=st.integers(0, 2**32 - 1),
        split=st.sampled_from([(80, 10, 10), (60, 20, 20), (90, 10, 0)]),
        fold=st.none() | st.sampled_from([(1, 2), (5, 5)]),
    )
)


@given(hyperparameters)
def test_json_round_trip(hp):
    assert Hyperparameters.from_json(json.loads(json.dumps(hp.to_json())), "record") == hp


@given(hyperparameters)
def test_the_command_repeats_the_run(hp):
    words = shlex.split(hp.command())
    assert words[:2] == ["python", "autoencoder.py"]
    args = TrainParser("autoencoder", "").parse(words[2:])
    assert args.no_input
    values = {name: value for name in settings("autoencoder") if (value := getattr(args, name)) is not None}
    assert AutoencoderHyperparameters(**values) == hp


def test_one_number_of_kernels_is_repeated_for_every_layer():
    assert AutoencoderHyperparameters(layers=3, kernels=8).kernels == (8, 8, 8)
    assert AutoencoderHyperparameters(layers=3, kernels="8, 12,16").kernels == (8, 12, 16)
    with pytest.raises(UserError, match="kernels 4,4,4 has 3 values for 2 layers"):
        AutoencoderHyperparameters(layers=2, kernels="4,4,4")
    with pytest.raises(UserError, match="kernels 8,12,16 has 3 values for 2 layers"):
        AutoencoderHyperparameters(layers=2, kernels="8,12,16")


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_default_is_valid(program):
    for setting in settings(program).values():
        if setting.default is not None:
            assert setting.parse(setting.format(setting.default)) == setting.default


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layers", "65", "layers must be a whole number from 0 to 64, not '65'"),
        ("layers", "three", "layers must be a whole number"),
        ("dropout", "0,2", "(use a decimal point)"),
        (
            "fc_units",
            "a",
            "fully connected units must be a whole number from 1 to 65536, or several separated by commas",
        ),
        ("layers", 2.5, "layers must be a whole number"),
        ("layers", True, "layers must be a whole number"),
        ("kernels", "8,,16", "kernels must be a whole number from 1 to 4096, or several"),
        ("kernels", [], "kernels must be"),
        ("dropout", "1", "dropout must be a number from 0 below 1"),
        ("dropout", "nan", "dropout must be"),
        ("learning_rate", 0, "learning rate must be a number above 0 to 10"),
        ("split", "80/30/10", "split must be three whole percentages that sum to 100"),
        ("split", "0/0/100", "split must be"),
        (
            "fold",
            "0/5",
            "fold must be NUMBER/COUNT with 2 to 1000 parts, such as 2/5 for the second of five, or off",
        ),
        ("split", "80/10", "split must be"),
        (
            "task",
            "invent",
            "task must be reconstruct, denoise, colorize, complete, restore or anomaly, not 'invent'",
        ),
        ("kernel_size", "4x", "kernel size must be a whole number from 1 to 64, or height x width (4x2)"),
        ("kernel_size", "4x2x1", "kernel size must be"),
        ("kernel_size", "65", "kernel size must be"),
        (
            "stride",
            "0",
            "stride must be a whole number from 1 to 16, or several separated by commas (8,12,16), or auto",
        ),
        ("pool", "first", "pool must be layer numbers separated by commas (1,2), all or none, not 'first'"),
        ("noise", "0.5-0.1", "noise must be a number from 0 to 10, or a range (0.1-0.9)"),
        ("noise", "0.1-0.2-0.3", "noise must be"),
        ("skip", "maybe", "skip must be yes or no, not 'maybe'"),
        ("latent_dim", "-1", "latent size must be a whole number from 1 to 65536, or convolutional"),
        ("optimizer", "magic", "optimizer must be adam, adamw"),
        ("dataset", "  ", "data set must be a file, a folder or a name"),
    ],
)
def test_refusals_name_the_field_and_the_allowed_values(name, value, words):
    with pytest.raises(UserError) as error:
        find_setting(name).parse(value)
    assert words in str(error.value)


def test_layer_number_1_is_not_true():
    parse = find_setting("pool").parse
    assert (parse(1), parse(True), parse(False)) == (
        (1,),
        "all",
        (),
    )


def test_hyperparameters_are_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AutoencoderHyperparameters().layers = 3


def test_kernel_sizes_are_pairs_and_text_in_json():
    hp = AutoencoderHyperparameters(layers=2, kernel_size="4x2")
    assert hp.kernel_size == ((4, 2), (4, 2))
    assert hp.to_json()["kernel_size"] == "4x2"
    assert AutoencoderHyperparameters().to_json()["kernel_size"] == 3
    assert AutoencoderHyperparameters(layers=2, kernel_size="5, 4×2").to_json()["kernel_size"] == "5,4x2"


def test_the_first_rule_that_applies_is_reported():
    with pytest.raises(UserError, match="layers 0 requires a dense code: set --latent-dim"):
        AutoencoderHyperparameters(layers=0, decoder_kernels="8", fc_units="8")
    with pytest.raises(UserError, match="decoder kernels require layers"):
        AutoencoderHyperparameters(layers=0, decoder_kernels="8", latent_dim=4)


def test_settings_that_add_the_output_exclude_a_sigmoid():
    for values, name in (
        (dict(task="colorize", color_space="yuv"), "UV"),
        (dict(task="denoise", residual=True), "residual"),
        (dict(linear_path=8), "linear path"),
        (dict(pca=True, latent_dim=4), "pca"),
    ):
        with pytest.raises(UserError, match=f"{name} cannot be combined with a sigmoid output"):
            AutoencoderHyperparameters(output_activation="sigmoid", **values)


def test_the_model_and_the_data_set_can_be_required():
    assert AutoencoderHyperparameters(dataset="digits").require("dataset") == "digits"
    with pytest.raises(UserError, match="data set is missing in the record"):
        AutoencoderHyperparameters().require("dataset")
