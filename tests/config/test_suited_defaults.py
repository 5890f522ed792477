"""Defaults that follow the images. python -m pytest tests/config/test_suited_defaults.py"""

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.program_settings import default_values
from lib.config.suited_defaults import ImageSet, suited_defaults


def network(shape, chosen=None, count=1000):
    chosen = chosen or {}
    hp = AutoencoderHyperparameters(**suited_defaults(ImageSet(shape, count), chosen) | chosen)
    return hp, plan_architecture(hp, shape)


@pytest.mark.parametrize(
    ("shape", "latent_shape"),
    [
        ((28, 28, 1), (16,)),
        ((8, 8, 1), (4,)),
        ((32, 32, 3), (4, 4, 8)),
        ((64, 64, 3), (8, 8, 8)),
        ((128, 128, 3), (16, 16, 8)),
        ((256, 256, 3), (32, 32, 8)),
        ((64, 64, 1), (8, 8, 3)),
    ],
)
def test_the_latent_code_follows_the_images(shape, latent_shape):
    architecture = network(shape)[1]
    assert architecture.latent_shape == latent_shape
    assert architecture.linear_path is not None
    assert 15 < architecture.compression < 50


@pytest.mark.parametrize(
    ("count", "batch_size", "epochs"),
    [(48, 8, 134), (400, 8, 20), (1437, 32, 20), (54_000, 128, 20), (10, 8, 400)],
)
def test_small_trainings_have_enough_steps(count, batch_size, epochs):
    values = suited_defaults(ImageSet((28, 28, 1), count), {})
    assert (values["batch_size"], values["epochs"]) == (batch_size, epochs)


def test_a_given_batch_size_decides_the_epochs():
    values = suited_defaults(ImageSet((28, 28, 1), 100), {"batch_size": 100})
    assert values["epochs"] == 800
    assert "batch_size" not in values


@pytest.mark.parametrize(
    "chosen",
    [
        {"latent_dim": None},
        {"regularization": "kl"},
        {"linear_path": None},
        {"linear_path": 8},
        {"linear_path": "full"},
        {"pool": (1,)},
        {"skip": True, "task": "denoise"},
        {"task": "denoise", "padding": "valid"},
        {"task": "colorize", "color_space": "yuv"},
        {"task": "colorize", "layers": 1, "output_activation": "sigmoid"},
        {"task": "complete"},
        {"layers": 0, "latent_dim": 3},
        {"output_activation": "sigmoid"},
        {"loss": "bce"},
        {"padding": "valid"},
        {"kernels": (8, 12, 16)},
        {"kernel_size": ((5, 5), (3, 3))},
    ],
)
@pytest.mark.parametrize("shape", [(28, 28, 3), (64, 64, 3)])
def test_what_the_user_has_chosen_stays(shape, chosen):
    hp, architecture = network(shape, chosen)
    for name, value in chosen.items():
        assert getattr(hp, name) == value
    if "latent_dim" in chosen:
        assert (len(architecture.latent_shape) == 1) == (chosen["latent_dim"] is not None)


@pytest.mark.parametrize(
    ("chosen", "skip", "residual"),
    [
        ({"task": "denoise"}, True, True),
        ({"task": "colorize", "color_space": "yuv"}, True, False),
        ({"task": "denoise", "latent_dim": 16}, False, False),
        ({"task": "colorize", "skip": False}, False, False),
        ({"task": "complete"}, False, False),
        ({"task": "reconstruct"}, False, False),
    ],
)
def test_denoising_and_colorization_begin_with_their_input(chosen, skip, residual):
    hp = network((32, 32, 3), chosen)[0]
    assert (hp.skip, hp.residual) == (skip, residual)
    repeated = hp.flags()
    assert ("--skip" in repeated or "--no-skip" in repeated) == (chosen["task"] in ("denoise", "colorize"))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)])
@pytest.mark.parametrize("task", ["reconstruct", "denoise", "complete"])
def test_a_default_that_is_chosen_changes_no_other_default(shape, task):
    """Enter at a setting of the menu keeps its value, and so all others."""
    images, chosen = ImageSet(shape, 1000), {"task": task}
    suited = suited_defaults(images, chosen)
    for name, value in (default_values("autoencoder") | suited | chosen).items():
        again = suited_defaults(images, chosen | {name: value})
        assert again == {other: suited[other] for other in suited if other != name}, name


@given(
    st.tuples(st.integers(1, 80), st.integers(1, 80), st.sampled_from([1, 3])),
    st.integers(1, 100_000),
    st.none() | st.integers(1, 8),
    st.none() | st.integers(1, 40),
    st.sampled_from(["reconstruct", "denoise", "colorize"]),
)
def test_a_network_can_be_built_for_images_of_any_size(shape, count, layers, kernels, task):
    shape = (*shape[:2], 3) if task == "colorize" else shape
    chosen = {"task": task} if layers is None else {"task": task, "layers": layers}
    chosen |= {} if kernels is None else {"kernels": (kernels,), "kernel_size": ((1, 1),)}
    hp, architecture = network(shape, chosen | {"kernel_size": ((1, 1),)}, count)
    assert architecture.decoder[-1].output_shape[:2] == shape[:2]
    assert prod(architecture.latent_shape) >= 1
    assert hp.layers == (layers or hp.layers)


@pytest.mark.parametrize(
    ("shape", "chosen", "skip_size"),
    [
        ((96, 128, 3), {}, "full"),
        ((128, 128, 3), {}, "half"),
        ((128, 128, 3), {"skip_size": "full"}, "full"),
        ((128, 128, 3), {"stride": (1, 2, 2, 2, 1)}, "full"),
        ((128, 128, 3), {"pool": (2, 3)}, "full"),
        ((128, 128, 3), {"skip": False}, "full"),
    ],
)
def test_the_u_net_of_larger_images_begins_at_half_size(shape, chosen, skip_size):
    assert network(shape, {"task": "denoise"} | chosen)[0].skip_size == skip_size


@pytest.mark.parametrize(
    ("shape", "batch_size"), [((28, 28, 1), 32), ((64, 64, 3), 8), ((128, 128, 3), 8), ((8, 8, 1), 128)]
)
def test_a_u_net_is_trained_with_muon_and_small_batches(shape, batch_size):
    hp, _ = network(shape, {"task": "denoise"}, count=20_000)
    assert (hp.batch_size, hp.batch_norm, hp.optimizer, hp.learning_rate) == (batch_size, (), "muon", 0.003)
    assert network(shape, {"task": "denoise", "latent_dim": 8}, count=20_000)[0].batch_size == 128


@pytest.mark.parametrize(
    ("chosen", "optimizer", "normalized", "learning_rate"),
    [
        ({"optimizer": "adam"}, "adam", "all", 0.005),
        ({"batch_norm": "all"}, "adam", "all", 0.005),
        ({"learning_rate": 0.01}, "muon", (), 0.01),
        ({"loss": "charbonnier"}, "muon", (), 0.003),
        ({"loss": "bce"}, "adam", "all", 0.005),
    ],
)
def test_another_way_of_training_a_u_net_brings_the_usual_defaults(
    chosen, optimizer, normalized, learning_rate
):
    hp, _ = network((64, 64, 3), {"task": "denoise"} | chosen)
    assert (hp.optimizer, hp.batch_norm, hp.learning_rate) == (optimizer, normalized, learning_rate)
    assert hp.skip == (chosen.get("loss") != "bce")
