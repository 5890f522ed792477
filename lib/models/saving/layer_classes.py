"""Classes that the description of a model in an `.h5` file may name, and why others are refused."""

import json

import keras

from lib.config.layer_specs import LAYER_CLASSES

# Layers that compute with numbers alone. Excluded are layers that hold code, wrap models of other libraries,
# read a vocabulary from a file, or build as many steps as a number in the file says (recurrent).
ALLOWED_LAYERS = """
InputLayer Dense EinsumDense Activation Identity Embedding Masking
Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose
DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D
MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
UpSampling1D UpSampling2D UpSampling3D
ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D
Flatten Reshape Permute RepeatVector Rescaling Normalization Resizing CenterCrop
RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness RandomCrop
Add Subtract Multiply Average Maximum Minimum Concatenate Dot
BatchNormalization LayerNormalization GroupNormalization RMSNormalization UnitNormalization
Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise
ActivityRegularization ReLU LeakyReLU PReLU ELU Softmax MultiHeadAttention Attention AdditiveAttention
"""
# Keras 2 wrote them; `keras2_compat` puts layers of Keras 3 in their place, or refuses them.
KERAS2_LAYERS = (
    *("BatchNormalizationV1", "BatchNormalizationV2", "ThresholdedReLU", "RandomHeight", "RandomWidth"),
    *("TFOpLambda", "SlicingOpLambda", "AddLoss", "AddMetric", "__ellipsis__"),
)
MODEL_CLASSES = ("Functional", "Model", "Sequential")
PLAIN_CLASSES = ("DTypePolicy", "Policy", "__keras_tensor__")
# Initializers, losses and the like hold no code either.
SAFE_MODULES = (
    keras.initializers,
    keras.regularizers,
    keras.constraints,
    keras.optimizers,
    keras.optimizers.schedules,
    keras.losses,
    keras.metrics,
)
ALLOWED_CLASSES = {
    *ALLOWED_LAYERS.split(),
    *(layer.keras_class for layer in LAYER_CLASSES),
    *KERAS2_LAYERS,
    *MODEL_CLASSES,
    *PLAIN_CLASSES,
    *(name for module in SAFE_MODULES for name, member in vars(module).items() if isinstance(member, type)),
}
HOLD_CODE = ("Lambda", "__lambda__", "function")
READ_FILES = ("TFSMLayer", "StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup")


def refusal(node: dict) -> str | None:
    """Return the class of an object in a description and why it is refused; `None` if it is allowed."""
    name, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
    in_keras = module is None or (
        isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    )
    if isinstance(name, str) and name in ALLOWED_CLASSES and in_keras and registered in (None, name):
        return None
    parts = [module, name] if module else [name]
    full_name = ".".join(part if isinstance(part, str) else json.dumps(part) for part in parts)[:80]
    if name in HOLD_CODE:
        return f"{full_name}, which contains code, and code from files is never run"
    if name in READ_FILES:
        return f"{full_name}, which may read other files"
    if in_keras and isinstance(name, str) and registered in (None, name) and hasattr(keras.layers, name):
        return f"{full_name}, which is not supported"
    return f"{full_name}, which is not a Keras 3 layer; custom code is never run"
