"""Memory and arithmetic of trainings. python -m pytest tests/config/test_memory_estimate.py"""

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.memory_estimate import MemoryEstimate, describe_plan, estimate_memory, operations_per_image

SHAPE = (64, 64, 3)


def plan(**values):
    return plan_architecture(AutoencoderHyperparameters(**values), SHAPE)


def test_the_largest_batch_is_a_power_of_two_that_fits():
    estimate = MemoryEstimate(constant=100, per_image=10)
    assert [estimate.largest_batch(memory) for memory in (50, 109, 110, 139, 140, 500)] == [0, 0, 1, 2, 4, 32]
    assert estimate.of_batch(estimate.largest_batch(500)) <= 500


def test_more_kernels_larger_batches_and_more_connections_need_more_memory():
    base = estimate_memory(plan())
    assert estimate_memory(plan(kernels=64)).per_image > 1.5 * base.per_image
    assert estimate_memory(plan(block="residual")).per_image > base.per_image
    full, half = (
        estimate_memory(plan(task="denoise", skip=True, skip_size=size)) for size in ("full", "half")
    )
    assert full.per_image > 3 * half.per_image
    assert estimate_memory(plan(latent_dim=4096)).constant > base.constant + 50_000_000
    assert describe_plan(plan(kernels=512, batch_size=1024)).endswith(" GB of memory")
    assert "memory" not in describe_plan(plan(batch_size=8))


def test_operations_are_those_of_the_convolutions():
    architecture = plan(layers=1, kernels=2, stride=2)
    encoder = 32 * 32 * 3 * 3 * 3 * 2
    assert operations_per_image(architecture) == 6 * 2 * encoder  # the decoder mirrors the encoder
