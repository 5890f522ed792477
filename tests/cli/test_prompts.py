"""Answers without a terminal; the prompts are in test_autoencoder_terminal.py.

python -m pytest tests/cli/test_prompts.py
"""

import io
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import autoencoder
from lib.cli import run_questions
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.common.errors import Interrupted, UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.program_settings import settings
from lib.config.suited_defaults import ImageSet
from lib.data import dataset_names, named_datasets
from lib.worker import main
from lib.worker.messages import Download, Downloaded, find_object
from lib.worker.process import Worker
from tests.harness.in_process_worker import InProcessWorker, RecordingChannel


def answers(*words: str, lines: str | None = None, program: str = "autoencoder", monkeypatch=None) -> Answers:
    if lines is not None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    return Answers(program, TrainParser(program, "").parse(list(words)))


def test_a_flag_wins_over_the_file_and_the_file_over_lines(monkeypatch):
    Path("a.json").write_text(json.dumps({"layers": 2, "epochs": 7}))
    session_answers = answers("--answers", "a.json", "--layers", "4", lines="99\n", monkeypatch=monkeypatch)
    assert session_answers.ask("layers") == 4
    assert session_answers.ask("epochs") == 7
    assert session_answers.ask("batch_size") == 99


def test_an_empty_line_means_the_default(monkeypatch, capsys):
    session_answers = answers(lines="\n  \n", monkeypatch=monkeypatch)
    assert session_answers.ask("layers") == 5
    assert session_answers.ask("kernels") == (32,)
    assert capsys.readouterr().err.splitlines()[1].endswith(": 32")


def test_yes_takes_defaults_and_no_input_names_what_is_missing():
    assert answers("--yes").ask("layers") == 5
    assert answers("--yes").ask_path("dataset", {"digits": "", "photos": ""}, lambda value: None) == "digits"
    with pytest.raises(UserError, match=r"--no-input needs -d or --dataset$"):
        answers("--no-input")
    with pytest.raises(UserError, match="--no-input needs -d or --dataset and -model or --model"):
        answers("--no-input", program="classification")
    with pytest.raises(UserError, match="model missing: give -model or --model"):
        answers("--yes", program="classification").ask_path("model", {}, lambda value: None)


def test_flags_of_the_assignment():
    args = TrainParser("classification", "").parse(
        ["-d", "x", "-dl", "xl", "-t", "t", "-tl", "tl", "-model", "m.h5"]
    )
    assert (args.dataset, args.labels, args.testset, args.test_labels, args.model) == (
        "x",
        "xl",
        "t",
        "tl",
        "m.h5",
    )


def test_the_command_train_may_be_given_and_dashes_may_be_long():
    assert TrainParser("autoencoder", "").parse(["train", "–d", "digits"]).dataset == "digits"
    assert TrainParser("autoencoder", "").parse(["-d", "digits", "—epochs", "3"]).dataset == "digits"


@pytest.mark.parametrize(
    ("program", "flag", "words"),
    [
        (
            "autoencoder",
            "-dl",
            r"-dl \(labels\) belongs to classification.py, not autoencoder.py; see python autoencoder.py "
            r"--help",
        ),
        ("autoencoder", "--test-labels=x", r"--test-labels \(test labels\) belongs to classification.py"),
        ("classification", "--no-skip", r"--no-skip \(skip\) belongs to autoencoder.py"),
        ("classification", "--nonsense", "unknown flag --nonsense; see python classification.py --help"),
    ],
)
def test_the_other_programs_flags_are_named_as_such(program, flag, words):
    with pytest.raises(UserError, match=words):
        answers("-d", "digits", flag, "labels.idx", program=program)


def test_an_answers_file_with_a_byte_order_mark():
    Path("a.json").write_text('{"epochs": 3}', encoding="utf-8-sig")
    assert answers("--answers", "a.json").provided["epochs"] == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "a.json: cannot be read as JSON"),
        (b"\xff\xfe{", "a.json: cannot be read as JSON"),
        (b'{"epochs": ' + b"9" * 5000 + b"}", "a.json: cannot be read as JSON"),
        (b'{"epochs": NaN}', "a.json: epochs must be a whole number from 1 to 100000, not nan"),
        (
            b'{"learning_rate": ' + b"9" * 400 + b"}",
            "a.json: learning_rate must be a number above 0 to 10, not 9999",
        ),
        (b'{"dataset": "a\\u0000b"}', "a.json: dataset must be a file, a folder or a name, not 'a"),
        (b'{"dataset": "\\ud800"}', "a.json: dataset must be a file"),
        (b'{"program": ["autoencoder"]}', "a.json: program must be autoencoder or classification, not"),
        (b'{"\\u001b[2J": 1}', "a.json: unknown key"),
        (b'{"preset": ["mnist-10"]}', "a.json: unknown preset .'mnist-10'."),
    ],
)
def test_an_answers_file_that_is_nonsense(content, words):
    Path("a.json").write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        answers("--answers", "a.json")
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("name", [setting.name for setting in settings("autoencoder").values()])
def test_every_key_of_an_answers_file_is_refused_by_its_name(name):
    for nonsense in ({"a": [1]}, [[{}]], [{}] * 1000, "\0", -(10**400), 1e999, "a" * 100_000, "x,y"):
        Path("a.json").write_text(json.dumps({name: nonsense}))
        is_path = settings("autoencoder")[name].is_path
        if is_path and isinstance(nonsense, str) and "\0" not in nonsense:
            continue  # a path may be called almost anything
        if name == "normal" and nonsense == "x,y":
            continue  # two names
        with pytest.raises(UserError, match=rf"^a\.json: {name} must be ") as error:
            answers("--answers", "a.json")
        assert len(str(error.value)) < 1000


def test_running_again_asks_with_the_last_answers_as_defaults(monkeypatch):
    session_answers = answers(
        "-d", "digits", "--layers", "2", "--seed", "7", lines="\n\n", monkeypatch=monkeypatch
    )
    session_answers.use_as_defaults(
        AutoencoderHyperparameters(dataset="digits", layers=2, kernels="4,8", seed=7)
    )
    assert session_answers.ask("dataset") == "digits"  # not asked
    assert session_answers.ask("layers") == 2
    assert session_answers.ask("kernels") == (4, 8)
    assert session_answers.hyperparameters({"layers": 2, "kernels": (4, 8)}).seed == 7


def test_choices_by_key_number_text_and_end(monkeypatch):
    session_answers = answers(lines="b\n1\nBeta\n\nz\n", monkeypatch=monkeypatch)
    choices = {"a": "Alpha", "b": "Beta"}
    assert [session_answers.choose("?", choices, at_end="q") for _ in range(4)] == ["b", "a", "b", "a"]
    with pytest.raises(UserError, match="'z' is not one of a, b"):
        session_answers.choose("?", choices, at_end="q")
    assert session_answers.choose("?", choices, at_end="q") == "q"


def test_switches_and_layers_have_flags_of_their_own():
    parser = TrainParser("autoencoder", "")
    assert parser.parse(["--skip"]).skip == "yes"
    assert parser.parse(["--no-skip"]).skip == "no"
    assert parser.parse(["--batch-norm"]).batch_norm == "all"
    assert parser.parse(["--batch-norm", "1,2"]).batch_norm == "1,2"
    assert parser.parse(["--no-batch-norm"]).batch_norm == "none"
    assert parser.parse([]).skip is None


def test_flags_win_over_an_answers_file_and_that_over_a_preset():
    Path("a.json").write_text('{"preset": "cifar-base", "batch_size": 9, "epochs": 8}')
    hp = answers("-d", "photos", "--answers", "a.json", "--epochs", "7", "--yes").hyperparameters({})
    assert (hp.kernels, hp.pool, hp.batch_size, hp.epochs) == ((8, 12, 16), (1, 2), 9, 7)
    hp = answers("-d", "photos", "--answers", "a.json", "--preset", "cifar-4", "--yes").hyperparameters({})
    assert hp.kernel_size[0] == (5, 5)
    with pytest.raises(UserError, match="unknown preset 'cifar-bas'; did you mean 'cifar-base'"):
        answers("--preset", "cifar-bas")
    with pytest.raises(UserError, match="unknown preset 'x'; available: cifar-base, cifar-1"):
        answers("--preset", "x")


def test_a_preset_in_an_answers_file_is_a_name_of_the_same_program():
    Path("a.json").write_text('{"preset": ["cifar-base"]}')
    with pytest.raises(UserError, match=r"unknown preset \['cifar-base'\]"):
        answers("--answers", "a.json")
    Path("a.json").write_text('{"preset": "cifar-base"}')
    with pytest.raises(
        UserError, match=r"a.json: preset 'cifar-base' is for autoencoder.py; those of classification.py are "
    ):
        answers("--answers", "a.json", program="classification")


def test_a_preset_of_a_classifier_with_flags():
    session_answers = answers(
        "-d",
        "digits",
        "--preset",
        "best-fashion-classifier",
        "--epochs",
        "2",
        "--yes",
        program="classification",
    )
    hp = session_answers.hyperparameters({"model": "m.h5"})
    assert (hp.fc_units, hp.dropout, hp.flip, hp.shift, hp.epochs, hp.optimizer) == (
        (256,),
        0.5,
        True,
        False,
        2,
        "adamw",
    )


def test_answers_of_an_earlier_version_keep_their_network():
    record = AutoencoderHyperparameters(dataset="digits", task="denoise", skip=True, residual=True).to_json()
    for name in ("skip_size", "growth", "block"):
        del record[name]
    Path("run.json").write_text(json.dumps(record))
    Path("few.json").write_text(json.dumps({"dataset": "digits", "task": "denoise"}))
    for file, skip_size in (("run.json", "full"), ("few.json", "half")):
        earlier = answers("--answers", file)
        earlier.images = ImageSet((128, 128, 3), 1000)
        assert earlier.hyperparameters({}).skip_size == skip_size


def test_values_of_a_preset_that_do_not_apply_are_dropped_but_flags_are_refused():
    hp = answers(
        "-d", "photos", "--preset", "fashion-half", "--task", "reconstruct", "--yes"
    ).hyperparameters({})
    assert (hp.task, hp.missing, hp.latent_dim) == ("reconstruct", "right", 64)
    with pytest.raises(UserError, match="missing has no effect without --task complete"):
        answers("-d", "photos", "--missing", "left", "--yes").hyperparameters({})


def test_running_again_with_other_layers_drops_values_per_layer(monkeypatch):
    session_answers = answers("-d", "digits", monkeypatch=monkeypatch, lines="")
    session_answers.use_as_defaults(
        AutoencoderHyperparameters(
            dataset="digits", layers=3, stride="2,2,1", pool="3", kernel_size="3,5,3", patience=4
        )
    )
    hp = session_answers.hyperparameters({"layers": 2, "kernels": (8,), "kernel_size": ((3, 3),)})
    assert (hp.stride, hp.pool, hp.patience) == (None, (), 4)
    same = session_answers.hyperparameters({"layers": 3})
    assert (same.stride, same.pool) == ((2, 2, 1), (3,))


@pytest.mark.parametrize("words", [("--linear-path", "8"), ("--variational",)])
def test_layers_are_checked_without_pooling(words):
    with mock.patch.object(Worker, "send"):
        hp = autoencoder.ask(answers("-d", "digits", "--layers", "2", "--no-input", *words), Worker())
    assert hp.layers == 2


def test_settings_that_no_kernel_fits_are_refused_with_the_error_of_the_smallest():
    session_answers = answers(
        "-d", "digits", "--layers", "2", "--pool", "2", "--linear-path", "8", "--no-input"
    )
    with mock.patch.object(Worker, "send"), pytest.raises(UserError, match="a pool after the last layer"):
        autoencoder.ask(session_answers, Worker())


def test_a_data_set_that_cannot_be_downloaded_is_refused_at_its_question(monkeypatch, capsys):
    session_answers, chosen, requests = answers(), iter(["mnist", "cifar10", "digits"]), []
    session_answers.has_terminal = True

    def choose(name: str, choices: dict[str, str], check: Callable[[str], object]) -> str:
        session_answers.drafts[name] = path = next(chosen)
        return path

    class Offline(InProcessWorker):
        def follow(self, on_event, until):
            (request,) = self.requests
            requests.append(request.dataset)
            if request.dataset == "cifar10":
                raise Interrupted("the download of cifar10 was stopped")
            raise UserError(f"{request.dataset} cannot be downloaded (offline); put its files into data/it")

    monkeypatch.setenv("KERAS_HOME", "empty")
    monkeypatch.setattr(session_answers, "ask_path", choose)
    monkeypatch.setattr(run_questions, "Worker", Offline)
    assert run_questions.ask_dataset(session_answers) == "digits"
    assert requests == ["mnist", "cifar10"]
    assert capsys.readouterr().err.endswith(
        "mnist cannot be downloaded (offline); put its files into data/it\n"
        "the download of cifar10 was stopped\n"
    )
    chosen = iter(["fashion-mnist"])
    session_answers.provided["dataset"] = "fashion-mnist"
    with pytest.raises(UserError, match="fashion-mnist cannot be downloaded"):
        run_questions.ask_dataset(session_answers)


def test_a_data_set_is_downloaded_by_the_child_process(monkeypatch):
    arrays = (np.zeros((3, 28, 28), np.uint8), np.arange(3))
    monkeypatch.setattr("keras.datasets.mnist.load_data", lambda: (arrays, arrays))
    channel, request = RecordingChannel(), Download("mnist")
    find_object(request.job)(channel, request)
    assert channel.events == [Downloaded("mnist")]


def test_a_download_that_is_stopped_leaves_no_half_of_a_file(monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "home")
    channel, half = RecordingChannel(), Path("home/datasets/mnist.npz")
    half.parent.mkdir(parents=True)

    def download(name: str) -> None:
        half.write_bytes(b"half")
        channel.stop_event.set()
        threading.Event().wait(1)

    monkeypatch.setattr(named_datasets, "download", download)
    with pytest.raises(Interrupted):
        main.download_dataset(channel, Download("mnist"))
    assert not half.exists()


def test_only_what_is_not_there_is_downloaded(monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "home")
    assert [name for name in named_datasets.NAMED_DATASETS if dataset_names.needs_download(name)] == [
        "mnist",
        "fashion-mnist",
        "cifar10",
    ]
    Path("home/datasets").mkdir(parents=True)
    Path("home/datasets/mnist.npz").touch()
    assert not dataset_names.needs_download("mnist")
    offered = dataset_names.offered_datasets()
    assert offered["mnist"].endswith("; in Keras's cache")
    assert offered["cifar10"].endswith("; Keras downloads it")
