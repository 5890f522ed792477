"""python -m pytest tests/config/test_architecture_planner.py"""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.common.errors import UserError
from lib.config import architecture, architecture_planner, presets
from lib.config.hyperparameters import Hyperparameters
from lib.tasks import TASKS, base

images = st.tuples(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]))
CIFAR, MNIST = (32, 32, 3), (28, 28, 1)


def planned(name: str, image=CIFAR) -> architecture.Architecture:
    return architecture_planner.plan_architecture(Hyperparameters(**presets.preset_values(name)), image)


def outcome(function, *arguments) -> tuple:
    """What a function gives, or `None`; and why it refused, or nothing."""
    try:
        return function(*arguments), ""
    except UserError as error:
        return None, str(error)


def test_report_c_on_mnist():
    plan = architecture_planner.plan_architecture(Hyperparameters(), MNIST)
    assert [layer.output for layer in plan.encoder] == [(14, 14, 32), *[(7, 7, 32)] * 4]
    assert plan.latent_size == 7 * 7 * 32
    assert sum(layer.has_weights for layer in plan.encoder + plan.decoder) == 10  # "10 layers": both halves


def test_cifar_10_is_halved_twice_as_in_report_a():
    assert architecture_planner.plan_architecture(
        Hyperparameters(layers=3, kernels="8,12,16"), CIFAR
    ).latent == (8, 8, 16)


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
    assert planned(name).latent == latent


def test_report_as_base_network_layer_by_layer():
    """conv 8, pool, conv 12, pool, conv 16, upsample, conv 12, upsample, conv 3: nine layers, 4,911
    parameters.
    """
    plan = planned("cifar-base")
    kinds = [(layer.kind, layer.output[2]) for layer in plan.encoder + plan.decoder]
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
    assert plan.parameters == 4911
    assert planned("cifar-2").decoder[-1].output == CIFAR


def test_report_d_from_one_half_to_the_other():
    plan = planned("fashion-half", MNIST)
    assert (plan.input, plan.target) == ((28, 14, 1), (28, 14, 1))
    maps = [layer.output for layer in plan.encoder]
    assert maps == [(14, 7, 32), (7, 4, 64), (4, 2, 128), (1024,), (256,), (64,)]
    assert [layer.normalized for layer in plan.encoder[:3]] == [True, True, False]
    assert [layer.output for layer in plan.decoder if layer.kind == "dense"] == [(256,), (1024,)]
    assert all(layer.kernel_size == (4, 2) for layer in plan.decoder if layer.kind == "transpose")


def test_report_es_networks():
    assert planned("latent-10", MNIST).latent == (10,)
    plan = planned("vae-2", MNIST)
    assert [layer.output for layer in plan.encoder] == [(784,), (512,), (256,), (2,)]
    assert [layer.output for layer in plan.decoder] == [(256,), (512,), (784,), (28, 28, 1)]
    into, out = (
        785 * 512 + 513 * 256 + 2 * 257 * 2,
        3 * 256 + 257 * 512 + 513 * 784,
    )  # each unit with its bias
    assert plan.parameters == into + out


@pytest.mark.parametrize("name", presets.presets_for("autoencoder"))
def test_every_preset_is_a_network_for_its_data_set(name):
    image = CIFAR if presets.PRESETS[name].dataset == "cifar10" else MNIST
    plan = planned(name, image)
    assert plan.decoder[-1].output[:2] == plan.target[:2]


@given(images, st.integers(1, 8), st.integers(1, 80), st.integers(1, 9))
def test_a_plan_mirrors_and_ends_at_the_target_or_says_what_works(image, layers, kernel_size, kernels):
    kernel_size = min(kernel_size, 64)
    hp = Hyperparameters(layers=layers, kernel_size=kernel_size, kernels=kernels)
    plan, refusal = outcome(architecture_planner.plan_architecture, hp, image)
    if refusal:
        assert f"kernel size {kernel_size} does not fit: " in refusal
        largest = int(refusal.split("at most ")[1].split()[0])
        assert largest < kernel_size
        architecture_planner.plan_architecture(dataclasses.replace(hp, kernel_size=largest), image)
        with pytest.raises(UserError):
            architecture_planner.plan_architecture(dataclasses.replace(hp, kernel_size=largest + 1), image)
        return
    assert plan.decoder[-1].output == plan.target == image
    assert (
        sum(layer.has_weights for layer in plan.decoder)
        == sum(layer.has_weights for layer in plan.encoder)
        == layers
    )
    assert min(plan.latent[:2]) <= max(architecture_planner.MIN_FEATURE_MAP, -(-min(image[:2]) // 2**layers))


@given(images, st.sampled_from(list(TASKS)), st.sampled_from(["right", "left", "top", "bottom"]))
def test_inputs_and_targets_of_each_task(image, task, side):
    hp = Hyperparameters(task=task, **({"missing": side} if task == "complete" else {}))
    shapes_, refusal = outcome(base.task_shapes, hp, image)
    if refusal:
        assert "color images" in refusal or "no two halves" in refusal
        return
    given_, target = shapes_
    if task == "complete":
        axis = 0 if side in ("top", "bottom") else 1
        assert given_[axis] + target[axis] == image[axis]
        assert 0 <= target[axis] - given_[axis] <= 1
    else:
        assert given_[:2] == target[:2] == image[:2]


def test_skip_connections_join_maps_of_equal_size_and_keep_the_first_layer_whole():
    plan = architecture_planner.plan_architecture(
        Hyperparameters(task="denoise", skip=True, layers=3, kernels="4,6,8"), MNIST
    )
    assert [layer.output for layer in plan.encoder] == [(28, 28, 4), (14, 14, 6), (7, 7, 8)]
    assert [plan.encoder[source].output for source in plan.joined] == [(14, 14, 6), (28, 28, 4)]
    assert [layer.output[2] for layer in plan.decoder if layer.kind == "join"] == [12, 8]


def test_the_line_under_the_prompt():
    plan = architecture_planner.plan_architecture(Hyperparameters(layers=2, kernels="8,4"), MNIST)
    assert architecture.describe_architecture(plan) == (
        f"latent 196, 4.0× smaller than the image · {plan.parameters:,} parameters · 28×28×1 → 14×14×8 → "
        f"7×7×4"
    )
