"""Keras models in `.h5` files, those made elsewhere included.

    model_files           save and load models
    hdf5_checks           safety checks before loading
    keras2_compat         files of Keras 2
    encoder_extraction    the encoder of any autoencoder

`model_files` is for other packages: `save_model`, `load_model` (the Keras model alone), `load_saved_model`
(with hyperparameters and classes), `load_encoder`, and the classes `SavedModel` and `SavedEncoder`. Before it
opens a file, `hdf5_checks` refuses what could run code or exhaust memory; `encoder_extraction` finds the
layer of the latent code. Importing this package does not import Keras:

>>> import tempfile
>>> from pathlib import Path
>>> from lib.config.architecture_planner import plan_architecture
>>> from lib.config.hyperparameters import Hyperparameters
>>> from lib.models.autoencoder import build_autoencoder
>>> from lib.models.saving.model_files import load_encoder, save_model
>>> hp = Hyperparameters(layers=1, kernels=2, latent_dim=3)
>>> model = build_autoencoder(plan_architecture(hp, (8, 8, 1)))
>>> with tempfile.TemporaryDirectory() as folder:
...     save_model(model, Path(folder) / "autoencoder.h5", hp)
...     encoder = load_encoder(Path(folder) / "autoencoder.h5", (8, 8, 1))
>>> encoder.layer, encoder.model.output_shape, encoder.hp.kernels
('encoder (3)', (None, 3), (2,))
"""
