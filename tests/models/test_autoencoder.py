"""Autoencoder models and their initialization. python -m pytest tests/models/test_autoencoder.py"""

import re

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from keras.ops import convert_to_numpy as to_numpy
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from lib.common.errors import UserError
from lib.config.architecture_planner import plan_architecture
from lib.config.decoder_planner import output_activation
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import layer_choices
from lib.data import splits
from lib.data.formats.base import Images
from lib.models import autoencoder, initialization
from lib.models.pca import principal_components
from lib.models.training_model import build_training_model
from lib.tasks import TASKS, make_pair, pixels
from lib.tasks.colorization import COLOR_SPACES
from lib.tasks.halves import SIDES
from tests.harness.networks import FEEDBACK, build

SETTINGS = dict(
    kernels=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    sizes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=4, max_size=4),
    strides=st.none() | st.lists(st.integers(1, 3), min_size=4, max_size=4),
    pool=st.one_of(st.just(()), st.just("all"), st.lists(st.integers(1, 4), max_size=2)),
    pool_type=st.sampled_from(list(layer_choices("pool_type"))),
    padding=st.sampled_from(["same", "valid"]),
    upsampling=st.sampled_from(list(layer_choices("upsampling"))),
    decoder_kernels=st.none() | st.lists(st.integers(1, 5), max_size=3),
    activation=st.sampled_from(["relu", "leaky_relu", "silu"]),
    batch_norm=st.sampled_from(["all", "none", "1"]),
    latent_dim=st.none() | st.integers(1, 6),
    fc_units=st.sampled_from([(), (5,), (6, 4)]),
    dropout=st.sampled_from([0, 0.3]),
    l2=st.sampled_from([0, 1e-4]),
    label_weight=st.sampled_from([0, 0.1]),
    skip=st.booleans(),
    residual=st.booleans(),
    block=st.sampled_from(["plain", "residual"]),
    growth=st.sampled_from([1, 1, 1.5]),
    skip_size=st.sampled_from(["full", "full", "half"]),
    tta=st.booleans(),
    linear_path=st.none() | st.integers(1, 12),
    regularization=st.sampled_from(["none", "kl", "mmd", "adversarial"]),
    pca=st.sampled_from([False, False, False, True]),
    feedback=st.sampled_from([(), (), (5,), (6, 4)]),
    task=st.sampled_from(list(TASKS)),
    missing=st.sampled_from((*SIDES, "center", "boxes", "random:0.6:1")),
    color_space=st.sampled_from(COLOR_SPACES),
)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
    st.fixed_dictionaries(SETTINGS),
)
def test_what_the_planner_accepts_the_builder_builds(image, drawn):
    """Any settings: refused before anything is built, or built with the target's exact size."""
    values, layers = dict(drawn), len(drawn["kernels"])
    sizes, strides = values.pop("sizes"), values.pop("strides")
    values |= dict(
        layers=layers, kernel_size=sizes[:layers], stride=strides and strides[:layers], flip=values["tta"]
    )
    for name, task in (("missing", "complete"), ("color_space", "colorize")):
        if values["task"] != task:
            del values[name]
    if not values["pool"]:
        del values["pool_type"]
    if values["pca"]:  # excludes most settings, and would hardly ever be tried
        values |= dict(
            latent_dim=3,
            fc_units=(),
            skip=False,
            residual=False,
            linear_path=None,
            regularization="none",
            feedback=(),
        )
    if values["feedback"]:
        values |= dict(
            latent_dim=3,
            skip=False,
            residual=False,
            linear_path=None,
            regularization="none",
            batch_norm="none",
            dropout=0,
        )
    try:
        hp = AutoencoderHyperparameters(**values)
        architecture = plan_architecture(hp, image)
    except UserError:
        reject()
    model = autoencoder.build_autoencoder(architecture)
    assert model.count_params() == architecture.parameters
    code = model.get_layer("encoder").outputs[0]
    assert tuple(code.shape[1:]) == architecture.latent_shape
    images = np.random.default_rng(0).integers(0, 256, (2, *image), dtype=np.uint8)
    inputs, targets = make_pair(hp, images, np.random.default_rng(0))
    outputs = to_numpy(model(inputs))
    assert outputs.shape == targets.shape == (2, *architecture.target_shape)
    assert np.isfinite(outputs).all()
    if output_activation(hp) == "sigmoid":
        assert outputs.min() >= 0
        assert outputs.max() <= 1
    inference_model = autoencoder.autoencoder_for_inference(model, architecture)
    assert (inference_model is model) != hp.tta
    mean = (outputs + to_numpy(model(inputs[:, :, ::-1]))[:, :, ::-1]) / 2 if hp.tta else outputs
    np.testing.assert_allclose(
        to_numpy(inference_model(inputs)), mean, rtol=1e-3, atol=1e-4 * np.abs(mean).max()
    )
    training_model = build_training_model(model, architecture, 5)
    if hp.has_prior or hp.label_weight:
        outputs = training_model(inputs)
        assert outputs["reconstruction"].shape == targets.shape
        assert outputs[hp.regularization].shape == (2, 1) if hp.has_prior else "kl" not in outputs
        assert outputs["labels"].shape == (2, 5) if hp.label_weight else "labels" not in outputs
    else:
        assert training_model is model
    keras.backend.clear_session()


def test_residual_denoising_starts_as_the_identity():
    model, architecture = build(task="denoise", residual=True, layers=2, kernels=4)
    noisy = np.random.default_rng(0).random((2, *architecture.input_shape), np.float32)
    np.testing.assert_array_equal(to_numpy(model(noisy)), noisy)


def test_residual_colorization_starts_gray_and_keeps_the_luma():
    model, architecture = build((8, 8, 3), task="colorize", residual=True, layers=2, kernels=4, skip=True)
    gray = np.random.default_rng(0).random((2, *architecture.input_shape), np.float32)
    np.testing.assert_allclose(to_numpy(model(gray)), np.repeat(gray, 3, axis=-1), atol=1e-5)
    for weight in model.trainable_weights:
        weight.assign(np.random.default_rng(1).normal(0, 0.3, weight.shape))
    colored = to_numpy(model(gray))
    assert colored.std(axis=-1).max() > 0.01
    np.testing.assert_allclose(pixels.rgb_to_luma(colored), gray, atol=1e-5)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("image", [(6, 8, 1), (7, 9, 3)])
def test_residual_completion_starts_as_the_mirror_image(side, image):
    model, architecture = build(
        image, task="complete", missing=side, residual=True, layers=2, kernels=3, skip=True
    )
    images = np.random.default_rng(0).integers(0, 256, (2, *image), dtype=np.uint8)
    given, missing = make_pair(architecture.hp, images, np.random.default_rng(0))
    axis = 1 if side in ("top", "bottom") else 2
    mirror = np.flip(given, axis)
    if given.shape != missing.shape:  # the outermost row or column twice, far from the middle
        outermost = np.take(mirror, [-1 if side in ("right", "bottom") else 0], axis)
        mirror = np.concatenate(
            [mirror, outermost] if side in ("right", "bottom") else [outermost, mirror], axis
        )
    np.testing.assert_allclose(to_numpy(model(given)), mirror, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"skip": True}, {"latent_dim": 4}, {"regularization": "kl"}, {"flip": True, "tta": True}]
)
def test_known_pixels_are_kept_also_in_a_file_that_plain_keras_opens(options, tmp_path):
    keras.utils.set_random_seed(0)
    model, architecture = build((9, 7, 3), task="complete", missing="boxes", layers=2, kernels=4, **options)
    assert model.count_params() == architecture.parameters
    images = np.random.default_rng(0).integers(0, 256, (6, 9, 7, 3), dtype=np.uint8)
    inputs, targets = make_pair(architecture.hp, images, np.random.default_rng(0))
    model = autoencoder.autoencoder_for_inference(model, architecture)
    model.save(tmp_path / "a.h5", include_optimizer=False)
    opened = keras.models.load_model(tmp_path / "a.h5", compile=False)
    outputs, hole = opened.predict_on_batch(inputs), inputs[..., -1] > 0.5
    np.testing.assert_array_equal(outputs[~hole], targets[~hole])
    assert np.abs(outputs[hole] - targets[hole]).mean() > 0.05


@pytest.mark.parametrize("kernel", [4, 7, 12])
def test_a_linear_path_is_initialized_as_the_pca_of_blocks(kernel):
    model, architecture = build((16, 16, 3), layers=2, kernels="5,6", stride=2, linear_path=kernel)
    images = np.random.default_rng(0).random((300, 16, 16, 3), np.float32)
    initialization.initialize_linear_path(model, architecture, images)
    blocks = images.reshape(300, 4, 4, 4, 4, 3).swapaxes(2, 3).reshape(-1, 48)
    pca = PCA(6, svd_solver="covariance_eigh").fit(blocks)
    centered = blocks - np.tile(images.mean(axis=(0, 1, 2)), 16)
    expected = centered @ pca.components_.T @ pca.components_
    outputs = to_numpy(model(images)) - images.mean(axis=(0, 1, 2))
    outputs = outputs.reshape(300, 4, 4, 4, 4, 3).swapaxes(2, 3).reshape(-1, 48)
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


def test_a_network_with_pca_starts_as_the_pca_and_keeps_its_codes():
    keras.utils.set_random_seed(0)
    images, n_components = (load_digits().images[:300, ..., None] * 15).astype(np.uint8), 5
    model, architecture = build(
        images.shape[1:], layers=1, kernels=8, stride=2, pca=True, latent_dim=n_components, batch_norm="none"
    )
    subset = splits.Subset(Images(images), np.arange(len(images)))
    initialization.initialize_pca(model, architecture, *principal_components(subset, n_components, 0))
    scaled = pixels.to_float(images)
    flat = scaled.reshape(len(images), -1)
    pca = PCA(n_components, svd_solver="full").fit(flat)
    expected = pca.inverse_transform(pca.transform(flat)).reshape(scaled.shape)
    np.testing.assert_allclose(to_numpy(model(scaled)), expected, atol=1e-4)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(scaled, scaled, epochs=20, verbose=0)
    codes = to_numpy(model.get_layer("encoder")(scaled))
    np.testing.assert_allclose(np.abs(codes), np.abs(pca.transform(flat)), atol=1e-4)
    assert np.square(to_numpy(model(scaled)) - scaled).mean() < 0.98 * np.square(expected - scaled).mean()


def test_the_pca_of_few_images_leaves_entries_of_the_code_at_zero():
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1), dtype=np.uint8)
    model, architecture = build((4, 4, 1), layers=1, kernels=2, pca=True, latent_dim=10)
    subset = splits.Subset(Images(images, None), np.arange(3))
    initialization.initialize_pca(model, architecture, *principal_components(subset, 10, 0))
    assert (to_numpy(model.get_layer("encoder")(pixels.to_float(images)))[:, 3:] == 0).all()
    np.testing.assert_allclose(to_numpy(model(pixels.to_float(images))), pixels.to_float(images), atol=1e-4)


def test_a_saved_vae_decodes_the_mean_and_needs_no_custom_class():
    model, architecture = build(regularization="kl", layers=1, kernels=3, latent_dim=2)
    image = np.random.default_rng(0).random((2, *architecture.input_shape), np.float32)
    z_mean, z_log_var = model.get_layer("encoder")(image)
    np.testing.assert_allclose(to_numpy(z_log_var), 0, atol=1e-6)  # σ starts at 1
    np.testing.assert_array_equal(to_numpy(model(image)), to_numpy(model.get_layer("decoder")(z_mean)))
    for part in (model, model.get_layer("encoder"), model.get_layer("decoder")):
        description = part.to_json()
        modules = re.findall(r'"module": "([^"]+)"', description)
        assert {module.partition(".")[0] for module in modules} == {"keras"}
        assert "latent_lab>" not in description


TTA_SETTINGS = {
    "denoise, U-Net": dict(task="denoise", skip=True, residual=True),
    "VAE": dict(task="denoise", regularization="kl", latent_dim=2),
    "RGB from gray": dict(task="colorize", residual=True),
    "UV from Y, U-Net": dict(task="colorize", color_space="yuv", skip=True),
    "top half": dict(task="complete", missing="top", residual=True),
}


@pytest.mark.parametrize("kind", TTA_SETTINGS)
def test_test_time_augmentation_averages_both_mirror_images(kind, tmp_path):
    """Also in a file that plain Keras opens, with `encoder` as in any other."""
    keras.utils.set_random_seed(0)
    plain, architecture = build((9, 7, 3), layers=2, kernels=3, flip=True, tta=True, **TTA_SETTINGS[kind])
    rng = np.random.default_rng(0)
    for weight in plain.trainable_weights:  # some start as zeros
        weight.assign(rng.normal(0, 0.3, weight.shape))
    averaging = autoencoder.autoencoder_for_inference(plain, architecture)
    images = rng.random((4, *architecture.input_shape), np.float32)
    expected = (plain.predict_on_batch(images) + plain.predict_on_batch(images[:, :, ::-1])[:, :, ::-1]) / 2
    averaging.save(tmp_path / "autoencoder.h5", include_optimizer=False)
    for model in (averaging, keras.models.load_model(tmp_path / "autoencoder.h5", compile=False)):
        assert model.name == "autoencoder"
        np.testing.assert_allclose(model.predict_on_batch(images), expected, rtol=1e-4, atol=1e-6)
        codes = (
            keras.tree.flatten(each.get_layer("encoder").predict_on_batch(images)) for each in (model, plain)
        )
        for code, expected_code in zip(*codes, strict=True):
            np.testing.assert_allclose(code, expected_code, rtol=1e-4, atol=1e-6)
    assert np.abs(plain.predict_on_batch(images) - expected).max() > 1e-3


LAYER_NAMES = {
    "PCA": (
        dict(layers=1, kernels=2, stride=2, pca=True, latent_dim=3, batch_norm="none"),
        "image flatten_encoder_1 dense_encoder_2 activation_encoder_2",
        "code dense_decoder_1 activation_decoder_1 reshape_decoder_2 conv_decoder_3 activation_decoder_3 "
        "transpose_decoder_4 activation_decoder_4 output_sum",
    ),
    "U-Net": (
        dict(task="denoise", layers=2, kernels=2, stride=2, skip=True, batch_norm="all", dropout=0.1),
        "image conv_encoder_1 norm_encoder_1 activation_encoder_1 dropout_encoder_1 conv_encoder_2 "
        "norm_encoder_2 activation_encoder_2",
        "code transpose_decoder_1 norm_decoder_1 activation_decoder_1 map_1 join_decoder_2 "
        "transpose_decoder_3 activation_decoder_3",
    ),
    "linear path": (
        dict(layers=1, kernels=2, stride=2, linear_path=2),
        "image conv_encoder_1 activation_encoder_1 linear_encoder code_sum",
        "code transpose_decoder_1 linear_decoder activation_decoder_1 linear_crop output_sum",
    ),
    "VAE": (
        dict(layers=1, kernels=2, stride=1, pool="all", regularization="kl", latent_dim=2, batch_norm="none"),
        "image conv_encoder_1 activation_encoder_1 pool_encoder_2 flatten_encoder_3 dense_encoder_4 "
        "activation_encoder_4 z_log_var",
        "code dense_decoder_1 activation_decoder_1 reshape_decoder_2 transpose_decoder_3 "
        "activation_decoder_3",
    ),
}


@pytest.mark.parametrize(("values", "encoder", "decoder"), LAYER_NAMES.values(), ids=LAYER_NAMES)
def test_layer_names_in_files_stay(values, encoder, decoder):
    model, _ = build((8, 8, 1), **values)
    for name, names in (("encoder", encoder), ("decoder", decoder)):
        assert {layer.name for layer in model.get_layer(name).layers} == set(names.split())


@pytest.mark.parametrize("feedback", [(), (7, 5)])
def test_no_two_layers_share_a_name(feedback):
    hp = AutoencoderHyperparameters(
        layers=3, kernels=4, fc_units="8,6", latent_dim=3, batch_norm="none", feedback=feedback
    )
    model = autoencoder.build_autoencoder(plan_architecture(hp, (13, 17, 3)))
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    names = [layer.name for layer in (*encoder.layers, *decoder.layers) if layer is not decoder]
    assert len(names) == len(set(names))


def test_feedback_starts_with_the_code_unchanged_and_then_corrects_it():
    model, architecture = build((8, 8, 1), **FEEDBACK)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    assert [layer for layer in encoder.layers if layer is decoder] == [decoder]  # it shares the weights
    images = np.random.default_rng(0).random((5, *architecture.input_shape), np.float32)
    reconstruction_of_first_code = encoder.get_layer("left_feedback_1").input[1]
    first = keras.Model(encoder.inputs[0], reconstruction_of_first_code)
    np.testing.assert_array_equal(to_numpy(model(images)), to_numpy(first(images)))
    before = to_numpy(encoder(images))
    encoder.get_layer("step_feedback_2").set_weights([np.ones((5, 4), np.float32), np.ones(4, np.float32)])
    change = to_numpy(encoder(images)) - before
    assert (abs(change) > 0.1).all()
    np.testing.assert_array_equal(to_numpy(model(images)), to_numpy(decoder(encoder(images))))


def test_feedback_takes_the_residual_of_the_decoder():
    model, architecture = build((8, 8, 1), **FEEDBACK | {"feedback": "6"})
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    encoder.get_layer("step_feedback_1").set_weights([np.ones((6, 4), np.float32), np.zeros(4, np.float32)])
    images = np.random.default_rng(0).random((5, *architecture.input_shape), np.float32)
    before = to_numpy(encoder(images))
    decoder.set_weights([2 * weights for weights in decoder.get_weights()])
    assert (abs(to_numpy(encoder(images)) - before) > 1e-3).any()


def test_files_of_a_network_with_feedback_agree_and_need_no_custom_class(tmp_path):
    model, architecture = build((8, 8, 1), **FEEDBACK)
    images = np.random.default_rng(0).random((6, *architecture.input_shape), np.float32)
    model.compile("adam", "mse")
    model.fit(images, images, epochs=2, verbose=0)
    opened = {}
    for part in (model, model.get_layer("encoder"), model.get_layer("decoder")):
        path = tmp_path / f"{part.name}.h5"
        part.save(path)
        opened[part.name] = keras.models.load_model(path, compile=False)
    expected = to_numpy(model(images))
    np.testing.assert_allclose(to_numpy(opened["autoencoder"](images)), expected, atol=1e-6)
    np.testing.assert_allclose(to_numpy(opened["decoder"](opened["encoder"](images))), expected, atol=1e-6)


@pytest.mark.parametrize("upsampling", ["transpose", "nearest"])
def test_convolutions_that_keep_their_shape_start_near_the_identity(upsampling):
    hp = AutoencoderHyperparameters(
        layers=3,
        kernel_size="3,4,3x5",
        kernels="6,6,6",
        stride="2,1,1",
        upsampling=upsampling,
        batch_norm="none",
    )
    model = autoencoder.build_autoencoder(plan_architecture(hp, (12, 10, 1)))
    encoder, maps = model.get_layer("encoder"), np.random.default_rng(0).random((2, 6, 5, 6), np.float32)
    halves = (encoder, model.get_layer("decoder"))
    kinds = keras.layers.Conv2D | keras.layers.Conv2DTranspose
    convolutions = [layer for half in halves for layer in half.layers if isinstance(layer, kinds)]
    convolutions = [layer for layer in convolutions if layer.input.shape == layer.output.shape]
    assert len(convolutions) == 4
    for layer in convolutions:
        kernel, bias = layer.get_weights()
        layer.set_weights([np.where(abs(kernel) > 0.5, kernel, 0), bias])
        assert to_numpy(layer(maps)) == pytest.approx(maps, rel=0.5)
        assert 0 < kernel[abs(kernel) < 0.5].std() < 0.1
    first = encoder.layers[1].get_weights()[0]
    assert np.square(first).mean() == pytest.approx(2 / 9, rel=0.6)  # he_normal


def test_a_dense_linear_path_begins_as_pca():
    rng = np.random.default_rng(0)
    images = rng.random((40, 8, 7, 3)).astype(np.float32)
    model, architecture = build((8, 7, 3), layers=1, kernels=4, latent_dim=5, linear_path="full")
    assert model.count_params() == architecture.parameters
    flat = images.reshape(40, -1)
    pca = PCA(5).fit(flat)
    initialization.initialize_pca(
        model, architecture, images.mean(axis=0), pca.components_.T.astype(np.float32)
    )
    expected = pca.inverse_transform(pca.transform(flat)).reshape(images.shape)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-5)
    codes = model.get_layer("encoder").predict(images, verbose=0)
    np.testing.assert_allclose(codes, pca.transform(flat), atol=1e-5)


def test_residual_blocks_start_as_their_shortcuts():
    model, architecture = build((9, 7, 3), block="residual", layers=3, kernels=4, batch_norm="all")
    encoder = model.get_layer("encoder")
    (first,) = [number for number, spec in enumerate(architecture.encoder, 1) if spec.addend][:1]
    shortcut = keras.Model(encoder.input, encoder.get_layer(f"norm_encoder_{first - 1}").output)
    block = keras.Model(encoder.input, encoder.get_layer(f"sum_encoder_{first}").output)
    images = np.random.default_rng(0).random((2, 9, 7, 3), np.float32)
    np.testing.assert_array_equal(to_numpy(block(images)), to_numpy(shortcut(images)))
    assert encoder.get_layer("block_encoder_2").get_weights()[0].any()  # the scale is zero, not the kernel


def test_a_file_with_residual_blocks_opens_in_plain_keras(tmp_path):
    model, _ = build(
        (17, 13, 3), block="residual", layers=3, kernels="4,6,4", growth=2, stride="2,2,1", latent_dim=5
    )
    model.save(tmp_path / "model.h5")
    images = np.random.default_rng(0).random((2, 17, 13, 3), np.float32)
    loaded = keras.models.load_model(tmp_path / "model.h5", compile=False)
    np.testing.assert_allclose(to_numpy(loaded(images)), to_numpy(model(images)), atol=1e-6)
