"""What provokes each error about runs, models and trainings, by module: (what to do, what is named, what is said)."""

import importlib.util
import os
import tempfile
from pathlib import Path
from unittest import mock

import keras
import numpy as np

from lib import backend, datasets, locks, records, report, runs, saved, training, unfinished, using, worker
from lib.hyperparameters import Hyperparameters
from lib.process import Worker
from lib.teams import Team
from lib.written import write_json
from tests import made, test_ledger, test_saved
from tests.provoked_settings import called
from tests.test_saved import DRAWN, GREY, model


def written(name: str, content: str | bytes = "") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def recorded(content: str | bytes):
    runs.load(written("run/run.json", content).parent)


def nested():
    """A record that is JSON, and goes too deep for whatever walks through it."""
    content = "[" * 600 + "]" * 600
    records.entry(written("run/run.json", f'{{"status": "finished", "x": {content}}}').parent, Path("run"))


def found(name: str):
    for run in ("a-1", "a-2"):
        test_ledger.made(run)
    records.find(name, records.listed(runs.MODELS)[0], runs.MODELS)


def listed(*words: str):
    test_ledger.made("small")
    called("autoencoder", "runs", *words)


def copied(name: str):
    runs.save_as(test_ledger.made("small"), name)


def full(path: str):
    entries, _ = records.listed(test_ledger.made("small").parent)
    with mock.patch.object(os, "replace", side_effect=OSError(28, "No space left on device")):
        report.export(entries, Path(path), force=False)


def crowded():
    with mock.patch.object(Path, "mkdir", side_effect=FileExistsError):
        runs.new_folder(None, Path("models/run"))


def told(kind: str, message: str):
    Worker()._judge({"event": "failed", "kind": kind, "message": message})


def dying(script: str):
    """A worker that is this shell script."""
    python = written("python", f"#!/bin/sh\n{script}\n").resolve()
    python.chmod(0o755)
    with mock.patch("sys.executable", str(python)), Worker() as process:
        process.send("open")
        process.follow(lambda event: None)


def without_temporary_files():
    """A worker on a system whose temporary folder is full."""
    with mock.patch.object(tempfile, "TemporaryFile", side_effect=OSError(28, "No space left on device")), Worker() as process:
        process.send("open")


def opened(labels, test_labels=None):
    """A classifier's data set with these labels, in training and in test."""
    images = made.shapes(20)[0]
    files = {"dataset": images, "labels": labels, "testset": images, "test_labels": test_labels}
    for name, array in files.items():
        if array is not None:
            np.save(f"{name}.npy", array)
    names = {name: f"{name}.npy" for name, array in files.items() if array is not None}
    worker.open_dataset(Hyperparameters(program="classification", **names))


def opened_for_classes():
    np.save("dataset.npy", made.shapes(20)[0])
    worker.open_dataset(Hyperparameters(dataset="dataset.npy", label_weight=0.1))


def without_jax():
    with mock.patch.object(backend.keras.backend, "backend", return_value="tensorflow"):
        backend.join(Team("lab:9911", 1, 2))


def without_tensorboard():
    with mock.patch.object(importlib.util, "find_spec", return_value=None):
        backend.require_tensorboard()


def used(verb, models: list[str], **request):
    test_saved.done(verb, models=models, **request)


def flat() -> list[str]:
    """An autoencoder in one piece, that knows no encoder."""
    image = keras.Input(GREY, name="image")
    keras.Model(image, keras.layers.Conv2D(1, 3, padding="same", name="all")(image), name="flat").save("flat.h5")
    return ["flat.h5"]


def stopped(verb, program: test_saved.Listener, **request):
    verb(program, test_saved.COMMON | request)


def stopped_early():
    """A training that was stopped while its data were loaded."""
    program = test_saved.Listener(until=0)
    program.tell("progress", done=0)
    dataset = datasets.load(hp := Hyperparameters(dataset=images(), layers=1))
    worker.train(program, {"hyperparameters": hp.to_json()}, dataset)


def drawn(models: list[str], **request):
    used(saved.generate, models, **DRAWN | request)


def images(name: str = "all.npz", **arrays) -> str:
    np.savez(name, **{"images": made.shapes(20)[0]} | arrays)
    return name


def lost():
    """A decoder without an encoder, that is asked for codes."""
    path = Path(model(latent_dim=2)[0])
    for name in ("autoencoder", "encoder"):
        path.with_stem(name).unlink()
    drawn(["ae/decoder.h5"], data=images())


def killed(folder: str = "models/mine", **changes) -> Path:
    """A run whose process is gone."""
    run = runs.Run.create(folder, Hyperparameters(dataset="digits"), "digits")
    run.update(**changes)
    os.close(run._lock)
    return run.folder


def held(again):
    """A run that another process is training while somebody wants to go on with it."""
    run = runs.Run.create("models/mine", Hyperparameters(), "digits")
    with mock.patch.object(locks, "ENDING", 0):
        again(run)


def locked():
    """A run in a folder whose lock may not be opened."""
    folder = killed()
    with mock.patch.object(os, "open", side_effect=PermissionError(13, "Permission denied")):
        runs.Run.reopen(folder, "abc")


def faulty():
    folder = killed(history=[])
    records.find("mine", records.listed(folder.parent)[0], folder.parent)


def resumed(program: str = "autoencoder", **changes):
    unfinished.require(killed(**changes), program)


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
    hp = Hyperparameters(dataset="digits")
    training.fit(Diverging(), datasets.load(hp), hp, training.autoencoder_phase(hp), None, None, None)


LABELS = made.shapes(20)[1]

CASES = {
    "runs": [
        (lambda: runs.load(Path("nowhere")), "nowhere/run.json", "no such file; a run folder holds one"),
        (lambda: recorded("{"), "run/run.json", "cannot be read as JSON ("),
        (lambda: recorded("[" * 100_000), "run/run.json", "cannot be read as JSON (it is nested too deeply)"),
        (lambda: runs.load(written("x/run.json/y").parent.parent), "x/run.json", "is no file; a run folder holds one"),
        (lambda: recorded(b"\xff"), "run/run.json", "cannot be read as JSON ('utf-8' codec can't decode byte 0xff in position 0"),
        (
            lambda: runs.Run.reopen(killed(dataset={"sha256": "abc"}), "def"),
            "models/mine",
            "began with other images than those that its data set holds now; begin a new run",
        ),
        (lambda: held(runs.Run.hold), "models/mine", "another process is training this run; wait until it ends"),
        (lambda: recorded("[]"), "run/run.json", "is no record of a run"),
        (lambda: recorded("{}"), "run/run.json", "is no record of a run"),
        (lambda: called("autoencoder", "apply", "-model", "x.h5", "-d", "y"), "x.h5", "no such file; train an autoencoder first"),
        (lambda: runs.require_model("."), ".", "cannot be read (Is a directory); give an autoencoder.h5 or encoder.h5"),
        (lambda: runs.require_model(written("x.h5", "text")), "x.h5", "is no .h5 model; give an autoencoder.h5 or encoder.h5"),
        (lambda: copied("new.h5"), "new.h5", "cannot be written (No such file or directory)"),
        (lambda: copied("a\0b"), "a\ufffdb", "cannot be written (embedded null byte)"),
        (lambda: runs.free_name(" "), "a name", "is needed"),
        (lambda: copied("small"), "models/small", "exists already; choose another name"),
        (lambda: runs.new_folder(str(written("x/y").parent), Path()), "x", "is not empty, and a run is never overwritten"),
        (lambda: runs.new_folder(str(written("x") / "y"), Path()), "x/y", "cannot be made (Not a directory); choose another"),
        (lambda: runs.new_folder(None, written("x") / "y"), "x/y", "cannot be made (Not a directory); choose a folder"),
        (crowded, "models/run", "a thousand runs of this name exist; choose another --output"),
    ],
    "records": [
        (nested, "run/run.json", "is no record of a run"),
        (faulty, "models/mine/run.json", "history must be an object, not []"),
        (lambda: found("z"), "z", "no run below models is called so; give a run folder, or a part of its name"),
        (lambda: found("a-"), "a-", "2 runs are called so (a-1, a-2); give more of the name"),
        (lambda: listed("--sort", "leyers"), "--sort leyers", "no run has it; did you mean layers?"),
        (lambda: listed("--figure", "test_msee"), "--figure test_msee", "no run has it; did you mean test_mse?"),
        (lambda: listed("--figure", "zzzz"), "--figure zzzz", "no run has it; there are latent_size, parameters"),
    ],
    "unfinished": [
        (lambda: resumed(history=[]), "models/mine/run.json", "history must be an object, not []"),
        (lambda: resumed("classification"), "models/mine", "is no run of classification.py; give --resume to the program that"),
        (lambda: resumed(status="finished"), "models/mine", "came to its end already; leave --resume out to begin another run"),
        (lambda: held(lambda run: unfinished.require(run.folder, "autoencoder")), "models/mine", "another process is training"),
    ],
    "written": [
        (locked, "models/mine/checkpoint/lock", "cannot be written (Permission denied); free some space, or choose another"),
        (lambda: write_json(Path("gone/a.json"), {}), "gone/a.json", "cannot be written (No such file or directory); free some"),
    ],
    "ledger": [
        (lambda: called("autoencoder", "runs", "nowhere"), "nowhere", "no such folder; give one with runs in it, or none for"),
        (lambda: listed("--last", "0"), "--last", "must be a whole number from 1 to 1000000000, not '0'"),
    ],
    "report": [
        (lambda: called("autoencoder", "runs", "--export", "r.pdf"), "r.pdf", "is told by its name, which must end in .md"),
        (lambda: called("autoencoder", "runs", "--export", "none/r.md"), "none/r.md", "cannot be written, there is no folder"),
        (lambda: report.require_free(written("r.html"), False), "r.html", "exists already; choose another name, or replace it"),
        (lambda: report.require_free(written("r-figures/x").parent.with_name("r.md"), False), "r-figures", "exists already"),
        (lambda: full("r.html"), "r.html", "cannot be written (No space left on device)"),
    ],
    "using": [
        (lambda: called("classification", "probe", "--shares", "0"), "--shares", "must be a whole number from 1 to 100"),
        (lambda: called("autoencoder", "generate", "-model", "x", "--grid", "1"), "--grid", "must be a whole number from 2 to"),
        (lambda: using.whole("x"), "'x'", "must be a whole number from 0 to"),
    ],
    "process": [
        (lambda: told("user", "x: no such file"), "x", "no such file"),
        (lambda: told("run", "not enough memory; a smaller batch size needs less"), "not enough memory", "a smaller batch size"),
        (lambda: told("interrupted", "stopped before training began"), "training", "stopped before training began"),
        (lambda: dying("echo MemoryError >&2; exit 1"), "not enough memory", "a smaller batch size or fewer kernels need less"),
        (without_temporary_files, "no temporary file", "can be written (No space left on device); free some space there"),
        (lambda: dying("kill -9 $$"), "the training process", "was killed, most likely for want of memory; a smaller batch size"),
        (lambda: dying("kill -11 $$"), "the training process", "crashed, most likely for want of memory; a smaller batch size"),
        (lambda: dying("kill -6 $$"), "the training process", "was ended by signal 6: it said nothing"),
        (lambda: dying("echo here; echo no keras >&2; exit 3"), "the training process", "ended with status 3: no keras"),
    ],
    "worker": [
        (lambda: opened(None), "dataset.npy", "has no labels; give them with -dl"),
        (lambda: opened(LABELS), "testset.npy", "has no labels; give them with -tl"),
        (lambda: opened(LABELS * 0, LABELS), "labels.npy", "all training images have the same label; a classifier needs two"),
        (opened_for_classes, "dataset.npy", "has no labels for --label-weight; IDX folders, .npz and a folder"),
        (stopped_early, "training", "stopped before training began"),
        (lambda: opened(LABELS, LABELS * 9), "test_labels.npy", "label 18 never occurs in training (3 classes)"),
    ],
    "backend": [
        (without_jax, "--distributed", "with an address needs JAX: pip install jax, and set KERAS_BACKEND=jax"),
        (without_tensorboard, "--tensorboard", "needs a package that is not installed: pip install tensorflow tensorboard"),
    ],
    "progress": [
        (
            lambda: stopped(saved.apply, test_saved.Listener(until=0), models=model(), data=images()),
            "the first pictures",
            "stopped before the first pictures were done; nothing is written",
        ),
    ],
    "saved": [
        (lambda: used(saved.apply, [model()[0].replace("auto", "")], data="x"), "ae/encoder.h5", "is no whole autoencoder"),
        (
            lambda: used(saved.apply, model() + model("b", image=(8, 8, 1)), data="x"),
            "12×10×1, 8×8×1",
            "the models take images of different shapes:",
        ),
        (
            lambda: used(saved.apply, model() + model("b", task="denoise"), data=images(), refine=5),
            "b/autoencoder.h5",
            "it is for denoise; --refine is for reconstruct, where what is wanted is given",
        ),
        (
            lambda: used(saved.apply, flat(), data=images(), refine=5),
            "flat.h5",
            "--refine needs two models in it, one called encoder, one called decoder that takes a code alone",
        ),
        (lambda: used(saved.predict, model(), data="x"), "ae/autoencoder.h5", "is no classifier; give the classifier.h5 that"),
        (lambda: used(saved.encode, ["x"], data="x", output="codes.txt"), "codes.txt", "codes are written as .npz or .idx"),
        (lambda: used(saved.encode, ["x"], data="x", output=images()), "all.npz", "exists already; choose another --output"),
        (
            lambda: used(saved.encode, model(), data=images(labels=np.arange(20) * 20), output="codes.idx"),
            "all.npz",
            "its labels go up to 380, an .idx file holds 0 to 255; write an .npz",
        ),
        (lambda: drawn([model()[0].replace("auto", "")]), "ae/encoder.h5", "holds no model called decoder; give an"),
        (
            lambda: drawn(model(layers=2, task="denoise", skip=True)),
            "ae/autoencoder.h5",
            "its decoder needs more than a code (skip connections or residual): there is nothing to draw from",
        ),
        (lambda: drawn(model(task="denoise", residual=True)), "ae/autoencoder.h5", "its decoder needs more than a code"),
        (lambda: drawn(model(latent_dim=3), grid=4), "ae/autoencoder.h5", "its code has 3 numbers; a grid needs two"),
        (lambda: drawn(model(), data="digits"), "digits", "its images are 28×28×1, the model takes 12×10×1"),
        (lambda: drawn(model()), "ae/autoencoder.h5", "a plain autoencoder has no prior to draw from; give images to learn one"),
        (lost, "ae/decoder.h5", "holds no encoder, nor is there one beside it; give an autoencoder.h5 or encoder.h5"),
    ],
    "training": [
        (diverged, "in epoch 2", "the loss is no number any more in epoch 2; a smaller --learning-rate than 0.005 may"),
    ],
}  # fmt: skip
