"""Both programs without a terminal: flags, answers files, lines on standard input, bad input.

python -m pytest tests/test_no_terminal.py
"""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from lib.cli.parser import TrainParser
from lib.runs import records
from tests.harness import sample_files
from tests.harness.terminal_session import PROJECT

SMALL = ["--layers", "1", "--kernel-size", "3", "--kernels", "2", "--epochs", "1", "--batch-size", "16"]


def run(
    program: str, *words: str, lines: str | None = None, seconds: int = 300
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(PROJECT / program), *words],
        input=lines,
        stdin=subprocess.DEVNULL if lines is None else None,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def assert_refused(done: subprocess.CompletedProcess, *words: str) -> None:
    """One line, exit status 2, nothing written."""
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    for text in words:
        assert text in done.stderr
    assert not Path("models").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which both programs have run on tiny images, from flags alone; and what they printed."""
    folder = tmp_path_factory.mktemp("trained")
    here = Path.cwd()
    os.chdir(folder)
    try:
        images, labels = sample_files.shapes(80)
        for name, array in (("x", images[:60]), ("y", labels[:60]), ("tx", images[60:]), ("ty", labels[60:])):
            sample_files.write_idx(Path(f"{name}.gz"), array)
        data = ["-d", "x.gz", "-t", "tx.gz"]
        first = run("autoencoder.py", *data, *SMALL, "--output", "models/ae", "--no-input")
        head = ["--fc-units", "8", "--dropout", "0", "--epochs", "12", "--batch-size", "8"]
        second = run(
            "classification.py",
            *data,
            "-dl",
            "y.gz",
            "-tl",
            "ty.gz",
            "-model",
            "models/ae/encoder.h5",
            *head,
            "--output",
            "models/cl",
            "--no-input",
        )
    finally:
        os.chdir(here)
    return folder, first, second


@pytest.fixture
def in_trained(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    return trained


def test_flags_alone_train_an_autoencoder(in_trained):
    _, done, _ = in_trained
    assert done.returncode == 0, done.stderr
    assert "this autoencoder" in done.stdout
    assert "Again: python autoencoder.py --dataset x.gz --testset tx.gz --layers 1" in done.stdout
    assert "epoch 1/1" in done.stderr
    assert "epoch 1/1" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_the_run_folder_is_complete(in_trained):
    record = records.load_record(Path("models/ae"))
    assert (record["program"], record["status"], record["task"]) == ("autoencoder", "finished", "reconstruct")
    assert record["dataset"]["sizes"] == {"train": 53, "validation": 7, "test": 20}
    assert {"test_loss", "test_mse", "test_psnr", "latent_size", "parameters"} <= set(record["metrics"])
    assert {"constant_mse", "pca_mse"} <= set(record["baselines"])
    assert {"seconds", "images_per_second"} <= set(record["timing"])
    assert [len(records.main_curves(record)[name]) for name in ("loss", "val_loss")] == [1, 1]
    found = {
        path.relative_to("models/ae").as_posix() for path in Path("models/ae").rglob("*") if path.is_file()
    }
    assert found == set(record["files"])
    assert {
        "run.json",
        "answers.json",
        "autoencoder.h5",
        "encoder.h5",
        "decoder.h5",
        "figures/loss.png",
    } <= found


def test_the_saved_autoencoder_scores_what_the_record_says(in_trained):
    images = sample_files.shapes(80)[0][60:, ..., None].astype("float32") / 255
    model = keras.models.load_model("models/ae/autoencoder.h5", compile=False)
    error = float(np.square(keras.ops.convert_to_numpy(model(images)) - images).mean())
    assert error == pytest.approx(records.load_record(Path("models/ae"))["metrics"]["test_mse"], rel=1e-4)


def test_the_classifier_learns_and_reports(in_trained):
    _, _, done = in_trained
    assert done.returncode == 0, done.stderr
    record = records.load_record(Path("models/cl"))
    metrics = record["metrics"]
    assert metrics["test_accuracy"] >= 0.9  # three shapes told apart; chance is 0.35
    assert metrics["correct"] + metrics["incorrect"] == 20
    assert set(metrics["report"]) >= {"0", "1", "2", "accuracy", "macro avg", "weighted avg"}
    assert {"test_loss", "confusion_matrix"} <= set(metrics)
    assert [len(record["history"][phase]["val_loss"]) for phase in ("head", "everything")] == [12, 12]
    for words in ("Phase 1 of 2", "Phase 2 of 2"):
        assert words in done.stderr
    for words in (
        "precision",
        f"Correct labels found: {metrics['correct']}",
        "Confusion matrix",
        "Again: python classification.py",
    ):
        assert words in done.stdout
    model = keras.models.load_model("models/cl/classifier.h5", compile=False)
    images, labels = sample_files.shapes(80)
    predicted = keras.ops.convert_to_numpy(model(images[60:, ..., None].astype("float32") / 255)).argmax(
        axis=1
    )
    assert int((predicted == labels[60:]).sum()) == metrics["correct"]


def test_an_answers_file_replays_a_run_to_the_same_numbers(in_trained, call, in_process, monkeypatch):
    monkeypatch.setattr(in_process, "in_graphs", True)
    done = call("autoencoder.py", "--answers", "models/ae/answers.json", "--yes", "--output", "models/replay")
    assert done.returncode == 0, done.stderr
    one, two = (records.load_record(Path("models", name)) for name in ("ae", "replay"))
    assert one["hyperparameters"] == two["hyperparameters"]
    assert records.main_curves(one)["loss"] == records.main_curves(two)["loss"]
    assert one["metrics"] == two["metrics"]


def test_lines_on_standard_input_answer_questions_and_the_menu(tiny, call):
    lines = "2\n\n4\n1\n16\nloss\npictures\nsave\nkept\nagain\n1\n\n\n\n\ncompare\nquit\n"
    done = call("autoencoder.py", "-d", tiny["-d"], lines=lines)
    assert done.returncode == 0, done.stderr
    assert "Kernel size (3 means 3×3): 3" in done.stderr
    assert "test mse against layers" in done.stdout
    assert len(list(Path("models").glob("*/run.json"))) == 3
    assert records.load_record(Path("models/kept"))["hyperparameters"]["kernels"] == [4, 4]


def test_the_end_of_the_lines_at_the_menu_means_quit(tiny, call):
    assert call("autoencoder.py", "-d", tiny["-d"], lines="1\n3\n2\n1\n16\n").returncode == 0


def test_output_is_never_written_over_a_run(in_trained, call):
    done = call("autoencoder.py", "-d", "x.gz", *SMALL, "--output", "models/ae", "--no-input")
    assert done.returncode == 2
    assert "models/ae: is not empty, and runs are never overwritten; choose another --output" in done.stderr


IMAGES, LABELS = sample_files.shapes(60)


def bad_files() -> dict[str, tuple[bytes, str]]:
    whole, zipped = sample_files.idx(IMAGES), gzip.compress(sample_files.idx(IMAGES))
    return {
        "magic": (
            b"\0\0\x08\x07" + whole[4:],
            "is not an IDX file of images: it begins with the bytes 00 00 08 07",
        ),
        "truncated": (whole[:-5], "is truncated"),
        "over-long": (whole + b"12345", "is too long"),
        "broken.gz": (zipped[: len(zipped) // 2], "corrupt or truncated"),
        "garbage": (b"what is this?", "is a text file, not a data set"),
    }


@pytest.mark.parametrize("name", bad_files())
def test_bad_images_are_refused(name, call):
    content, words = bad_files()[name]
    Path(name).write_bytes(content)
    assert_refused(
        call("autoencoder.py", "-d", name, *SMALL, "--no-input"), f"autoencoder.py: {name}: ", words
    )


def test_paths_that_do_not_exist_are_refused(tiny):
    assert_refused(run("autoencoder.py", "-d", "nowhere", "--no-input"), "nowhere: no such file or folder")
    assert_refused(
        run("autoencoder.py", "-d", tiny["-d"], "-t", "nowhere", "--no-input"),
        "nowhere: no such file or folder",
    )
    data = [word for pair in tiny.items() for word in pair]
    assert_refused(
        run("classification.py", *data, "-model", "no.h5", "--no-input"),
        "no.h5: no such file; train an autoencoder",
    )
    assert_refused(
        run("classification.py", *data, "-dl", "no", "-model", "no.h5", "--no-input"),
        "no: no such file or folder",
    )


def test_labels_that_do_not_match_are_refused(in_trained, tiny, call):
    Path("models").rename("kept")
    try:
        data = ["-d", tiny["-d"], "-dl", "wrong", "-t", tiny["-t"], "-tl", tiny["-tl"]]
        images, labels = sample_files.shapes(80)
        sample_files.write_idx(Path("wrong"), LABELS[:59])
        for flag, array in zip(tiny, (images[:60], labels[:60], images[60:], labels[60:]), strict=True):
            sample_files.write_idx(Path(tiny[flag]), array)
        done = call("classification.py", *data, "-model", "kept/ae/encoder.h5", "--no-input")
        assert_refused(done, "wrong: 59 labels for the 60 images of train.idx")
    finally:
        Path("kept").rename("models")


def test_labels_that_an_autoencoder_wants_are_looked_for_before_it_trains(call):
    np.save("none.npy", IMAGES)
    np.savez("ids.npz", images=IMAGES, labels=LABELS.astype(int) - 1)
    for data, words in (
        ("none.npy", "none.npy: has no labels for --label-weight"),
        ("ids.npz", "ids.npz: the labels range from -1 to 1; class numbers are 0 to"),
    ):
        assert_refused(
            call("autoencoder.py", "-d", data, *SMALL, "--label-weight", "0.1", "--no-input"), words
        )


def test_models_that_are_none_or_do_not_fit_are_refused(in_trained, tmp_path, monkeypatch, call):
    encoder = str(trained_model := Path("models/ae/encoder.h5").resolve())
    monkeypatch.chdir(tmp_path)
    Path("text.h5").write_text("no model")
    Path("cut.h5").write_bytes(trained_model.read_bytes()[:4000])
    for model, words in (
        ("text.h5", "is not an .h5 model"),
        ("cut.h5", "is not a model that Keras can open"),
        (encoder, "takes images of 12×10×1, but the data set has 28×28×1"),
    ):
        assert_refused(call("classification.py", "-d", "digits", "-model", model, "--no-input"), words)


def test_a_kernel_that_does_not_fit_and_flags_that_do_not_exist(tiny):
    assert_refused(
        run("autoencoder.py", "-d", tiny["-d"], "--kernel-size", "9", "--no-input"), "the maximum is 5"
    )
    assert_refused(run("autoencoder.py", "--epoch", "3"), "unknown flag --epoch; did you mean --epochs?")
    assert_refused(run("autoencoder.py", "--no-input"), "--no-input needs -d or --dataset")


def test_lines_that_end_too_early_are_refused(tiny, call):
    done = call("autoencoder.py", "-d", tiny["-d"], lines="5\n3\n")
    assert done.returncode == 2
    assert "standard input ended at the question: Kernels per layer" in done.stderr.splitlines()[-1]
    assert not Path("models").exists()


def test_help_fits_a_screen_and_help_all_names_every_flag():
    for program in ("autoencoder.py", "classification.py"):
        short = run(program, "--help")
        assert short.returncode == 0
        lines = short.stdout.splitlines()
        assert len(lines) < 24
        assert max(map(len, lines)) < 80
        everything = run(program, "--help-all")
        assert everything.returncode == 0
        assert everything.stdout == run(program, "train", "--help").stdout
        flags = TrainParser(program.removesuffix(".py"), "").options
        shown = [flag for flag in flags if not flag.startswith("--no-") or flag == "--no-input"]
        assert [flag for flag in shown if flag not in everything.stdout] == []
