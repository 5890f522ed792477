"""Names of the Keras layers of encoders and decoders.

`.h5` files tell weights apart by the names of layers, which are therefore unique in the whole autoencoder and
never change.
"""

from collections.abc import Sequence

from lib.config.layer_specs import LayerSpec, WeightedSpec

LINEAR_ENCODER, LINEAR_DECODER = "linear_encoder", "linear_decoder"


def layer_name(network: str, number: int, spec: LayerSpec) -> str:
    """Return the name of layer `number`, counted from 1, of the network `encoder` or `decoder`."""
    return f"{spec.name}_{network}_{number}"


def frozen_layer_number(specs: Sequence[LayerSpec]) -> int:
    """Return the number, counted from 1, of the one frozen layer of an encoder or decoder with `hp.pca`."""
    (number,) = (
        number for number, spec in enumerate(specs, 1) if isinstance(spec, WeightedSpec) and spec.frozen
    )
    return number
