"""The job and the command `detect`: python -m pytest tests/worker/test_detect_job.py"""

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lib.cli import commands
from lib.cli.command_detect import ANOMALIES_FOUND
from lib.common.errors import Interrupted, RunFailed, UserError
from lib.common.serialization import unpack_images
from lib.config.data_settings import FIT_MODES
from lib.evaluation.detection.detector import Detector, Scoring
from lib.evaluation.detection.detector_record import save_detector
from lib.evaluation.detection.map_scores import MapReference
from lib.evaluation.detection.threshold import FALSE_ALARMS, Threshold
from lib.runs.events import Note
from lib.worker import detect_job, heat_map_files
from lib.worker.apply_examples import Examples
from lib.worker.detect_messages import Detect
from tests.harness.in_process_worker import RecordingChannel
from tests.worker.test_model_jobs import COLOR, GRAY, run_job, save_autoencoder, save_classifier

SIZE = 61, 47  # of the pictures: width, height
BLOCK = 24, 19, 34, 29  # white pixels of the bad ones: left, top, right, bottom
KINDS = ("squared",)


def save_detecting_model(image=COLOR, folder: str = "ae", **values) -> list[str]:
    """An untrained autoencoder, which returns about gray, that reports what is not gray."""
    models = save_autoencoder(folder, image, task="anomaly", **values)
    normal = MapReference(np.zeros(image[:2], np.float32), np.full(image[:2], 0.01, np.float32))
    detector = Detector(
        Scoring(KINDS, 0.02),
        {KINDS[0]: normal},
        map_range=(2.0, 30.0),
        normal_scores=np.linspace(0, 4, 100),
        threshold=Threshold(4.0, FALSE_ALARMS, 0.01, 100),
    )
    save_detector(Path(models[0]), detector)
    return models


def picture(is_bad: bool) -> Image.Image:
    image = Image.new("RGB", SIZE, (128, 128, 128))
    if is_bad:
        image.paste((255, 255, 255), BLOCK)
    return image


@pytest.fixture
def pictures() -> Path:
    """Two bad pictures, two normal ones and a broken one in the folder `own`."""
    Path("own/line").mkdir(parents=True)
    picture(True).save("own/line/=bad.png")
    picture(True).save("own/<b>&\x1b[2J.jpg", quality=95)
    picture(False).save("own/good.png")
    picture(False).convert("L").save("own/line/good.bmp")
    Path("own/broken.jpg").write_text("no picture")
    return Path("own")


def read_lines(folder: str) -> list[dict]:
    return [json.loads(line) for line in Path(folder, "detections.jsonl").read_text().splitlines()]


def overlap(box: dict) -> float:
    """Intersection over union of a box and the block."""
    left, top = max(box["x"], BLOCK[0]), max(box["y"], BLOCK[1])
    right, bottom = min(box["x"] + box["width"], BLOCK[2]), min(box["y"] + box["height"], BLOCK[3])
    shared = max(0, right - left) * max(0, bottom - top)
    return shared / (100 + box["width"] * box["height"] - shared)


@pytest.mark.parametrize("fit", FIT_MODES)
def test_bad_pictures_are_reported_with_boxes_in_their_own_pixels(pictures, fit):
    result = run_job(Detect, save_detecting_model((32, 32, 3)), data="own", fit=fit)
    lines = read_lines("ae/detected")
    if fit != "pad":  # black padding is not gray either
        assert [line["verdict"] for line in lines[2:]] == ["normal", "normal", "unreadable"]
        assert [line.get("heat_map", line.get("problem")) for line in lines[2:4]] == [None, None]
    assert {line["picture"] for line in lines[:2]} == {"line/=bad.png", "<b>&\x1b[2J.jpg"}
    for line in lines[:2]:
        assert line["score"] > line["threshold"] == 4
        assert overlap(line["box"]) > 0.3
        with (
            Image.open(pictures / line["picture"]) as given,
            Image.open(f"ae/detected/{line['heat_map']}") as heat,
        ):
            assert heat.size == given.size
            assert heat.format == given.format
    assert (result.count, [*result.problems]) == (4, ["broken.jpg"])
    assert result.heat_maps == result.anomalies == (4 if fit == "pad" else 2)
    assert sorted(path.name for path in Path("ae/detected").iterdir()) == [
        *("detections.csv", "detections.html", "detections.jsonl", "heat-maps", "worst.png")
    ]


def test_a_model_of_crops_judges_pictures_at_their_own_size(pictures):
    """The first picture has 4 × 5 crops of 16 pixels: a share of 0.2 is one of 0.01 for each of them."""
    channel = RecordingChannel()
    models = save_detecting_model((16, 16, 3), patches=4, size=16)
    result = run_job(Detect, models, channel, data="own", false_alarms=0.2)
    lines = read_lines("ae/detected")
    assert [line["verdict"] for line in lines] == [*["anomaly"] * 2, *["normal"] * 2, "unreadable"]
    for line in lines[:2]:
        assert overlap(line["box"]) > 0.5
        with Image.open(f"ae/detected/{line['heat_map']}") as heat:
            assert heat.size == SIZE
    assert result.threshold == pytest.approx(4.0, abs=0.1)
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert any("in crops of 16×16 as in the training: 20 of the first picture" in note for note in notes)


def test_the_table_is_safe_for_spreadsheets_and_the_page_for_browsers(pictures):
    result = run_job(Detect, save_detecting_model(), data="own", output="out")
    with open("out/detections.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert all(value.isprintable() and value[:1] not in ("=", "@") for row in rows for value in row.values())
    scores = [float(row["score"]) for row in rows[:4]]
    assert scores == sorted(scores, reverse=True)
    assert float(rows[0]["times_threshold"]) == pytest.approx(scores[0] / 4, rel=1e-3)
    assert [row["width"] for row in rows[2:]] == [""] * 3
    assert rows[4] == dict.fromkeys(rows[4], "") | {"picture": "broken.jpg", "verdict": "unreadable"}
    page = Path("out/detections.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;&amp;" in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert page.count("<section>") == 4
    assert page.index("anomaly, score") < page.index("normal, score")
    assert unpack_images(result.pictures["heat map"]).shape[0] == 4


@pytest.mark.parametrize(("maps", "count"), [("all", 4), ("reported", 2), ("none", 0)])
def test_which_pictures_get_heat_maps(pictures, maps, count):
    result = run_job(Detect, save_detecting_model(), data="own", maps=maps)
    files = list(Path("ae/detected").rglob("heat-maps/**/*.*"))
    assert (len(files), result.heat_maps) == (count, count)
    assert [line["box"] is None for line in read_lines("ae/detected")[:4]] == [False, False, True, True]
    assert sum(line.get("heat_map") is not None for line in read_lines("ae/detected")) == count


def test_what_was_cropped_is_not_colored_and_a_note_says_how_much(pictures):
    channel = RecordingChannel()
    run_job(Detect, save_detecting_model((16, 16, 3)), channel, data="own", maps="all", threshold=-1)
    notes = " ".join(event.text for event in channel.events if isinstance(event, Note))
    assert "own: 4 of 4 pictures were cropped; 23% of their area on average, 23% at most, was not" in notes
    with Image.open("own/line/=bad.png") as given, Image.open("ae/detected/heat-maps/line/=bad.png") as heat:
        given, heat = np.asarray(given), np.asarray(heat)
    assert (heat[:, :5] == given[:, :5]).all()
    assert (heat[:, 56:] == given[:, 56:]).all()
    assert (heat != given).any()
    channel = RecordingChannel()
    run_job(Detect, ["ae/autoencoder.h5"], channel, data="own", fit="stretch")
    notes = " ".join(event.text for event in channel.events if isinstance(event, Note))
    assert "with --fit stretch the share of false alarms may be another" in notes
    assert "cropped" not in notes


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_data_sets_get_heat_maps_named_by_number(dtype):
    white = np.iinfo(dtype).max
    images = np.full((12, 12, 10), white // 2, dtype)
    images[4, 3:9, 3:9] = white
    np.savez("set.npz", x_train=images)
    models = save_detecting_model(GRAY)
    result = run_job(Detect, models, data="set.npz")
    first = read_lines("ae/detected")[0]
    assert (first["picture"], first["heat_map"]) == ("05", "heat-maps/05.png")
    assert first["box"]["x"] <= 5 < first["box"]["x"] + first["box"]["width"]
    assert (result.anomalies, result.count, result.problems) == (1, 12, {})
    with Image.open("ae/detected/heat-maps/05.png") as heat:
        assert (heat.size, heat.mode) == ((10, 12), "RGB")


def test_pictures_of_16_bits_are_judged_and_shown():
    Path("deep").mkdir()
    for name, value in (("good", 32768), ("bad", 65535)):
        pixels = np.full((40, 50), 32768, np.uint16)
        pixels[10:20, 20:30] = value
        Image.fromarray(pixels).save(f"deep/{name}.png")
    run_job(Detect, save_detecting_model(GRAY), data="deep", fit="stretch")
    lines = read_lines("ae/detected")
    assert [line["verdict"] for line in lines] == ["anomaly", "normal"]
    with Image.open("ae/detected/heat-maps/bad.png") as heat:
        pixels = np.asarray(heat)
    assert pixels.shape == (40, 50, 3)
    assert pixels[15, 25].sum() > pixels[30, 40].sum()
    box = lines[0]["box"]
    assert box["x"] <= 25 < box["x"] + box["width"]
    assert box["y"] <= 15 < box["y"] + box["height"]


def test_other_thresholds(pictures, call):
    model = save_detecting_model()[0]
    words = ("autoencoder.py", "detect", "-model", model, "-d", "own", "--json")
    done = call(*words, "--false-alarms", "0.001")
    assert "100 validation images are too few for 0.1 % false alarms" in done.stderr
    done = call(*words, "--false-alarms", "0.5")
    assert json.loads(done.stdout)["threshold"] == pytest.approx(2.02, abs=0.01)
    assert "50 %" in json.loads(done.stdout)["rule"]
    done = call(*words, "--threshold", "-2.5")
    assert json.loads(done.stdout)["table"][0][3] == ""  # no ratio to a threshold below 0
    done = call(*words, "--threshold", "1", "--false-alarms", "0.5")
    assert (done.returncode, "--false-alarms" in done.stderr) == (2, True)


def test_results_do_not_depend_on_batches_and_threads(pictures, monkeypatch):
    for number in range(5):
        picture(number % 2 == 0).save(f"own/{number}.png")
    models = save_detecting_model()
    whole = run_job(Detect, models, data="own", output="whole")
    monkeypatch.setattr(detect_job, "BATCH_PIXELS", 1)
    monkeypatch.setattr(heat_map_files, "PENDING", 0)
    single = run_job(Detect, models, data="own", output="single")
    assert [row[:2] + row[4:] for row in single.table] == [row[:2] + row[4:] for row in whole.table]
    for path in Path("whole/heat-maps").rglob("*.png"):
        assert path.read_bytes() == Path("single", *path.parts[1:]).read_bytes()


def test_the_worst_pictures_are_reduced_one_by_one(pictures, monkeypatch):
    added = []
    real = Examples.add
    monkeypatch.setattr(Examples, "add", lambda self, found: (added.append(len(found)), real(self, found)))
    run_job(Detect, save_detecting_model(), data="own")
    assert added == [1, 1, 1, 1]


def test_ctrl_c_keeps_the_finished_pictures(pictures, monkeypatch):
    monkeypatch.setattr(detect_job, "BATCH_PIXELS", 1)
    models = save_detecting_model()
    result = run_job(Detect, models, RecordingChannel(stop_after=2), data="own")
    assert re.fullmatch("[23] of 5 pictures are finished", result.missing)
    assert len(result.table) < 4
    with pytest.raises(Interrupted):
        run_job(Detect, models, RecordingChannel(stop_after=0), data="own", output="none")
    assert not Path("none").exists()


def test_a_picture_that_disappears_keeps_its_score(pictures, monkeypatch):
    monkeypatch.setattr(
        detect_job.UserImages,
        "load_for_display",
        lambda *args: (_ for _ in ()).throw(UserError("it is gone")),
    )
    result = run_job(Detect, save_detecting_model(), data="own")
    assert (result.anomalies, result.heat_maps, result.pictures) == (2, 0, {})


def test_models_without_a_detector_and_data_of_another_size_are_refused():
    np.savez("set.npz", x_train=np.zeros((9, 5, 5), np.uint8))
    plain, detecting = save_autoencoder("plain"), save_detecting_model(GRAY)
    with pytest.raises(UserError, match=r"plain/autoencoder.h5: the model has no threshold; train one with"):
        run_job(Detect, plain, data="set.npz")
    with pytest.raises(UserError, match=r"set.npz: the images are 5×5×1, the model takes 12×10×1"):
        run_job(Detect, detecting, data="set.npz")
    with pytest.raises(UserError, match=r"classifier.h5: is not a complete autoencoder"):
        run_job(Detect, save_classifier(), data="set.npz")
    assert not [*Path().rglob("detected*")]


def test_outputs_that_are_no_numbers_leave_no_files(pictures, monkeypatch):
    monkeypatch.setattr(detect_job.DetectingModel, "judge", lambda self, predicted: broken(predicted.inputs))

    def broken(images):
        return detect_job.Examined(np.full(images.shape[:3], np.nan, np.float32), np.zeros(len(images)))

    with pytest.raises(RunFailed, match="returns NaN"):
        run_job(Detect, save_detecting_model(), data="own")
    assert not Path("ae/detected").exists()


def test_exit_status_and_json(pictures, call):
    model = save_detecting_model()[0]
    words = ("autoencoder.py", "detect", "-model", model, "-d")
    Path("own/broken.jpg").unlink()
    done = call(*words, "own", "--no-input")
    assert (done.returncode, "2 anomalies in 4 pictures" in done.stdout) == (0, True), done.stderr
    assert "validation images)" in done.stdout
    done = call(*words, "own", "--fail-if-any", "--json")
    assert done.returncode == ANOMALIES_FOUND
    content = json.loads(done.stdout)
    assert (content["anomalies"], content["count"], len(content["table"])) == (2, 4, 4)
    done = call(*words, "own", "--fail-if-any", "--threshold", "1e6", "--maps", "none")
    assert (done.returncode, "no anomaly in 4 pictures" in done.stdout) == (0, True)
    Path("own/broken.png").write_text("no picture")
    done = call(*words, "own", "--fail-if-any", "--threshold", "1e6")
    assert (done.returncode, "own/broken.png: " in done.stderr) == (ANOMALIES_FOUND, True)
    done = call(*words, "own/good.png", "--fail-if-any", "--limit", "1")
    assert (done.returncode, "no anomaly in 1 picture (" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    "flags",
    [
        ("--threshold", "nan"),
        ("--threshold", "high"),
        ("--false-alarms", "1"),
        ("--maps", "some"),
        ("--size", "3"),
        ("--limit", "0"),
    ],
)
def test_wrong_flags(pictures, call, flags):
    done = call("autoencoder.py", "detect", "-model", save_detecting_model()[0], "-d", "own", *flags)
    assert done.returncode == 2
    assert flags[0] in done.stderr
    assert not Path("ae/detected").exists()


@pytest.mark.parametrize(("task", "is_offered"), [("anomaly", True), ("denoise", False), (None, False)])
def test_the_menu_offers_it_after_runs_of_its_task(task, is_offered):
    run = SimpleNamespace(record={"task": task})
    session = SimpleNamespace(answers=SimpleNamespace(program="autoencoder"), last_run=run)
    assert ("detect" in commands.command_menu(session)) == is_offered
