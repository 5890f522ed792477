"""What Keras 2 wrote otherwise in an `.h5`, and Keras 3 does not read: leftover settings, and models inside
models.
"""

import keras

# Settings that Keras 2 wrote for these layers although they have none of the kind.
GROUPS, KERNEL = ("groups",), ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
LEFTOVER_SETTINGS = {
    "Conv1DTranspose": GROUPS, "Conv2DTranspose": GROUPS, "Conv3DTranspose": GROUPS, "DepthwiseConv1D": GROUPS,
    "DepthwiseConv2D": GROUPS, "SeparableConv1D": GROUPS + KERNEL, "SeparableConv2D": GROUPS + KERNEL,
}  # fmt: skip
GRAPH_CLASSES = ("Functional", "Model")


def keras2_classes() -> dict[str, object]:
    """What to give `keras.saving.load_model` as `custom_objects`: the classes by their names, made from
    mended settings.

    They make Keras's own layers and models, so nothing of this is in what is saved later.
    """
    mended = {name: _LayerReader(name, keys) for name, keys in LEFTOVER_SETTINGS.items()}
    return mended | {name: _GraphReader() for name in GRAPH_CLASSES} | {"Sequential": _SequentialReader()}


class _LayerReader:
    def __init__(self, name: str, leftover: tuple[str, ...]):
        self._class, self._leftover = getattr(keras.layers, name), leftover

    def from_config(self, config: dict) -> keras.layers.Layer:
        return self._class.from_config(
            {key: value for key, value in config.items() if key not in self._leftover}
        )


class _GraphReader:
    def from_config(self, config: dict, custom_objects=None) -> keras.Model:
        """Calls of a layer are counted from 0; Keras 2 counted those of a model inside this one from 1."""
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
        ends = config["output_layers"]
        for end in [ends] if ends and isinstance(ends[0], str) else ends:
            if (
                calls and classes.get(end[0]) == "Sequential"
            ):  # of the other models Keras 3 subtracts it itself
                end[1] = max(0, end[1] - 1)
        return keras.Model.from_config(config, custom_objects=custom_objects)


class _SequentialReader:
    def from_config(self, config: dict, custom_objects=None) -> keras.Model:
        """Up to 2.3 the first layer itself said what goes in, with the batch, which Keras 3 takes to be one
        more dimension.
        """
        first, *others = config["layers"]
        shape = (
            first["config"].pop("batch_input_shape", None) if first["class_name"] != "InputLayer" else None
        )
        if shape is not None:
            start = {
                "class_name": "InputLayer",
                "config": {"batch_input_shape": shape, "name": f"{config['name']}_input"},
            }
            config["layers"] = [start, first, *others]
        return keras.Sequential.from_config(config, custom_objects=custom_objects)
