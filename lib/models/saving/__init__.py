"""Keras models in `.h5` files, those made elsewhere included.

    model_files           save and load models
    file_attributes       our attributes, without Keras
    hdf5_checks           safety checks before loading
    layer_classes         classes that files may name
    graph_limits          bounds on calls and sizes
    keras2_compat         descriptions of Keras 2 and 3
    keras2_layers         settings of Keras 2's layers
    keras2_operations     layers for TensorFlow's operations
    weight_loading        weights by name and shape
    encoder_extraction    encoder, decoder, classifier of others
    code_layer            which layer gives the code
    name_words            names that say encoder, code
    graph_copy            flat copies of nested models
    image_formats         shapes of images, channels first
    pixel_ranges          ranges of inputs and outputs

`model_files` is for other packages: `save_model`, `load_model` (the Keras model alone), `load_saved_model`
(with hyperparameters and classes), `load_encoder`, and the classes `SavedModel` and `SavedEncoder`. Before it
opens a file, `hdf5_checks` refuses what could run code or exhaust memory; `graph_limits` bounds the model,
and `count_values` tells its size. `encoder_extraction` makes models of images in 0..1 of those made
elsewhere: `ForeignModel`, `is_decoder` and `adapt_decoder`; `image_formats` says which images a model takes:
`input_pattern`. Importing this package does not import Keras:

>>> import tempfile
>>> from pathlib import Path
>>> from lib.config.architecture_planner import plan_architecture
>>> from lib.config.hyperparameters import AutoencoderHyperparameters
>>> from lib.models.autoencoder import build_autoencoder
>>> from lib.models.saving.model_files import load_encoder, save_model
>>> hp = AutoencoderHyperparameters(layers=1, kernels=2, latent_dim=3)
>>> model = build_autoencoder(plan_architecture(hp, (8, 8, 1)))
>>> with tempfile.TemporaryDirectory() as folder:
...     save_model(model, Path(folder) / "autoencoder.h5", hp)
...     encoder = load_encoder(Path(folder) / "autoencoder.h5", (8, 8, 1))
>>> encoder.layer, encoder.model.output_shape, encoder.hp.kernels
('encoder (3)', (None, 3), (2,))
"""
