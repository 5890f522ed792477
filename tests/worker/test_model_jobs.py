"""What a saved model is used for, in this process. python -m pytest tests/worker/test_model_jobs.py"""

import csv
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.common.errors import Interrupted, UserError
from lib.common.serialization import unpack_images
from lib.config import architecture_planner
from lib.config.hyperparameters import Hyperparameters
from lib.data import user_images
from lib.data.formats import registry
from lib.models import autoencoder
from lib.models.classifier import build_classifier
from lib.models.saving import model_files
from lib.tasks.pixels import to_float, to_uint8
from lib.worker import model_jobs
from tests.harness import sample_files

GREY, COLOR = (12, 10, 1), (12, 10, 3)
COMMON = {"output": None, "fit": "crop", "invert": False, "limit": None, "refine": None}
DRAWN = {"mixture": False, "between": None, "count": 6, "grid": None, "steps": 4, "seed": 0, "data": None}


class Listener:
    """Stands for the program; somebody stops it once so many pictures are done."""

    def __init__(self, until: float = math.inf):
        self.stopped, self.events, self.until = threading.Event(), [], until

    def tell(self, event: str, **content) -> None:
        self.events.append(content | {"event": event})
        if event == "progress" and content["done"] >= self.until:
            self.stopped.set()


def done(verb, **request) -> dict:
    """The last event of a verb that was carried out."""
    listener = Listener()
    verb(listener, COMMON | request)
    assert listener.events[-1]["event"] == "finished"
    return listener.events[-1]


def model(folder: str = "ae", image=GREY, **values) -> list[str]:
    """An untrained autoencoder in a folder, and its path in a list."""
    hp = Hyperparameters(**dict(layers=1, kernels=2) | values)
    Path(folder).mkdir()
    network = autoencoder.build_autoencoder(architecture_planner.plan_architecture(hp, image))
    for part in (network, network.get_layer("encoder"), network.get_layer("decoder")):
        model_files.save_model(part, Path(folder) / f"{part.name}.h5", hp)
    return [f"{folder}/autoencoder.h5"]


def classifier() -> list[str]:
    """An untrained classifier of three classes, and its path in a list."""
    hp = Hyperparameters(layers=1, kernels=2)
    encoder = autoencoder.build_autoencoder(architecture_planner.plan_architecture(hp, GREY)).get_layer(
        "encoder"
    )
    head = Hyperparameters(program="classification", fc_units=4)
    model_files.save_model(
        build_classifier(encoder, 3, head, GREY), Path("classifier.h5"), head, ("left", "middle", "bottom")
    )
    return ["classifier.h5"]


def rows(path: str) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    ("values", "image", "size"),
    [
        ({}, GREY, (12, 10)),
        ({"task": "denoise"}, GREY, (12, 10)),
        ({"task": "complete", "missing": "top"}, GREY, (12, 10)),
        ({"task": "colorize"}, COLOR, (12, 10)),
        ({"task": "colorize", "color_space": "yuv"}, COLOR, (12, 10)),
    ],
)
def test_apply_gives_whole_pictures_and_errors_worst_first(values, image, size):
    images = sample_files.shapes(5, 24, 20, channels=3)[0]
    Path("own").mkdir()
    for number, image_ in enumerate(images):
        Image.fromarray(image_).save(f"own/{number}.png")
    Path("own/broken.png").write_text("no picture")
    ended = done(model_jobs.apply, models=model(image=image, **values), data="own")
    assert ended["folder"] == "ae/applied"
    table = rows("ae/applied/errors.csv")
    errors = [float(row["mse"]) for row in table]
    assert errors == sorted(errors, reverse=True)
    assert sorted(row["picture"] for row in table) == [f"{number}.png" for number in range(5)]
    assert list(ended["problems"]) == ["broken.png"]
    for number in range(5):
        assert pixels(f"ae/applied/pictures/{number}.png").shape[:2] == size
    assert Path("ae/applied/worst.png").is_file()
    assert ended["mean"][0] == pytest.approx(np.mean(errors), abs=1e-5)


def test_an_error_is_the_one_that_numpy_finds(tiny):
    path = model()
    done(model_jobs.apply, models=path, data=tiny["-t"], output="out")
    network = model_files.load_model(Path(path[0]))
    images = sample_files.shapes(80)[0][60:, ..., None] / np.float32(255)
    errors = np.square(network.predict(images, verbose=0) - images).mean(axis=(1, 2, 3))
    found = {row["picture"]: float(row["mse"]) for row in rows("out/errors.csv")}
    for number, error in enumerate(errors, start=1):
        assert found[f"{number:02}"] == pytest.approx(error, abs=2e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_outcomes_of_a_data_set_are_a_data_set_in_its_order(channels, monkeypatch):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 7)
    images = sample_files.shapes(20, 12, 10, channels=channels)[0].reshape(20, 12, 10, channels)
    np.save("all.npy", images)
    path = model(image=(12, 10, channels))
    done(model_jobs.apply, models=path, data="all.npy", output="out")
    expected = model_files.load_model(Path(path[0])).predict(to_float(images), verbose=0)
    assert np.array_equal(registry.read_source(Path("out/pictures.idx")).train.images, to_uint8(expected))
    assert not list(Path("out").glob("**/[0-9]*.png"))


@pytest.mark.parametrize(
    ("refine", "until"), [(None, 8), (20, 10)]
)  # when two chunks are through; in the middle of the third
def test_ctrl_c_keeps_what_is_done_and_drops_what_is_half_done(tiny, monkeypatch, refine, until):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 4)
    asked = COMMON | {"models": model(latent_dim=3), "data": tiny["-t"], "refine": refine}
    listener = Listener(until)
    model_jobs.apply(listener, asked)
    assert len(rows("ae/applied/errors.csv")) == 8
    assert listener.events[-1]["missing"] == "8 of 20 pictures are done"
    for name in listener.events[-1]["files"]:
        assert registry.peek_source(Path("ae/applied", name)).count == 8
    model_jobs.encode(listener := Listener(until), asked | {"output": "codes.npz"})
    assert len(np.load("codes.npz")["codes"]) == 8
    assert listener.events[-1]["missing"] == "8 of 20 images are done"


@pytest.mark.parametrize("output", [None, "new", "there"])
def test_ctrl_c_before_anything_is_done_leaves_nothing(tiny, output):
    Path("there").mkdir()
    asked = COMMON | {"models": model(latent_dim=3), "data": tiny["-t"], "output": output, "refine": 20}
    before = sorted(Path().rglob("*"))
    with pytest.raises(Interrupted, match="stopped before the first pictures were done; nothing is written"):
        model_jobs.apply(Listener(until=10), asked)
    with pytest.raises(Interrupted, match="stopped before the first images were done"):
        model_jobs.encode(Listener(until=0), asked | {"output": "codes.npz"})
    assert sorted(Path().rglob("*")) == before


def test_progress_is_told_from_the_start_and_counts_pictures_that_cannot_be_read(monkeypatch):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 2)
    Path("own").mkdir()
    Path("own/0.png").write_text("no picture")
    for number, image in enumerate(sample_files.shapes(3)[0], start=1):
        Image.fromarray(image).save(f"own/{number}.png")
    Path("own/4.png").write_text("no picture either")
    listener = Listener(until=5)
    model_jobs.encode(listener, COMMON | {"models": model(), "data": "own", "output": "codes.npz"})
    told = [event for event in listener.events if event["event"] == "progress"]
    assert [event["done"] for event in told] == [0, 2, 4, 5]
    assert {event["of"] for event in told} == {5}
    assert listener.events[-1]["missing"] == ""  # stopped when everything was done
    assert len(np.load("codes.npz")["codes"]) == 3


@pytest.mark.parametrize("verb", ["apply", "predict"])
def test_the_bar_begins_after_what_would_end_it(tiny, verb):
    listener = Listener()
    getattr(model_jobs, verb)(
        listener, COMMON | {"models": model() if verb == "apply" else classifier(), "data": tiny["-t"]}
    )
    assert [event["event"] for event in listener.events] == ["run", "progress", "progress", "finished"]


def test_several_models_side_by_side(tiny):
    paths = model("one", seed=1) + model("two", kernels=3)
    ended = done(model_jobs.apply, models=paths, data=tiny["-t"], output="out")
    assert ended["heads"] == ["input", "one", "two"]
    assert ended["columns"] == ["picture", "mse one", "mse two"]
    assert {path.stem for path in Path("out").glob("*.idx")} == {"one", "two"}
    other = model("wide", image=(8, 8, 1))
    with pytest.raises(UserError, match="the models take images of different shapes"):
        done(model_jobs.apply, models=[*paths, *other], data=tiny["-t"])


def test_nothing_is_overwritten(tiny):
    path = model()
    folders = [done(model_jobs.apply, models=path, data=tiny["-t"])["folder"] for _ in range(2)]
    assert folders == ["ae/applied", "ae/applied-2"]
    with pytest.raises(UserError, match="is not empty, and a run is never overwritten"):
        done(model_jobs.apply, models=path, data=tiny["-t"], output="ae/applied")


def test_encode_as_npz_and_idx(tiny):
    path = model(latent_dim=3)
    images, labels = sample_files.shapes(80)
    np.savez("all.npz", images=images, labels=labels)
    ended = done(model_jobs.encode, models=path, data="all.npz", output="codes.npz")
    found = np.load("codes.npz")
    encoder = model_files.load_model(Path("ae/encoder.h5"))
    np.testing.assert_allclose(
        found["codes"], encoder.predict(images[..., None] / np.float32(255), verbose=0), atol=1e-5
    )
    np.testing.assert_array_equal(found["labels"], labels)
    assert (ended["count"], ended["shape"]) == (80, [3])

    assert done(model_jobs.encode, models=path, data="all.npz", output="codes.idx")["files"] == [
        "codes.idx",
        "codes-labels.idx",
    ]
    raw = Path("codes.idx").read_bytes()
    assert raw[:12] == bytes([0, 0, 0x0D, 2, 0, 0, 0, 80, 0, 0, 0, 3])
    np.testing.assert_array_equal(np.frombuffer(raw[12:], ">f4").reshape(80, 3), found["codes"])
    assert Path("codes-labels.idx").read_bytes() == sample_files.idx(labels)

    np.savez("many.npz", images=images, labels=np.arange(80) * 5)
    with pytest.raises(
        UserError, match=r"many\.npz: its labels go up to 395, an \.idx file holds 0 to 255; write an \.npz"
    ):
        done(model_jobs.encode, models=path, data="many.npz", output="many.idx")

    with pytest.raises(UserError, match=r"codes\.npz exists already"):
        done(model_jobs.encode, models=path, data="all.npz", output="codes.npz")
    with pytest.raises(UserError, match=r"codes\.txt: codes are written as \.npz or \.idx"):
        done(model_jobs.encode, models=path, data="all.npz", output="codes.txt")


def test_refined_codes_stand_beside_the_encoders_and_are_better(tiny, monkeypatch):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 12)  # a second batch is a smaller one
    path = model(latent_dim=3)
    listener = Listener()
    model_jobs.apply(listener, COMMON | {"models": path, "data": tiny["-t"], "output": "out", "refine": 40})
    *told, ended = (event for event in listener.events if event["event"] in ("progress", "finished"))
    assert [event["done"] for event in told] == list(range(21))  # finer than chunks
    assert ended["columns"] == ["picture", "mse ae", "mse ae-refined"]
    assert ended["heads"] == ["input", "ae", "ae-refined"]
    found = rows("out/errors.csv")
    assert len(found) == 20
    before, after = (np.array([float(row[f"mse {name}"]) for row in found]) for name in ("ae", "ae-refined"))
    assert (after < before).all()
    images = registry.read_source(Path(tiny["-t"])).train.images / np.float32(255)
    made_of = registry.read_source(Path("out/ae-refined.idx")).train.images / np.float32(255)
    assert np.square(made_of - images).mean() == pytest.approx(ended["mean"][1], abs=1e-3)

    done(model_jobs.encode, models=path, data=tiny["-t"], output="codes.npz", refine=40)
    outputs = model_files.load_model(Path("ae/decoder.h5")).predict(np.load("codes.npz")["codes"], verbose=0)
    assert np.square(outputs - images).mean() == pytest.approx(ended["mean"][1], rel=1e-3)


def test_a_vae_draws_from_its_prior_and_on_a_grid():
    path = model(variational=True, latent_dim=2)
    ended = done(model_jobs.generate, models=["ae/decoder.h5"], **DRAWN)
    assert ended["how"] == "codes from the prior"
    images = unpack_images(ended["pictures"])
    assert images.shape == (6, 12, 10, 1)
    np.testing.assert_array_equal(pixels("ae/generated/3.png"), images[2, ..., 0])
    decoder = model_files.load_model(Path("ae/decoder.h5"))
    again = decoder.predict(np.load("ae/generated/codes.npy"), verbose=0)
    np.testing.assert_allclose(images / 255, again, atol=0.003)
    ended = done(model_jobs.generate, models=path, **DRAWN | {"grid": 5})
    assert (ended["count"], ended["columns"]) == (25, 5)
    assert Path("ae/generated-2/sheet.png").is_file()


def test_a_plain_autoencoder_draws_from_a_mixture_of_codes_of_images(tiny):
    path = model(latent_dim=2)
    with pytest.raises(
        UserError,
        match="a plain autoencoder has no prior to draw from; give images to learn one from with -d",
    ):
        done(model_jobs.generate, models=path, **DRAWN)
    drawn = DRAWN | {"data": tiny["-d"]}
    assert done(model_jobs.generate, models=path, **drawn)["how"] == "codes from a Gaussian mixture"
    assert (
        done(model_jobs.generate, models=["ae/decoder.h5"], **drawn)["count"] == 6
    )  # the encoder lies beside it
    assert done(model_jobs.generate, models=path, **drawn | {"grid": 3})["count"] == 9


def test_a_walk_between_two_pictures():
    path = model(latent_dim=3)
    for number, image in enumerate(sample_files.shapes(2)[0]):
        Image.fromarray(image).save(f"{number}.png")
    done(model_jobs.generate, models=path, **DRAWN | {"between": ["0.png", "1.png"]})
    codes = np.load("ae/generated/codes.npy")
    encoder = model_files.load_model(Path("ae/encoder.h5"))
    ends = encoder.predict(sample_files.shapes(2)[0][..., None] / np.float32(255), verbose=0)
    np.testing.assert_allclose(codes[[0, -1]], ends, atol=1e-5)
    assert len(codes) == 4


def test_predict_gives_labels_confidences_and_the_accuracy_where_it_is_known():
    classifier()
    for image, label in zip(*sample_files.shapes(6), strict=True):
        folder = Path("own", ("left", "middle", "bottom")[label])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{len(list(folder.iterdir()))}.png")
    ended = done(model_jobs.predict, models=["classifier.h5"], data="own", output="out")
    table = rows("out/predictions.csv")
    network = model_files.load_model(Path("classifier.h5"))
    for row in table:
        image = pixels(f"own/{row['picture']}")[None, ..., None] / np.float32(255)
        probabilities = network.predict(image, verbose=0)[0]
        assert float(row["confidence"]) == pytest.approx(probabilities.max(), abs=1e-4)
        assert row["label"] == ("left", "middle", "bottom")[probabilities.argmax()]
    right = [row["label"] == row["true"] for row in table]
    assert ended["accuracy"] == pytest.approx(np.mean(right))
    assert ended["known"] == 6
