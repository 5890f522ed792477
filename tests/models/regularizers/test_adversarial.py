"""The discriminator of adversarial autoencoders."""

import math

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.autoencoder import build_autoencoder
from lib.models.regularizers import make_regularizer
from lib.models.regularizers.adversarial import Distinction, SignAccuracy
from lib.models.regularizers.base import StopGradient
from lib.models.training_model import RECONSTRUCTION, build_training_model, mean_output_loss

HP = AutoencoderHyperparameters(regularization="adversarial", latent_dim=2)


def test_the_distinction_is_zero_by_chance_and_2_log_2_at_most():
    zero, large = np.zeros((1, 1), np.float32), np.full((1, 1), 50, np.float32)
    assert to_numpy(Distinction()(zero, zero, zero))[0, 0] == pytest.approx(0, abs=1e-6)
    assert to_numpy(Distinction()(-large, -large, large))[0, 0] == pytest.approx(2 * math.log(2))
    assert to_numpy(Distinction()(large, large, zero))[0, 0] < 0
    accuracies = [to_numpy(SignAccuracy()(*scores))[0, 0] for scores in ((-large, large), (large, large))]
    assert accuracies == [1, 0.5]


def test_the_discriminator_learns_and_the_encoder_moves_to_the_prior():
    """Codes begin far from the prior; a bias that the encoder learns takes them there."""
    inputs = keras.Input((2,))
    encoder = keras.layers.Dense(2, name="code")
    _, outputs = make_regularizer(HP).regularize([encoder(inputs)])
    model = keras.Model(inputs, outputs)
    encoder.set_weights([np.eye(2, dtype=np.float32), np.full(2, 4, np.float32)])
    images = np.random.default_rng(0).normal(size=(2048, 2)).astype(np.float32)
    targets = np.zeros((2048, 1), np.float32)
    names = dict.fromkeys(outputs, targets)
    encoder.trainable = False
    model.compile(keras.optimizers.Adam(0.01), {"adversarial": mean_output_loss})
    model.fit(images, names, batch_size=128, epochs=3, verbose=0)
    assert model.predict(images, verbose=0)["discriminator"].mean() > 0.95  # codes and prior are apart
    encoder.trainable = True
    model.compile(keras.optimizers.Adam(0.01), {"adversarial": mean_output_loss})
    model.fit(images, names, batch_size=128, epochs=40, verbose=0)
    codes = images @ encoder.get_weights()[0] + encoder.get_weights()[1]
    assert np.abs(codes.mean(axis=0)).max() < 1.5
    assert model.predict(images, verbose=0)["discriminator"].mean() < 0.9


def test_the_discriminator_learns_while_a_warm_up_begins():
    """The penalty has no gradient for the encoder yet."""
    values = dict(layers=1, kernels=2, latent_dim=2, beta_warmup=0.5)
    hp = AutoencoderHyperparameters(regularization="adversarial", **values)
    architecture = plan_architecture(hp, (4, 4, 1))
    model = build_training_model(build_autoencoder(architecture), architecture)
    losses = {"adversarial": mean_output_loss, RECONSTRUCTION: "mse"}
    model.compile(keras.optimizers.SGD(1.0), losses, loss_weights={"adversarial": 1.0, RECONSTRUCTION: 0.0})
    networks = [model.get_layer(name) for name in ("encoder", "discriminator")]
    before = [[np.array(weight) for weight in network.trainable_variables] for network in networks]
    images = np.random.default_rng(0).random((8, 4, 4, 1))
    model.train_on_batch(images, {"adversarial": np.zeros((8, 1)), RECONSTRUCTION: images})
    moved = []
    for weights, network in zip(before, networks, strict=True):
        pairs = zip(weights, network.trainable_variables, strict=True)
        moved.append(any((old != np.array(new)).any() for old, new in pairs))
    assert moved == [False, True]


def test_each_network_gets_the_gradient_that_is_meant_for_it():
    """One step of gradient descent on one code and one sample of the prior, against the formulas."""

    code = keras.layers.Dense(1, use_bias=False, name="code")
    scores = keras.layers.Dense(1, use_bias=False, name="score")
    image, prior = keras.Input((1,)), keras.Input((1,))
    z = code(image)
    penalty = Distinction()(scores(z), scores(StopGradient()(z)), scores(prior))
    model = keras.Model([image, prior], penalty)
    code.set_weights([np.full((1, 1), 2, np.float32)])
    scores.set_weights([np.full((1, 1), 0.5, np.float32)])
    model.compile(keras.optimizers.SGD(1.0), mean_output_loss)
    one = np.ones((1, 1), np.float32)
    model.train_on_batch([one, 3 * one], one)
    weights = {layer.name: float(layer.get_weights()[0][0, 0]) for layer in (code, scores)}

    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    # z = 2 has the score 1, and the prior 3 the score 1.5.
    assert weights["code"] == pytest.approx(2 + 0.5 * sigmoid(-1), rel=1e-5)
    assert weights["score"] == pytest.approx(0.5 - (2 * sigmoid(1) - 3 * sigmoid(-1.5)), rel=1e-5)
