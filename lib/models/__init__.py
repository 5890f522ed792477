"""Keras models: autoencoders, classifiers, and their initialization and files.

    autoencoder        encoder, decoder and autoencoder models
    training_model     outputs that losses need
    importance_sampling  bounds by several codes
    quantizer          codes rounded to levels
    regularizers       penalties of the latent code
    second_stage       small VAE on latent codes
    classifier         classifier on a saved encoder
    label_input        labels of conditional autoencoders
    output_joins       outputs joined to the inputs
    patch_discriminator  outputs told from targets
    layer_names        names of layers in files
    fixed_layers       layers with constant weights
    initialization     identity, linear path and PCA
    pca                principal components in bounded memory
    cloning            copies of an encoder
    transfer           weights of a saved model
    code_refinement    latent codes optimized per image
    any_size           models for pictures of any size
    tiling             whole pictures by overlapping tiles
    inference          outputs in batches that fit in memory
    saving             `.h5` files: save, check, load

`lib.config` plans an `Architecture`; `autoencoder` builds it, with layers of `regularizers` and
`fixed_layers`, and `initialization` sets weights that are better than random ones. `classifier` builds on an
encoder that `saving` has loaded. Nothing here trains: `lib.training` does.

Names for other packages, imported from their modules so that importing this package does not import Keras:

* `autoencoder`: `build_autoencoder`, `autoencoder_for_inference`, `code_only`
* `training_model`: `build_training_model`, `mean_output_loss`, and its outputs `RECONSTRUCTION` and `LABELS`
* `regularizers`: `make_regularizer`, `PENALTY_FACTOR`, `GradientFactor`
* `classifier`: `build_classifier`, `classifier_for_inference`, `encoder_for_images`, `set_trainable`
* `cloning`: `clone_with_weights`, `clone_reinitialized`
* `transfer`: `take_weights`, `Transfer`
* `initialization`: `initialize_linear_path`, `initialize_pca`
* `pca`: `principal_components`, `available_components`, `sample_size`, `Components`,
  `MAX_BYTES`
* `code_refinement`: `CodeRefinement`
* `second_stage`: `SecondStage`
* `inference`: `predict`
* `fixed_layers`: `FIXED_PREFIX`
* `label_input`: `count_label_classes`
* `patch_discriminator`: `PATCHES`, `MEASURES`, `distinction`

>>> from lib.config.architecture_planner import plan_architecture
>>> from lib.config.hyperparameters import AutoencoderHyperparameters
>>> from lib.models.autoencoder import build_autoencoder
>>> architecture = plan_architecture(AutoencoderHyperparameters(layers=2, kernels=4, latent_dim=3), (8, 8, 1))
>>> model = build_autoencoder(architecture)
>>> model.get_layer("encoder").output_shape, model.output_shape
((None, 3), (None, 8, 8, 1))
>>> model.count_params() == architecture.parameters
True
"""
