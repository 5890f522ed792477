"""Keys of prompts, and questions that go back. python -m pytest tests/cli/test_conversation.py"""

import io
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

import autoencoder
from lib.cli import advanced_prompts, terminal_prompts
from lib.cli.conversation import ask_in_order
from lib.cli.parser import TrainParser
from lib.cli.picture_questions import ask_picture_size
from lib.cli.prompt_keys import GoBack, PromptClosed
from lib.cli.prompts import Answers
from lib.cli.session import Session
from lib.common.errors import PromptCancelled, UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.config.program_settings import find_setting
from lib.config.suited_defaults import ImageSet
from lib.worker.process import Worker
from tests.harness import sample_files
from tests.harness.recorded_runs import record_run
from tests.harness.terminal_session import CTRL_C, CTRL_D, DOWN, ENTER, UP

ESC = "\x1b"


class Keys:
    """Keys for the prompts to come, one text for each."""

    def __init__(self, pipe):
        self._pipe, self._texts = pipe, []

    def press(self, *texts: str) -> None:
        self._texts += texts

    def send_next(self) -> None:
        self._pipe.send_text(self._texts.pop(0))

    @property
    def are_used(self) -> bool:
        return not self._texts


@pytest.fixture
def keys(monkeypatch):
    """Keys that the prompts of a terminal get."""
    monkeypatch.setattr(terminal_prompts, "_output_options", dict)
    run = terminal_prompts._run_prompt
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        keys = Keys(pipe)

        def run_with_keys(prompt):
            keys.send_next()
            return run(prompt)

        monkeypatch.setattr(terminal_prompts, "_run_prompt", run_with_keys)
        yield keys


class IdleWorker(Worker):
    """A worker that notes its requests."""

    def __init__(self):
        super().__init__()
        self.requests: list[Hyperparameters] = []

    def send(self, request) -> None:
        self.requests.append(request.hyperparameters)


def answers_of(*words: str, program: str = "autoencoder") -> Answers:
    answers = Answers(program, TrainParser(program, "").parse(list(words)))
    answers.has_terminal = True
    return answers


def test_esc_goes_back_to_the_question_before_with_its_answer_as_the_default(keys):
    answers = answers_of("-d", "digits")
    keys.press(
        "1" + ENTER, "5" + ENTER, ESC, ESC, ENTER, ENTER, "4" + ENTER, "3" + ENTER, "16" + ENTER, ENTER
    )
    hp = autoencoder.ask(answers, IdleWorker())
    assert keys.are_used
    assert (hp.layers, hp.kernel_size, hp.kernels, hp.epochs, hp.batch_size) == (1, ((5, 5),), (4,), 3, 16)


def test_an_answer_that_no_longer_fits_is_no_default(keys):
    answers = answers_of("-d", "digits")
    keys.press("2" + ENTER, ENTER, "4,8" + ENTER, ESC, ESC, ESC, "3" + ENTER, ENTER, ENTER)
    keys.press(ENTER, ENTER, ENTER)
    hp = autoencoder.ask(answers, IdleWorker())
    assert keys.are_used
    assert (hp.layers, len(hp.kernels)) == (3, 3)
    assert hp.kernels != (4, 8)


def test_esc_leads_back_to_the_data_set_which_is_read_again_if_it_is_another(keys):
    np.save("mine.npy", sample_files.shapes(80)[0])
    answers, worker = answers_of(), IdleWorker()
    keys.press(ENTER)  # digits
    keys.press(ESC, DOWN + ENTER)  # photos
    keys.press(ESC, UP * 2 + ENTER, ESC)  # to another path, the last choice, and back to the choices
    keys.press(ENTER, "mine.npy" + ENTER)  # the cursor is still on it
    keys.press("1" + ENTER, ENTER, ENTER, ENTER, ENTER, ENTER)
    hp = autoencoder.ask(answers, worker)
    assert keys.are_used
    assert hp.dataset == "mine.npy"
    assert [request.dataset for request in worker.requests] == ["digits", "photos", "mine.npy"]


def test_changes_in_the_advanced_menus_survive_going_back(keys):
    answers = answers_of(
        "-d", "digits", "--layers", "1", "--kernel-size", "3", "--kernels", "2", "--epochs", "1"
    )
    keys.press("8" + ENTER)
    keys.press(DOWN * 5 + ENTER)  # the training
    keys.press(DOWN * 4 + ENTER, "0.5" + ENTER, ESC)  # its learning rate, and out of the menu
    keys.press(ESC, "9" + ENTER, ENTER)  # back to the batch size, and on
    hp = autoencoder.ask(answers, IdleWorker())
    assert keys.are_used
    assert (hp.batch_size, hp.learning_rate) == (9, 0.5)


def test_ctrl_c_in_a_rerun_keeps_the_answers(keys):
    session = Session("autoencoder", "", ["-d", "digits"])
    session.answers.has_terminal = True
    hp = autoencoder.ask(answers_of("-d", "digits", "--yes"), IdleWorker())
    session.answers.use_as_defaults(hp)
    keys.press("1" + ENTER, "5" + ENTER, CTRL_C)
    with pytest.raises(PromptCancelled):
        autoencoder.ask(session.answers, IdleWorker())
    keys.press(ENTER, ENTER, ENTER, ENTER, ENTER, ENTER)
    again = autoencoder.ask(session.answers, IdleWorker())
    assert (again.layers, again.kernel_size) == (1, ((5, 5),))
    session.answers.use_as_defaults(again)
    assert session.answers.drafts == {}


def test_ctrl_d_ends_every_kind_of_prompt(keys):
    choices = {"a": "one", "b": "two"}
    for prompt in (
        partial(terminal_prompts.prompt_choice, "?", choices),
        partial(terminal_prompts.prompt_several, "?", choices, {}, 1, False),
        partial(terminal_prompts.prompt_text, "?", lambda text: None),
        partial(terminal_prompts.prompt_text, "?", lambda text: None, is_path=True),
    ):
        keys.press(CTRL_D)
        with pytest.raises(PromptClosed):
            prompt()


def test_ctrl_d_in_the_last_menu_quits(keys, monkeypatch):
    session = Session("autoencoder", "", ["-d", "digits"])
    session.answers.has_terminal = True
    monkeypatch.setattr(session, "_train", lambda ask: False)
    keys.press(CTRL_D)
    assert session.run(lambda answers, worker: None, {}) == 0


def test_an_existing_folder_takes_one_enter(keys):
    Path("pictures/cats").mkdir(parents=True)
    accepted = []
    for text in ("pictures/cats", "pictures/cats/"):
        keys.press(text + ENTER)
        accepted.append(terminal_prompts.prompt_text("?", require_folder, is_path=True))
    assert accepted == ["pictures/cats"] * 2
    keys.press("~" + ENTER)
    assert Path(terminal_prompts.prompt_text("?", require_folder, is_path=True)) == Path.home()


def require_folder(text: str) -> None:
    if not Path(text).is_dir():
        raise UserError(f"{text}: no such folder")


def test_steps_without_prompts_are_passed_over_on_the_way_back():
    answers = answers_of()
    order = []

    def step(name: str, prompts: bool) -> None:
        order.append(name)
        answers.prompt_count += prompts
        if order == ["a", "b", "c"]:
            raise GoBack

    ask_in_order(answers, [partial(step, "a", True), partial(step, "b", False), partial(step, "c", True)])
    assert order == ["a", "b", "c", "a", "b", "c"]
    with pytest.raises(GoBack):
        ask_in_order(answers, [partial(go_back)])


def go_back() -> None:
    raise GoBack


def test_a_default_is_taken_without_a_terminal(monkeypatch):
    answers = Answers("autoencoder", TrainParser("autoencoder", "").parse([]))
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert answers.ask_text("Seed", int, default="3") == "3"


def test_a_group_of_settings_that_have_all_been_asked_for_is_named_by_them():
    hp = ClassifierHyperparameters()
    described = advanced_prompts._summarize_group(hp, "network")
    assert described == "fully connected units, dropout"


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        ((), "latent_dim", "(now 16)"),
        (("--latent-dim", "9"), "latent_dim", "(now 9, default 16)"),
        ((), "linear_path", "(now full)"),
        (("--preset", "latent-10"), "latent_dim", "(now 10, default convolutional)"),
        ((), "dropout", "(now 0.0)"),
    ],
)
def test_the_help_of_a_setting_names_the_default_for_the_images(words, name, expected):
    answers = answers_of("-d", "digits", *words)
    answers.images = ImageSet((28, 28, 1), 1437)
    hp = answers.hyperparameters({})
    assert advanced_prompts._describe_setting(answers, hp, find_setting(name)).endswith(expected)


def test_a_task_of_the_menu_brings_its_network():
    """After a default run, too, a denoiser gets no narrow code; what was chosen stays."""
    answers = answers_of("-d", "digits", "--epochs", "2")
    answers.images = ImageSet((48, 48, 3), 47)
    first = answers.hyperparameters({})
    answers.use_as_defaults(first)
    values = {"dataset": "digits", "layers": first.layers, "kernels": first.kernels}
    changes, line = advanced_prompts._new_defaults(answers, values, "task", "denoise")
    after = values | {"task": "denoise"} | changes
    hp = answers.hyperparameters(after)
    expected = answers_of("-d", "digits", "--task", "denoise")
    expected.images = answers.images
    names = ("layers", "kernels", "stride", "skip", "residual", "linear_path", "batch_size")
    wanted = expected.hyperparameters({})
    assert [getattr(hp, name) for name in names] == [getattr(wanted, name) for name in names]
    assert hp.epochs == 2
    assert line.startswith("Defaults for denoise: layers 4 → 5, ")
    values |= {"layers": 3, "kernels": (5, 6, 7)}
    changes, _ = advanced_prompts._new_defaults(answers, values, "task", "denoise")
    hp = answers.hyperparameters(values | {"task": "denoise"} | changes)
    assert (hp.layers, hp.kernels, hp.skip, hp.residual) == (3, (5, 6, 7), True, True)


def test_what_follows_answers_changes_with_the_task_and_is_said():
    """The strides follow the layers that were asked for, also if the menu has shown these once more."""
    answers = answers_of("-d", "digits")
    answers.images = ImageSet((32, 32, 3), 40)
    values: dict = {"dataset": "digits", "layers": 2, "kernels": (8, 4)}
    assert answers.hyperparameters(values).stride == (4, 2)
    for name, value in (("layers", 2), ("task", "restore")):
        changes, line = advanced_prompts._new_defaults(answers, values, name, value)
        values |= {name: value} | changes
    hp = answers.hyperparameters(values)
    assert (hp.layers, hp.kernels, hp.stride, hp.skip, hp.linear_path) == (2, (8, 4), None, True, None)
    assert line.startswith("Defaults for restore: stride 4,2 → auto, ")


def test_two_settings_of_the_code_are_switched_off_one_after_the_other():
    """The linear path, a default of plain codes, comes back with the second one."""
    answers = answers_of("-d", "digits")
    answers.images = ImageSet((28, 28, 1), 500)
    values: dict = {"dataset": "digits", "layers": 2, "kernels": (8, 4)}
    plain = answers.hyperparameters(values).linear_path
    assert plain is not None
    paths = []
    for name, value in (
        *(("regularization", "kl"), ("conditional", True)),
        *(("regularization", "none"), ("conditional", False)),
    ):
        values |= {name: value} | advanced_prompts._new_defaults(answers, values, name, value)[0]
        paths.append(answers.hyperparameters(values).linear_path)
    assert paths == [None, None, None, plain]


def test_a_new_optimizer_brings_the_defaults_that_go_with_it():
    """As a flag does: Adam is worse without batch normalization."""
    answers = answers_of("-d", "digits")
    answers.images = ImageSet((64, 64, 3), 4000)
    values: dict = {"dataset": "digits", "task": "denoise"}
    assert answers.hyperparameters(values).batch_norm == ()
    values |= {"optimizer": "adam"} | advanced_prompts._new_defaults(answers, values, "optimizer", "adam")[0]
    hp = answers.hyperparameters(values)
    assert (hp.optimizer, hp.batch_norm, hp.learning_rate, hp.skip) == ("adam", "all", 0.005, True)


def test_paths_in_the_menus_are_checked_and_survive_going_back(keys, monkeypatch):
    np.save("clean.npy", sample_files.shapes(80)[0])
    setting = find_setting("begin_with")
    with pytest.raises(UserError, match="nowhere"):
        advanced_prompts._check_path(setting, "nowhere")
    with pytest.raises(UserError, match="nowhere"):
        advanced_prompts._check_path(find_setting("targets"), "nowhere")
    np.save("noisy.npy", sample_files.shapes(80)[0])
    answers = answers_of("-d", "noisy.npy", "--task", "restore")
    answers.drafts |= {"targets": "clean.npy", "dataset": "other.npy"}
    assert answers.hyperparameters({}).targets == "clean.npy"
    names = [entry.name for entry in advanced_prompts._applicable_settings(answers.hyperparameters({}))]
    assert {"targets", "begin_with"} <= {*names}
    assert not {"dataset", "testset", "continues", "test_targets"} & {*names}
    keys.press(ENTER, "\x15" + ENTER)  # the current path, then none
    hp = answers.hyperparameters({})
    assert advanced_prompts._ask_value(answers, hp, "targets") == "clean.npy"
    assert advanced_prompts._ask_value(answers, hp, "targets") is None


def test_presets_are_those_that_fit_the_images(keys, capsys, monkeypatch):
    """Those for the task and the data set come first; labels that there are none of are not asked for."""
    images = np.stack([sample_files.shapes(40, 32, 32)[0]] * 3, axis=-1)
    np.save("color.npy", images)
    answers = answers_of("-d", "color.npy")
    shown = []
    choose = terminal_prompts.prompt_choice

    def note(title, choices, **options):
        shown.append((title, list(choices)))
        return choose(title, choices, **options)

    values = {"dataset": "color.npy", "layers": 2}
    monkeypatch.setattr(advanced_prompts, "prompt_choice", note)
    keys.press(DOWN + ENTER, ESC, ENTER)
    assert advanced_prompts.ask_advanced_settings(answers, values) == values
    title, names = shown[1]
    assert title == "Which preset?"
    assert names.index("cifar-base") < names.index("mnist-10") < names.index("best-color")
    pytest.MonkeyPatch().setattr(
        advanced_prompts, "prompt_choice", lambda title, choices, **options: "best-color"
    )
    after = advanced_prompts._apply_preset(answers, values)
    assert (after["label_weight"], after["task"]) == (0.0, "colorize")
    assert "best-color without its label weight: the images have no labels" in capsys.readouterr().out


def test_a_preset_of_the_command_line_is_adapted_to_images_without_labels(capsys):
    np.save("color.npy", np.stack([sample_files.shapes(40, 32, 32)[0]] * 3, axis=-1))
    answers = answers_of("-d", "color.npy", "--preset", "best-color", "--yes")
    assert autoencoder.ask(answers, IdleWorker()).label_weight == 0
    assert "best-color without its label weight: the images have no labels" in capsys.readouterr().err
    answers = answers_of("-d", "color.npy", "--preset", "best-color", "--label-weight", "0.1", "--yes")
    assert autoencoder.ask(answers, IdleWorker()).label_weight == 0.1  # refused with what would help
    answers = answers_of("-d", "photos", "--preset", "best-color", "--yes")
    assert autoencoder.ask(answers, IdleWorker()).label_weight == 0.001


def test_settings_beside_a_preset_may_make_it_fit():
    np.save("small.npy", sample_files.shapes(40, 8, 8)[0])
    words = ("-d", "small.npy", "--preset", "cifar-base", "--yes")
    with pytest.raises(UserError, match=r"does not fit images of 8×8×1.*presets that fit: cifar-1, "):
        autoencoder.ask(answers_of(*words), IdleWorker())
    hp = autoencoder.ask(
        answers_of(*words, "--layers", "1", "--kernels", "8", "--pool", "none"), IdleWorker()
    )
    assert hp.layers == 1


def draw_two_sizes() -> None:
    """A folder `p` of two pictures."""
    Path("p").mkdir()
    for side in (20, 30):
        Image.new("L", (side, side)).save(f"p/{side}.png")


def test_the_size_of_the_last_run_is_proposed_for_the_next(monkeypatch):
    draw_two_sizes()
    answers = Answers("autoencoder", TrainParser("autoencoder", "").parse(["-d", "p"]))
    answers.has_terminal = True
    monkeypatch.setattr(answers, "ask", lambda name, check, default: default)
    values = {"dataset": "p"}
    for used, proposed in ((None, (28, 28)), (48, (48, 48))):
        answers.use_as_defaults(AutoencoderHyperparameters(dataset="p", size=used))
        ask_picture_size(answers, values)
        assert values["size"] == proposed


@pytest.mark.parametrize(("flags", "size"), [([], None), (["--patches", "4"], (16, 16))])
def test_patches_of_pictures_of_one_size_need_a_size(monkeypatch, capsys, flags, size):
    Path("p").mkdir()
    Image.new("L", (20, 20)).save("p/a.png")
    answers = Answers("autoencoder", TrainParser("autoencoder", "").parse(["-d", "p", *flags]))
    answers.has_terminal = True
    monkeypatch.setattr(answers, "ask", lambda name, check, default: check(default) and default)
    for _ in range(2):  # the pictures are described once, also after Esc
        ask_picture_size(answers, values := {"dataset": "p"})
    assert values.get("size") == size
    assert capsys.readouterr().err.count("4 random crops of one size") == bool(flags)


def test_a_classifier_is_proposed_the_size_of_the_images_of_the_saved_autoencoder(monkeypatch):
    draw_two_sizes()
    record_run("ae", dataset="p")
    Path("models/ae/autoencoder.h5").touch()
    path = Path("models/ae/run.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"dataset": record["dataset"] | {"shape": [40, 50, 1]}}))
    for program, proposed in (("classification", (40, 50)), ("autoencoder", (28, 28))):
        answers = Answers(program, TrainParser(program, "").parse(["-d", "p"]))
        answers.has_terminal = True
        monkeypatch.setattr(answers, "ask", lambda name, check, default: default)
        ask_picture_size(answers, values := {"dataset": "p"})
        assert values["size"] == proposed
