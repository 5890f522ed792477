"""AUROC of a detector by error map, area and weight of the code, by training images alone.

    python -m tests.benchmarks.anomaly_choices mnist --preset best-mnist-anomaly
    python -m tests.benchmarks.anomaly_choices cifar-10 --preset best-cifar-anomaly --classes 0 2 4 6

For each class a network is trained on training images of that class, but for 800 of them; these and 1,800
training images of other classes are scored in every way. Prints the ways with the highest mean over the
classes. `LATENT_LAB_DATA` is the folder of the data sets; further flags are those of `autoencoder.py`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import combinations, product
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from tests.benchmarks.anomalies import PROGRAM

NORMAL, OTHERS = 800, 1_800  # images that are scored
VALIDATION, KNOWN_CODES = 700, 4_000  # of the training images, whose maps and codes are normal
AREAS = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)
CODE_WEIGHTS = (0.0, 0.3, 0.6, 1.0, 1.5, 3.0)
BATCH = 256

Way = tuple[str, float, float]  # error maps, area, weight of the code


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="name of a data set with labels")
    parser.add_argument("--classes", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--shown", type=int, default=12, help="number of ways that are printed")
    args, more = parser.parse_known_args()
    by_class: list[dict[Way, float]] = []
    for label in args.classes:
        with tempfile.TemporaryDirectory() as folder:
            by_class.append(score_class(args.data, label, Path(folder), more))
        best = max(by_class[-1], key=by_class[-1].__getitem__)
        print(f"class {label}: best {describe(best)} {by_class[-1][best]:.4f}", flush=True)
    means = {way: float(np.mean([scores[way] for scores in by_class])) for way in by_class[0]}
    for way in sorted(means, key=means.__getitem__, reverse=True)[: args.shown]:
        print(f"{means[way]:.4f}  {describe(way)}  {' '.join(f'{scores[way]:.3f}' for scores in by_class)}")


def describe(way: Way) -> str:
    maps, area, weight = way
    return f"--error-map {maps} --score-area {area:g} --code-weight {weight:g}"


def score_class(data: str, label: int, folder: Path, flags: list[str]) -> dict[Way, float]:
    """Train a network for a class, and return the AUROC of each way."""
    images, labels = training_images(data)
    rng = np.random.default_rng(label)
    normal = rng.permutation(np.flatnonzero(labels == label))
    others = rng.permutation(np.flatnonzero(labels != label))[:OTHERS]
    test, train = np.concatenate([normal[:NORMAL], others]), normal[NORMAL:]
    arrays = {"x_train": images[train], "y_train": labels[train], "x_test": images[test]}
    np.savez(folder / "data.npz", **arrays, y_test=labels[test])
    words = ["-d", f"{folder}/data.npz", "--normal", str(label), "--output", f"{folder}/run", "--yes"]
    command = [sys.executable, PROGRAM, "--task", "anomaly", *flags, *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return score_ways(folder / "run" / "autoencoder.h5", images[train], images[test], labels[test] != label)


def training_images(data: str) -> tuple[np.ndarray, np.ndarray]:
    from lib.data import datasets
    from lib.data.formats.picture_fit import AS_THEY_ARE

    path = Path(os.environ.get("LATENT_LAB_DATA", "data"), data)
    train = datasets.load_source(str(path) if path.is_dir() else data, AS_THEY_ARE).train
    return np.asarray(train.images), np.asarray(train.labels)


def score_ways(model: Path, train: np.ndarray, test: np.ndarray, is_other: np.ndarray) -> dict[Way, float]:
    """Return the AUROC of each way; maps and distances of codes are computed once."""
    from lib.evaluation.detection.code_scores import CodeReference
    from lib.evaluation.detection.detecting_model import ScoredModel
    from lib.evaluation.detection.detector import Scale, Scoring
    from lib.evaluation.detection.map_scores import MapMoments, join_maps, picture_scores
    from lib.tasks.error_maps import ERROR_MAPS
    from lib.worker.messages import ModelRequest
    from lib.worker.saved_models import load_autoencoder

    loaded = load_autoencoder(str(model), ModelRequest(models=()))
    scored = ScoredModel(loaded.model, loaded.hp, Scoring(tuple(ERROR_MAPS), 1.0, 1.0))

    def parts(images: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        batches = [scored.parts(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        maps = {kind: np.concatenate([batch.maps[kind] for batch in batches]) for kind in ERROR_MAPS}
        return maps, np.concatenate([batch.codes.reshape(len(batch.codes), -1) for batch in batches])

    (normal_maps, _), (_, known), (maps, codes) = (
        parts(images) for images in (train[:VALIDATION], train[:KNOWN_CODES], test)
    )
    # Distances of the first half of the known codes from the second are those of normal pictures.
    half = len(known) // 2
    usual = CodeReference.of(known[half:]).scores(known[:half], "neighbors")
    distances = Scale.of(usual).normalize(CodeReference.of(known).scores(codes, "neighbors"))
    normalized = {}
    for kind in ERROR_MAPS:
        moments = MapMoments()
        moments.add(normal_maps[kind])
        reference = moments.reference()
        normalized[kind] = reference.normalize(normal_maps[kind]), reference.normalize(maps[kind])
    ways = {}
    for kinds in [*combinations(ERROR_MAPS, 1), *combinations(ERROR_MAPS, 2)]:
        normal_joined, joined = (join_maps(normalized[kind][part] for kind in kinds) for part in (0, 1))
        for area, weight in product(AREAS, CODE_WEIGHTS):
            scale = Scale.of(picture_scores(normal_joined, area))
            scores = scale.normalize(picture_scores(joined, area)) + weight * distances
            ways[",".join(kinds), area, weight] = float(roc_auc_score(is_other, scores))
    return ways


if __name__ == "__main__":
    main()
