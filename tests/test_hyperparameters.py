"""python -m pytest tests/test_hyperparameters.py"""

import dataclasses
import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import UserError
from lib.fields import PROGRAMS, defaults, known_answers, read, settings, show
from lib.hyperparameters import Hyperparameters
from lib.questions import Parser

drawn = st.integers(1, 64).flatmap(
    lambda layers: st.builds(
        Hyperparameters,
        dataset=st.sampled_from(["digits", "data/my images", "it's.idx"]),
        layers=st.just(layers),
        kernel_size=st.integers(1, 64),
        kernels=st.one_of(st.integers(1, 4096), st.lists(st.integers(1, 4096), min_size=layers, max_size=layers)),
        epochs=st.integers(1, 100_000),
        batch_size=st.integers(1, 65_536),
        learning_rate=st.floats(1e-6, 10),
        limit=st.none() | st.integers(1, 10**9),
        seed=st.integers(0, 2**32 - 1),
        split=st.sampled_from([(80, 10, 10), (60, 20, 20), (90, 10, 0)]),
    )
)


@given(drawn)
def test_json_there_and_back_is_the_same(hp):
    assert Hyperparameters.from_json(json.loads(json.dumps(hp.to_json())), "a test") == hp


@given(drawn)
def test_the_command_repeats_the_run(hp):
    words = shlex.split(hp.command())
    assert words[:2] == ["python", "autoencoder.py"]
    args = Parser("autoencoder", "").parse(words[2:])
    assert args.no_input
    given_ = {s.name: getattr(args, s.name) for s in settings("autoencoder") if getattr(args, s.name) is not None}
    assert Hyperparameters(**defaults("autoencoder") | given_) == hp


def test_one_number_of_kernels_becomes_one_per_layer():
    assert Hyperparameters(layers=3, kernels=8).kernels == (8, 8, 8)
    assert Hyperparameters(layers=3, kernels="8, 12,16").kernels == (8, 12, 16)
    with pytest.raises(UserError, match="kernels 4 are for 3 layers, but layers is 2"):
        Hyperparameters(layers=2, kernels="4,4,4")
    with pytest.raises(UserError, match="kernels 8,12,16 are for 3 layers, but layers is 2"):
        Hyperparameters(layers=2, kernels="8,12,16")


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_default_is_a_valid_answer(program):
    for setting in settings(program):
        value = defaults(program)[setting.name]
        if value is not None:
            assert read(setting.name, show(setting.name, value)) == read(setting.name, value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layers", "0", "layers must be a whole number from 1 to 64, not '0'"),
        ("layers", "three", "layers must be a whole number"),
        ("dropout", "0,2", "(write a decimal point)"),
        ("fc_units", "a", "fully connected units must be a whole number from 1 to 65536, or several with commas (128,64)"),
        ("layers", 2.5, "layers must be a whole number"),
        ("layers", True, "layers must be a whole number"),
        ("kernels", "8,,16", "kernels must be a whole number from 1 to 4096, or several"),
        ("kernels", [], "kernels must be"),
        ("dropout", "1", "dropout must be a number from 0 below 1"),
        ("dropout", "nan", "dropout must be"),
        ("learning_rate", 0, "learning rate must be a number above 0 to 10"),
        ("split", "80/30/10", "split must be three whole percentages that sum to 100"),
        ("split", "100/0/0", "split must be"),
        ("split", "80/10", "split must be"),
        ("task", "invent", "task must be reconstruct"),
        ("dataset", "  ", "data set must be a file, a folder or a name"),
    ],
)
def test_refusals_say_what_would_work(name, value, words):
    with pytest.raises(UserError) as error:
        read(name, value)
    assert words in str(error.value)


def test_answers_that_somebody_edited_are_refused_by_name():
    with pytest.raises(UserError, match=r"a\.json: unknown key 'layer'; did you mean 'layers'\?"):
        known_answers({"layer": 3}, "autoencoder", "a.json")
    with pytest.raises(UserError, match=r"a\.json: epochs must be"):
        known_answers({"epochs": "many"}, "autoencoder", "a.json")
    with pytest.raises(UserError, match=r"these are answers for autoencoder\.py, not for classification\.py"):
        known_answers({"program": "autoencoder"}, "classification", "a.json")
    with pytest.raises(UserError, match="must be a JSON object"):
        known_answers([1], "autoencoder", "a.json")


def test_hyperparameters_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hyperparameters().layers = 3


def test_a_program_must_be_one_of_the_two():
    with pytest.raises(UserError, match="program must be autoencoder or classification"):
        Hyperparameters(program="other")
