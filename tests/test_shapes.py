"""python -m pytest tests/test_shapes.py"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import shapes
from lib.errors import UserError
from lib.hyperparameters import Hyperparameters

images = st.tuples(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3]))


def test_report_c_on_mnist():
    plan = shapes.plan(Hyperparameters(), (28, 28, 1))
    assert [layer.output for layer in plan.encoder] == [(14, 14, 32), *[(7, 7, 32)] * 4]
    assert plan.latent_size == 7 * 7 * 32
    assert sum(layer.learns for layer in plan.encoder + plan.decoder) == 10  # "10 layers": both halves


def test_cifar_10_is_halved_twice_as_in_report_a():
    assert shapes.plan(Hyperparameters(layers=3, kernels="8,12,16"), (32, 32, 3)).latent == (8, 8, 16)


@given(images, st.integers(1, 8), st.integers(1, 80), st.integers(1, 9))
def test_a_plan_mirrors_and_ends_at_the_target_or_says_what_works(image, layers, kernel_size, kernels):
    kernel_size = min(kernel_size, 64)
    hp = Hyperparameters(layers=layers, kernel_size=kernel_size, kernels=kernels)
    largest = shapes.largest_kernel(layers, image)
    if kernel_size > largest:
        with pytest.raises(UserError, match=f"kernel size {kernel_size} does not fit: .*at most {largest} works"):
            shapes.plan(hp, image)
        return
    plan = shapes.plan(hp, image)
    assert plan.decoder[-1].output == plan.target == image
    assert sum(layer.learns for layer in plan.decoder) == sum(layer.learns for layer in plan.encoder) == layers
    assert min(plan.latent[:2]) <= max(shapes.SMALLEST_MAP, -(-min(image[:2]) // 2**layers))


def test_the_line_under_the_prompt():
    plan = shapes.plan(Hyperparameters(layers=2, kernels="8,4"), (28, 28, 1))
    assert shapes.describe(plan) == (
        f"latent 196, 4.0× smaller than the image · {plan.parameters:,} parameters · 28×28×1 → 14×14×8 → 7×7×4"
    )
