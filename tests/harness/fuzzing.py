"""Small valid files of every format, one of them changed, and the law that holds for whatever comes of it.

python -m tests.harness.fuzzing 5000          5,000 cases under a limit of memory; what broke the law, as JSON
python -m tests.harness.fuzzing 1 --first 77  case 77 again: each is made from its number alone
"""

import argparse
import contextlib
import gzip
import io
import json
import random
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from lib.cli.command_runs import RunsCommand
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.formats import registry
from lib.data.formats.deep_pictures import load_deep
from lib.data.formats.picture_files import quiet_decoding
from lib.data.formats.pictures import load_fitted
from lib.data.value_range import ValueRange
from lib.runs import records, report, run_entries
from tests.harness import sample_files
from tests.harness.mutation import mutate

# seconds for one case, on a slow and busy machine; the largest picture that is decoded takes 3 on a free one
LIMIT = 120
SPACE = (
    4 << 30
)  # bytes of addresses that the process of all cases may take: reading small files needs a fraction


@dataclass(frozen=True)
class Seed:
    """Files by their names below the folder of a case, the name that is opened, and what opens it."""

    files: dict[str, bytes]
    where: str
    check: Callable[[Path], str]


# What holds whatever the files are: valid arrays, or one line that names the file. Each says how it ended.


def images(path: Path) -> str:
    """The law of the readers of images."""
    try:
        header = registry.peek_source(path)
    except UserError:
        header = None
    try:
        source = registry.read_source(path)
    except UserError as error:
        return refused(error, path)
    assert header is not None, "read has read what peek refused"
    counted = not path.name.endswith((".tar", ".tar.gz"))  # archives are not decompressed to be measured
    skips = any("skipped: " in note for note in source.notes)  # pictures whose headers alone are right
    for part, count in ((source.train, header.count), (source.test, header.test_count)):
        if part is None:
            assert not (counted and count), "peek saw test images"
            continue
        array = part.images
        assert (array.dtype, array.ndim, array.shape[1:]) == (source.value_range.dtype, 4, header.shape), (
            array.dtype,
            array.shape,
            header,
        )
        assert not counted or len(array) == count or (skips and len(array) < count), (array.shape, header)
        int(array.sum())
        assert part.labels is None or (
            part.labels.shape == (len(array),) and part.labels.dtype == np.int64
        ), part.labels
    return "skipped" if skips else "read"


def labels(path: Path) -> str:
    """The law of the readers of labels."""
    try:
        found = registry.read_labels(path)
    except UserError as error:
        return refused(error, path)
    assert (found.numbers.ndim, found.numbers.dtype) == (1, np.int64)
    assert not found.classes or 0 <= found.numbers.min() <= found.numbers.max() < len(found.classes)
    assert all(name.isprintable() for name in found.classes)
    return "read"


def pictures(path: Path) -> str:
    """Pictures as a data set, or made to fit a model."""
    ended = images(path)
    with quiet_decoding():
        for file in path.iterdir():
            for fit in ("crop", "pad"):
                try:
                    found = load_fitted(file, (6, 5, 3), fit).pixels
                except UserError as error:
                    refused(error, file)
                else:
                    assert (found.shape, found.dtype) == ((6, 5, 3), np.uint8)
            try:
                deep = load_deep(file, (6, 5, 3), value_range=ValueRange(0, 4095, "integer")).pixels
            except UserError as error:
                refused(error, file)
            else:
                assert (deep.shape, deep.dtype) == ((6, 5, 3), np.uint16)
    return ended


def answers(path: Path) -> str:
    """An answers file, as `--answers` reads it."""
    try:
        given = Answers(
            "autoencoder", TrainParser("autoencoder", "").parse(["--answers", str(path), "--yes"])
        )
    except UserError as error:
        return refused(error, path)
    try:
        given.hyperparameters({})
    except UserError as error:  # two answers that contradict one another
        return refused(error, None)
    return "read"


def record(path: Path) -> str:
    """A run among a good one: listed, looked for by name, drawn, compared, exported."""
    top = path.parent
    folder = path.relative_to(top).as_posix()
    try:
        records.load_record(path)
        ended = "read"
    except UserError as error:
        ended = refused(error, path)
    records.list_saved_models((8, 8, 1), top)
    for words in ([], ["--json"], ["--sort", "score"], ["--diff", "good", folder], ["--only", folder]):
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            by_name = words[:1] in (["--diff"], ["--only"])  # anything else shows the good one
            with contextlib.suppress(UserError) if by_name else contextlib.nullcontext():
                RunsCommand().run("autoencoder", [str(top), *words])
        assert "\x1b" not in out.getvalue() + err.getvalue(), "an escape code reached the terminal"
    entries, _ = run_entries.list_entries(top)
    for name in ("report.md", "report.html"):
        report.export_report(entries, top / name, force=True)
    return ended


def refused(error: UserError, path: Path | None) -> str:
    said = str(error)
    assert said.isprintable(), f"more than a line of text: {said!r}"
    assert path is None or path.name in said, f"does not name the file: {said}"
    assert len(said) < 1500, f"is no sentence: {said[:300]}"
    return "refused"


def seeds() -> dict[str, Seed]:
    """A few small data sets of every format that is read."""
    gray, classes = sample_files.shapes(12)
    color, _ = sample_files.shapes(6, 32, 32, channels=3)
    batch = sample_files.cifar(color[:4], classes[:4])
    rest = sample_files.cifar(color[4:], classes[4:6])
    four = {
        "train-images-idx3-ubyte": sample_files.idx(gray[:8]),
        "train-labels-idx1-ubyte.gz": gzip.compress(sample_files.idx(classes[:8])),
        "t10k-images-idx3-ubyte.gz": gzip.compress(sample_files.idx(gray[8:])),
        "t10k-labels-idx1-ubyte": sample_files.idx(classes[8:]),
    }
    batches = {"data_batch_1.bin": batch, "test_batch.bin": rest}
    parts = {"x_train": gray[:8], "y_train": classes[:8], "x_test": gray[8:], "y_test": classes[8:]}
    found = {
        "idx": Seed({"a.idx": sample_files.idx(gray)}, "a.idx", images),
        "idx-4": Seed({"a.idx": sample_files.idx(color)}, "a.idx", images),
        "idx.gz": Seed({"a.gz": gzip.compress(sample_files.idx(gray))}, "a.gz", images),
        "idx-folder": Seed({f"m/{name}": content for name, content in four.items()}, "m", images),
        "labels": Seed({"l.idx": sample_files.idx(classes)}, "l.idx", labels),
        "labels.gz": Seed({"l.gz": gzip.compress(sample_files.idx(classes))}, "l.gz", labels),
        "labels.npy": Seed({"l.npy": _saved(np.save, classes.astype(">i8"))}, "l.npy", labels),
        "cifar.bin": Seed({"data_batch_1.bin": batch}, "data_batch_1.bin", images),
        "cifar-folder": Seed({f"c/{name}": content for name, content in batches.items()}, "c", images),
        "cifar.tar": Seed({"c.tar": archive(batches)}, "c.tar", images),
        "cifar.tar.gz": Seed({"c.tar.gz": gzip.compress(archive(batches), 1)}, "c.tar.gz", images),
        "npy": Seed({"a.npy": _saved(np.save, gray)}, "a.npy", images),
        "npy-float": Seed(
            {"a.npy": _saved(np.save, np.asfortranarray(gray / 255).astype(">f4"))}, "a.npy", images
        ),
        "npz": Seed({"a.npz": _saved(np.savez, **parts)}, "a.npz", images),
        "npz-packed": Seed(
            {"a.npz": _saved(np.savez_compressed, images=gray / 255, labels=classes)}, "a.npz", images
        ),
        **_published(color, classes),
        "labels.csv": Seed({"l.csv": b"id,label\n1,cat\n2,dog\n3,cat\n"}, "l.csv", labels),
        "labels-text.npy": Seed({"l.npy": _saved(np.save, np.array(["cat", "dog"] * 3))}, "l.npy", labels),
        "answers": Seed(
            {"answers.json": json.dumps(AutoencoderHyperparameters(dataset="digits").to_json()).encode()},
            "answers.json",
            answers,
        ),
        "record": _runs(),
    }
    small = Image.fromarray(color[0, 2:10, :7])
    kinds = {
        "gray.png": (small.convert("L"), {}),
        "rgb.png": (small, {}),
        "palette.png": (small.convert("P"), {"transparency": 3}),
        "alpha.png": (small.convert("LA"), {}),
        "deep.png": (Image.fromarray(gray[0].astype(np.uint16) * 200), {}),
        "bit.png": (small.convert("1"), {}),
        "a.jpg": (small, {"exif": _turned()}),
        "cmyk.jpg": (small.convert("CMYK"), {}),
        "a.bmp": (small, {}),
        "palette.bmp": (small.convert("P"), {}),
        "a.gif": (small.convert("P"), {}),
        "a.webp": (small, {}),
        "a.avif": (small, {"exif": _turned()}),
        "turned.png": (small, {"exif": _turned()}),
        "lossless.webp": (small.convert("RGBA"), {"lossless": True}),
        "a.tif": (small, {}),
        "a.ppm": (small, {}),
        "a.pgm": (small.convert("L"), {}),
        "lzw.tiff": (small, {"compression": "tiff_lzw"}),
        "jpeg.tiff": (small, {"compression": "jpeg"}),
        "deep.tiff": (Image.fromarray(gray[0].astype(np.uint16)), {"compression": "tiff_adobe_deflate"}),
        "fax.tiff": (small.convert("1"), {"compression": "group4"}),
        "float.tiff": (Image.fromarray(gray[0].astype(np.float32)), {}),
    }
    for name, (image, options) in kinds.items():
        content = io.BytesIO()
        image.save(
            content,
            {"tif": "TIFF", "jpg": "JPEG", "pgm": "PPM"}.get(name.split(".")[1], name.split(".")[1].upper()),
            **options,
        )
        folder = {f"p/{sub}{name}": content.getvalue() for sub in ("", "1-")}
        found[f"pictures {name}"] = Seed(folder, "p", pictures)
    return found


def _published(color: np.ndarray, classes: np.ndarray) -> dict[str, Seed]:
    """Small data sets in formats of which there are published ones."""
    hundred = bytes(1) + sample_files.cifar(color[:1], classes[:1])
    large = {"train_X.bin": bytes(27_648), "train_y.bin": b"\1", "test_X.bin": bytes(27_648)}
    svhn = {"X": color.transpose(1, 2, 3, 0), "y": classes[:6, None].astype(float)}
    emnist = {
        "emnist-letters-train-images-idx3-ubyte": sample_files.idx(color[..., 0]),
        "emnist-letters-train-labels-idx1-ubyte": sample_files.idx(classes[:6] + 1),
    }
    names = {"train.bin": hundred, "test.bin": hundred, "fine_label_names.txt": b"a\nb\n"}
    return {
        "cifar-100": Seed({f"c/{name}": content for name, content in names.items()}, "c", images),
        "stl-10": Seed({f"s/{name}": content for name, content in large.items()}, "s", images),
        "emnist": Seed({f"e/{name}": content for name, content in emnist.items()}, "e", images),
        "mat": Seed({"a.mat": _mat(svhn)}, "a.mat", images),
        "mat-packed": Seed({"a.mat": _mat(svhn, True)}, "a.mat", images),
        "labels.mat": Seed({"a.mat": _mat({"y": classes})}, "a.mat", labels),
    }


def _mat(arrays: dict[str, np.ndarray], packed: bool = False) -> bytes:
    content = io.BytesIO()
    scipy.io.savemat(content, arrays, do_compression=packed)
    return content.getvalue()


def _saved(save, *arrays, **named) -> bytes:
    content = io.BytesIO()
    save(content, *arrays, **named)
    return content.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def archive(members: dict[str, bytes]) -> bytes:
    """A tar file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        for name, body in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(body)
            file.addfile(info, io.BytesIO(body))
    return content.getvalue()


def _runs() -> Seed:
    hp = AutoencoderHyperparameters(dataset="digits", layers=2)
    whole = {
        "program": "autoencoder",
        "status": "finished",
        "task": "reconstruct",
        "hyperparameters": hp.to_json(),
        "command": hp.command(),
        "started": "2026-03-01T12:00:00+0000",
        "dataset": {
            "name": "digits",
            "sha256": "5f2c" * 16,
            "shape": [8, 8, 1],
            "classes": ["0", "1"],
            "sizes": {"train": 80, "validation": 10, "test": 10},
        },
        "environment": {"device": "CPU", "keras": "3.15.1", "backend": "tensorflow", "python": "3.11.7"},
        "history": {"loss": [0.5, 0.25], "val_loss": [0.4, 0.3]},
        "metrics": {
            "test_loss": 0.1,
            "test_mse": 0.1,
            "test_psnr": 20.0,
            "latent_size": 32,
            "parameters": 1234,
        },
        "baselines": {
            "constant_mse": 0.07,
            "constant_psnr": 11.5,
            "pca_mse": 0.02,
            "pca_psnr": None,
            "pca_components": 32,
        },
        "timing": {"seconds": 61.5, "images_per_second": 900.0},
    }
    content = json.dumps(whole).encode()
    # The bad one is opened by its name; the good one beside it must come through.
    return Seed(
        {
            "r/bad/run.json": content,
            "r/bad/autoencoder.h5": b"",
            "r/good/run.json": content,
            "r/good/autoencoder.h5": b"",
        },
        "r/bad",
        record,
    )


def changeable(seed: Seed) -> list[str]:
    """The files of a seed but for the good run, and the models, whose content does not matter here."""
    return [name for name in seed.files if not name.startswith("r/good") and not name.endswith(".h5")]


def law(seed: Seed, folder: Path, changed: dict[str, bytes]) -> str:
    """Make the files of a seed, some of them changed, and hold its law against them; how it ended."""
    try:
        for name, content in (seed.files | changed).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return seed.check(folder / seed.where)
    finally:
        shutil.rmtree(folder)


def case(number: int, known: dict[str, Seed], top: Path) -> tuple[str, str]:
    """A case by its number: the name of its seed, and how it ended."""
    draw = random.Random(number)
    name = draw.choice(list(known))
    changed = draw.choice(changeable(known[name]))
    content = mutate(draw, changed, known[name].files[changed])
    return name, law(known[name], top / str(number), {changed: content})


class Hanging(BaseException):
    """A case takes too long; no error that a reader could take for one of the file's."""


def hang(*_) -> None:
    raise Hanging


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    signal.signal(signal.SIGALRM, hang)
    known, ended, broken, slowest = seeds(), Counter(), [], (0.0, 0)
    warned = []
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_: warned.append(f"warned: {message!r}")
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as top:
        for number in range(args.first, args.first + args.count):
            signal.alarm(LIMIT)
            start, name = time.perf_counter(), "?"
            try:
                name, how = case(number, known, Path(top))
                ended[name, how] += 1
            except (
                Exception,
                Hanging,
            ):  # the law is that nothing else escapes: whatever does is what this looks for
                warned.append(traceback.format_exc(limit=-6))
            slowest = max(slowest, (time.perf_counter() - start, number))
            broken += [f"case {number} ({name}): {text}" for text in warned]
            warned.clear()
    signal.alarm(0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began
    counts = {f"{name}: {how}": count for (name, how), count in sorted(ended.items())}
    print(
        json.dumps(
            {
                "broken": broken[:2000],
                "ended": counts,
                "grown": grown * 1024,
                "slowest": slowest,
                "law broken": len(broken),
            }
        )
    )


if __name__ == "__main__":
    sys.exit(main())
