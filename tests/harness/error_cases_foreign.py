"""Cases that provoke each error about models made elsewhere, by module; see `error_cases_models`."""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from PIL import Image

from lib.worker.generate_messages import Generate
from lib.worker.messages import Apply, Encode, Predict
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
from tests.worker.test_model_jobs import COLOR, FEW_IMAGES, run_job


def apply(model: keras.Model, **request):
    write_images()
    np.save("odd.npy", np.zeros((2, 7, 9), np.uint8))
    Image.new("L", (8, 8)).save("own.png")
    run_job(Apply, models=saved(model), **{"data": "images.npy"} | request)


def encode(model: keras.Model, **request):
    write_images()
    run_job(Encode, models=saved(model), **{"data": "images.npy", "output": "c.npz"} | request)


def predict(model: keras.Model):
    write_images()
    run_job(Predict, models=saved(model), data="images.npy")


def generate(model: keras.Model):
    run_job(Generate, models=saved(model), **FEW_IMAGES)


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
    run_job(Apply, models=["other.h5"], data="x")


def overflowing() -> keras.Model:
    return dense(layers.Rescaling(1e30), activation=None)


CASES = {
    "models/saving/code_layer": [
        (
            lambda: save_and_load(nested("a"), "one"),
            "other.h5",
            "has 3 layers named one; use one of a/one, a/sequential",
        ),
        (
            lambda: save_and_load(nested("a"), "thre"),
            "other.h5",
            "has no layer named 'thre'; did you mean three or a/three?",
        ),
        (
            lambda: save_and_load(nested("a"), "zzz"),
            "other.h5",
            "has no layer named 'zzz'; the layers are a/one",
        ),
        (lambda: save_and_load(identity_model("model")), "other.h5", "has no layers; use an autoencoder"),
        (
            lambda: save_and_load(wide(200, 300, 120)),
            "other.h5",
            "no layer is named encoder or code, no bottleneck is narrower than the image",
        ),
    ],
    "models/saving/encoder_extraction": [
        (
            lambda: save_and_load(identity_encoder()),
            "other.h5: encoder",
            "returns its input; set the layer of the latent code with --encoder-layer",
        ),
        (
            lambda: save_and_load(wide(4), image_shape=(28, 28, 1)),
            "other.h5",
            "takes images of 120 numbers, but the data set has 28×28×1",
        ),
        (
            lambda: load_saved_encoder((9, 9, 1)),
            "ae/autoencoder.h5",
            "takes images of 12×10×1, but the data set has 9×9×1",
        ),
        (
            lambda: load_saved_encoder((9, 9, 3), COLOR, task="colorize"),
            "ae/autoencoder.h5",
            "takes images of 12×10×1, but the data set has 9×9×3; colorize passed 9×9×1 of",
        ),
        (
            lambda: apply(bypassed(), refine=3),
            "other.h5",
            "the output depends on more than the latent code, for example on skip",
        ),
        (
            lambda: apply(dense(), refine=3, encoder_layer="middle", decoder_layer="back"),
            "other.h5",
            "the decoder from back on takes codes of 64, but middle returns 5; set both",
        ),
        (
            lambda: predict(chain((64,), layers.Dense(1))),
            "other.h5",
            "returns 1 per image, not one number per class; use a classifier",
        ),
        (
            lambda: predict(chain((64,), layers.Dense(4, name="logits"))),
            "other.h5",
            "ends in logits, which does not return probabilities; use a classifier; if it",
        ),
        (
            lambda: apply(any_size(), data="odd.npy"),
            "other.h5",
            "returns 8×10×1 for images of 7×9×1, not images of the same shape; use an",
        ),
        (
            lambda: apply(two_numbers()),
            "other.h5",
            "returns 3 and 4 for images of 8×8×1, not images of the same shape; use an",
        ),
        (
            lambda: generate(chain((3,), layers.Dense(7), name="decoder")),
            "other.h5",
            "returns 7 per code, which is not an image; use a decoder",
        ),
    ],
    "models/saving/image_formats": [
        (
            lambda: save_and_load(two_inputs()),
            "other.h5",
            "has 2 inputs; only models whose single input is an image are supported",
        ),
        (
            lambda: save_and_load(chain((4, 8, 8, 1), layers.Flatten(), layers.Dense(3))),
            "other.h5",
            "takes inputs of 4 × 8 × 8 × 1, which are not images; use a model of images",
        ),
    ],
    "models/saving/weight_loading": [
        (
            lambda: load_without_numbers(np.nan),
            "other.h5",
            "returns no finite numbers: layer middle contains NaN; the training diverged;",
        ),
        (
            lambda: load_without_numbers(np.inf),
            "other.h5",
            "returns no finite numbers: layer middle contains infinite weights; the",
        ),
    ],
    "worker/saved_models": [
        (
            lambda: apply(overflowing()),
            "other.h5",
            "returns NaN, infinity or values beyond 1e+18 for 01 and 19 more of 20 images;",
        ),
        (
            lambda: apply(any_size(), data="own.png"),
            "other.h5",
            "takes images of any×any×1; set a size, such as --size 28x28",
        ),
        (
            lambda: apply(dense(), size=(9, 8)),
            "other.h5",
            "takes images of 8×8×1; --size 9x8 does not fit it",
        ),
        (
            lambda: apply(chain((50,), layers.Dense(3), layers.Dense(50))),
            "images.npy",
            "the images are 8×8×1, other.h5 takes 50 numbers; use images of this shape",
        ),
        (
            lambda: apply(chain((8, 8, 20), layers.Conv2D(20, 3, padding="same"))),
            "other.h5",
            "takes images of 8×8×20, with 20 channels; images have 1 to 16",
        ),
    ],
    "cli/model_command": [
        (
            lambda: called(
                "autoencoder", "apply", "-model", model_path(), "-d", "digits", "--encoder-layer", "x"
            ),
            "--encoder-layer",
            "has no effect without --refine",
        ),
        (
            lambda: called(
                "autoencoder", "encode", "-model", model_path(), "-d", "digits", "--decoder-layer", "x"
            ),
            "--decoder-layer",
            "has no effect without --refine",
        ),
    ],
}


def model_path() -> str:
    Path("m.h5").touch()
    return "m.h5"
