"""Layer types of autoencoders: output shape, number of parameters and Keras layer of each, in one class.

    base          class `LayerSpec`, registry, stacks
    convolutions  convolutions, also of residual blocks
    dense         fully connected layer
    pooling       layers of `--pool-type`
    resizing      upsampling, padding, cropping, reshaping, sums

Every subclass of `LayerSpec` in a module of this package is found: one with a `setting` and a `choice`
becomes a value of that setting, and `.h5` files may name its Keras layer. Sizes need no Keras:

>>> from lib.config.layer_specs import layer_choices
>>> from lib.config.layer_specs.convolutions import Convolution
>>> convolution = Convolution((28, 28, 1), outputs=8, kernel_size=(3, 3), stride=2)
>>> convolution.output_shape, convolution.parameters
((14, 14, 8), 80)
>>> pool = layer_choices("pool_type")["average"](convolution.output_shape)
>>> pool.output_shape, pool.keras_class, pool.arguments
((7, 7, 8), 'AveragePooling2D', {'pool_size': 2, 'padding': 'same'})
"""

from lib.common.discovery import import_modules
from lib.config.layer_specs.base import (
    LAYER_CLASSES,
    LayerSpec,
    LayerStack,
    Shape,
    WeightedSpec,
    layer_choices,
)

import_modules("lib.config.layer_specs")

__all__ = ["LAYER_CLASSES", "LayerSpec", "LayerStack", "Shape", "WeightedSpec", "layer_choices"]
