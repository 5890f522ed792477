"""Closeness of samples to test images, and nearest training images, in this process.

python -m pytest tests/worker/test_evaluate_job.py
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from lib.common.errors import Interrupted, RunFailed, UserError
from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.value_range import ValueRange
from lib.evaluation.sample_quality import features
from lib.evaluation.samplers import mixture
from lib.models import autoencoder, second_stage
from lib.models.classifier import build_classifier
from lib.models.saving import model_files
from lib.runs.classifiers import newest_classifier
from lib.runs.events import Note
from lib.worker import image_sources, recorded_data, training_codes
from lib.worker.evaluate_messages import Evaluate
from lib.worker.generate_messages import Generate
from lib.worker.messages import ItemProgress
from tests.harness import sample_files
from tests.harness.in_process_worker import RecordingChannel
from tests.harness.recorded_runs import record_run
from tests.worker.test_model_jobs import GRAY, read_csv, run_job, save_autoencoder, save_classifier

pytestmark = pytest.mark.usefixtures("unrendered", "eager", "quick")
SOURCES = ["mixture of 50 principal components", "reconstructions", "prior", "mixture", "two-stage"]
REAL = ["training images", "half of the test images"]


@pytest.fixture
def quick(monkeypatch):
    """A two-stage VAE that is trained in a moment."""
    monkeypatch.setattr(second_stage, "STEPS", 5)
    monkeypatch.setattr(second_stage, "UNITS", 8)


def images(count: int = 80, name: str = "all.npy") -> str:
    np.save(name, sample_files.shapes(count)[0])
    return name


def evaluated(models: list[str], channel=None, **options) -> Any:
    values = {"data": images(), "features": save_classifier()[0], "count": 30}
    return run_job(Evaluate, models, channel, **values | options)


def recorded_model(name: str = "run", **settings) -> list[str]:
    """A run with a record and a model that fits its images."""
    folder = record_run(name, dataset=images(), latent_dim=2, **settings)
    for path in save_autoencoder(f"{name}-model", latent_dim=2, **settings):
        Path(path).rename(folder / "autoencoder.h5")
    return [str(folder / "autoencoder.h5")]


def test_the_table_has_the_baseline_the_model_and_real_images():
    channel = RecordingChannel()
    result = evaluated(save_autoencoder(regularization="kl", latent_dim=2), channel)
    assert [row.source for row in result.rows] == SOURCES + REAL
    assert [row.model for row in result.rows] == ["", *["ae"] * 4, "", ""]
    counts = [(row.images, row.against) for row in result.rows]
    assert counts == [(30, 8), (8, 8), (30, 8), (30, 8), (30, 8), (30, 8), (4, 4)]
    assert all(row.frechet >= 0 and row.fid is None for row in result.rows)
    assert result.heads == ["test images", SOURCES[0], *(f"ae · {name}" for name in SOURCES[1:]), REAL[0]]
    assert result.missing == ""
    progress = [event.done for event in channel.events if isinstance(event, ItemProgress)]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0, 100)
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert sum("FID is not computed" in note for note in notes) == 1
    # --- files
    folder = Path(result.folder)
    assert folder == Path("ae/evaluated")
    assert sorted(path.name for path in folder.iterdir()) == sorted(result.files)
    copy = (folder / result.features.copy).read_bytes()
    assert copy == Path("classifier.h5").read_bytes()
    assert result.features.sha256 == hashlib.sha256(copy).hexdigest()
    assert result.features.size == 4
    record = json.loads((folder / "evaluation.json").read_text())
    assert record["features"]["sha256"] == result.features.sha256
    assert [row["frechet"] for row in record["rows"]] == [row.frechet for row in result.rows]
    table = read_csv(str(folder / "evaluation.csv"))
    assert [float(row["frechet"]) for row in table] == [row.frechet for row in result.rows]
    assert {row["fid"] for row in table} == {""}


def test_the_same_seed_gives_the_same_numbers_with_the_copy_of_the_classifier():
    path = save_autoencoder(latent_dim=2)
    options = {"data": "all.npy", "count": 30, "samplers": ("mixture",)}
    first = evaluated(path, samplers=("mixture",))
    options |= {"features": str(Path(first.folder) / first.features.copy)}
    again = run_job(Evaluate, path, **options)
    assert again.rows == first.rows
    other = run_job(Evaluate, path, **options, seed=1)
    assert other.rows != first.rows


def test_samplers_of_large_codes_are_fitted_on_fewer_images(monkeypatch):
    monkeypatch.setattr(training_codes, "MAX_CODE_BYTES", 4 * 2 * 20)
    counts, sample = [], mixture.sample

    def count_codes(source, *options):
        counts.append(len(source.encode(99, False)))
        return sample(source, *options)

    monkeypatch.setattr(mixture, "sample", count_codes)
    channel = RecordingChannel()
    evaluated(save_autoencoder(latent_dim=2), channel, samplers=("mixture",))
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert sum("samplers are fitted on 20 training images" in note for note in notes) == 1
    assert counts == [20]


def test_several_models_and_chosen_samplers():
    paths = save_autoencoder("one", latent_dim=2) + save_autoencoder("two", regularization="kl", latent_dim=3)
    result = evaluated(paths, samplers=("mixture",))
    rows = [(row.model, row.source) for row in result.rows[1:-2]]
    assert rows == [(name, source) for name in ("one", "two") for source in ("reconstructions", "mixture")]


def test_a_model_that_has_learned_from_test_images_is_noted():
    paths, channel = recorded_model("one") + recorded_model("two", seed=1), RecordingChannel()
    evaluated(paths, channel, samplers=("mixture",))
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert [note for note in notes if "split" in note] == [
        f"{paths[1]}: was trained with another split of all (seed 1); some of its training images are test "
        "images here: train it with --dataset all.npy and no other settings of the split"
    ]


def test_splits_are_those_of_the_data_that_is_evaluated():
    paths = recorded_model("one", split="50/25/25") + recorded_model("two", split="50/25/25")
    folder = record_run("three", program="classification", dataset=images(), split="50/25/25")
    hp = ClassifierHyperparameters(
        dataset=images(), labels="y.npy", labels_fraction=0.5, split="50/25/25", model="m"
    )
    record = json.loads((folder / "run.json").read_text()) | {"hyperparameters": hp.to_json()}
    stratified = folder / "classifier.h5"
    paths = [Path(path) for path in [*paths, stratified]]
    dataset = recorded_data.load_training_data(paths[0], None, "crop", (12, 10, 1), ValueRange())
    assert recorded_data.describe_splits(paths, dataset, None) == []
    (folder / "run.json").write_text(json.dumps(record))
    (note,) = recorded_data.describe_splits(paths, dataset, None)
    assert note.startswith(f"{stratified}: was trained with another split of all (labels y.npy); ")
    # Another data set is split by the settings of the first model, but for those of its images.
    assert recorded_data.describe_splits(paths, dataset, "other.npy") == []
    (note,) = recorded_data.describe_splits(paths, dataset, images())
    assert "--dataset all.npy --split 50/25/25 and" in note


def test_models_of_other_images_are_noted():
    paths, channel = recorded_model("one"), RecordingChannel()
    evaluated(paths, channel, samplers=("mixture",), data=None)
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert sum("was trained on other images, of all.npy, than those of all" in note for note in notes) == 1
    dataset = recorded_data.load_training_data(Path(paths[0]), None, "crop", (12, 10, 1), ValueRange())
    record = json.loads(Path("models/one/run.json").read_text())
    record["dataset"]["sha256"] = dataset.sha256
    Path("models/one/run.json").write_text(json.dumps(record))
    assert recorded_data.describe_other_datasets([Path(paths[0]), Path("elsewhere.h5")], dataset) == []


def test_the_data_set_and_the_newest_classifier_are_those_of_the_record(monkeypatch):
    path = recorded_model()
    save_classifier()
    for name, shape in (("old", [12, 10, 1]), ("fits", [12, 10, 1]), ("other", [12, 10, 3])):
        folder = record_run(name, program="classification")
        record = json.loads((folder / "run.json").read_text())
        record["dataset"]["shape"] = shape
        (folder / "run.json").write_text(json.dumps(record))
        (folder / "classifier.h5").write_bytes(Path("classifier.h5").read_bytes())
    assert newest_classifier((12, 10, 1), "") == "models/fits/classifier.h5"
    record = json.loads(Path("models/old/run.json").read_text())
    record["dataset"]["sha256"] = "ab"
    Path("models/old/run.json").write_text(json.dumps(record))
    assert newest_classifier((12, 10, 1), "ab") == "models/old/classifier.h5"
    assert newest_classifier((9, 9, 1), "ab") is None
    result = run_job(Evaluate, path, count=10)
    assert result.features.model == "models/fits/classifier.h5"
    assert result.dataset == "all"


def test_fid_where_the_weights_are_in_the_cache(monkeypatch):
    def inception(weights, shape):
        image = keras.Input(shape)
        model = keras.Model(image, keras.layers.Flatten()(keras.layers.AveragePooling2D(2)(image)))
        return features.FeatureModel(features.INCEPTION, model)

    monkeypatch.setattr(features, "inception_weights", lambda: Path("weights.h5"))
    monkeypatch.setattr(features, "inception_features", inception)
    path = save_autoencoder(latent_dim=2)
    result = evaluated(path, samplers=("mixture",))
    assert all(row.fid >= 0 and row.kid_deviation >= 0 for row in result.rows)
    assert evaluated(path, samplers=("mixture",), fid=False).rows[0].fid is None


def test_an_interrupted_evaluation_has_its_finished_rows(monkeypatch):
    path = save_autoencoder(latent_dim=2)
    channel = RecordingChannel(stop_after=60)
    result = evaluated(path, channel)
    assert 0 < len(result.rows) < 6
    assert result.missing == f"{len(result.rows)} of 6 rows are finished"
    assert (Path(result.folder) / "evaluation.csv").is_file()
    channel = RecordingChannel(stop_after=0)
    with pytest.raises(Interrupted, match="before the first row was finished"):
        evaluated(path, channel)
    assert not Path("ae/evaluated-2").exists()


def test_images_are_never_all_in_memory(monkeypatch):
    monkeypatch.setattr(image_sources, "BATCH_SIZE", 7)
    sizes = []
    extract = features.FeatureModel.extract
    monkeypatch.setattr(
        features.FeatureModel,
        "extract",
        lambda self, images: sizes.append(len(images)) or extract(self, images),
    )
    evaluated(save_autoencoder(latent_dim=2), samplers=("mixture",))
    assert max(sizes[2:]) == 30  # of the baseline, whose batches are its own
    assert set(sizes) <= {7, 1, 2, 30}


def test_a_failed_evaluation_leaves_no_folder(monkeypatch):
    path = save_autoencoder(task="complete", latent_dim=2)
    with pytest.raises(UserError, match="generates images of 12×5×1, and those of the data set are 12×10×1"):
        evaluated(path)
    assert not Path("ae/evaluated").exists()


def test_models_that_cannot_be_evaluated():
    with pytest.raises(UserError, match="needs more than a latent code"):
        evaluated(save_autoencoder("skip", task="denoise", layers=2, skip=True))
    plain = save_autoencoder("plain", latent_dim=2)
    with pytest.raises(UserError, match="prior does not apply to this model; use mixture or two-stage"):
        evaluated(plain, samplers=("prior",))
    hp = AutoencoderHyperparameters(layers=1, kernels=2, latent_dim=2)
    network = autoencoder.build_autoencoder(architecture_planner.plan_architecture(hp, GRAY))
    Path("deep").mkdir()
    deep = ValueRange(0, 4095, "integer")
    model_files.save_model(network, Path("deep/autoencoder.h5"), hp, value_range=deep)
    with pytest.raises(UserError, match="have another pixel range than those of plain"):
        evaluated([*plain, "deep/autoencoder.h5"])


def test_too_few_test_images():
    np.savez("few.npz", x_train=sample_files.shapes(20)[0], x_test=sample_files.shapes(1)[0])
    with pytest.raises(UserError, match="1 test image is not enough"):
        evaluated(save_autoencoder(latent_dim=2), data="few.npz")


def test_weights_that_are_no_numbers_are_refused():
    path = save_autoencoder(latent_dim=2)
    hp = ClassifierHyperparameters(fc_units=4)
    encoder = autoencoder.build_autoencoder(
        architecture_planner.plan_architecture(AutoencoderHyperparameters(layers=1, kernels=2), GRAY)
    ).get_layer("encoder")
    classifier = build_classifier(encoder, 3, hp, GRAY)
    classifier.set_weights([np.full_like(weight, np.nan) for weight in classifier.get_weights()])
    model_files.save_model(classifier, Path("nan.h5"), hp)
    with pytest.raises(RunFailed, match=r"nan\.h5"):
        evaluated(path, features="nan.h5")


# --- nearest training images of `generate`


def test_samples_with_their_nearest_training_images():
    path = recorded_model()
    result = run_job(Generate, path, count=5, nearest=True)
    assert result.sampler == "mixture"
    nearest = result.nearest
    assert len(nearest.positions) == len(nearest.distances) == 5
    assert nearest.typical is not None
    table = read_csv(f"{result.folder}/nearest.csv")
    assert [int(row["training_image"]) - 1 for row in table] == nearest.positions
    assert [float(row["rmse"]) for row in table] == pytest.approx(nearest.distances, abs=1e-6)
    assert Path(result.folder, "nearest.png").is_file()


def test_results_as_json(call):
    """Of parts that are objects themselves."""
    path = recorded_model()[0]
    words = ("autoencoder.py", "generate", "-model", path, "--count", "5", "--nearest", "--json")
    result = json.loads(call(*words).stdout)
    assert (result["count"], len(result["nearest"]["distances"])) == (5, 5)
    features = save_classifier()[0]
    words = ("autoencoder.py", "evaluate", "-model", path, "--features", features, "--count", "20")
    result = json.loads(call(*words, "--sampler", "mixture", "--no-fid", "--json").stdout)
    assert (result["features"]["model"], result["rows"][2]["source"]) == (features, "mixture")


def test_a_conditional_model_is_no_model_for_the_classifier_that_is_missing():
    path = recorded_model(regularization="kl", conditional=True)
    images, labels = sample_files.shapes(80)
    np.savez("labeled.npz", images=images, labels=labels)
    with pytest.raises(UserError, match="train an autoencoder without --conditional, and on it a classifier"):
        run_job(Evaluate, path, data="labeled.npz")


def test_an_invalid_record_is_named():
    """It is not taken for a missing one."""
    path = recorded_model()
    file = Path(path[0]).with_name("run.json")
    record = json.loads(file.read_text())
    record["hyperparameters"]["seed"] = -5
    file.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"models/run.*seed must be a whole number from 0"):
        run_job(Generate, path, count=2, sampler="mixture")


def test_memorized_images_are_noticed():
    """A decoder whose every output is one training image."""
    data = images()
    path = save_autoencoder(latent_dim=2, output_activation="linear")[0]
    model = model_files.load_saved_model(Path(path))
    train = np.load(data)
    decoder = model.submodel("decoder")
    for weight in decoder.weights:
        weight.assign(np.zeros(weight.shape))
    code = keras.Input((2,), name="code")
    flat = keras.layers.Dense(120, name="copy", kernel_initializer="zeros")(code)
    memorizing = keras.Model(code, keras.layers.Reshape(GRAY)(flat), name="decoder")
    memorizing.get_layer("copy").set_weights([np.zeros((2, 120)), train[17].ravel() / 255.0])
    hp = AutoencoderHyperparameters(latent_dim=2, layers=1, kernels=2)
    model_files.save_model(memorizing, Path("ae/decoder.h5"), hp)
    np.savez("split.npz", x_train=train[:60], x_test=train[60:])
    result = run_job(Generate, ["ae/decoder.h5"], count=4, nearest=True, data="split.npz")
    assert result.nearest.positions == [17] * 4
    assert result.nearest.distances == pytest.approx([0] * 4, abs=1e-6)
    assert result.nearest.copies == 4
    assert result.nearest.typical > 0


def test_parts_of_images_have_no_nearest_training_image():
    with pytest.raises(UserError, match="generates images of 12×5×1, the training images are 12×10×1"):
        run_job(
            Generate, save_autoencoder(task="complete", latent_dim=2), nearest=True, data=images(), count=2
        )


@pytest.mark.parametrize("sampler", ["mixture", "two-stage"])
def test_generate_with_a_sampler_of_a_vae(sampler):
    path = save_autoencoder(regularization="kl", latent_dim=2)
    request = {"data": images(), "count": 6, "sampler": sampler, "seed": 3}
    result = run_job(Generate, path, **request)
    assert result.sampler == sampler
    again = run_job(Generate, path, **request)
    np.testing.assert_array_equal(np.load(f"{result.folder}/codes.npy"), np.load(f"{again.folder}/codes.npy"))
