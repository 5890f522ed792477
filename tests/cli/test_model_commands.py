"""Commands on a saved model, and the registry of commands.

python -m pytest tests/cli/test_model_commands.py
"""

import dataclasses
import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from lib.cli import command_encode, commands
from lib.cli.class_question import ask_class
from lib.cli.command_apply import ApplyCommand
from lib.cli.command_encode import EncodeCommand
from lib.cli.command_explore import ExploreCommand
from lib.cli.command_generate import GenerateCommand
from lib.cli.display import Display
from lib.cli.model_command import OWN_SIZE, ask_images
from lib.cli.model_results import show_table
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.cli.run_questions import ask_labeled_data
from lib.cli.session import FinishedRun, Session
from lib.common.errors import Interrupted, UserError
from lib.common.serialization import pack_images
from lib.config.program_settings import PROGRAMS
from lib.data.formats import registry
from lib.runs import records, run_folder
from lib.worker.generate_messages import GenerateResult
from lib.worker.messages import Encode
from tests.harness import sample_files
from tests.harness.recorded_runs import record_run
from tests.test_no_terminal import assert_refused, run
from tests.worker.test_foreign_models import dense, saved, write_images
from tests.worker.test_model_jobs import save_autoencoder, save_classifier


@pytest.mark.parametrize(("count", "typed", "chosen"), [(3, "c1", "c1"), (30, "", None), (30, "7", "7")])
def test_the_class_of_samples_is_chosen_or_typed_if_there_are_many(count, typed, chosen, monkeypatch):
    answers = Answers("autoencoder", TrainParser("autoencoder", "").parse([]))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{typed}\n"))
    names = [f"c{number}" for number in range(count)]
    assert ask_class(answers, names, "Class", "all", "all of them") == chosen


def test_apply_from_the_command_line(tiny):
    path = save_autoencoder()[0]
    done = run("autoencoder.py", "apply", "-model", path, "-d", tiny["-t"], "--limit", "15")
    assert done.returncode == 0, done.stderr
    assert "error, largest first, 10 of 15" in done.stdout
    assert "mean over 15 pictures: MSE" in done.stdout
    assert "15 of 15 pictures" in done.stderr
    assert "░" not in done.stdout  # no pictures where nobody looks
    assert registry.peek_source(Path("ae/applied/pictures.idx")).count == 15


def test_refined_codes_from_the_command_line(tiny, call):
    path = save_autoencoder(latent_dim=3)[0]
    done = call("autoencoder.py", "apply", "-model", path, "-d", tiny["-t"], "--refine", "30")
    assert done.returncode == 0, done.stderr
    found = re.search(
        r"MSE ae ([\d.]+)   ae-refined ([\d.]+)\nae: refined codes reduce the error by ([\d.]+)%",
        done.stdout,
    )
    before, after, share = found.groups()
    assert float(share) == pytest.approx(100 * (1 - float(after) / float(before)), abs=0.1)
    done = call("autoencoder.py", "encode", "-model", path, "-d", tiny["-t"], "--refine", "2")
    assert done.returncode == 0, done.stderr
    assert "20 refined codes of 3 numbers: ae/codes-test-refined.npz" in done.stdout
    found = re.search(
        r"MSE ([\d.]+), refined ([\d.]+): refined codes reduce the error by ([\d.]+)%", done.stdout
    )
    assert found[1] == before
    assert 0 < float(found[2]) < float(before)
    assert np.load("ae/codes-test-refined.npz")["codes"].shape == (20, 3)
    refused = call("autoencoder.py", "encode", "-model", "ae/encoder.h5", "-d", tiny["-t"], "--refine", "2")
    assert_refused(
        refused,
        "ae/encoder.h5: is not a complete autoencoder (images in, images out), which --refine requires; use",
    )


def test_a_page_about_the_latent_space_from_the_command_line(tiny, call):
    path = save_autoencoder(latent_dim=3)[0]
    words = ("autoencoder.py", "explore", "-model", "ae", "-d", tiny["-t"])
    done = call(*words, "--projection", "pca", "--limit", "15")
    assert done.returncode == 0, done.stderr
    assert "15 codes of 3 numbers: PCA, " in done.stdout
    assert "decoded: 3 principal directions, 11 steps each" in done.stdout
    assert "ae/explore-test.html: 0.1 MB, open it in a browser" in done.stdout
    assert "a random sample of 15 of 20 images" in done.stderr
    assert Path("ae/explore-test.html").is_file()
    done = call(*words, "--projection", "t-sne,pca", "--json", "--seed", "3")
    result = json.loads(done.stdout)
    assert result["file"] == "ae/explore-test-2.html"
    assert result["size"] == Path(result["file"]).stat().st_size
    assert [title.split(",")[0] for title in result["projections"]] == ["PCA", "t-SNE"]
    assert (result["count"], result["shape"], result["is_decoded"]) == (20, [3], True)
    assert_refused(call(*words, "--projection", "mds"), "--projection must be some of pca, t-sne, umap")
    assert_refused(call(*words, "--limit", "2"), "--limit must be a whole number from 3 to 50000, not '2'")
    assert_refused(call(*words, "--output", "ae/explore-test.html"), "exists already; choose another")
    assert_refused(call("autoencoder.py", "explore", "-model", path), "-d/--dataset")


def test_a_page_of_a_model_that_decodes_no_codes_says_so(tiny, call):
    save_autoencoder(task="denoise", skip=True)
    done = call("autoencoder.py", "explore", "-model", "ae", "-d", tiny["-t"], "--projection", "pca")
    assert done.returncode == 0, done.stderr
    assert "no codes are decoded: the decoder needs more than a latent code" in " ".join(done.stdout.split())


@pytest.mark.parametrize("width", [40, 60, 100])
def test_a_terminal_too_narrow_for_many_models_shows_whole_numbers_of_the_first(width):
    names = ["one", "one-refined", "two", "two-refined", "three", "three-refined"]
    screen = Display()
    screen.out = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    table = [["a/picture with a long name.png", *(f"0.12345{n}" for n in range(6))]]
    columns = ["picture", *(f"mse {name}" for name in names)]
    show_table(screen, "errors", columns, table, "errors.csv")
    out = screen.out.file.getvalue()
    shown = re.findall(r"0\.12345(\d)", out)
    assert "".join(shown) == "012345"[: len(shown)]
    assert len(shown) >= min(6, (width - 16) // 11)
    assert (f"{6 - len(shown)} more column" in " ".join(out.split())) == (len(shown) < 6)
    assert "picture" in out
    assert max(map(cell_len, out.splitlines())) <= width


def test_predictions_where_some_folders_are_named_for_no_class(call):
    save_classifier()
    for number, folder in enumerate(("left", "bird")):
        Path("own", folder).mkdir(parents=True)
        Image.fromarray(sample_files.shapes(2)[0][number]).save(f"own/{folder}/{number}.png")
    done = call("classification.py", "predict", "-model", "classifier.h5", "-d", "own")
    assert done.returncode == 0, done.stderr
    assert "true" in done.stdout
    assert "on the 1 picture with known labels" in done.stdout


def test_an_interrupted_command_leads_back_to_the_menu(capsys):
    def interrupted():
        raise Interrupted("stopped; to go on: python autoencoder.py search --study Mine")

    session = Session("autoencoder", "", ["-d", "digits", "--yes"])
    session.answers.has_terminal = True
    session._perform(interrupted)
    assert "Stopped; to go on: python autoencoder.py search --study Mine" in " ".join(
        capsys.readouterr().err.split()
    )
    session.answers.has_terminal = False
    with pytest.raises(Interrupted):
        session._perform(interrupted)


def test_a_pipe_gets_all_columns(capsys):
    columns = ["picture", *(f"mse model-{n}-refined" for n in range(9))]
    table = [["a.png", *["0.123456"] * 9]]
    show_table(Display(), "errors", columns, table, "errors.csv")
    out = capsys.readouterr().out
    assert out.count("0.123456") == 9
    assert all(column in out for column in columns)


def test_names_of_pictures_are_shown_without_markup_and_control_characters(capsys):
    names = ["[/x].png", "[red]a.png", "evil\n\x1b[2J.png"]
    table = [[name, "0.1"] for name in names]
    show_table(Display(), "t", ["picture", "mse [b]"], table, "errors.csv")
    out = capsys.readouterr().out
    assert all(name in out for name in ("[/x].png", "[red]a.png", "evil \ufffd[2J.png", "mse [b]"))
    assert "\x1b" not in out


def test_wrong_flags_are_refused_before_keras_starts(tiny, call):
    path = save_autoencoder()[0]
    Path("models").mkdir(exist_ok=True)
    Path("models").rmdir()
    np.save("data.npy", sample_files.shapes(80)[0])
    assert_refused(
        run("autoencoder.py", "apply", "-d", tiny["-t"]),
        "the following arguments are required: -model/--model",
    )
    assert_refused(
        call("autoencoder.py", "apply", "-model", "none.h5", "-d", tiny["-t"]), "none.h5: no such file"
    )
    assert_refused(
        call("autoencoder.py", "apply", "-model", path, "-d", "nowhere"), "nowhere: no such file or folder"
    )
    for words, text in (
        (("generate", "-model", path, "--count", "0"), "--count must be a whole number from 1"),
        (("generate", "-model", path, "--grid", "1"), "--grid must be a whole number from 2"),
        (("apply", "-model", path, "-d", "data.npy", "--fit", "squeeze"), "invalid choice: 'squeeze'"),
        (
            ("apply", "-model", path, "-d", "data.npy", "--refine", "0"),
            "--refine must be a whole number from 1",
        ),
        (
            ("fly",),
            "unknown command 'fly'; the commands are train, apply, detect, generate, evaluate, explore",
        ),
    ):
        assert_refused(call("autoencoder.py", *words), text)
    assert_refused(call("classification.py", "probe", "--shares", "0"), "--shares must be")


@pytest.mark.parametrize(
    ("program", "command", "flags"),
    [
        ("autoencoder", "apply", {"--encoder-layer", "--decoder-layer", "--size"}),
        ("autoencoder", "encode", {"--encoder-layer", "--decoder-layer", "--size"}),
        ("autoencoder", "explore", {"--encoder-layer", "--decoder-layer", "--size"}),
        ("autoencoder", "generate", {"--encoder-layer", "--decoder-layer", "--size"}),
        ("classification", "predict", {"--size"}),  # it uses no code
        ("classification", "probe", {"--encoder-layer", "--size"}),  # it decodes none
    ],
)
def test_layers_are_named_where_codes_are_used(program, command, flags):
    parser = commands.commands_of(program)[command].make_parser(program)
    known = {flag for action in parser._actions for flag in action.option_strings}
    assert known & {"--encoder-layer", "--decoder-layer", "--size"} == flags


def test_codes_of_a_named_layer_from_the_command_line(call):
    saved(dense())
    write_images()
    words = ("encode", "-model", "other.h5", "-d", "images.npy", "--encoder-layer")
    done = call("autoencoder.py", *words, "back", "--output", "c.npz")
    assert done.returncode == 0, done.stderr
    assert "other.h5: the latent code is back (8×8×1): set by --encoder-layer." in done.stderr
    assert np.load("c.npz")["codes"].shape == (20, 8, 8, 1)
    assert_refused(call("autoencoder.py", *words, "bock"), "has no layer named 'bock'; did you mean back?")


def test_codes_lie_beside_the_model_under_the_name_of_the_data():
    assert command_encode.default_codes_file("a/encoder.h5", "data/mine.npy") == "a/codes-mine.npz"
    Path("a").mkdir()
    Path("a/codes-mine.npz").touch()
    assert command_encode.default_codes_file("a/encoder.h5", "data/mine.npy") == "a/codes-mine-2.npz"


@pytest.mark.parametrize(
    ("program", "command"),
    [(program, command) for program in PROGRAMS for command in commands.commands_of(program)],
)
def test_every_command_has_a_description_and_refers_to_its_help(program, command):
    parser = commands.commands_of(program)[command].make_parser(program)
    assert parser.prog == f"{program}.py {command}"
    assert len(parser.description) > 20
    with pytest.raises(UserError, match=f"see python {program}.py {command} --help"):
        commands.run_named_command(program, [command, "--nonsense"])


def test_a_command_with_a_menu_text_can_be_run_from_the_menu_and_no_two_share_a_name():
    for command in commands.all_commands():
        has_entry = type(command).run_from_menu is not commands.Command.run_from_menu
        assert has_entry == bool(command.menu_text)
    for program in PROGRAMS:
        names = [command.name for command in commands.all_commands() if program in command.programs]
        assert names == [*commands.commands_of(program)]


def test_no_command_means_training():
    assert commands.run_named_command("autoencoder", []) is None
    assert commands.run_named_command("autoencoder", ["train", "-d", "digits"]) is None
    assert commands.run_named_command("autoencoder", ["-d", "digits"]) is None


COMMANDS = [(program, name) for program in PROGRAMS for name in ("train", *commands.commands_of(program))]


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_every_command_can_be_told_to_ask_nothing(program, command):
    parser = (
        TrainParser(program, "")
        if command == "train"
        else commands.commands_of(program)[command].make_parser(program)
    )
    assert {"--no-input", "--yes"} <= parser.options.keys()
    assert ("--json" in parser.options) == (command != "reproduce")  # which writes its tables as documents
    is_random = command in ("train", "search", "probe", "generate", "evaluate", "explore")
    assert ("--seed" in parser.options) == is_random


def test_a_run_folder_is_a_model(tiny):
    save_autoencoder("run")
    files = {command.name: command.model_files for command in (ApplyCommand, EncodeCommand, GenerateCommand)}
    for name in files:
        assert run_folder.locate_model("run", files[name], name) == "run/autoencoder.h5"
    for name in ("autoencoder.h5", "decoder.h5"):
        Path("run", name).unlink()
    assert run_folder.locate_model("run/", files["encode"], "encode") == "run/encoder.h5"
    with pytest.raises(UserError, match=r"run: has no autoencoder.h5 or decoder.h5, which generate needs"):
        run_folder.locate_model("run", files["generate"], "generate")
    with pytest.raises(UserError, match=r"has no classifier.h5 or classifier-head.h5, which predict needs"):
        commands.run_named_command("classification", ["predict", "-model", "run", "-d", tiny["-d"]])
    path = "run/../" * 585  # with the name of a file it is longer than paths may be
    with pytest.raises(UserError, match=r"has no autoencoder.h5, which apply needs"):
        run_folder.locate_model(path, files["apply"], "apply")
    data = {"-d": tiny["-d"], "-dl": tiny["-dl"], "-model": "run"}
    words = [*(word for pair in data.items() for word in pair), "--yes"]
    answers = Answers("classification", TrainParser("classification", "").parse(words))
    assert answers.hyperparameters(ask_labeled_data(answers)).model == "run/encoder.h5"


def test_results_as_json(tiny, call):
    save_autoencoder("run")
    words = ("encode", "-model", "run", "-d", tiny["-d"], "--no-input", "--json", "--output", "codes.npz")
    done = call("autoencoder.py", *words)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["count"], result["files"]) == (60, ["codes.npz"])
    assert "60 images to encode as " in done.stderr
    assert re.search(r" numbers each, \d.\d MB in all", done.stderr)


def test_a_large_file_of_codes_is_written_only_after_a_question(monkeypatch, tiny):
    record_run("large")
    record = json.loads(Path("models/large/run.json").read_text())
    record["metrics"]["latent_size"] = 1_000_000
    Path("models/large/run.json").write_text(json.dumps(record))
    asked = []
    monkeypatch.setattr(command_encode, "prompt_choice", lambda title, choices: asked.append(title) or "no")
    request = Encode(models=("models/large/autoencoder.h5",), data=tiny["-d"], output="x.npz")
    assert not command_encode.confirm_size(request)
    assert asked == ["60 latent codes of 1,000,000 numbers need 240 MB. Write them?"]
    assert command_encode.confirm_size(dataclasses.replace(request, limit=2))
    assert command_encode.confirm_size(dataclasses.replace(request, models=("elsewhere.h5",)))


@pytest.mark.parametrize(
    ("channels", "key", "expected"),
    [
        (3, OWN_SIZE, {"fit": "pad", "invert": False}),
        (3, "crop", {"fit": "crop", "invert": False, "output_size": "model"}),
        (1, "pad inverted", {"fit": "pad", "invert": True, "output_size": "model"}),
    ],
)
def test_the_menu_offers_outputs_of_the_size_of_each_picture(monkeypatch, channels, key, expected):
    Path("p").mkdir()
    Image.new("RGB", (20, 20)).save("p/a.png")
    folder = record_run("run", fit="pad")
    record = records.read_record(folder) | {"dataset": {"shape": [8, 8, channels]}}
    answers = Answers("autoencoder", TrainParser("autoencoder", "").parse([]))
    shown = []
    monkeypatch.setattr(answers, "ask_text", lambda *args, **options: "p")
    monkeypatch.setattr(answers, "choose", lambda title, choices, at_end: shown.extend(choices) or key)
    session = SimpleNamespace(answers=answers, last_run=FinishedRun(folder, record))
    assert ask_images(session, own_size="own") == {"data": "p"} | expected
    assert shown[:2] == [OWN_SIZE, "pad"]
    assert ("pad inverted" in shown) == (channels == 1)


def test_samples_of_a_conditional_model_are_shown_with_their_classes(capsys, monkeypatch):
    display, images = Display(), pack_images(sample_files.shapes(3, channels=1)[0])
    monkeypatch.setattr(Console, "is_terminal", True)
    for classes in ([], ["left", "top", "left"]):
        result = GenerateResult("out", 3, "samples from the prior", 3, images, classes=classes)
        GenerateCommand().show(result, display)
        out = capsys.readouterr().out
        assert "3 images, samples from the prior" in out
        assert [word for word in out.split() if word in {"left", "top"}] == classes


@pytest.mark.parametrize(("conditional", "lines", "label"), [(False, "\n", None), (True, "\nb\n", "b")])
def test_explore_asks_for_a_label_of_a_conditional_model(conditional, lines, label, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    session = Session("autoencoder", "", [])
    folder = record_run("ae", dataset="digits")
    record = records.load_record(folder)
    record["hyperparameters"]["conditional"] = conditional
    record["dataset"]["classes"] = ["a", "b"]
    session.finished_runs.append(FinishedRun(folder, record))
    request = ExploreCommand().ask_request(session)
    assert (request.data, request.label) == ("digits", label)
