"""autoencoder.py in a pseudo-terminal, from the first prompt to quitting.

python -m pytest tests/test_autoencoder_terminal.py
"""

import json
import signal
from pathlib import Path

import numpy as np
from PIL import Image

import autoencoder
from lib.cli.session import FinishedRun, Session
from lib.config.hyperparameters import AutoencoderHyperparameters
from tests.harness import sample_files
from tests.harness.terminal_session import BACKSPACE, CTRL_C, CTRL_D, DOWN, ENTER, ESC, UP, Terminal

MENU, ADVANCED = "What next?", "Advanced settings?"
QUESTIONS = ("Convolutional layers", "Kernel size", "Kernels per layer", "Epochs", "Batch size")
ONE_LAYER = ("--layers", "1", "--kernel-size", "3", "--kernels", "2")


def enter_through(screen: Terminal, questions=QUESTIONS) -> None:
    """Take the defaults, and train."""
    for question in questions:
        screen.see(question)
        screen.answer()
    if questions[-1] == QUESTIONS[-1]:
        train(screen)


def train(screen: Terminal) -> None:
    """Change nothing else."""
    screen.see(ADVANCED)
    screen.press(ENTER)


def test_the_whole_conversation():
    Path("data").mkdir()
    np.save("data/mine.npy", sample_files.shapes(80)[0])
    screen = Terminal("autoencoder.py")
    screen.see("Data set", "digits", "photos", "data/mine.npy", "another path")
    screen.press(DOWN, DOWN, ENTER)

    screen.see("Convolutional layers in the encoder", "[2]", "latent 4", "12×10×1")
    screen.answer("many")
    screen.see("layers must be a whole number from 0 to 64, not 'many'")
    screen.press(*[BACKSPACE] * 4)
    screen.answer("2")
    screen.see("Kernel size", "[3]")
    screen.answer("9")
    screen.see("kernel size 9 does not fit the 6×5 feature map before layer 2; the maximum is 5")
    screen.press(BACKSPACE)
    screen.answer()  # the default
    screen.see("Kernels per layer", "[32,64]")
    screen.answer("1,2,3")
    screen.see("kernels 1,2,3 has 3 values for 2 layers")
    screen.press(*[BACKSPACE] * 5)
    screen.answer("4,2")
    screen.see("Epochs", "[100]")
    screen.answer("2")
    screen.see("Batch size", "[8]")
    screen.answer("16")
    train(screen)

    screen.see("CPU")
    screen.press(DOWN, ENTER, "x", ENTER)  # keys pressed while it trains are not kept for the menu
    screen.see("latent 4, 30.0× smaller than the image", "epochs", "images/s")
    screen.see(
        "Again: python autoencoder.py --dataset data/mine.npy --layers 2 --kernel-size 3 --kernels 4,2"
    )
    screen.see("this autoencoder", "PCA, 4 components", MENU)
    screen.choose(2)  # the loss plot
    screen.see("loss (logarithmic) per epoch", "figures/loss.png", MENU)
    screen.choose(3)  # reconstructions
    screen.see("▀", "figures/reconstructions.png", MENU)
    screen.choose(4)  # the latent space
    screen.see("PCA, ", "of the variance", "t-SNE", "figures/latent.png", MENU)
    screen.choose(5)  # samples
    screen.see("▀", "figures/samples.png", MENU)
    screen.choose(6)  # more of them
    screen.see("Sample latent codes from", "a Gaussian mixture of codes", "a second, small VAE")
    screen.press(ENTER)
    screen.see("Seed")
    screen.answer("some")
    screen.see("the seed must be a whole number from 0")
    screen.press(*[BACKSPACE] * 4)
    screen.answer("7")
    screen.see("Show the nearest training image next to each sample?")
    screen.press(DOWN, ENTER)
    screen.see("48 images, samples from a Gaussian mixture", "distance to the nearest training image")
    screen.see("the same of test images", "nearer than 99 %", "nearest.png", MENU)
    screen.choose(7)  # their distance from the test images
    screen.see("no classifier of its images below models", MENU)
    screen.choose(8)  # the user's pictures
    screen.see("Pictures: a folder")
    screen.answer("nowhere")
    screen.see("no such file or folder")
    screen.press(*[BACKSPACE] * 7)
    screen.answer("data/mine.npy")
    screen.see("error, largest first, 10 of 80", "applied: pictures.idx, errors.csv", MENU)
    screen.choose(9)  # a page about the latent space
    screen.see("Pictures: a folder", "[data/mine.npy]")
    screen.answer()  # the data set of the run
    screen.see("80 codes of", "PCA", "t-SNE", "decoded: ", "explore-mine.html", MENU)
    screen.choose(11)  # compare
    screen.see("Runs of this session", "The runs do not differ yet", MENU)
    screen.choose(13)  # all runs, and a report
    screen.see("1 run below models", "File of the report")
    screen.answer("report.txt")
    screen.see("must end in .md or .html")
    screen.press(*[BACKSPACE] * 3)
    screen.answer("html")
    screen.see("report.html", MENU)
    screen.choose(14)  # save as
    screen.see("New name")
    screen.answer("best")
    screen.see("saved as models/best", MENU)
    screen.choose(14)
    screen.see("New name")
    screen.answer("best")
    screen.see("models/best exists already; choose another name")
    screen.press(*[BACKSPACE] * 4)
    screen.answer("best.h5")
    screen.see("saved as best.h5", MENU)
    screen.choose(14)
    screen.see("New name")
    screen.press(CTRL_C)  # a question that is left leads back to the menu
    screen.see(MENU)
    screen.choose(0)
    screen.see("Convolutional layers", "[2]", "Esc: back")
    screen.press(ESC)
    screen.see(MENU)
    assert len(list(Path("models").glob("*/run.json"))) == 2  # the run, and its copy

    screen.choose(0)  # again, with the last answers as defaults
    screen.see("Convolutional layers", "[2]")
    screen.answer("1")
    screen.see("Kernel size", "[3]")
    screen.answer()
    screen.see("Kernels per layer", "[4]")  # 4,2 does not go with one layer
    screen.answer()
    screen.see("Epochs", "[2]")
    screen.answer("1")
    screen.see("Batch size", "[16]")
    screen.answer()
    train(screen)
    screen.menu_cursor = 0
    screen.see("this autoencoder", MENU)
    screen.choose(11)
    screen.see("Runs of this session, best first", "test mse against layers", "figures/comparison.png", MENU)

    screen.choose(1)  # more epochs of the last run
    screen.see("More epochs", "[1]")
    screen.press(ESC)
    screen.see(MENU)
    screen.choose(1)
    screen.see("More epochs", "[1]", "Esc: back")
    screen.answer("none")
    screen.see("epochs must be a whole number from 1")
    screen.press(*[BACKSPACE] * 4)
    screen.answer("2")
    screen.see("this autoencoder", MENU)

    screen.menu_cursor = 0
    screen.choose(0)  # another run, which is refused
    enter_through(screen, QUESTIONS[:-1])
    screen.see("Batch size")
    Path("models").rename("kept")
    Path("models").write_text("a file where the folder was")
    screen.answer()
    train(screen)
    screen.see("The run failed: ", "cannot be created", MENU, "Show the loss plot")
    screen.choose(15)  # quit
    assert screen.leaves() == 0

    runs = sorted(path.parent.name for path in Path("kept").glob("*/run.json"))
    assert len(runs) == 4
    assert "best" in runs
    records = [json.loads(path.read_text()) for path in Path("kept").glob("*/run.json")]
    assert sorted(record.get("parent", {}).get("epochs", 0) for record in records) == [0, 0, 0, 1]
    assert Path("best.h5").read_bytes() == Path("kept/best/autoencoder.h5").read_bytes()
    for name in runs:
        record = json.loads(Path("kept", name, "run.json").read_text())
        assert record["status"] == "finished"
        assert all(Path("kept", name, file).is_file() for file in record["files"])


def test_advanced_settings_one_at_a_time():
    """A task with its option, a refused change, a preset over all of it, and its numbers in the record."""
    np.save("color.npy", sample_files.shapes(80, channels=3)[0])
    screen = Terminal("autoencoder.py", "-d", "color.npy", *ONE_LAYER, "--epochs", "1", "--batch-size", "16")
    screen.see(
        "latent 8",
        ADVANCED,
        "no, start training",
        "a preset",
        "the task",
        "the latent code",
        "the network",
        "the training",
    )
    screen.press(DOWN, DOWN, ENTER)
    screen.see("Change the task?", "done", "task", "reconstruct")
    screen.press(DOWN, ENTER)
    screen.see("Task")
    screen.press(DOWN, ENTER)  # denoise
    screen.see("Change the task?", "noise", "0.3")
    screen.press(DOWN, ENTER)  # the cursor is on the task
    screen.see("Noise", "[0.3]")
    screen.answer("0.9-0.1")
    screen.see("noise must be")
    screen.press(*[BACKSPACE] * 7)
    screen.answer("0.1-0.5")
    screen.see("Change the task?", "0.1-0.5")
    screen.press(UP, UP, ENTER)
    screen.see(ADVANCED, "task denoise, noise 0.1-0.5")
    screen.press(*[DOWN] * 4, ENTER)
    screen.see("Change the network?", "kernel size", "stride", "skip")
    screen.press(*[DOWN] * 2, ENTER)
    screen.see("Kernel size", "[3]")
    screen.answer("11")
    screen.see(
        "Not changed: kernel size 11 does not fit the 12×10 feature map before layer 1; the maximum is 10",
        "Change the network?",
    )
    screen.press(UP, UP, ENTER)
    screen.see(ADVANCED)
    screen.press(DOWN, ENTER)
    screen.see("Which preset?", "none, go back", "latent-10-denoise", "best-denoise", "cifar-base")
    screen.press(DOWN, DOWN, DOWN, ENTER)
    screen.see(
        "cifar-base overrides your settings: layers 1 → 3, ",
        "latent 144",
        ADVANCED,
        "pool 1,2, upsampling nearest",
    )
    screen.press(*[DOWN] * 5, ENTER)
    screen.see("Change the training?", "epochs")
    screen.press(DOWN, ENTER)
    screen.see("Epochs", "[20]")
    screen.answer("1")
    screen.see("Change the training?")
    screen.press(ESC)
    screen.see(ADVANCED)
    screen.press(*[DOWN] * 6, ENTER)
    screen.see("Change the data?", "limit")
    screen.press(DOWN, ENTER)
    screen.see("Limit", "[all]")
    screen.answer("40")
    screen.see("Change the data?")
    screen.press(UP, ENTER)
    train(screen)
    screen.see("this autoencoder", "4,911 parameters", MENU)
    screen.press(ENTER)
    screen.see("Convolutional layers", "[3]")  # the preset's are the new defaults
    screen.press(CTRL_D)
    screen.see(MENU)
    screen.press(CTRL_C)
    assert screen.leaves() == 130
    record = json.loads(next(Path("models").glob("*/run.json")).read_text())
    assert (record["task"], record["hyperparameters"]["pool"]) == ("reconstruct", [1, 2])
    assert record["dataset"]["sizes"] == {"train": 32, "validation": 4, "test": 4}


def test_a_path_typed_at_the_prompt_is_asked_again_until_it_is_right(tiny):
    screen = Terminal("autoencoder.py")
    screen.see("Data set")
    screen.press(UP, ENTER)  # another path
    screen.see("Data set")
    screen.answer("nowhere")
    screen.see("no such file or folder")
    screen.press(*[BACKSPACE] * 7)
    screen.answer(tiny["-dl"])
    screen.see("pass labels with -dl")
    screen.press(*[BACKSPACE] * len(tiny["-dl"]))
    Path("pictures").mkdir()
    for number, image in enumerate(sample_files.shapes(20)[0]):
        Image.fromarray(image[: 12 - number % 2]).save(f"pictures/{number}.png")
    screen.send("pic")
    screen.see("pictures/")  # completions
    screen.answer("tures")  # one Enter
    screen.see("pictures: 20 pictures", "12×10 gray", "11×10 gray", "Image size", "[10]")
    screen.answer("8x600000")
    screen.see("from 1 to 8192")
    screen.press(*[BACKSPACE] * 8)
    screen.answer("auto")
    screen.see("the pictures have 2 sizes")
    screen.press(*[BACKSPACE] * 4)
    screen.answer("8x10")
    screen.see("Convolution")
    screen.press(CTRL_C)
    assert screen.leaves() == 130
    assert not Path("models").exists()


def test_ctrl_c_as_a_signal_leaves_every_kind_of_prompt(tiny):
    """Ctrl-C is a signal until a prompt has put the terminal into raw mode."""
    screens = [
        (Terminal("autoencoder.py"), "Data set"),
        (Terminal("autoencoder.py", "-d", tiny["-d"]), "Convolutional layers"),
    ]
    for screen, prompt in screens:
        screen.see(prompt)
        screen.kill(signal.SIGINT)
        assert screen.leaves() == 130


def test_ctrl_c_stops_after_the_batch_and_a_second_one_leaves(tiny):
    screen = Terminal("autoencoder.py", "-d", tiny["-d"], *ONE_LAYER, "--batch-size", "8")
    screen.see("Epochs")
    screen.answer("100000")
    train(screen)
    screen.see("validation loss")
    screen.press(CTRL_C)
    screen.see("Stopping after this batch", "Interrupted: the best weights", MENU)
    record = json.loads(next(Path("models").glob("*/run.json")).read_text())
    assert record["status"] == "interrupted"
    assert "autoencoder.h5" in record["files"]

    screen.press(ENTER)
    enter_through(screen)
    screen.see("has the same settings and was interrupted after epoch", "Continue it", "Start a new run")
    screen.press(DOWN, ENTER)
    screen.see("validation loss")
    screen.press(CTRL_C)
    screen.see("Stopping after this batch")  # two signals at once may be one to a busy system
    screen.press(CTRL_C)
    assert screen.leaves() == 130
    statuses = sorted(json.loads(path.read_text())["status"] for path in Path("models").glob("*/run.json"))
    assert statuses == ["interrupted", "interrupted"]


def test_a_killed_run_is_a_sentence_and_a_menu(tiny):
    import psutil

    screen = Terminal("autoencoder.py", "-d", tiny["-d"], *ONE_LAYER, "--batch-size", "8")
    screen.see("Epochs")
    screen.answer("100000")
    train(screen)
    screen.see("validation loss")
    psutil.Process(screen.pid).children()[0].kill()
    screen.see("The run failed: the training process was killed, probably out of memory; use a smaller batch")
    screen.see(MENU, "Run again", "Quit")
    screen.press(DOWN, ENTER)
    assert screen.leaves() == 0
    assert json.loads(next(Path("models").glob("*/run.json")).read_text())["status"] == "failed"


def test_runs_that_were_all_interrupted_are_compared_without_a_drawing(capsys):
    def interrupted(layers: int) -> FinishedRun:
        record = {
            "status": "interrupted",
            "hyperparameters": AutoencoderHyperparameters(layers=layers).to_json(),
            "metrics": {"test_mse": 0.1 * layers},
            "history": {"": {"loss": [0.5]}},
            "timing": {"images_per_second": 100.0},
        }
        return FinishedRun(Path("models", str(layers)), record)

    session = Session("autoencoder", "", [])
    session.finished_runs = [interrupted(2), interrupted(1)]
    autoencoder.compare(session)
    shown = capsys.readouterr().out
    assert "stopped in" in shown
    assert "there is nothing to plot yet" in shown
