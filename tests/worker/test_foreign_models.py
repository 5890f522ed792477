"""Jobs on models made elsewhere: shapes, pixel ranges, layers of the code, and numbers that are none.

python -m pytest tests/worker/test_foreign_models.py
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras.ops import convert_to_numpy as to_numpy
from PIL import Image

from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import ClassifierHyperparameters, Hyperparameters
from lib.data.formats import registry
from lib.models.saving import model_files
from lib.models.saving.encoder_extraction import ForeignModel
from lib.runs.events import Note
from lib.worker import open_data, probe_job, training_jobs
from lib.worker.generate_messages import Generate
from lib.worker.messages import Apply, Encode, Predict, Probe, Train
from tests.harness import sample_files
from tests.harness.in_process_worker import RecordingChannel
from tests.worker.test_model_jobs import FEW_IMAGES, run_job

SIDES = (8, 8)
FIRST = dict(data_format="channels_first")


def saved(model: keras.Model, seed: int = 0) -> list[str]:
    """The path of a model as plain Keras saves it, with weights that tell channels and positions apart."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if not isinstance(layer, layers.Normalization):
            layer.set_weights([rng.normal(0, 0.3, weights.shape) for weights in layer.get_weights()])
            if isinstance(layer, layers.BatchNormalization):
                layer.moving_variance.assign(rng.uniform(0.5, 1, layer.moving_variance.shape))
    model.save("other.h5")
    return ["other.h5"]


def chain(shape: tuple, *steps: layers.Layer, name: str | None = None) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *steps], name=name)


def dense(*after: layers.Layer, shape=(*SIDES, 1), before=(), activation="sigmoid") -> keras.Model:
    steps = [layers.Flatten(), layers.Dense(5, name="middle"), layers.Dense(64, activation=activation)]
    return chain(shape, *before, *steps, layers.Reshape(shape, name="back"), *after)


def adapted(variance: float, mean: float) -> layers.Layer:
    normalization = layers.Normalization(axis=-1)
    normalization.build((None, *SIDES, 1))
    normalization.adapt(np.array([mean - variance**0.5, mean + variance**0.5]).reshape(2, 1, 1, 1))
    return normalization


def channels_first() -> keras.Model:
    return chain(
        (1, *SIDES),
        layers.Conv2D(3, 3, padding="same", **FIRST),
        layers.BatchNormalization(axis=1),
        layers.MaxPooling2D(2, **FIRST),
        layers.Flatten(**FIRST),
        layers.Dense(5, name="middle"),
        layers.Dense(48),
        layers.Reshape((3, 4, 4)),
        layers.Conv2DTranspose(2, 3, strides=2, padding="same", **FIRST),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid", **FIRST),
    )


def two_outputs() -> keras.Model:
    image = keras.Input((*SIDES, 1))
    code = layers.Dense(5, name="middle")(layers.Flatten()(image))
    decoded = layers.Reshape((*SIDES, 1))(layers.Dense(64, activation="sigmoid")(code))
    return keras.Model(image, [layers.Dense(3, activation="softmax")(code), decoded])


def any_size() -> keras.Model:
    return chain(
        (None, None, 1),
        layers.Conv2D(2, 3, strides=2, padding="same", name="middle"),
        layers.UpSampling2D(2),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
    )


BYTES = lambda x: x * 255  # noqa: E731
SIGNED = lambda x: x * 2 - 1  # noqa: E731
SAME = lambda x: x  # noqa: E731
MODELS = {
    "plain": (dense, SAME, SAME, "0 to 1 (the last activation is sigmoid)"),
    "nothing said": (lambda: dense(activation=None), SAME, SAME, "0 to 1 (no layer indicates otherwise)"),
    "rescaling first": (lambda: dense(before=[layers.Rescaling(1 / 255)]), BYTES, SAME, "255 (the first"),
    "rescaling last": (
        lambda: dense(layers.Rescaling(255)), BYTES, lambda y: y / 255, "0 to 255 (the last activation is sig"
    ),
    "rescaling both": (
        lambda: dense(
            layers.Rescaling(127.5, 127.5), before=[layers.Rescaling(1 / 127.5, -1)], activation=None
        ),
        BYTES, lambda y: y / 255, "0 to 255 (the first layer is the Rescaling rescaling",
    ),
    "rescaling to tanh": (
        lambda: dense(before=[layers.Rescaling(1 / 127.5, -1)], activation="tanh"),
        BYTES, lambda y: (y + 1) / 2, "outputs are assumed to be pixels in -1 to 1 (the last activation is",
    ),
    "tanh": (lambda: dense(activation="tanh"), SIGNED, lambda y: (y + 1) / 2, "-1 to 1 (the last activation"),
    "normalized bytes": (
        lambda: dense(before=[adapted(900, 33)], activation=None), BYTES, lambda y: y / 255,
        "0 to 255 (the first layer is the Normalization",
    ),
    "normalized": (lambda: dense(before=[adapted(0.04, 0.2)]), SAME, SAME, "0 to 1 (the first layer"),
    "channels first": (
        channels_first, lambda x: x.transpose(0, 3, 1, 2), lambda y: y.transpose(0, 2, 3, 1), "1 (the last"
    ),
    "flat": (
        lambda: dense(shape=(64,)), lambda x: x.reshape(-1, 64), lambda y: y.reshape(-1, 8, 8, 1), "0 to 1"
    ),
    "without channel": (lambda: dense(shape=SIDES), lambda x: x[..., 0], lambda y: y[..., None], "0 to 1"),
    "any size": (any_size, SAME, SAME, "0 to 1"),
    "two outputs": (two_outputs, SAME, lambda y: y[1], "0 to 1"),
}  # fmt: skip


def write_images() -> np.ndarray:
    """20 images in `images.npy`; returns them in 0..1."""
    images = sample_files.shapes(20, *SIDES)[0]
    np.save("images.npy", images)
    return (images.reshape(-1, *SIDES, 1) / 255).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gets_the_pixels_that_it_was_trained_on(name):
    build, as_taken, as_given, sentence = MODELS[name]
    path, pixels = saved(build())[0], write_images()
    model = model_files.load_model(Path(path))
    foreign = ForeignModel(model, (*SIDES, 1), path)
    assert sentence in foreign.notes[0]
    outputs, expected = foreign.autoencoder()(pixels), model.predict(as_taken(pixels), verbose=0)
    np.testing.assert_allclose(to_numpy(outputs), as_given(expected), atol=1e-5)
    codes = keras.Model(model.inputs[0], model.get_layer("middle").output)(as_taken(pixels))
    encoder, decoder = foreign.encoder(), foreign.decoder()
    np.testing.assert_allclose(to_numpy(encoder(pixels)), to_numpy(codes), atol=1e-5)
    np.testing.assert_allclose(to_numpy(decoder(codes)), to_numpy(outputs), atol=1e-5)
    assert "middle" in foreign.notes[1]


@pytest.mark.parametrize("name", ["rescaling to tanh", "channels first", "flat"])
def test_jobs_on_a_model_made_elsewhere(name):
    build, as_taken, as_given, sentence = MODELS[name]
    path, pixels = saved(build()), write_images()
    model = model_files.load_model(Path(path[0]))
    expected = as_given(model.predict(as_taken(pixels), verbose=0))
    channel = RecordingChannel()
    options = {"data": "images.npy", "output": "out", "refine": 8, "encoder_layer": "middle"}
    before, after = run_job(Apply, path, channel, **options).mean
    assert before == pytest.approx(np.square(expected - pixels).mean(), abs=1e-5)
    assert after < before
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert sentence in notes[0]
    assert notes[1] == "other.h5: the latent code is middle (5): set by --encoder-layer."
    (written,) = (file for file in Path("out").glob("*.idx") if "refined" not in file.stem)
    images = registry.read_source(written).train.images.reshape(expected.shape)
    np.testing.assert_allclose(images / 255, expected.clip(0, 1), atol=0.0021)

    run_job(Encode, models=path, data="images.npy", output="codes.npz")
    codes = keras.Model(model.inputs, model.get_layer("middle").output).predict(as_taken(pixels), verbose=0)
    np.testing.assert_allclose(np.load("codes.npz")["codes"], codes, atol=1e-5)
    request = FEW_IMAGES | {"data": "images.npy", "output": "generated"}
    assert run_job(Generate, models=path, **request).count == 6
    with Image.open("generated/1.png") as image:
        assert image.size == SIDES


def test_pictures_for_models_of_any_size_need_a_size():
    path = saved(any_size())
    Path("own").mkdir()
    for number, image in enumerate(sample_files.shapes(3, 16, 12)[0]):
        Image.fromarray(image).save(f"own/{number}.png")
    with pytest.raises(UserError, match=r"other\.h5: takes images of any×any×1; set a size, such as --size"):
        run_job(Apply, models=path, data="own")
    run_job(Apply, models=path, data="own", size=(16, 12), output="out")
    with Image.open("out/pictures/0.png") as image:
        assert image.size == (12, 16)
    with pytest.raises(UserError, match=r"returns 16×12×1 for images of 15×12×1, .* even sides"):
        run_job(Apply, models=path, data="own", size=(15, 12))
    flat = saved(dense(shape=(64,)))
    run_job(Apply, models=flat, data="own", size=(4, 16), output="flat")
    with Image.open("flat/pictures/0.png") as image:
        assert image.size == (16, 4)


def test_a_classifier_made_elsewhere_predicts():
    pixels = write_images()
    model = chain((64,), layers.Dense(4, activation="softmax"))
    path = saved(model)
    table = run_job(Predict, models=path, data="images.npy", output="out").table
    expected = model.predict(pixels.reshape(-1, 64), verbose=0)
    assert [row[1] for row in table] == [str(label) for label in expected.argmax(axis=1)]
    for wrong, message in (
        (chain((64,), layers.Dense(4)), "which does not return probabilities"),
        (chain((64,), layers.Dense(1)), "returns 1 per image, not one number per class"),
    ):
        with pytest.raises(UserError, match=message):
            run_job(Predict, models=saved(wrong), data="images.npy")


def test_a_decoder_alone_generates_beside_its_encoder():
    write_images()
    saved(chain((*SIDES, 1), layers.Flatten(), layers.Dense(3), name="my_encoder"))
    Path("other.h5").rename("encoder.h5")
    path = saved(chain((3,), layers.Dense(64, activation="tanh"), layers.Reshape(SIDES), name="decoder"))
    request = FEW_IMAGES | {"data": "images.npy"}
    assert run_job(Generate, models=path, **request).count == 6


JOBS = {
    "apply": lambda path: run_job(Apply, models=path, data="images.npy", output="out"),
    "encode": lambda path: run_job(Encode, models=path, data="images.npy", output="out.npz"),
    "generate": lambda path: run_job(
        Generate, models=path, **FEW_IMAGES | {"data": "images.npy", "output": "out"}
    ),
    "predict": lambda path: run_job(Predict, models=path, data="images.npy", output="out"),
    "train": lambda path: train(path),
    "probe": lambda path: probe(path),
}


def train(path: list[str]) -> None:
    hp = labeled(path)
    request = Train(hp, "out")
    training_jobs.run_training(RecordingChannel(), request, open_data.open_dataset(hp))


def probe(path: list[str]) -> None:
    hp = labeled(path)
    probe_job.probe(RecordingChannel(), Probe(hp, (1.0,), "out"))


def labeled(path: list[str]) -> Hyperparameters:
    images, labels = sample_files.shapes(60, *SIDES)
    np.savez("all.npz", images=images, labels=labels)
    return ClassifierHyperparameters(dataset="all.npz", model=path[0], fc_units=4, epochs=1, batch_size=16)


@pytest.mark.parametrize("job", JOBS)
def test_a_model_without_numbers_is_named_with_the_layer(job):
    value, kind = (np.nan, "NaN") if job in ("apply", "train") else (-np.inf, "infinite weights")
    write_images()
    model = dense()
    saved(model)
    kernel, bias = model.get_layer("middle").get_weights()
    kernel[3, 1] = value
    model.get_layer("middle").set_weights([kernel, bias])
    model.save("other.h5")
    before = {*Path().rglob("*"), Path("all.npz")}
    with pytest.raises(RunFailed, match=rf"^other\.h5: returns no finite numbers: .* contains {kind}"):
        JOBS[job](["other.h5"])
    assert {*Path().rglob("*"), Path("all.npz")} == before


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("factor", [1e20, 1e38])
def test_outputs_that_overflow_end_a_job_without_a_result(job, factor):
    write_images()
    if job == "predict":
        model = chain((64,), layers.Dense(9), layers.Dense(9), layers.Dense(4, activation="softmax"))
    else:
        model = dense(activation=None)
    path = saved(model)
    for layer in model.layers:
        layer.set_weights([weights * factor for weights in layer.get_weights()])
    model.save(path[0])
    before = {*Path().rglob("*"), Path("all.npz")}
    with pytest.raises(RunFailed, match=r"^other\.h5: returns NaN, infinity or values beyond 1e\+18 for "):
        JOBS[job](path)
    assert {*Path().rglob("*"), Path("all.npz")} == before


def test_pictures_of_earlier_chunks_are_removed_when_a_later_one_overflows(monkeypatch):
    """The second picture is white, of which the model makes infinity."""
    monkeypatch.setattr("lib.data.user_images.CHUNK_SIZE", 1)
    Path("own").mkdir()
    for number, value in enumerate((0, 255)):
        Image.fromarray(np.full(SIDES, value, np.uint8)).save(f"own/{number}.png")
    model = dense(activation=None)
    path = saved(model)
    kernel, bias = model.get_layer("middle").get_weights()
    model.get_layer("middle").set_weights([np.full_like(kernel, 3e37), bias])
    model.save(path[0])
    with pytest.raises(RunFailed, match=r"beyond 1e\+18 for 1\.png; nothing was written"):
        run_job(Apply, models=path, data="own", output="out")
    assert not Path("out").exists()
