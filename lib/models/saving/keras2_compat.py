"""Loading of `.h5` files of Keras 2 that Keras 3 does not read: leftover settings and nested models."""

import keras

# Settings that Keras 2 wrote for layers that do not have them.
GROUPS = ("groups",)
KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
LEFTOVER_SETTINGS = {
    "Conv1DTranspose": GROUPS,
    "Conv2DTranspose": GROUPS,
    "Conv3DTranspose": GROUPS,
    "DepthwiseConv1D": GROUPS,
    "DepthwiseConv2D": GROUPS,
    "SeparableConv1D": GROUPS + KERNEL,
    "SeparableConv2D": GROUPS + KERNEL,
}
GRAPH_CLASSES = ("Functional", "Model")


def keras2_custom_objects() -> dict[str, object]:
    """Return `custom_objects` for `keras.saving.load_model`, which correct the settings of Keras 2.

    They make Keras's own layers and models, so that a model saved later needs none of them.
    """
    readers: dict[str, object] = {name: _LayerReader(name, keys) for name, keys in LEFTOVER_SETTINGS.items()}
    return readers | {name: _GraphReader() for name in GRAPH_CLASSES} | {"Sequential": _SequentialReader()}


class _LayerReader:
    """Drops the leftover settings of a layer."""

    def __init__(self, name: str, leftover: tuple[str, ...]):
        self._class = getattr(keras.layers, name)
        self._leftover = leftover

    def from_config(self, config: dict) -> keras.layers.Layer:
        return self._class.from_config(
            {key: value for key, value in config.items() if key not in self._leftover}
        )


class _GraphReader:
    """Counts the calls of nested models from 0; Keras 2 counted them from 1."""

    def from_config(self, config: dict, custom_objects=None) -> keras.Model:
        classes = {layer["name"]: layer["class_name"] for layer in config["layers"]}
        calls = [
            call
            for layer in config["layers"]
            for node in layer["inbound_nodes"]
            if isinstance(node, list)
            for call in node
        ]
        for call in calls:
            if classes.get(call[0]) in (*GRAPH_CLASSES, "Sequential"):
                call[1] = max(0, call[1] - 1)
        outputs = config["output_layers"]
        for output in [outputs] if outputs and isinstance(outputs[0], str) else outputs:
            # For the other classes of models Keras 3 subtracts 1 itself.
            if calls and classes.get(output[0]) == "Sequential":
                output[1] = max(0, output[1] - 1)
        return keras.Model.from_config(config, custom_objects=custom_objects)


class _SequentialReader:
    """Moves the input shape of the first layer, as Keras up to 2.3 wrote it, into an input layer.

    It includes the batch, which Keras 3 would take for one more dimension.
    """

    def from_config(self, config: dict, custom_objects=None) -> keras.Model:
        first, *others = config["layers"]
        shape = None
        if first["class_name"] != "InputLayer":
            shape = first["config"].pop("batch_input_shape", None)
        if shape is not None:
            input_config = {"batch_input_shape": shape, "name": f"{config['name']}_input"}
            config["layers"] = [{"class_name": "InputLayer", "config": input_config}, first, *others]
        return keras.Sequential.from_config(config, custom_objects=custom_objects)
