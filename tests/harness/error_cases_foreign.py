"""Cases that provoke each error about models made elsewhere, by module; see `error_cases_models`."""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image

from lib.cli import model_commands
from lib.worker import apply_job, encode_job, generate_job, predict_job
from tests.harness.error_cases_models import (
    PIXELS,
    identity_model,
    load_saved_encoder,
    two_inputs,
    wide,
)
from tests.harness.error_cases_settings import called
from tests.models.saving.test_encoder_extraction import nested, save_and_load
from tests.worker.test_foreign_models import any_size, chain, dense, saved, write_images
from tests.worker.test_model_jobs import COLOR, GENERATE_REQUEST, run_job


def apply(model: keras.Model, **request):
    write_images()
    np.save("odd.npy", np.zeros((2, 7, 9), np.uint8))
    Image.new("L", (8, 8)).save("own.png")
    run_job(apply_job.apply, models=saved(model), **{"data": "images.npy"} | request)


def encode(model: keras.Model, **request):
    write_images()
    run_job(encode_job.encode, models=saved(model), **{"data": "images.npy", "output": "c.npz"} | request)


def predict(model: keras.Model):
    write_images()
    run_job(predict_job.predict, models=saved(model), data="images.npy")


def generate(model: keras.Model):
    run_job(generate_job.generate, models=saved(model), **GENERATE_REQUEST)


def bypassed() -> keras.Model:
    """A code that a skip connection passes by."""
    image = keras.Input((64,))
    code = layers.Dense(5, name="code")(image)
    return keras.Model(image, layers.Add()([layers.Dense(64)(code), image]))


def two_numbers() -> keras.Model:
    image = keras.Input((8, 8, 1))
    flat = layers.Flatten()(image)
    return keras.Model(image, [layers.Dense(3)(flat), layers.Dense(4)(flat)])


def identity_encoder() -> keras.Model:
    same, image = keras.Input((PIXELS,)), keras.Input((PIXELS,))
    encoder = keras.Model(same, same, name="encoder")
    return keras.Model(image, layers.Dense(PIXELS)(encoder(image)))


def load_without_numbers(value: float):
    model = dense()
    saved(model)
    model.get_layer("middle").set_weights([np.full((64, 5), value), np.zeros(5)])
    model.save("other.h5")
    run_job(apply_job.apply, models=["other.h5"], data="x")


def overflowing() -> keras.Model:
    return dense(layers.Rescaling(1e30), activation=None)


CASES = {
    "models/saving/code_layer": [
        (
            lambda: save_and_load(nested("a"), "one"),
            "other.h5",
            "has 3 layers called one; give one of a/one, a/sequential",
        ),
        (
            lambda: save_and_load(nested("a"), "thre"),
            "other.h5",
            "has no layer called 'thre'; did you mean three or",
        ),
        (
            lambda: save_and_load(nested("a"), "zzz"),
            "other.h5",
            "has no layer called 'zzz'; it has a/one",
        ),
        (lambda: save_and_load(identity_model("model")), "other.h5", "has no layers; give an autoencoder"),
        (
            lambda: save_and_load(wide(200, 300, 120)),
            "other.h5",
            "no layer is called encoder or code, none that everything passes through is narrower than the "
            "image (120 numbers), and no upsampling follows; name the layer of the code with "
            "--encoder-layer, such as wide_1 (200), wide_2 (300)",
        ),
    ],
    "models/saving/encoder_extraction": [
        (
            lambda: save_and_load(identity_encoder()),
            "other.h5: encoder",
            "gives back its input; name the layer of the code with",
        ),
        (
            lambda: save_and_load(wide(4), image_shape=(28, 28, 1)),
            "other.h5",
            "takes images of 120 numbers, the data set has 28×28×1",
        ),
        (
            lambda: load_saved_encoder((9, 9, 1)),
            "ae/autoencoder.h5",
            "takes images of 12×10×1, the data set has 9×9×1",
        ),
        (
            lambda: load_saved_encoder((9, 9, 3), COLOR, task="colorize"),
            "ae/autoencoder.h5",
            "the data set has 9×9×3; colorize showed it 9×9×1 of that",
        ),
        (
            lambda: apply(bypassed(), refine=3),
            "other.h5",
            "its images depend on more than the code, such as skip connections, and cannot be decoded from "
            "that alone",
        ),
        (
            lambda: apply(dense(), refine=3, encoder_layer="middle", decoder_layer="back"),
            "other.h5",
            "the decoder from back on takes codes of 64, middle gives 5; name both layers with "
            "--encoder-layer and --decoder-layer",
        ),
        (
            lambda: predict(chain((64,), layers.Dense(1))),
            "other.h5",
            "gives 1 for an image, not a number per class; give a classifier",
        ),
        (
            lambda: predict(chain((64,), layers.Dense(4, name="logits"))),
            "other.h5",
            "ends in logits, which gives no probabilities; give a classifier, and if it is one, add a "
            "Softmax layer and save it again",
        ),
        (
            lambda: apply(any_size(), data="odd.npy"),
            "other.h5",
            "gives 8×10×1 for images of 7×9×1, not images like them; give an autoencoder, or images whose "
            "sides it can halve evenly",
        ),
        (
            lambda: apply(two_numbers()),
            "other.h5",
            "gives 3 and 4 for images of 8×8×1, not images like them; give an autoencoder",
        ),
        (
            lambda: generate(chain((3,), layers.Dense(7), name="decoder")),
            "other.h5",
            "gives 7 for a code, which is no image; give a decoder",
        ),
    ],
    "models/saving/image_formats": [
        (
            lambda: save_and_load(two_inputs()),
            "other.h5",
            "takes 2 inputs; only models that take images alone have an encoder for them",
        ),
        (
            lambda: save_and_load(chain((4, 8, 8, 1), layers.Flatten(), layers.Dense(3))),
            "other.h5",
            "takes inputs of 4 × 8 × 8 × 1 numbers, which are no images; give a model of images",
        ),
    ],
    "models/saving/weight_checks": [
        (
            lambda: load_without_numbers(np.nan),
            "other.h5",
            "gives no numbers: its layer middle holds NaN; its training has diverged, so train it again with "
            "a lower learning rate",
        ),
        (
            lambda: load_without_numbers(np.inf),
            "other.h5",
            "gives no numbers: its layer middle holds infinite weights; its training has",
        ),
    ],
    "worker/saved_models": [
        (
            lambda: apply(overflowing()),
            "other.h5",
            "gives NaN, infinity or numbers beyond 1e+18 for 01 and 19 more of 20 images; nothing is "
            "written; give another model",
        ),
        (
            lambda: apply(any_size(), data="own.png"),
            "other.h5",
            "takes images of any×any×1; say which with --size, such as --size 28x28",
        ),
        (
            lambda: apply(dense(), size=[9, 8]),
            "other.h5",
            "takes images of 8×8×1; --size 9x8 does not fit it",
        ),
        (
            lambda: apply(chain((50,), layers.Dense(3), layers.Dense(50))),
            "images.npy",
            "its images are 8×8×1, other.h5 takes 50 numbers; give images that fit",
        ),
        (
            lambda: apply(chain((8, 8, 5), layers.Conv2D(5, 3, padding="same"))),
            "other.h5",
            "takes images of 8×8×5, with 5 channels; pictures have 1 or 3",
        ),
    ],
    "cli/model_commands": [
        (
            lambda: called(
                "autoencoder", "apply", "-model", model_path(), "-d", "digits", "--encoder-layer", "x"
            ),
            "--encoder-layer",
            "is for --refine; without it apply needs none",
        ),
        (
            lambda: called(
                "autoencoder", "encode", "-model", model_path(), "-d", "digits", "--decoder-layer", "x"
            ),
            "--decoder-layer",
            "is for --refine; without it encode needs",
        ),
        (
            lambda: model_commands.parse_size("28x0"),
            "--size",
            "height and width in pixels, such as 28x28; a side must be a whole number from 1 to",
        ),
        (
            lambda: model_commands.parse_size("1x2x3"),
            "'1x2x3'",
            "--size: height and width in pixels, such as 28x28, not",
        ),
    ],
}


def model_path() -> str:
    Path("m.h5").touch()
    return "m.h5"
