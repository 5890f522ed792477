"""Settings of layers as Keras 2 wrote them, in the form that makes Keras 3 compute the same."""

from lib.models.saving.keras2_operations import stacked

RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
    # Without training they change nothing. Keras 3 does not have two of them, and cannot save the third.
    "RandomHeight": "Identity",
    "RandomWidth": "Identity",
    "RandomBrightness": "Identity",
    "RandomCrop": "Resizing",  # which it is without training
}
# Settings that Keras 2 wrote for layers that do not have them, or that change nothing in a trained model.
GROUPS = ("groups",)
SHAPES = ("query_shape", "key_shape", "value_shape", "softmax_robust_masking")
LEFTOVERS = {
    "Conv1DTranspose": GROUPS,
    "Conv2DTranspose": GROUPS,
    "Conv3DTranspose": GROUPS,
    "DepthwiseConv1D": GROUPS,
    "DepthwiseConv2D": GROUPS,
    "SeparableConv1D": (*GROUPS, "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": (*GROUPS, "kernel_regularizer", "kernel_constraint"),
    "SpatialDropout1D": ("noise_shape", "trainable"),
    "SpatialDropout2D": ("noise_shape", "trainable"),
    "SpatialDropout3D": ("noise_shape", "trainable"),
    "MultiHeadAttention": SHAPES,
    "BatchNormalization": ("fused", "virtual_batch_size", "adjustment"),
    "Identity": ("factor", "interpolation", "seed", "value_range"),
    "Resizing": ("seed",),
}
LEFTOVERS_OF_ALL = ("batch_input_shape", "input_dtype", "dynamic", "rng_type")
# Names under which Keras 2 stored functions of `tf.nn`.
ACTIVATIONS = {
    "softmax_v2": "softmax",
    "log_softmax_v2": "log_softmax",
    "swish": "silu",
    "exp": "exponential",
}
FILTERS_OF_KERAS2 = ("gaussian", "mitchellcubic")


def convert_layer(class_name: str, config: dict) -> tuple[str, dict]:
    """Return class and settings of the layer of Keras 3 that computes what a layer of Keras 2 does.

    `hard_sigmoid` is x/5 + 1/2 between 0 and 1 in Keras 2, and x/6 + 1/2 in Keras 3. As a layer of its own it
    becomes two others; that of a layer with weights is kept, and `scales_by_hard_sigmoid` says so.

    Raises:
        ValueError: Keras 3 has no such layer, in words for the user.
    """
    old_class, class_name = class_name, RENAMED.get(class_name, class_name)
    leftovers = (*LEFTOVERS_OF_ALL, *LEFTOVERS.get(class_name, ()))
    config = {key: _plain(value) for key, value in config.items() if key not in leftovers}
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if "activation" in config:
        config["activation"] = _convert_activation(config["activation"])
    if class_name == "Activation" and config.get("activation") == "hard_sigmoid":
        steps = [("Rescaling", {"scale": 0.2, "offset": 0.5}), ("ReLU", {"max_value": 1.0})]
        return "Sequential", {"name": config["name"], "layers": stacked(steps)}
    if class_name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if old_class == "RandomCrop":
        config["crop_to_aspect_ratio"] = True
    if old_class == "ThresholdedReLU":
        config["threshold"] = config.pop("theta")
    if class_name == "BatchNormalization" and isinstance(config.get("axis"), list):
        raise ValueError(
            f"layer {config.get('name')} normalizes several axes together, which Keras 3 does not support"
        )
    if config.get("interpolation") in FILTERS_OF_KERAS2:
        raise ValueError(
            f"layer {config.get('name')} interpolates by {config['interpolation']!r}, which Keras 3 does not "
            f"support; use bilinear or bicubic"
        )
    return class_name, config


def _plain(value):
    """The number in place of what Keras 2.2 wrote for arrays without dimensions."""
    if isinstance(value, dict) and value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    return value


def _convert_activation(activation):
    """An activation by its name; a layer as an activation is converted like any other."""
    if isinstance(activation, dict):
        class_name, config = convert_layer(activation["class_name"], activation["config"])
        return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}
    return ACTIVATIONS.get(activation, activation)
