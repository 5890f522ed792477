"""Tests of the results of detectors in records: texts, tables, and records that were edited."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.runs.detection_results import kind_rows, kind_titles, kinds_title, read_detection
from lib.runs.run_entries import RunEntry, rank_entries
from lib.runs.summary import result_lines, run_remarks, score_rows, score_titles
from lib.runs.validation import find_fault, sanitize

KIND = {"images": 100, "reported": 90, "auroc": 0.975, "intervals": {"auroc": [0.961, 0.988]}}
RECORD = {
    "program": "autoencoder",
    "status": "finished",
    "task": "anomaly",
    "dataset": {"name": "weave", "shape": [64, 64, 3], "sizes": {"train": 500, "test": 1300}},
    "hyperparameters": {"task": "anomaly"},
    "metrics": {
        "test_loss": 0.01,
        "test_mse": 0.01,
        "test_psnr": 20.0,
        "test_ssim": 0.9,
        "test_ssim_window": 5.0,
        "test_ms_ssim": 0.8,
        "test_auroc": 0.98,
        "test_average_precision": 0.95,
        "test_f1": 0.91,
        "test_pro": 0.8,
    },
    "baselines": {"mean_auroc": 0.7, "neighbors_auroc": 0.8, "neighbors_images": 500, "constant_mse": 0.001},
    "timing": {"seconds": 60, "images_per_second": 100},
    "detector": {
        "threshold": {"value": 3.214, "rule": "false alarms", "share": 0.01, "normal": 540, "defective": 0}
    },
    "detection": {
        "threshold": 3.214,
        "normal": 1000,
        "defective": 300,
        "false_alarms": 12,
        "found": 279,
        "intervals": {"auroc": [0.974, 0.987], "average_precision": [0.93, 0.96]},
        "kinds": [
            {"name": "good", "is_defective": False, "images": 1000, "reported": 12},
            KIND | {"name": "hole", "is_defective": True, "pro": 0.81},
        ],
    },
}


def _record(**detection):
    record = copy.deepcopy(RECORD)
    record["detection"] |= detection
    return sanitize(record)


def test_scores_stand_beside_those_of_trivial_detectors():
    record = _record()
    assert score_titles(record) == ["AUROC", "average precision", "best F1", "PRO"]
    assert score_rows(record) == {
        "this autoencoder": ["0.9800", "0.9500", "0.9100", "0.8000"],
        "distance to the mean image": ["0.7000", "–", "–", "–"],
        "5 neighbors of 500 images": ["0.8000", "–", "–", "–"],
    }


def test_remarks_say_what_the_threshold_reports():
    texts = [remark.text for remark in run_remarks(_record())]
    assert texts == [
        "Threshold 3.214, for 1 % false alarms by 540 validation images: 1.2 % of 1,000 normal test images "
        "are reported, 93.0 % of 300 defective ones are found",
        "95 % intervals by bootstrap of the test images: AUROC 0.974 to 0.987, average precision 0.930 to "
        "0.960",
        "test loss 0.010000   PSNR 20.00 dB",
        "MSE of the outputs for normal images: 0.01000",
    ]


def test_a_baseline_that_is_as_good_is_named():
    record = _record()
    record["baselines"]["neighbors_auroc"] = 0.98
    advice = [remark.text for remark in run_remarks(record) if remark.style == "bad"]
    assert advice == ["No better than a trivial method, 5 neighbors of 500 images: train for more epochs."]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"defective": 0, "found": 0}, "The test set has no defective images"),
        ({"normal": 0, "false_alarms": 0}, "The test set has no normal images"),
    ],
)
def test_what_a_test_set_lacks_is_said(counts, words):
    texts = [remark.text for remark in run_remarks(_record(**counts))]
    assert any(text.startswith(words) for text in texts)


def test_tables_of_kinds():
    result = read_detection(_record())
    assert kind_titles(result) == ["kind", "images", "reported", "AUROC (95 % interval)", "PRO"]
    assert kind_rows(result) == [
        ["good", "1,000", "1.2 %", "–", "–"],
        ["hole", "100", "90.0 %", "0.9750 (0.961 to 0.988)", "0.8100"],
    ]
    assert "hole: images 100, reported 90.0 %, AUROC (95 % interval) 0.9750" in "\n".join(
        result_lines(_record())
    )
    many = [KIND | {"name": str(number), "is_defective": True, "auroc": number / 30} for number in range(30)]
    result = read_detection(_record(kinds=many))
    assert [name for name, *_ in kind_rows(result, 3)] == ["0", "1", "2"]
    assert kinds_title(result, 3) == "Test images by kind, the 3 of 30 kinds with the lowest AUROC"
    assert len(kind_rows(result)) == 30


def test_many_false_alarms_are_remarked():
    assert read_detection(_record(false_alarms=39)).alarm_text == ""
    record = _record(false_alarms=40)
    assert (
        "Far more normal test images are reported than the threshold was chosen for"
        in run_remarks(record)[1].text
    )
    record["detector"]["threshold"]["normal"] = 17  # stand for 1/18
    assert read_detection(record).alarm_text == ""


def test_thresholds_of_other_rules():
    record = _record()
    record["detector"]["threshold"] |= {"rule": "best F1", "share": 0.0, "defective": 20}
    text = read_detection(record).threshold_text
    assert text.startswith(
        "Threshold 3.214, of the best F1 for 20 defective and 540 normal validation images: 1.2 %"
    )
    record["detector"]["threshold"] |= {"rule": "false alarms", "share": 0.01, "defective": 0, "normal": 40}
    text = read_detection(record).threshold_text
    assert ", the highest score of 40 validation images, too few for 1 % false alarms: 1.2 %" in text
    del record["detector"]
    assert read_detection(record).threshold_text.startswith("Threshold 3.214: 1.2 % of 1,000")


def test_runs_are_ranked_by_auroc(tmp_path):
    entries = []
    for score in (0.7, 0.9, None):
        record = _record()
        record["metrics"]["test_auroc"] = score
        if score is None:
            del record["metrics"]["test_auroc"]
        entries.append(RunEntry(str(score), tmp_path, record))
    groups = rank_entries(entries).values()
    assert [[entry.score_text for entry in members] for members in groups] == [
        ["AUROC 0.9000", "AUROC 0.7000"],
        ["MSE 0.01000"],
    ]
    assert entries[0].best_baseline_text == "neighbors 0.8000"
    assert entries[0].task_label == "anomaly"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(list(KIND)), values, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.sampled_from([*RECORD["detection"], "detection"]), VALUES)
def test_edited_records_are_shown_without_what_is_invalid(key, value):
    record = copy.deepcopy(RECORD)
    if key == "detection":
        record["detection"] = value
    else:
        record["detection"][key] = value
    find_fault(record)
    record = sanitize(record)
    assert result_lines(record)
    if result := read_detection(record):
        assert all(len(row) == len(kind_titles(result)) for row in kind_rows(result))
