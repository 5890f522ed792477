"""Tests of jobs on saved models, in this process. python -m pytest tests/worker/test_model_jobs.py"""

import csv
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from PIL import Image

from lib.common.errors import Interrupted, UserError
from lib.common.serialization import unpack_images
from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data import user_images
from lib.data.formats import registry
from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.models import autoencoder, inference
from lib.models.classifier import build_classifier
from lib.models.saving import model_files
from lib.runs.events import RunStarted
from lib.tasks.pixels import to_float, to_uint8
from lib.worker import generate_job
from lib.worker.generate_messages import Generate
from lib.worker.messages import Apply, Encode, ItemProgress, JobResult, ModelRequest, Predict, find_object
from lib.worker.saved_parts import find_encoder, load_decoder
from lib.worker.training_codes import TrainingCodes
from tests.harness import sample_files
from tests.harness.eager import eager_functions
from tests.harness.in_process_worker import RecordingChannel

CLASSES = ("left", "middle", "bottom")
GRAY, COLOR = (12, 10, 1), (12, 10, 3)
FEW_IMAGES = {"count": 6, "steps": 4}  # of generate


def run_job(request: type[ModelRequest], models: list[str], channel=None, **options) -> Any:
    """The result of a job."""
    channel = channel or RecordingChannel()
    with eager_functions():
        find_object(request.job)(channel, request(models=tuple(models), **options))
    assert isinstance(channel.events[-1], JobResult)
    return channel.events[-1]


def save_autoencoder(folder: str = "ae", image=GRAY, **values) -> list[str]:
    """An untrained autoencoder in a folder, of three classes if conditional, and its path in a list."""
    hp = AutoencoderHyperparameters(**dict(layers=1, kernels=2) | values)
    keras.utils.set_random_seed(hp.seed)  # with other weights all units may be dead, and no code improves
    Path(folder).mkdir()
    network = autoencoder.build_autoencoder(architecture_planner.plan_architecture(hp, image, len(CLASSES)))
    classes = CLASSES if hp.conditional else ()
    for part in (network, network.get_layer("encoder"), network.get_layer("decoder")):
        model_files.save_model(part, Path(folder) / f"{part.name}.h5", hp, classes)
    return [f"{folder}/autoencoder.h5"]


def save_classifier() -> list[str]:
    """An untrained classifier of three classes, and its path in a list."""
    hp = AutoencoderHyperparameters(layers=1, kernels=2)
    encoder = autoencoder.build_autoencoder(architecture_planner.plan_architecture(hp, GRAY)).get_layer(
        "encoder"
    )
    head = ClassifierHyperparameters(fc_units=4)
    model_files.save_model(build_classifier(encoder, 3, head, GRAY), Path("classifier.h5"), head, CLASSES)
    return ["classifier.h5"]


def read_csv(path: str) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    ("values", "image", "size"),
    [
        ({}, GRAY, (12, 10)),
        ({"task": "denoise"}, GRAY, (12, 10)),
        ({"task": "complete", "missing": "top"}, GRAY, (12, 10)),
        ({"task": "colorize"}, COLOR, (12, 10)),
        ({"task": "colorize", "color_space": "yuv"}, COLOR, (12, 10)),
    ],
)
def test_apply_writes_complete_images_and_errors_in_falling_order(values, image, size):
    images = sample_files.shapes(5, 24, 20, channels=3)[0]
    Path("own").mkdir()
    for number, array in enumerate(images):
        Image.fromarray(array).save(f"own/{number}.png")
    Path("own/broken.png").write_text("no picture")
    models = save_autoencoder(image=image, **values)
    finished = run_job(Apply, models=models, data="own", output_size="model")
    assert finished.folder == "ae/applied"
    table = read_csv("ae/applied/errors.csv")
    errors = [float(row["mse"]) for row in table]
    assert errors == sorted(errors, reverse=True)
    assert sorted(row["picture"] for row in table) == [f"{number}.png" for number in range(5)]
    assert list(finished.problems) == ["broken.png"]
    for number in range(5):
        assert read_pixels(f"ae/applied/pictures/{number}.png").shape[:2] == size
    assert Path("ae/applied/worst.png").is_file()
    assert finished.mean[0] == pytest.approx(np.mean(errors), abs=1e-5)


def test_errors_agree_with_numpy(tiny):
    path = save_autoencoder()
    run_job(Apply, models=path, data=tiny["-t"], output="out")
    network = model_files.load_model(Path(path[0]))
    images = sample_files.shapes(80)[0][60:, ..., None] / np.float32(255)
    errors = np.square(network.predict(images, verbose=0) - images).mean(axis=(1, 2, 3))
    errors_by_name = {row["picture"]: float(row["mse"]) for row in read_csv("out/errors.csv")}
    for number, error in enumerate(errors, start=1):
        assert errors_by_name[f"{number:02}"] == pytest.approx(error, abs=2e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_outputs_for_a_data_set_are_one_file_in_the_same_order(channels, monkeypatch):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 7)
    images = sample_files.shapes(20, 12, 10, channels=channels)[0].reshape(20, 12, 10, channels)
    np.save("all.npy", images)
    path = save_autoencoder(image=(12, 10, channels))
    run_job(Apply, models=path, data="all.npy", output="out")
    expected = model_files.load_model(Path(path[0])).predict(to_float(images), verbose=0)
    assert np.array_equal(registry.read_source(Path("out/pictures.idx")).train.images, to_uint8(expected))
    assert not list(Path("out").glob("**/[0-9]*.png"))


@pytest.mark.parametrize(
    ("refine", "stop_after"), [(None, 8), (20, 10)]
)  # after two chunks; within the third
def test_ctrl_c_keeps_complete_chunks_only(tiny, monkeypatch, refine, stop_after):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 4)
    options = {"models": save_autoencoder(latent_dim=3), "data": tiny["-t"], "refine": refine}
    applied = run_job(Apply, channel=RecordingChannel(stop_after), **options)
    assert len(read_csv("ae/applied/errors.csv")) == 8
    assert applied.missing == "8 of 20 pictures are finished"
    for name in applied.files:
        assert registry.peek_source(Path("ae/applied", name)).count == 8
    encoded = run_job(Encode, channel=RecordingChannel(stop_after), output="codes.npz", **options)
    assert len(np.load("codes.npz")["codes"]) == 8
    assert encoded.missing == "8 of 20 images are finished"


@pytest.mark.parametrize("output", [None, "new", "there"])
def test_ctrl_c_before_the_first_chunk_leaves_no_files(tiny, output):
    Path("there").mkdir()
    options = {"models": save_autoencoder(latent_dim=3), "data": tiny["-t"], "refine": 20}
    before = sorted(Path().rglob("*"))
    with pytest.raises(Interrupted, match="stopped before the first pictures were finished; nothing"):
        run_job(Apply, channel=RecordingChannel(stop_after=10), output=output, **options)
    with pytest.raises(Interrupted, match="stopped before the first images were finished"):
        run_job(Encode, channel=RecordingChannel(stop_after=0), output="codes.npz", **options)
    assert sorted(Path().rglob("*")) == before


def test_progress_begins_at_zero_and_counts_unreadable_pictures(monkeypatch):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 2)
    Path("own").mkdir()
    Path("own/0.png").write_text("no picture")
    for number, image in enumerate(sample_files.shapes(3)[0], start=1):
        Image.fromarray(image).save(f"own/{number}.png")
    Path("own/4.png").write_text("no picture either")
    channel = RecordingChannel(stop_after=5)
    run_job(Encode, save_autoencoder(), channel, data="own", output="codes.npz")
    progress = [event for event in channel.events if isinstance(event, ItemProgress)]
    assert [event.done for event in progress] == [0, 2, 4, 5]
    assert {event.of for event in progress} == {5}
    assert channel.events[-1].missing == ""  # stopped when everything was done
    assert len(np.load("codes.npz")["codes"]) == 3


@pytest.mark.parametrize(("kind", "save_model"), [(Apply, save_autoencoder), (Predict, save_classifier)])
def test_progress_begins_after_the_checks_of_a_request(tiny, kind, save_model):
    channel = RecordingChannel()
    result = run_job(kind, save_model(), channel, data=tiny["-t"])
    assert [*map(type, channel.events)] == [RunStarted, ItemProgress, ItemProgress, type(result)]


def test_several_models_side_by_side(tiny):
    paths = save_autoencoder("one", seed=1) + save_autoencoder("two", kernels=3)
    finished = run_job(Apply, models=paths, data=tiny["-t"], output="out")
    assert finished.heads == ["input", "one", "two"]
    assert finished.columns == ["picture", "mse one", "mse two"]
    assert {path.stem for path in Path("out").glob("*.idx")} == {"one", "two"}
    other = save_autoencoder("wide", image=(8, 8, 1))
    with pytest.raises(UserError, match="the models take images of different shapes"):
        run_job(Apply, models=[*paths, *other], data=tiny["-t"])


def test_nothing_is_overwritten(tiny):
    path = save_autoencoder()
    folders = [run_job(Apply, models=path, data=tiny["-t"]).folder for _ in range(2)]
    assert folders == ["ae/applied", "ae/applied-2"]
    with pytest.raises(UserError, match="is not empty, and runs are never overwritten"):
        run_job(Apply, models=path, data=tiny["-t"], output="ae/applied")
    with (
        mock.patch("lib.worker.generate_job.load_decoder", side_effect=AssertionError),  # before any work
        pytest.raises(UserError, match="is not empty, and runs are never overwritten"),
    ):
        run_job(Generate, path, output="ae/applied")
    Path("file").touch()
    with pytest.raises(UserError, match=r"file/out: cannot be created \(Not a directory\)"):
        run_job(Generate, path, output="file/out")


def test_codes_of_a_quantized_model_are_integers(tiny):
    path = save_autoencoder(latent_dim=4, quantize="5,3")
    images, _ = sample_files.shapes(80)
    np.savez("all.npz", images=images)
    run_job(Encode, models=path, data="all.npz", output="codes.npz")
    codes = np.load("codes.npz")["codes"]
    assert (codes.dtype, codes.shape) == (np.uint8, (80, 4))
    assert (codes.max(axis=0) < [5, 3, 5, 3]).all()
    encoder = model_files.load_model(Path("ae/encoder.h5"))
    levels = encoder.predict(images[..., None] / np.float32(255), verbose=0)
    np.testing.assert_allclose(codes, (levels + 1) * [2, 1, 2, 1], atol=1e-5)
    run_job(Encode, models=path, data="all.npz", output="codes.idx")
    raw = Path("codes.idx").read_bytes()
    assert raw[:12] == bytes([0, 0, 0x08, 2, 0, 0, 0, 80, 0, 0, 0, 4])
    np.testing.assert_array_equal(np.frombuffer(raw[12:], np.uint8).reshape(80, 4), codes)


def test_samples_of_a_quantized_model_are_images_of_the_codes_that_are_saved(tiny):
    path = save_autoencoder(latent_dim=4, quantize="5,3")
    run_job(Generate, path, data=tiny["-d"], count=5, output="out")
    codes = np.load("out/codes.npy")
    np.testing.assert_allclose(codes * [2, 1, 2, 1], np.rint(codes * [2, 1, 2, 1]), atol=1e-6)
    expected = model_files.load_model(Path("ae/decoder.h5")).predict(codes, verbose=0)
    written = np.stack([read_pixels(f"out/{number}.png") for number in range(1, 6)])
    assert np.array_equal(written, to_uint8(expected)[..., 0])


def test_outputs_of_a_named_layer_of_a_quantized_model_are_no_integers(tiny):
    path = save_autoencoder(latent_dim=4, quantize="5,3")
    run_job(Encode, path, data=tiny["-t"], output="codes.npz", encoder_layer="flatten_encoder_2")
    assert np.load("codes.npz")["codes"].dtype == np.float32


def test_encode_as_npz_and_idx(tiny):
    path = save_autoencoder(latent_dim=3)
    images, labels = sample_files.shapes(80)
    np.savez("all.npz", images=images, labels=labels)
    finished = run_job(Encode, models=path, data="all.npz", output="codes.npz")
    encoded = np.load("codes.npz")
    encoder = model_files.load_model(Path("ae/encoder.h5"))
    np.testing.assert_allclose(
        encoded["codes"], encoder.predict(images[..., None] / np.float32(255), verbose=0), atol=1e-5
    )
    np.testing.assert_array_equal(encoded["labels"], labels)
    assert (finished.count, finished.shape) == (80, [3])

    assert run_job(Encode, models=path, data="all.npz", output="codes.idx").files == [
        "codes.idx",
        "codes-labels.idx",
    ]
    raw = Path("codes.idx").read_bytes()
    assert raw[:12] == bytes([0, 0, 0x0D, 2, 0, 0, 0, 80, 0, 0, 0, 3])
    np.testing.assert_array_equal(np.frombuffer(raw[12:], ">f4").reshape(80, 3), encoded["codes"])
    assert Path("codes-labels.idx").read_bytes() == sample_files.idx(labels)

    np.savez("many.npz", images=images, labels=np.arange(80) * 5)
    with pytest.raises(
        UserError, match=r"^many\.npz: labels are 0 to 395, and an \.idx file holds 0 to 255; use \.npz$"
    ):
        run_job(Encode, models=path, data="many.npz", output="many.idx")

    with pytest.raises(UserError, match=r"codes\.npz exists already"):
        run_job(Encode, models=path, data="all.npz", output="codes.npz")
    with pytest.raises(UserError, match=r"codes\.txt: the name must end in \.npz or \.idx"):
        run_job(Encode, models=path, data="all.npz", output="codes.txt")


def test_refined_codes_are_compared_with_the_encoders_and_better(tiny, monkeypatch):
    monkeypatch.setattr(user_images, "CHUNK_SIZE", 12)  # a second batch is a smaller one
    path = save_autoencoder(latent_dim=3)
    channel = RecordingChannel()
    finished = run_job(Apply, path, channel, data=tiny["-t"], output="out", refine=40)
    progress = [event for event in channel.events if isinstance(event, ItemProgress)]
    assert [event.done for event in progress] == list(range(21))  # finer than chunks
    assert finished.columns == ["picture", "mse ae", "mse ae-refined"]
    assert finished.heads == ["input", "ae", "ae-refined"]
    table = read_csv("out/errors.csv")
    assert len(table) == 20
    before, after = (np.array([float(row[f"mse {name}"]) for row in table]) for name in ("ae", "ae-refined"))
    assert (after < before).all()
    images = registry.read_source(Path(tiny["-t"])).train.images / np.float32(255)
    refined = registry.read_source(Path("out/ae-refined.idx")).train.images / np.float32(255)
    assert np.square(refined - images).mean() == pytest.approx(finished.mean[1], abs=1e-3)

    run_job(Encode, models=path, data=tiny["-t"], output="codes.npz", refine=40)
    outputs = model_files.load_model(Path("ae/decoder.h5")).predict(np.load("codes.npz")["codes"], verbose=0)
    assert np.square(outputs - images).mean() == pytest.approx(finished.mean[1], rel=1e-3)


def test_generate_from_the_prior_of_a_vae_and_on_a_grid():
    path = save_autoencoder(regularization="kl", latent_dim=2)
    finished = run_job(Generate, models=["ae/decoder.h5"], **FEW_IMAGES)
    assert finished.how == "samples from the prior, seed 0"
    images = unpack_images(finished.pictures)
    assert images.shape == (6, 12, 10, 1)
    np.testing.assert_array_equal(read_pixels("ae/generated/3.png"), images[2, ..., 0])
    decoder = model_files.load_model(Path("ae/decoder.h5"))
    expected = decoder.predict(np.load("ae/generated/codes.npy"), verbose=0)
    np.testing.assert_allclose(images / 255, expected, atol=0.003)
    finished = run_job(Generate, models=path, **FEW_IMAGES | {"grid": 5})
    assert (finished.count, finished.columns) == (25, 5)
    assert Path("ae/generated-2/sheet.png").is_file()


def test_generate_from_a_mixture_of_codes_of_a_plain_autoencoder(tiny):
    path = save_autoencoder(latent_dim=2)
    with pytest.raises(
        UserError,
        match="no record next to it names its training images; pass them with -d",
    ):
        run_job(Generate, models=path, **FEW_IMAGES)
    request = FEW_IMAGES | {"data": tiny["-d"]}
    finished = run_job(Generate, models=path, **request | {"seed": 5})
    assert finished.how == "samples from a Gaussian mixture, seed 5"
    assert run_job(Generate, models=["ae/decoder.h5"], **request).count == 6  # the encoder lies beside it
    assert run_job(Generate, models=path, **request | {"grid": 3}).count == 9


def test_generate_reads_pictures_as_the_flag_says():
    Path("p").mkdir()
    for number in range(4):
        Image.fromarray(np.full((30, 10), 255, np.uint8)).save(f"p/{number}.png")
    path = save_autoencoder(latent_dim=2, patches=2, size="12x10", dataset="p")
    padded = [
        Generate(models=tuple(path), data="p", fit=fit, sampler="mixture") for fit in ("pad", "stretch")
    ]
    decoder = load_decoder(Path(path[0]), padded[0])
    dark, white = (
        generate_job.TrainingImages(request, Path(path[0]), decoder).subsets[0].take(slice(None))
        for request in padded
    )
    assert dark.shape == white.shape == (4, 12, 10, 1)
    assert dark[:, :, 0].max() == 0
    assert white.min() == 255


def test_samplers_of_a_model_of_pairs_are_fitted_on_degraded_images():
    clean = sample_files.shapes(6)[0][..., None]
    pairs = Subset(Images(clean, inputs=255 - clean), np.arange(6))
    path = Path(save_autoencoder(latent_dim=2, task="restore", targets="clean")[0])
    encoder = find_encoder(path, Generate(models=(str(path),)))
    codes = TrainingCodes(encoder, pairs, path, 0).encode(6, False)
    expected = inference.predict(encoder.model, (255 - clean).astype(np.float32) / 255)
    np.testing.assert_allclose(codes, expected, atol=1e-5)


def test_generate_between_two_pictures():
    path = save_autoencoder(latent_dim=3)
    for number, image in enumerate(sample_files.shapes(2)[0]):
        Image.fromarray(image).save(f"{number}.png")
    run_job(Generate, models=path, **FEW_IMAGES | {"between": ["0.png", "1.png"]})
    codes = np.load("ae/generated/codes.npy")
    encoder = model_files.load_model(Path("ae/encoder.h5"))
    ends = encoder.predict(sample_files.shapes(2)[0][..., None] / np.float32(255), verbose=0)
    np.testing.assert_allclose(codes[[0, -1]], ends, atol=1e-5)
    assert len(codes) == 4


def test_predict_writes_labels_and_confidences_and_the_known_accuracy():
    save_classifier()
    for image, label in zip(*sample_files.shapes(6), strict=True):
        folder = Path("own", ("left", "middle", "bottom")[label])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{len(list(folder.iterdir()))}.png")
    finished = run_job(Predict, models=["classifier.h5"], data="own", output="out")
    table = read_csv("out/predictions.csv")
    network = model_files.load_model(Path("classifier.h5"))
    for row in table:
        image = read_pixels(f"own/{row['picture']}")[None, ..., None] / np.float32(255)
        probabilities = network.predict(image, verbose=0)[0]
        assert float(row["confidence"]) == pytest.approx(probabilities.max(), abs=1e-4)
        assert row["label"] == ("left", "middle", "bottom")[probabilities.argmax()]
    correct = [row["label"] == row["true"] for row in table]
    assert finished.accuracy == pytest.approx(np.mean(correct))
    assert finished.known == 6


# --- holes


def erased_pictures(count: int = 3) -> None:
    """Pictures of 12×10 with a transparent rectangle in all but the last, the same opaque, and masks."""
    for folder in ("erased", "opaque", "masks"):
        Path(folder).mkdir()
    for index in range(count):
        rgba = np.random.default_rng(index).integers(0, 256, (12, 10, 4), dtype=np.uint8)
        rgba[..., 3] = 255
        Image.fromarray(rgba[..., :3]).save(f"opaque/{index}.png")
        if index < count - 1:
            rgba[2:6, 3 : 5 + index, 3] = 0
        Image.fromarray(rgba).save(f"erased/{index}.png")
        mask = np.where(np.arange(120).reshape(12, 10) < 30, 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(f"masks/{index}.gif")


def picture(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGBA"))


def test_transparent_pixels_are_completed():
    erased_pictures()
    models, channel = save_autoencoder(image=COLOR, task="complete", missing="center"), RecordingChannel()
    result = run_job(Apply, models, channel, data="erased", output="out")
    assert (result.columns, result.measure, result.heads) == (
        ["picture", "missing fraction"],
        "missing fraction",
        ["input", "output"],
    )
    assert [row[0] for row in result.table] == ["1.png", "0.png", "2.png"]
    assert any("1 of 3 pictures has no transparent pixel" in str(event) for event in channel.events)
    for index in range(3):
        given, output = picture(f"erased/{index}.png"), picture(f"out/pictures/{index}.png")
        known = given[..., 3] == 255
        np.testing.assert_array_equal(output[known], given[known])
        assert (output[..., 3] == 255).all()
        assert known.all() == (index == 2)


def test_holes_of_masks_and_holes_that_are_drawn():
    erased_pictures()
    models = save_autoencoder(image=COLOR, task="complete", missing="center")
    result = run_job(Apply, models, data="opaque", output="out", missing="./masks")
    assert result.columns == ["picture", "mse", "psnr_db"]
    for index in range(3):
        given, output = picture(f"opaque/{index}.png"), picture(f"out/pictures/{index}.png")
        np.testing.assert_array_equal(output[3:], given[3:])
        error = np.square((output[:3].astype(float) - given[:3])[..., :3] / 255).mean()
        (mse,) = (float(row[1]) for row in result.table if row[0] == f"{index}.png")
        assert error == pytest.approx(mse, rel=0.02)
    drawn = run_job(Apply, models, data="opaque", missing="center:0.5")
    assert len(drawn.table) == 3
    np.save("set.npy", np.stack([picture(f"opaque/{index}.png")[..., :3] for index in range(3)]))
    of_set = run_job(Apply, models, data="set.npy")  # the hole of the training
    assert sorted(row[1] for row in of_set.table) == sorted(row[1] for row in drawn.table)


@pytest.mark.parametrize("size", ["own", "model"])
def test_a_model_for_whole_pictures_next_to_one_that_completes_holes(size):
    erased_pictures()
    Image.new("L", (10, 12)).save("masks/2.gif")  # nothing is missing
    models = [
        *save_autoencoder("holes", COLOR, task="complete", missing="center"),
        *save_autoencoder("noise", COLOR, task="denoise"),
    ]
    result = run_job(Apply, models, data="opaque", output="out", missing="./masks", output_size=size)
    assert result.columns == ["picture", "mse holes", "mse noise"]
    rows = {row[0]: row[1:] for row in result.table}
    assert rows["2.png"][0] == ""
    for index in range(3):
        given, output = picture(f"opaque/{index}.png"), picture(f"out/noise/{index}.png")
        error = np.square((output.astype(float) - given)[..., :3] / 255).mean()
        assert float(rows[f"{index}.png"][1]) == pytest.approx(error, rel=0.02)
    np.testing.assert_array_equal(picture("out/holes/2.png"), picture("opaque/2.png"))
    assert result.mean[0] == pytest.approx(
        np.mean([float(rows[f"{index}.png"][0]) for index in range(2)]), abs=1e-6
    )


def test_pictures_without_a_hole_are_refused():
    erased_pictures()
    models = save_autoencoder(image=COLOR, task="complete", missing="center")
    with pytest.raises(UserError, match="nothing to complete: all 3 pictures have no transparent pixel"):
        run_job(Apply, models, data="opaque", output="out")
    assert not Path("out").exists()
