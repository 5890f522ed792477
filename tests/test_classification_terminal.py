"""classification.py in a pseudo-terminal. python -m pytest tests/test_classification_terminal.py"""

import json
import re
from pathlib import Path

import pytest

from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models import autoencoder
from lib.models.saving import model_files
from lib.runs.run_folder import Run
from tests.harness.terminal_session import BACKSPACE, CTRL_C, DOWN, ENTER, UP, Terminal

MENU, ADVANCED = "What next?", "Advanced settings?"


@pytest.fixture
def model(tiny) -> str:
    """An untrained autoencoder for the tiny images, saved as a run of its own."""
    hp = AutoencoderHyperparameters(dataset=tiny["-d"], layers=1, kernels=2)
    run = Run.create("models/ae", hp, "tiny")
    run.update(dataset={"name": "tiny", "shape": [12, 10, 1]}, metrics={"test_mse": 0.5})
    model_files.save_model(
        autoencoder.build_autoencoder(architecture_planner.plan_architecture(hp, (12, 10, 1))),
        run.folder / "autoencoder.h5",
        hp,
    )
    return str(run.folder / "autoencoder.h5")


def test_the_whole_conversation(tiny, model):
    screen = Terminal("classification.py", *(word for pair in tiny.items() for word in pair))
    screen.see("Saved autoencoder or encoder", model)
    screen.press(ENTER)
    screen.see("Units of the fully connected layers", "[64]")
    screen.answer("0")
    screen.see("fully connected units must be a whole number from 1 to 65536")
    screen.press(BACKSPACE)
    screen.answer("8,6")
    screen.see("Dropout", "[0.2]")
    screen.answer("1")
    screen.see("dropout must be a number from 0 below 1")
    screen.press(BACKSPACE)
    screen.answer("0.1")
    screen.see("Epochs", "[15]")
    screen.answer("3")
    screen.see("Batch size", "[128]")
    screen.answer("8")
    screen.see(ADVANCED, "the training", "the data")
    screen.press(*[DOWN] * 3, ENTER)  # the training: random weights beside the pretrained ones
    screen.see("Change the training?", "scratch", "no")
    screen.press(UP, ENTER)
    screen.see("Scratch", "yes", "no")
    screen.press(UP, ENTER)
    screen.see("Change the training?")
    screen.press(DOWN, ENTER)  # from the last setting to done
    screen.see(ADVANCED)
    screen.press(*[DOWN] * 4, ENTER)
    screen.see("Change the data?", "labels fraction", "1.0")
    screen.press(UP, ENTER)
    screen.see("Labels fraction", "[1.0]")
    screen.answer("0.5")
    screen.see("Change the data?")
    screen.press(DOWN, ENTER)
    screen.see(ADVANCED)
    screen.press(ENTER)
    screen.see(
        "Phase 1 of 3: the encoder is frozen",
        "Phase 2 of 3: ",
        "all weights are trained",
        "Phase 3 of 3: the same network from random weights",
    )
    screen.see("Classification report", "precision", "recall", "f1-score", "support", "accuracy", "macro avg")
    screen.see(
        "Confusion matrix",
        "Again:",
        "this classifier",
        "logistic regression",
        "network from random weights",
        "Test loss",
        "Test accuracy",
        "Correct labels found",
        "Incorrect labels found",
        "Pretraining gains",
        MENU,
    )
    screen.choose(1)
    screen.see("phase 1, head: loss", "phase 2, everything: loss", "figures/loss.png", MENU)
    screen.choose(2)
    screen.see("▀", "%", MENU)
    screen.choose(3)
    screen.see(re.compile(r"no incorrect predictions|figures/wrong"), MENU)
    screen.choose(4)
    screen.see("Classification report", "Confusion matrix", MENU)
    screen.choose(5)
    screen.see("Pictures: a folder")
    screen.answer(tiny["-t"])
    screen.see("predictions, 10 of 20", "predicted: predictions.csv", MENU)
    screen.choose(6)
    screen.see("Phase 1 of 6", "Phase 2 of 6")
    screen.press(CTRL_C)
    screen.see(
        "linear probe",
        "this encoder",
        "random weights",
        "silhouette",
        "probed: probe.json",
        re.compile("[1-5] of 6 classifiers were trained"),
        MENU,
    )
    screen.choose(0)
    screen.see("Units of the fully connected layers", "[8,6]")
    screen.answer("4")
    for question, default in (("Dropout", "[0.1]"), ("Epochs", "[3]"), ("Batch size", "[8]")):
        screen.see(question, default)
        screen.answer()
    screen.see(ADVANCED)
    screen.press(CTRL_C)
    screen.see(MENU)
    screen.choose(8)
    screen.see("★", "File of the report")
    screen.answer()
    screen.see(MENU)
    screen.choose(9)
    assert screen.leaves() == 0
    (path,) = Path("models").glob("*classify*/run.json")
    record = json.loads(path.read_text())
    assert record["hyperparameters"]["fc_units"] == [8, 6]
    assert set(record["history"]) == {"head", "everything", "scratch"}
    assert record["dataset"]["sizes"]["train"] == 27
    assert "scratch_accuracy" in record["baselines"]
    assert {"classifier-head.h5", "classifier.h5", "figures/confusion.png"} <= set(record["files"])


def test_a_preset_for_the_head(tiny, model):
    """Only a classifier's are offered, and what they change is named."""
    flags = ("-model", model, "--fc-units", "8", "--dropout", "0.5", "--epochs", "1", "--batch-size", "8")
    screen = Terminal("classification.py", *(word for pair in tiny.items() for word in pair), *flags)
    screen.see(ADVANCED, "no, start training", "a preset", "the training")
    screen.press(DOWN, ENTER)
    screen.see(
        "Which preset?",
        "none, go back",
        "mnist-classifier",
        "best-fashion-classifier",
    )
    screen.press(*[DOWN] * 3, ENTER)
    screen.see(
        "best-mnist-classifier overrides your settings: fully connected units 8 → 256, epochs 1 → 10, ",
        ADVANCED,
    )
    screen.see("the training: ", "optimizer adamw", "weight decay 0.05")
    screen.press(CTRL_C)
    assert screen.leaves() == 130


def test_labels_that_the_data_lacks_are_asked_for(tiny, model):
    screen = Terminal("classification.py", "-d", tiny["-d"], "-t", tiny["-t"], "-model", model)
    screen.see("Labels of the training images")
    screen.answer(tiny["-d"])
    screen.see("contains images", "not labels")
    screen.press(*[BACKSPACE] * len(tiny["-d"]))
    screen.answer(tiny["-dl"])
    screen.see("Labels of the test images")
    screen.answer(tiny["-tl"])
    screen.see("Units of the fully connected layers")
    screen.press(CTRL_C)
    assert screen.leaves() == 130
