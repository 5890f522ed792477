"""python -m pytest tests/models/test_cloning.py"""

import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.models import autoencoder, fixed_layers
from lib.training import replicas
from tests.models.test_autoencoder import CORRECTED, built

NETWORKS = {
    "plain": dict(layers=2, kernels="3,4", batch_norm="all"),
    "dense": dict(layers=1, kernels=3, fc_units="9", latent_dim=4),
    "variational": dict(layers=1, kernels=3, variational=True, latent_dim=2),
    "unet": dict(task="complete", layers=2, kernels="3,4", skip=True, residual=True),
    "linear": dict(layers=2, kernels="4,4", stride=2, linear_path=4),
    "feedback": dict(layers=1, kernels=3, fc_units="9", latent_dim=4, batch_norm="none", feedback="6,5"),
}


@pytest.mark.parametrize("values", NETWORKS.values(), ids=NETWORKS)
def test_a_twin_in_bfloat16_rounds_what_is_hidden_and_nothing_else(values):
    model, plan = built((8, 8, 1), **values)
    model = autoencoder.build_training_model(model, plan)
    twin = replicas.make_replica(model, "bfloat16")
    assert {variable.dtype for variable in twin.trainable_variables} == {"float32"}
    for name in ("encoder", "decoder"):
        part = twin.get_layer(name)
        rough = {layer.name for layer in part.layers if layer.compute_dtype == "bfloat16"}
        assert f"activation_{name}_1" in rough
        assert part.outputs[0].dtype == "float32"  # the code, the picture
        assert not {layer for layer in rough if layer.startswith((fixed_layers.FIXED_PREFIX, "linear_"))}
        assert {layer.compute_dtype for layer in model.get_layer(name).layers} == {
            "float32"
        }  # the model is as it was
    images = np.random.default_rng(0).random((3, *plan.input), np.float32)
    exact, rounded = (
        to_numpy(autoencoder.code_only(network.get_layer("encoder"))(images)) for network in (model, twin)
    )
    apart = abs(exact - rounded).max()
    assert apart < 0.05 * abs(exact).max()
    assert (apart > 0) == (not plan.linear)  # what is beside a linear path begins with zeros


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_feedbacks_decoder_is_one_in_a_twin_as_well(precision):
    model, plan = built((8, 8, 1), **CORRECTED)
    twin = replicas.make_replica(model, precision)
    assert twin.get_layer("decoder") in twin.get_layer("encoder").layers
    assert len(twin.trainable_variables) == len(model.trainable_variables)
    images = np.random.default_rng(0).random((40, *plan.input), np.float32)
    twin.compile("adam", "mse")
    twin.fit(images, images, epochs=2, verbose=0)
    replicas.copy_state(twin, model)
    np.testing.assert_allclose(
        twin.predict(images, verbose=0),
        model.predict(images, verbose=0),
        atol=1e-6 if precision == "float32" else 0.02,
    )
