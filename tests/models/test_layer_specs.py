"""Layer specs beside their Keras layers. python -m pytest tests/models/test_layer_specs.py"""

import keras
import pytest

from lib.config.layer_specs import LAYER_CLASSES, WeightedSpec, layer_choices
from lib.config.layer_specs.convolutions import (
    BlockConvolution,
    Convolution,
    Projection,
    TransposedConvolution,
)
from lib.config.layer_specs.dense import Dense
from lib.config.layer_specs.pooling import AveragePool, MaxPool
from lib.config.layer_specs.resizing import Cropping, Flatten, Join, Padding, Reshape, Sum, Upsampling
from lib.models.autoencoder import make_layer
from lib.models.saving.layer_classes import refusal

MAP = (9, 6, 4)
LAYERS = [
    Convolution(MAP, outputs=5, kernel_size=(3, 2), stride=2),
    Convolution(MAP, outputs=5, kernel_size=(3, 2), stride=2, padding="valid"),
    TransposedConvolution(MAP, outputs=5, kernel_size=(2, 3), stride=2),
    TransposedConvolution(MAP, outputs=5, kernel_size=(1, 3), stride=2, padding="valid"),
    Dense((7,), outputs=5, normalization="layer", frozen=True),
    MaxPool(MAP),
    AveragePool(MAP),
    Upsampling(MAP, 3),
    Padding(MAP, (9, 8)),
    Cropping(MAP, (7, 6)),
    Flatten(MAP),
    Reshape((216,), MAP),
    Join(MAP, 2, 0),
    BlockConvolution(MAP, outputs=5, kernel_size=(3, 3), zero_initialized=True),
    Projection(MAP, outputs=5, kernel_size=(2, 2), stride=2),
    Sum(MAP, 3),
]


@pytest.mark.parametrize("spec", LAYERS, ids=lambda spec: type(spec).__name__)
def test_a_spec_has_the_shape_and_the_parameters_of_its_keras_layer(spec):
    layer = make_layer(spec, "layer")
    inputs = keras.Input(spec.input_shape)
    if spec.source >= 0:
        inputs = [inputs, keras.Input((*spec.input_shape[:2], spec.channels))]
    if spec.addend:
        inputs = [inputs, keras.Input(spec.input_shape)]
    assert layer(inputs).shape[1:] == spec.output_shape
    vectors = 2 * spec.outputs if isinstance(spec, WeightedSpec) and spec.normalization else 0
    assert layer.count_params() + vectors == spec.parameters
    assert not layer.trainable_weights if isinstance(spec, WeightedSpec) and spec.frozen else True


def test_every_layer_type_is_tested_and_files_may_name_its_keras_layer():
    assert {type(spec) for spec in LAYERS} == set(LAYER_CLASSES)
    names = [layer_class.keras_class for layer_class in LAYER_CLASSES]
    assert not [name for name in names if refusal({"class_name": name, "module": "keras.layers"})]


def test_choices_of_settings_are_layer_types():
    assert layer_choices("pool_type") == {"max": MaxPool, "average": AveragePool}
    assert layer_choices("upsampling") == {"transpose": TransposedConvolution, "nearest": Upsampling}
