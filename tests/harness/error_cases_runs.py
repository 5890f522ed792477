"""What provokes each error about runs, models and trainings, by module: (what to do, what is named, what is
said).
"""

import importlib.util
import json
import os
import tempfile
import threading
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from PIL import Image

from lib.cli.display import Display
from lib.cli.figure_drawing import FigureDrawing
from lib.common import filesystem
from lib.common.errors import RunFailed
from lib.common.filesystem import require_writable, write_json
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.config.process_group import ProcessGroup
from lib.data import datasets
from lib.models.saving import model_files
from lib.runs import records, report, resume, run_entries, run_folder
from lib.runs.events import EpochEnded, Event, Note
from lib.training import backend, callbacks, distributed, phases, trainer
from lib.worker import open_data, training_jobs
from lib.worker.generate_messages import Generate
from lib.worker.messages import (
    Apply,
    Encode,
    Failed,
    ItemProgress,
    JobResult,
    ModelRequest,
    Open,
    Predict,
    Train,
    decode_message,
)
from lib.worker.process import Worker
from tests.harness import sample_files
from tests.harness.error_cases_settings import called
from tests.harness.in_process_worker import RecordingChannel
from tests.harness.recorded_runs import record_run
from tests.worker import test_model_jobs
from tests.worker.test_model_jobs import GRAY, save_autoencoder


def written(name: str, content: str | bytes = "") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def recorded(content: str | bytes):
    records.load_record(written("run/run.json", content).parent)


def nested():
    """A record that is JSON, and goes too deep for whatever walks through it."""
    content = "[" * 600 + "]" * 600
    run_entries.load_entry(
        written("run/run.json", f'{{"status": "finished", "x": {content}}}').parent, Path("run")
    )


def found(name: str):
    for run in ("a-1", "a-2"):
        record_run(run)
    run_entries.find_entry(name, run_entries.list_entries(records.MODELS_FOLDER)[0], records.MODELS_FOLDER)


def draw_without_worker():
    worker = mock.Mock()
    worker.follow.side_effect = RunFailed("it broke")
    FigureDrawing(Path("models/mine"), {}, {}, worker, Display()).wait()


def draw_after_skipping():
    worker = mock.Mock()
    worker.follow.side_effect = KeyboardInterrupt
    drawing = FigureDrawing(Path("models/mine"), {}, {}, worker, Display())
    drawing.finish()
    drawing.wait("loss")


def listed(*words: str):
    record_run("small")
    called("autoencoder", "runs", *words)


def copied(name: str):
    run_folder.copy_run(record_run("small"), name)


def full(path: str):
    entries, _ = run_entries.list_entries(record_run("small").parent)
    with mock.patch.object(os, "replace", side_effect=OSError(28, "No space left on device")):
        report.export_report(entries, Path(path), force=False)


def crowded():
    with (
        mock.patch.object(Path, "mkdir", side_effect=FileExistsError),
        mock.patch.object(os.path, "lexists", return_value=True),
    ):
        run_folder.new_output_folder(None, Path("models/run"))


def told(kind: str, message: str):
    Worker()._check_event(Failed(kind, message))


def line(event: type[Event], **content) -> str:
    return json.dumps({"event": f"{event.__module__}.{event.__name__}"} | content)


def other_backend():
    with mock.patch.dict(os.environ, KERAS_BACKEND="torch"):
        Worker().start()


def dying(script: str):
    """A worker that is this shell script."""
    python = written("python", f"#!/bin/sh\n{script}\n").resolve()
    python.chmod(0o755)
    with mock.patch("sys.executable", str(python)), Worker() as process:
        process.send(Open(AutoencoderHyperparameters()))
        process.follow(lambda event: None, until=JobResult)


def without_temporary_files():
    """A worker on a system whose temporary folder is full."""
    with (
        mock.patch.object(tempfile, "TemporaryFile", side_effect=OSError(28, "No space left on device")),
        Worker() as process,
    ):
        process.send(Open(AutoencoderHyperparameters()))


def opened(labels, test_labels=None):
    """A classifier's data set with these labels, in training and in test."""
    images = sample_files.shapes(20)[0]
    files = {"dataset": images, "labels": labels, "testset": images, "test_labels": test_labels}
    for name, array in files.items():
        if array is not None:
            np.save(f"{name}.npy", array)
    names = {name: f"{name}.npy" for name, array in files.items() if array is not None}
    open_data.open_dataset(ClassifierHyperparameters(**names))


def opened_for_classes():
    np.save("dataset.npy", sample_files.shapes(20)[0])
    open_data.open_dataset(AutoencoderHyperparameters(dataset="dataset.npy", label_weight=0.1))


def without_jax():
    with mock.patch.object(backend.keras.backend, "backend", return_value="tensorflow"):
        distributed.join_process_group(ProcessGroup("lab:9911", 0, 2))


def without_tensorboard():
    with mock.patch.object(importlib.util, "find_spec", return_value=None):
        backend.require_tensorboard()


def used(request: type[ModelRequest], models: list[str], **options):
    test_model_jobs.run_job(request, models=models, **options)


def flat() -> list[str]:
    """An autoencoder in one piece with our attributes, that knows no encoder."""
    image = keras.Input(GRAY, name="image")
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image), name="autoencoder")
    model_files.save_model(model, Path("flat.h5"), AutoencoderHyperparameters())
    return ["flat.h5"]


def stopped_early():
    """A training that was stopped while its data were loaded."""
    channel = RecordingChannel(stop_after=0)
    channel.emit(ItemProgress(0, 1, "pictures"))
    dataset = datasets.load_dataset(hp := AutoencoderHyperparameters(dataset=images(), layers=1))
    training_jobs.run_training(channel, Train(hp), dataset)


def drawn(models: list[str], **options):
    used(Generate, models, **options)


def images(name: str = "all.npz", **arrays) -> str:
    np.savez(name, **{"images": sample_files.shapes(20)[0]} | arrays)
    return name


def deep_picture(bits: int) -> str:
    """A folder with a gray picture of 8 or 16 bits."""
    Path("p").mkdir()
    pixels = np.arange(120).reshape(12, 10).astype(f"uint{bits}") * (2 if bits == 8 else 500)
    Image.fromarray(pixels).save("p/a.png")
    return "p"


def lost():
    """A decoder without an encoder, that is asked for codes."""
    path = Path(save_autoencoder(latent_dim=2)[0])
    for name in ("autoencoder", "encoder"):
        path.with_stem(name).unlink()
    drawn(["ae/decoder.h5"], data=images())


def killed(folder: str = "models/mine", **changes) -> Path:
    """A run whose process is gone."""
    run = run_folder.Run.create(folder, AutoencoderHyperparameters(dataset="digits"), "digits")
    run.update(**changes)
    os.close(run._lock)
    return run.folder


def held(again):
    """A run that another process is training while somebody wants to go on with it."""
    run = run_folder.Run.create("models/mine", AutoencoderHyperparameters(), "digits")
    with mock.patch.object(filesystem, "LOCK_TIMEOUT", 0):
        again(run)


def locked():
    """A run in a folder whose lock may not be opened."""
    folder = killed()
    with mock.patch.object(run_folder, "acquire_lock", side_effect=PermissionError(13, "Permission denied")):
        run_folder.Run.reopen(folder, "abc")


def dangling(name: str) -> Path:
    Path(name).symlink_to("nowhere/below")
    return Path(name)


def use_unreadable_folder():
    with mock.patch.object(Path, "iterdir", side_effect=PermissionError(13, "Permission denied", "x")):
        run_folder.new_output_folder("x", Path())


def load_pipe():
    os.mkfifo(written("run/x").with_name("run.json"))
    records.load_record(Path("run"))


def faulty():
    folder = killed(history=[])
    run_entries.find_entry("mine", run_entries.list_entries(folder.parent)[0], folder.parent)


def resumed(program: str = "autoencoder", **changes):
    resume.require_resumable(killed(**changes), program)


class Diverging:
    """Stands for a model whose loss is soon no number any more."""

    optimizer = keras.optimizers.SGD()
    trainable_variables = non_trainable_variables = ()
    layers = ()

    def compile(self, *_, **__): ...

    __call__ = compute_loss = compute_metrics = compile

    def fit(self, *_, callbacks, **__):
        reporter = callbacks[-1]
        reporter.set_model(self)
        reporter.on_epoch_begin(1)
        reporter.on_test_begin()
        reporter.on_epoch_end(1, {"loss": np.nan, "val_loss": 0.5})


def diverged():
    hp = AutoencoderHyperparameters(dataset="digits")
    hooks = callbacks.TrainingHooks(lambda event, **content: None, threading.Event())
    trainer.fit(Diverging(), datasets.load_dataset(hp), hp, phases.autoencoder_phase(hp), hooks)


LABELS = sample_files.shapes(20)[1]


def apply_to_whole_pictures(**options):
    test_model_jobs.erased_pictures()
    for index in range(3):
        Image.new("L", (10, 12)).save(f"masks/{index}.gif")  # without a missing pixel
    models = save_autoencoder("holes", (12, 10, 3), task="complete", missing="center")
    test_model_jobs.run_job(Apply, models, data="opaque", **options)


CASES = {
    "runs/run_folder": [
        (
            lambda: records.load_record(Path("nowhere")),
            "nowhere/run.json",
            "no such file; every run folder contains one",
        ),
        (
            lambda: run_folder.Run.reopen(killed(dataset={"sha256": "abc"}), "def"),
            "models/mine",
            "the data set has changed since this run started; start a new run",
        ),
        (
            lambda: held(run_folder.Run.lock),
            "models/mine",
            "another process is training this run; wait until it has finished",
        ),
        (lambda: recorded("[]"), "run/run.json", "is not a run record"),
        (lambda: recorded("{}"), "run/run.json", "is not a run record"),
        (
            lambda: called("autoencoder", "apply", "-model", "x.h5", "-d", "y"),
            "x.h5",
            "no such file; train an autoencoder first",
        ),
        (
            lambda: run_folder.locate_model(".", run_folder.AUTOENCODER_FILES, "encode"),
            ".",
            "has no autoencoder.h5 or encoder.h5, which encode needs; give another run folder, or an",
        ),
        (
            lambda: run_folder.require_model_file("."),
            ".",
            "cannot be read (Is a directory); give an autoencoder.h5 or encoder.h5",
        ),
        (
            lambda: run_folder.require_model_file(written("x.h5", "text")),
            "x.h5",
            "is not an .h5 model; give an autoencoder.h5 or encoder.h5",
        ),
        (lambda: copied("new.h5"), "new.h5", "cannot be written (No such file or directory)"),
        (lambda: copied("a\0b"), "a\ufffdb", "cannot be written (embedded null byte)"),
        (lambda: run_folder.require_free_name(" "), "a name", ""),
        (lambda: copied("small"), "models/small", "exists already; choose another name"),
        (
            lambda: run_folder.new_output_folder(str(written("x/y").parent), Path()),
            "x",
            "is not empty, and runs are never overwritten; choose another --output",
        ),
        (
            lambda: run_folder.new_output_folder(str(written("x") / "y"), Path()),
            "x/y",
            "cannot be created (Not a directory); a part of this path is a file; choose",
        ),
        (
            lambda: run_folder.new_output_folder(None, dangling("x") / "y"),
            "x",
            "cannot be created (File exists); a file or a broken link has this name;",
        ),
        (
            use_unreadable_folder,
            "x",
            "cannot be created (Permission denied); change its permissions, or choose",
        ),
        (
            lambda: run_folder.new_output_folder(None, written("x") / "y"),
            "x/y",
            "cannot be created (Not a directory); a part of this path is a file; choose",
        ),
        (crowded, "models/run", "there are already 1,000 runs with this name; choose another --output"),
    ],
    "runs/run_entries": [
        (nested, "run/run.json", "is not a run record"),
        (faulty, "models/mine/run.json", "history must be an object, not []"),
        (
            lambda: found("z"),
            "z",
            "no run below models matches; give a run folder or part of its name",
        ),
        (lambda: found("a-"), "a-", "matches 2 runs (a-1, a-2); give more of the name"),
        (lambda: listed("--sort", "leyers"), "--sort leyers", "no run has this value; did you mean layers?"),
        (
            lambda: listed("--figure", "test_msee"),
            "--figure test_msee",
            "no run has this value; did you mean test_mse?",
        ),
        (
            lambda: listed("--figure", "zzzz"),
            "--figure zzzz",
            "no run has this value; available: latent_size, parameters",
        ),
    ],
    "runs/resume": [
        (lambda: resumed(history=[]), "models/mine/run.json", "history must be an object, not []"),
        (
            lambda: resumed("classification"),
            "models/mine",
            "is not a run of classification.py; resume it with the other program",
        ),
        (
            lambda: resumed(status="finished"),
            "models/mine",
            "has already finished; --continue models/mine trains it for more epochs",
        ),
        (
            lambda: resume.require_resumable(
                killed(program="classification", status="finished"), "classification"
            ),
            "models/mine",
            "has already finished; start a new run",
        ),
        (
            lambda: held(lambda run: resume.require_resumable(run.folder, "autoencoder")),
            "models/mine",
            "another process is training",
        ),
    ],
    "cli/figure_drawing": [
        (
            draw_without_worker,
            "models/mine",
            "not all figures could be drawn (it broke); its models are saved",
        ),
        (draw_after_skipping, "models/mine", "the remaining figures were skipped; its models are saved"),
    ],
    "common/reading": [
        (lambda: recorded("{"), "run/run.json", "cannot be read as JSON ("),
        (lambda: recorded("[" * 100_000), "run/run.json", "cannot be read as JSON (it is nested too deeply)"),
        (
            lambda: records.load_record(written("x/run.json/y").parent.parent),
            "x/run.json",
            "cannot be read as JSON (Is a directory)",
        ),
        (
            lambda: recorded(b"\xff"),
            "run/run.json",
            "cannot be read as JSON ('utf-8' codec can't decode byte 0xff in position 0",
        ),
        (load_pipe, "run/run.json", "is a pipe, a socket or a device; use a regular file"),
    ],
    "common/filesystem": [
        (
            locked,
            "models/mine/checkpoint/lock",
            "cannot be written (Permission denied); change its permissions, or choose",
        ),
        (
            lambda: write_json(Path("gone/a.json"), {}),
            "gone/a.json",
            "cannot be written (No such file or directory); choose another place with --output",
        ),
        (
            lambda: require_writable(Path("/proc/page.html")),
            "/proc/page.html",
            "cannot be written (",
        ),
    ],
    "cli/command_apply": [
        (
            lambda: called("autoencoder", "apply", "-model", "m", "-d", "digits", "--missing", "left"),
            "--missing left",
            "a half is no hole; use center, boxes, strokes, random or a folder of masks",
        ),
        (
            lambda: called(
                *("autoencoder", "apply", "-model", "x.h5", "-d", "y"),
                *("--fit", "pad", "--output-size", "own"),
            ),
            "--fit",
            "has no effect with --output-size own: pictures keep their size",
        ),
    ],
    "cli/command_runs": [
        (
            lambda: called("autoencoder", "runs", "nowhere"),
            "nowhere",
            "no such folder; use a folder with runs, or omit it for models",
        ),
    ],
    "runs/report": [
        (
            lambda: called("autoencoder", "runs", "--export", "r.pdf"),
            "r.pdf",
            "the name of a report must end in .md",
        ),
        (
            lambda: called("autoencoder", "runs", "--export", "none/r.md"),
            "none/r.md",
            "cannot be written, the folder",
        ),
        (
            lambda: report.require_free_report(written("r.html"), False),
            "r.html",
            "already exists; choose another name, or replace it",
        ),
        (
            lambda: report.require_free_report(written("r-figures/x").parent.with_name("r.md"), False),
            "r-figures",
            "already exists",
        ),
    ],
    "runs/documents": [
        (lambda: full("r.html"), "r.html", "cannot be written (No space left on device)"),
    ],
    "common/typed_json": [
        (
            lambda: decode_message(line(EpochEnded, epoch=1, speed=9.0), Event),
            "'numbers'",
            "the key 'numbers' is missing",
        ),
        (
            lambda: decode_message(line(Note, text="", x=1), Event),
            "'x'",
            "event Note: the key 'x' is unknown",
        ),
        (
            lambda: decode_message(line(Note, text=5), Event),
            "5",
            "event Note, text: must be of the type str, not 5",
        ),
    ],
    "worker/messages": [
        (
            lambda: decode_message('{"event": "lib.other"}', Event),
            "'lib.other'",
            "the event 'lib.other' is unknown; start the program again",
        ),
    ],
    "worker/process": [
        (other_backend, "'torch'", "is not supported; set it to tensorflow or jax"),
        (lambda: told("user", "x: no such file"), "x", "no such file"),
        (
            lambda: told("run", "not enough memory; a smaller batch size needs less"),
            "not enough memory",
            "a smaller batch size",
        ),
        (
            lambda: told("interrupted", "stopped before training began"),
            "training",
            "stopped before training began",
        ),
        (
            lambda: dying("echo MemoryError >&2; exit 1"),
            "not enough memory",
            "use a smaller batch size or fewer kernels",
        ),
        (
            without_temporary_files,
            "no temporary file",
            "can be written (No space left on device); free some space, or choose another place with TMPDIR",
        ),
        (
            lambda: dying("kill -9 $$"),
            "the training process",
            "was killed, probably out of memory; use a smaller batch size or fewer kernels",
        ),
        (
            lambda: dying("kill -11 $$"),
            "the training process",
            "crashed, probably out of memory; use a smaller batch size or fewer kernels",
        ),
        (
            lambda: dying("echo cuInit failed >&2; kill -BUS $$"),
            "the training process",
            "crashed because a data file was truncated, or its disk failed while it was",
        ),
        (
            lambda: dying("echo cuInit failed >&2; kill -15 $$"),
            "the training process",
            "was ended by signal 15 (Terminated); start it again",
        ),
        (lambda: dying("kill -6 $$"), "the training process", "was ended by signal 6: no output"),
        (
            lambda: dying("echo here; echo no keras >&2; exit 3"),
            "the training process",
            "ended with status 3: no keras",
        ),
    ],
    "worker/training_jobs": [
        (lambda: opened(None), "dataset.npy", "has no labels; pass them with -dl"),
        (lambda: opened(LABELS), "testset.npy", "has no labels; pass them with -tl"),
        (
            lambda: opened(LABELS * 0, LABELS),
            "labels.npy",
            "all training images have the same label; a classifier requires two",
        ),
        (
            opened_for_classes,
            "dataset.npy",
            "has no labels for --label-weight; use an IDX folder, an .npz or one folder",
        ),
        (stopped_early, "training", "stopped before training began"),
        (
            lambda: opened(LABELS, LABELS * 9),
            "test_labels.npy",
            "label 18 does not occur in training (3 classes)",
        ),
    ],
    "training/backend": [
        (
            without_jax,
            "--distributed",
            "with an address needs JAX: pip install jax, and set KERAS_BACKEND=jax",
        ),
        (
            without_tensorboard,
            "--tensorboard",
            "needs a package that is not installed: pip install tensorflow tensorboard",
        ),
    ],
    "worker/apply_holes": [
        (
            lambda: test_model_jobs.run_job(Apply, save_autoencoder(), data=images(), missing="center:0.5"),
            "autoencoder.h5",
            "--missing requires a model that was trained with a hole",
        ),
        (apply_to_whole_pictures, "opaque", "nothing to complete: all 3 pictures have no transparent pixel"),
        (
            lambda: apply_to_whole_pictures(missing="./masks"),
            "opaque",
            "nothing to complete: all 3 pictures have an empty mask",
        ),
    ],
    "worker/image_output": [
        (
            lambda: test_model_jobs.run_job(
                Apply, save_autoencoder(), RecordingChannel(stop_after=0), data=images()
            ),
            "the first pictures",
            "were finished; nothing was written",
        ),
    ],
    "worker/own_size": [
        (
            lambda: used(Apply, save_autoencoder(), data=images(), output_size="own"),
            "--output-size own",
            "requires pictures: images of a data set keep their size",
        ),
        (
            lambda: used(Apply, save_autoencoder(latent_dim=2), data=deep_picture(8), output_size="own"),
            "ae/autoencoder.h5",
            "the model takes images of 12×10×1 only; use --output-size model",
        ),
        (
            lambda: used(Apply, save_autoencoder(), data=deep_picture(16), output_size="own"),
            "p",
            "--output-size own is for pictures of 8 bits, and these have more",
        ),
    ],
    "worker/jobs": [
        (
            lambda: used(Apply, [save_autoencoder()[0].replace("auto", "")], data="x"),
            "ae/encoder.h5",
            "is not a complete autoencoder (images in, images out); use an autoencoder.h5",
        ),
        (
            lambda: used(Apply, save_autoencoder() + save_autoencoder("b", image=(8, 8, 1)), data="x"),
            "12×10×1, 8×8×1",
            "the models take images of different shapes:",
        ),
        (
            lambda: used(
                Apply,
                save_autoencoder() + save_autoencoder("b", task="denoise"),
                data=images(),
                refine=5,
            ),
            "b/autoencoder.h5",
            "the model is for denoise; --refine requires a model for reconstruct",
        ),
        (
            lambda: used(Apply, save_autoencoder(quantize="2"), data=images(), refine=5),
            "ae/autoencoder.h5",
            "--refine cannot change the codes of a quantized autoencoder, which are at a few levels",
        ),
        (
            lambda: used(Apply, save_autoencoder(conditional=True), data=images()),
            "ae/autoencoder.h5",
            "apply cannot use a conditional autoencoder, which needs the label of each image; use one that "
            "was trained without --conditional",
        ),
        (
            lambda: used(Apply, flat(), data=images(), refine=5),
            "flat.h5",
            "--refine requires nested models named encoder and decoder, and a decoder that",
        ),
        (
            lambda: used(Predict, save_autoencoder(), data="x"),
            "ae/autoencoder.h5",
            "is not a classifier; use a classifier.h5 saved by classification.py",
        ),
        (
            lambda: used(Encode, ["x"], data="x", output="codes.txt"),
            "codes.txt",
            "the name must end in .npz or .idx",
        ),
        (
            lambda: used(Encode, ["x"], data="x", output=images()),
            "all.npz",
            "exists already; choose another --output",
        ),
        (
            lambda: used(
                Encode,
                save_autoencoder(),
                data=images(labels=np.arange(20) * 20),
                output="codes.idx",
            ),
            "all.npz",
            "labels are 0 to 380, and an .idx file holds 0 to 255; use .npz",
        ),
        (
            lambda: drawn([save_autoencoder()[0].replace("auto", "")]),
            "ae/encoder.h5",
            "contains no model named decoder; use an autoencoder.h5 or decoder.h5",
        ),
        (
            lambda: drawn(save_autoencoder(layers=2, task="denoise", skip=True)),
            "ae/autoencoder.h5",
            "the decoder needs more than a latent code (skip connections or residual) and",
        ),
        (
            lambda: drawn(save_autoencoder(task="denoise", residual=True)),
            "ae/autoencoder.h5",
            "the decoder needs more than a latent code (skip connections or residual) and",
        ),
        (
            lambda: drawn(save_autoencoder(latent_dim=3), grid=4),
            "ae/autoencoder.h5",
            "the latent size is 3; a grid requires 2",
        ),
        (
            lost,
            "ae/decoder.h5",
            "contains no encoder, and there is none in its folder; use an autoencoder.h5 or encoder.h5",
        ),
    ],
    "worker/recorded_data": [
        (
            lambda: drawn(save_autoencoder(), data="digits"),
            "digits",
            "its images are 28×28×1, the model takes 12×10×1",
        ),
        (
            lambda: drawn(save_autoencoder()),
            "ae/autoencoder.h5",
            "no record next to it names its training images; pass them with -d",
        ),
    ],
    "training/trainer": [
        (
            diverged,
            "in epoch 2",
            "; a smaller --learning-rate than 0.005 may help",
        ),
    ],
    "common/value_types": [
        (lambda: listed("--last", "0"), "--last", "must be a whole number from 1 to 1000000000, not '0'"),
        (
            lambda: called("classification", "probe", "--shares", "0"),
            "--shares",
            "must be a whole number from 1 to 100",
        ),
        (
            lambda: called("autoencoder", "generate", "-model", "x", "--grid", "1"),
            "--grid",
            "must be a whole number from 2 to",
        ),
    ],
}
