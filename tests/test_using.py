"""The verbs of a saved model from the command line. python -m pytest tests/test_using.py"""

import re
from pathlib import Path

import numpy as np
import pytest

from lib import readers, using, verbs
from lib.errors import UserError
from tests import made
from tests.test_no_terminal import assert_refused, run
from tests.test_saved import model


def test_apply_from_the_command_line(tiny):
    path = model()[0]
    done = run("autoencoder.py", "apply", "-model", path, "-d", tiny["-t"], "--limit", "15")
    assert done.returncode == 0, done.stderr
    assert "error, worst first, 10 of 15" in done.stdout
    assert "mean over 15 pictures: MSE" in done.stdout
    assert "15 of 15 pictures" in done.stderr
    assert "░" not in done.stdout  # no pictures where nobody looks
    assert readers.peek(Path("ae/applied/pictures.idx")).count == 15


def test_refined_codes_from_the_command_line(tiny):
    path = model(latent_dim=3)[0]
    done = run("autoencoder.py", "apply", "-model", path, "-d", tiny["-t"], "--refine", "30")
    assert done.returncode == 0, done.stderr
    before, after, share = re.search(
        r"MSE ([\d.]+)   ([\d.]+)\nae: refined codes take ([\d.]+)% of that away, the encoder's share of it", done.stdout
    ).groups()
    assert float(share) == pytest.approx(100 * (1 - float(after) / float(before)), abs=0.1)
    done = run("autoencoder.py", "encode", "-model", path, "-d", tiny["-t"], "--refine", "2")
    assert done.returncode == 0, done.stderr
    assert np.load("ae/codes-test.npz")["codes"].shape == (20, 3)


def test_names_of_pictures_are_only_text(capsys):
    names = ["[/x].png", "[red]a.png", "evil\n\x1b[2J.png"]
    using.Display().out.print(using._table("t", ["picture", "mse [b]"], [[name, "0.1"] for name in names]))
    out = capsys.readouterr().out
    assert all(name in out for name in ("[/x].png", "[red]a.png", "evil \ufffd[2J.png", "mse [b]"))
    assert "\x1b" not in out


def test_what_is_wrong_is_said_before_keras_starts(tiny):
    path = model()[0]
    Path("models").mkdir(exist_ok=True)
    Path("models").rmdir()
    np.save("data.npy", made.shapes(80)[0])
    assert_refused(run("autoencoder.py", "apply", "-d", tiny["-t"]), "the following arguments are required: -model/--model")
    assert_refused(run("autoencoder.py", "apply", "-model", "none.h5", "-d", tiny["-t"]), "none.h5: no such file")
    assert_refused(run("autoencoder.py", "apply", "-model", path, "-d", "nowhere"), "nowhere: no such file or folder")
    for words, text in (
        (("generate", "-model", path, "--count", "0"), "--count must be a whole number from 1"),
        (("generate", "-model", path, "--grid", "1"), "--grid must be a whole number from 2"),
        (("apply", "-model", path, "-d", "data.npy", "--fit", "squeeze"), "invalid choice: 'squeeze'"),
        (("apply", "-model", path, "-d", "data.npy", "--refine", "0"), "--refine must be a whole number from 1"),
        (("fly",), "'fly' is no verb; there are train, apply, generate, encode, search, runs"),
    ):
        assert_refused(run("autoencoder.py", *words), text)
    assert_refused(run("classification.py", "probe", "--shares", "0"), "--shares must be")


def test_codes_lie_beside_the_model_under_the_name_of_the_data():
    assert using.codes_file("a/encoder.h5", "data/mine.npy") == "a/codes-mine.npz"
    Path("a").mkdir()
    Path("a/codes-mine.npz").touch()
    assert using.codes_file("a/encoder.h5", "data/mine.npy") == "a/codes-mine-2.npz"


@pytest.mark.parametrize(("program", "verb"), [(program, verb) for program in verbs.VERBS for verb in verbs.VERBS[program]])
def test_every_verb_explains_itself(program, verb, capsys):
    parser = verbs.flags(program, verb)
    assert parser.prog == f"{program}.py {verb}"
    assert len(parser.description) > 20
    with pytest.raises(UserError, match=f"see python {program}.py {verb} --help"):
        verbs.called(program, [verb, "--nonsense"])


def test_no_verb_means_training():
    assert verbs.called("autoencoder", []) is None
    assert verbs.called("autoencoder", ["train", "-d", "digits"]) is None
    assert verbs.called("autoencoder", ["-d", "digits"]) is None
