"""Architectures: sizes, layers and parameters. python -m pytest tests/config/test_architecture_planner.py"""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.common.errors import UserError
from lib.config import presets
from lib.config.architecture import Architecture, describe_architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.encoder_planner import MIN_FEATURE_MAP
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import WeightedSpec
from lib.config.layer_specs.convolutions import Convolution
from lib.tasks import TASKS, get_task

images = st.tuples(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]))
CIFAR, MNIST = (32, 32, 3), (28, 28, 1)


def preset_architecture(name: str, image=CIFAR) -> Architecture:
    return plan_architecture(AutoencoderHyperparameters(**presets.preset_values(name)), image)


def result_or_refusal(function, *arguments) -> tuple:
    """The result of a function and an empty text, or `None` and the message of its `UserError`."""
    try:
        return function(*arguments), ""
    except UserError as error:
        return None, str(error)


def test_report_c_on_mnist():
    architecture = plan_architecture(AutoencoderHyperparameters(), MNIST)
    assert [layer.output_shape for layer in architecture.encoder] == [(14, 14, 32), *[(7, 7, 32)] * 4]
    assert architecture.latent_size == 7 * 7 * 32
    assert (
        sum(isinstance(layer, WeightedSpec) for layer in architecture.encoder + architecture.decoder) == 10
    )  # "10 layers": both halves


def test_cifar_10_is_halved_twice_by_default_as_in_report_a():
    assert plan_architecture(AutoencoderHyperparameters(layers=3, kernels="8,12,16"), CIFAR).latent_shape == (
        8,
        8,
        16,
    )


@pytest.mark.parametrize(
    ("name", "latent"),
    [
        ("cifar-base", (8, 8, 16)),
        ("cifar-1", (16, 16, 16)),
        ("cifar-2", (16, 16, 16)),
        ("cifar-3", (8, 8, 128)),
        ("cifar-4", (8, 8, 16)),
        ("cifar-5", (8, 8, 16)),
        ("cifar-6", (1, 1, 16)),
        ("cifar-7", (5, 5, 16)),
    ],
)
def test_report_a_and_its_variants_have_the_latent_sizes_of_its_table(name, latent):
    assert preset_architecture(name).latent_shape == latent


def test_the_layers_of_report_as_base_network():
    architecture = preset_architecture("cifar-base")
    kinds = [(layer.name, layer.output_shape[2]) for layer in architecture.encoder + architecture.decoder]
    assert kinds == [
        ("conv", 8),
        ("pool", 8),
        ("conv", 12),
        ("pool", 12),
        ("conv", 16),
        ("upsample", 16),
        ("conv", 12),
        ("upsample", 12),
        ("conv", 3),
    ]
    assert architecture.parameters == 4911
    assert preset_architecture("cifar-2").decoder[-1].output_shape == CIFAR


def test_the_layers_of_report_ds_completion():
    architecture = preset_architecture("fashion-half", MNIST)
    assert (architecture.input_shape, architecture.target_shape) == ((28, 14, 1), (28, 14, 1))
    shapes = [layer.output_shape for layer in architecture.encoder]
    assert shapes == [(14, 7, 32), (7, 4, 64), (4, 2, 128), (1024,), (256,), (64,)]
    assert [layer.normalization == "batch" for layer in architecture.encoder[:3]] == [True, True, False]
    assert [layer.output_shape for layer in architecture.decoder if layer.name == "dense"] == [
        (256,),
        (1024,),
    ]
    assert all(layer.kernel_size == (4, 2) for layer in architecture.decoder if layer.name == "transpose")


def test_the_layers_of_report_es_networks():
    assert preset_architecture("latent-10", MNIST).latent_shape == (10,)
    architecture = preset_architecture("vae-2", MNIST)
    assert [layer.output_shape for layer in architecture.encoder] == [(784,), (512,), (256,), (2,)]
    assert [layer.output_shape for layer in architecture.decoder] == [(256,), (512,), (784,), (28, 28, 1)]
    encoder = 785 * 512 + 513 * 256 + 2 * 257 * 2  # each unit with its bias
    decoder = 3 * 256 + 257 * 512 + 513 * 784
    assert architecture.parameters == encoder + decoder


@pytest.mark.parametrize("name", presets.presets_for("autoencoder"))
def test_every_preset_fits_its_data_set(name):
    image = CIFAR if presets.PRESETS[name].dataset == "cifar10" else MNIST
    architecture = preset_architecture(name, image)
    assert architecture.decoder[-1].output_shape[:2] == architecture.target_shape[:2]


@given(images, st.integers(1, 8), st.integers(1, 80), st.integers(1, 9))
def test_the_decoder_mirrors_the_encoder_or_the_refusal_names_the_largest_kernel(
    image, layers, kernel_size, kernels
):
    kernel_size = min(kernel_size, 64)
    hp = AutoencoderHyperparameters(layers=layers, kernel_size=kernel_size, kernels=kernels)
    architecture, refusal = result_or_refusal(plan_architecture, hp, image)
    if refusal:
        assert f"kernel size {kernel_size} does not fit the " in refusal
        largest = int(refusal.split("the maximum is ")[1])
        assert largest < kernel_size
        plan_architecture(dataclasses.replace(hp, kernel_size=largest), image)
        with pytest.raises(UserError):
            plan_architecture(dataclasses.replace(hp, kernel_size=largest + 1), image)
        return
    assert architecture.decoder[-1].output_shape == architecture.target_shape == image
    assert (
        sum(isinstance(layer, WeightedSpec) for layer in architecture.decoder)
        == sum(isinstance(layer, WeightedSpec) for layer in architecture.encoder)
        == layers
    )
    assert min(architecture.latent_shape[:2]) <= max(MIN_FEATURE_MAP, -(-min(image[:2]) // 2**layers))


@given(images, st.sampled_from(list(TASKS)), st.sampled_from(["right", "left", "top", "bottom"]))
def test_task_shapes_add_up_to_the_image(image, task, side):
    hp = AutoencoderHyperparameters(task=task, **({"missing": side} if task == "complete" else {}))
    shapes, refusal = result_or_refusal(get_task(hp).shapes, hp, image)
    if refusal:
        assert "color images" in refusal or "too small to split" in refusal
        return
    inputs, targets = shapes
    if task == "complete":
        axis = 0 if side in ("top", "bottom") else 1
        assert inputs[axis] + targets[axis] == image[axis]
        assert 0 <= targets[axis] - inputs[axis] <= 1
    else:
        assert inputs[:2] == targets[:2] == image[:2]


def test_skip_connections_join_maps_of_equal_size_and_the_first_layer_keeps_the_full_size():
    architecture = plan_architecture(
        AutoencoderHyperparameters(task="denoise", skip=True, layers=3, kernels="4,6,8"), MNIST
    )
    assert [layer.output_shape for layer in architecture.encoder] == [(28, 28, 4), (14, 14, 6), (7, 7, 8)]
    assert [architecture.encoder[source].output_shape for source in architecture.skip_sources] == [
        (14, 14, 6),
        (28, 28, 4),
    ]
    assert [layer.output_shape[2] for layer in architecture.decoder if layer.name == "join"] == [12, 8]


def test_the_description_in_one_line():
    architecture = plan_architecture(AutoencoderHyperparameters(layers=2, kernels="8,4"), MNIST)
    assert describe_architecture(architecture) == (
        f"latent 196, 4.0× smaller than the image · {architecture.parameters:,} parameters · "
        "28×28×1 → 14×14×8 → 7×7×4"
    )


def test_skip_connections_of_half_size_need_one_upsampling_convolution_at_full_size():
    hp = AutoencoderHyperparameters(task="denoise", skip=True, skip_size="half", layers=5)
    architecture = plan_architecture(hp, (128, 96, 3))
    sides = [layer.output_shape[0] for layer in (*architecture.encoder, *architecture.decoder)]
    assert sides == [64, 32, 16, 8, 8, 8, 8, 16, 16, 32, 32, 64, 64, 128]
    assert len(architecture.skip_sources) == 4
    assert architecture.decoder[-1].output_shape == (128, 96, 3)


@pytest.mark.parametrize(
    ("values", "kernels"),
    [
        ({"layers": 4, "stride": "2,2,2,1"}, [8, 16, 32, 8]),  # the last are those of the latent code
        ({"layers": 4, "latent_dim": 5}, [8, 16, 16, 16]),
        ({"layers": 4, "pool": "1,2,3", "latent_dim": 5}, [8, 16, 32, 64]),
        ({"layers": 3, "kernels": "8,4,2", "stride": 2, "latent_dim": 5}, [8, 8, 8]),
        ({"layers": 3, "kernels": "200", "stride": 2, "latent_dim": 5}, [200, 400, 512]),
        ({"layers": 3, "kernels": "600", "stride": 2, "latent_dim": 5, "growth": 1}, [600] * 3),
        ({"layers": 3, "task": "denoise", "skip": True}, [8, 16, 32]),
    ],
)
def test_kernels_grow_wherever_the_feature_map_becomes_smaller(values, kernels):
    hp = AutoencoderHyperparameters(**{"kernels": "8", "growth": 2} | values)
    layers = plan_architecture(hp, CIFAR).encoder
    assert [layer.outputs for layer in layers if isinstance(layer, Convolution)] == kernels


def test_residual_blocks_surround_the_latent_code_and_keep_the_sizes():
    plain, residual = (
        plan_architecture(AutoencoderHyperparameters(layers=4, block=block), CIFAR)
        for block in ("plain", "residual")
    )
    assert residual.latent_shape == plain.latent_shape
    assert describe_architecture(residual).split(" · ")[2] == describe_architecture(plain).split(" · ")[2]
    blocks = [sum(bool(layer.addend) for layer in layers) for layers in (residual.encoder, residual.decoder)]
    assert blocks == [3, 3]
