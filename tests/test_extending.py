"""One addition, one file: each row of the table of additions, added to a copy of the project and used."""

import json

import numpy as np
import pytest

from tests.harness.extended_project import ExtendedProject

TASK = '''
    """Negative: bright and dark are exchanged."""

    from typing import ClassVar

    from lib.common.settings import task_option
    from lib.common.value_types import FloatRange
    from lib.tasks.base import Task
    from lib.tasks.baselines import constant, pca


    class Negative(Task):
        """The negative of an image."""

        name = "negative"
        help = "the negative of the image"
        baselines = (constant, pca)
        options: ClassVar = {
            "contrast": task_option(1.0, FloatRange(0, 1), help="contrast of the negative")
        }

        def make_pair(self, settings, pixels, rng):
            return pixels, 0.5 + settings.contrast * (0.5 - pixels)
'''
BASELINE = """
    from lib.tasks.baselines import baseline


    @baseline("middle gray")
    def middle_gray(sample):
        return lambda inputs: inputs * 0 + 0.5


"""
DATASET = """
    def _load_stripes() -> Images:
        labels = np.arange(240) % 2
        rows = np.random.default_rng(0).integers(0, 256, (240, 12, 1, 1), np.uint8)
        rows = rows.repeat(12, axis=2)
        return Images(np.where(labels[:, None, None, None], rows, rows.swapaxes(1, 2)), labels)


    NAMED_DATASETS["stripes"] = NamedDataset(
        "240 striped images, 12×12 gray",
        Header((12, 12, 1), 240, labeled=True),
        ("upright", "level"),
        load_bundled=_load_stripes,
    )


"""
FORMAT = '''
    """Sets of gray images in one file: the side in its first byte, then the pixels."""

    import numpy as np

    from lib.data.formats.base import Format, Header, Images, Source, count_records


    class PpmSetFormat(Format):
        """One .ppmset file."""

        order = 5

        @staticmethod
        def recognizes(path):
            return path.suffix == ".ppmset"

        @staticmethod
        def peek(path):
            side, size = path.read_bytes()[0], path.stat().st_size
            return Header((side, side, 1), count_records(path, size - 1, side * side, "images"))

        @staticmethod
        def read(path):
            pixels = np.frombuffer(path.read_bytes()[1:], np.uint8)
            return Source(Images(pixels.reshape(-1, *PpmSetFormat.peek(path).shape)))
'''
LAYER = '''
    """Smooth upsampling."""

    from lib.config.layer_specs.resizing import Upsampling


    class BilinearUpsampling(Upsampling):
        """Bilinear interpolation between the pixels of a feature map."""

        choice = "bilinear"
'''
METRIC = """
    METRICS.append(
        Metric(
            key="mae",
            label="MAE",
            meaning="mean absolute error of pixels in 0..1",
            values=lambda batch: np.abs(batch.outputs - batch.targets),
            in_table=_always,
        )
    )


"""
TRAINING_CHOICES = """
    LOSSES["logcosh"] = Loss("log_cosh")
    OPTIMIZERS["ftrl"] = OptimizerEntry("Ftrl")
    SCHEDULES["linear"] = Schedule(
        "straight decay to 0",
        "PolynomialDecay",
        lambda rate, steps: dict(initial_learning_rate=rate, decay_steps=steps, end_learning_rate=0.0),
    )


"""
AUGMENTATION = """
    def upend(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        \"\"\"Return the images, half of them turned upside down.\"\"\"
        return np.where(rng.random((len(images), 1, 1, 1)) < 0.5, images, images[:, ::-1])


    AUGMENTATIONS["upend"] = Augmentation("turn half of the training images upside down", upend)


"""
ERROR_MAP = """
    ERROR_MAPS["absolute"] = ErrorMap(
        "absolute error", lambda inputs, outputs: np.abs(inputs - outputs).mean(axis=-1)
    )


"""
DEFECT = """
    "invert": Defect("the negative of the picture", lambda pixels, rng: 1 - pixels),
"""
HYPERPARAMETER = """
    reading_note: str | None = setting(
        None, OrWord("none", OneOf(("short", "long"))), group="training",
        help="a remark on the run, short or long",
    )
"""
FIGURE = '''
    """Mean images."""

    import numpy as np

    from lib.evaluation import image_figures
    from lib.evaluation.run_figures import figure


    @figure("means", "Show the mean of each class")
    def draw_means(figures_of, path):
        """The mean image of each class."""
        test = figures_of.test
        images, labels = test.take(slice(None)), test.labels
        means = [images[labels == label].mean(axis=0).astype(np.uint8) for label in np.unique(labels)]
        image_figures.plot_image_sheet(np.stack(means), 5, path, figures_of.title)
'''
COMMAND = '''
    """The command `measure`."""

    from dataclasses import dataclass

    from lib.cli.job_command import JobCommand
    from lib.cli.model_command import last_model
    from lib.worker.messages import JobRequest, JobResult


    @dataclass(frozen=True)
    class Measure(JobRequest):
        job = f"{__name__}.measure"
        file: str


    @dataclass(frozen=True)
    class Measured(JobResult):
        parameters: int


    class MeasureCommand(JobCommand):
        """Size of a saved model."""

        name, programs, menu_text = "measure", ("autoencoder", "classification"), "Measure the model"
        description, request_type = "Count the parameters of a saved model.", Measure

        def add_flags(self, parser):
            parser.add_argument("--file", required=True, help="the model to measure")

        def ask_request(self, session):
            return Measure(last_model(session))

        def show(self, result, display):
            display.result(f"measured: {result.parameters} parameters")


    def measure(channel, request):
        import keras

        channel.emit(Measured(keras.saving.load_model(request.file, compile=False).count_params()))
'''
FLAGS = [
    *("-d", "stripes", "--task", "negative", "--contrast", "0.9", "--reading-note", "short", "--upend"),
    *("--upsampling", "bilinear", "--loss", "logcosh", "--optimizer", "ftrl", "--schedule", "linear"),
    *("--layers", "2", "--kernel-size", "3", "--kernels", "4", "--stride", "2", "--epochs", "1"),
    *("--batch-size", "64", "--seed", "3"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with all additions, an autoencoder that uses them, and a classifier."""
    project = ExtendedProject(tmp_path_factory.mktemp("project"))
    project.add_file("lib/tasks/negative.py", TASK)
    project.add_entry("lib/tasks/negative.py", "class Negative", BASELINE)
    project.replace("lib/tasks/negative.py", "(constant, pca)", "(constant, pca, middle_gray)")
    project.add_entry("lib/data/named_datasets.py", "def download(", DATASET)
    project.add_file("lib/data/formats/ppm_set.py", FORMAT)
    project.add_file("lib/config/layer_specs/smooth.py", LAYER)
    project.add_entry("lib/tasks/metrics.py", "def program_metrics(", METRIC)
    project.add_entry("lib/config/training_choices.py", "def describe_schedules(", TRAINING_CHOICES)
    project.add_entry("lib/tasks/augmentation.py", "def chosen_augmentations(", AUGMENTATION)
    project.add_entry("lib/tasks/error_maps.py", "def _dissimilarity(", ERROR_MAP)
    project.add_entry("lib/tasks/simulated_defects.py", '    "scratch": Defect(', DEFECT)
    project.add_entry("lib/config/training_settings.py", "    optimizer: str = setting", HYPERPARAMETER)
    project.add_file("lib/evaluation/run_figures/means.py", FIGURE)
    project.add_file("lib/cli/command_measure.py", COMMAND)
    menu = "Show the mean of each class\nmeasure\nquit\n"
    project.screen = project.run("autoencoder.py", *FLAGS, "--output", "run", answers=menu)
    project.record = json.loads((project.folder / "run/run.json").read_text(encoding="utf-8"))
    return project


@pytest.fixture(scope="module")
def help_text(project):
    return project.run("autoencoder.py", "--help-all")


@pytest.fixture(scope="module")
def documentation(project):
    """The generated pages."""
    project.run("-m", "tests.docs")
    return "".join(page.read_text(encoding="utf-8") for page in (project.folder / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def report(project):
    project.run("autoencoder.py", "runs", ".", "--export", "report.md")
    return (project.folder / "report.md").read_text(encoding="utf-8")


def test_a_run_uses_all_additions(project):
    """Without the tests below, which look at help, reports and documentation."""
    values = project.record["hyperparameters"]
    chosen = {"task": "negative", "contrast": 0.9, "reading_note": "short", "upend": True, "loss": "logcosh"}
    chosen |= {"upsampling": "bilinear", "optimizer": "ftrl", "schedule": "linear"}
    assert {name: values[name] for name in chosen} == chosen
    assert project.record["dataset"]["name"] == "stripes"
    assert project.record["dataset"]["shape"] == [12, 12, 1]
    assert 0 < project.record["metrics"]["test_mae"] < 1
    assert 0 < project.record["baselines"]["middle_gray_mse"] < 0.25
    assert (project.folder / "run/figures/means.png").stat().st_size > 1000
    parameters = project.record["metrics"]["parameters"]
    assert f"measured: {parameters} parameters" in project.screen  # from the menu
    result = project.run("classification.py", "measure", "--file", "run/autoencoder.h5", "--json")
    assert json.loads(result) == {"parameters": parameters}


@pytest.mark.slow
def test_task(project, help_text, documentation, report):
    assert project.record["task"] == "negative"
    assert project.record["status"] == "finished"
    assert "negative" in help_text
    assert "the negative of the image" in documentation
    assert project.record["hyperparameters"]["contrast"] == 0.9
    assert "`--contrast`" in documentation
    assert "negative" in report
    assert (project.folder / "run/figures/reconstructions.png").exists()
    assert "negative" in project.run("autoencoder.py", "runs", ".")


@pytest.mark.slow
def test_baseline(project, report):
    assert "middle gray" in project.screen
    assert "middle gray" in report


@pytest.mark.slow
def test_format(project):
    images = np.random.default_rng(0).integers(0, 256, (5, 12, 12), np.uint8)
    (project.folder / "own.ppmset").write_bytes(bytes([12]) + images.tobytes())
    screen = project.run(
        "autoencoder.py", "apply", "-model", "run", "-d", "own.ppmset", "--output", "applied"
    )
    assert "5" in screen
    assert "5 of 5 pictures" in screen


@pytest.mark.slow
def test_layer(project, help_text):
    assert "bilinear" in help_text
    words = ["-d", "stripes", "-model", "run", "--epochs", "1", "--yes", "--output", "classifier"]
    assert "Test accuracy" in project.run("classification.py", *words)


@pytest.mark.slow
def test_metric(project, report, documentation):
    assert 0 < project.record["baselines"]["constant_mae"] < 1
    assert "MAE" in project.screen
    assert "MAE" in report
    assert "mean absolute error" in documentation
    assert "run" in project.run("autoencoder.py", "runs", ".", "--sort", "test_mae")


@pytest.mark.slow
def test_hyperparameter(project, help_text, documentation):
    assert json.loads((project.folder / "run/answers.json").read_text())["reading_note"] == "short"
    assert "--reading-note" in help_text
    assert "a remark on the run, short or long" in documentation
    search = project.run("autoencoder.py", "search", "--help")
    assert "reading-note" in search
    assert "reading note" in project.run("autoencoder.py", "runs", ".", "--sort", "reading_note")


@pytest.mark.slow
def test_figure(project, report):
    assert "figures/means.png" in project.record["files"]
    assert "means.png" in report
    assert "What next? means" in project.screen
    assert "run/figures/means.png\n" in project.screen


@pytest.mark.slow
def test_loss_optimizer_and_schedule(help_text, documentation):
    assert "straight decay to 0" in help_text
    assert "logcosh" in documentation


@pytest.mark.slow
def test_augmentation(help_text, documentation):
    assert "turn half of the training images upside down" in " ".join(help_text.split())
    assert "`--upend`" in documentation


@pytest.mark.slow
def test_error_map_and_simulated_defect(project, help_text, documentation):
    chosen = ["--defects", "invert", "--error-map", "absolute", "--normal", "upright", "--output", "detector"]
    small = ["--layers", "1", "--kernels", "2", "--epochs", "1", "--yes"]
    screen = project.run("autoencoder.py", "-d", "stripes", "--task", "anomaly", *chosen, *small)
    assert "AUROC" in screen
    record = json.loads((project.folder / "detector/run.json").read_text(encoding="utf-8"))
    assert record["detector"]["scoring"]["kinds"] == ["absolute"]
    for text in (" ".join(help_text.split()), documentation):
        assert "absolute: absolute error" in text
        assert "invert: the negative of the picture" in text


@pytest.mark.slow
def test_command(project, documentation):
    parameters = project.record["metrics"]["parameters"]
    shown = f"measured: {parameters} parameters"
    words = ["measure", "--file", "run/autoencoder.h5"]
    assert shown in project.run("autoencoder.py", *words)
    assert "the model to measure" in project.run("autoencoder.py", "measure", "--help")
    assert "measure" in project.run("classification.py", "--help")
    assert "## measure" in documentation
    assert "| `--file` | the model to measure |" in documentation
