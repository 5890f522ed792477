"""Questions of both programs before a training: data set, labels, saved model, all further settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lib.cli.conversation import Step, ask_in_order
from lib.cli.picture_questions import ask_picture_size, asks_for_size, picture_fit
from lib.cli.prompt_keys import GoBack
from lib.cli.prompts import Answers
from lib.common.errors import Interrupted, PromptCancelled, RunFailed, UserError
from lib.common.formatting import format_shape
from lib.common.terminal_state import muted_keyboard
from lib.common.text_layout import wrap_for
from lib.config.hyperparameters import Hyperparameters
from lib.data import dataset_names
from lib.data.formats.registry import read_labels
from lib.runs import records, run_folder
from lib.tasks import ImageShape
from lib.worker.messages import Download, Downloaded, Open
from lib.worker.process import Worker


def ask_dataset(answers: Answers) -> str:
    """Return the name or path of a data set of images to train on.

    Raises:
        UserError: it cannot be read, and was not typed at a prompt.
    """
    fit = picture_fit(answers, {})

    def check(path: str) -> None:
        # Pictures of several sizes are no error where the next question asks for one.
        chosen = replace(fit, size=(1, 1)) if fit.size is None and asks_for_size(answers, path) else fit
        require(path, chosen)

    is_provided = "dataset" in answers.provided
    require = dataset_names.require_trainable if is_provided else dataset_names.require_readable
    while True:
        path = answers.ask_path("dataset", {} if is_provided else dataset_names.offered_datasets(), check)
        if not (answers.interactive and answers.has_terminal and dataset_names.needs_download(path)):
            return path
        try:
            _download(path)
            return path
        except (UserError, RunFailed, Interrupted) as error:
            if is_provided:
                raise
            print(wrap_for(str(error), sys.stderr), file=sys.stderr)
            del answers.drafts["dataset"]


def _download(name: str) -> None:
    """Download a data set, before further questions.

    Raises:
        UserError: it cannot be downloaded.
        RunFailed: the process that downloads it has failed.
        Interrupted: it was stopped.
        PromptCancelled: it was stopped at once, by a second Ctrl-C.
    """
    from lib.cli.display import Display

    display = Display()
    display.show_status(f"downloading {name} …")
    try:
        with muted_keyboard(), Worker() as worker:
            worker.send(Download(name))
            worker.follow(lambda event: None, until=Downloaded)
    except KeyboardInterrupt:
        raise PromptCancelled from None
    finally:
        display.close()


def ask_labeled_data(answers: Answers) -> dict[str, Any]:
    """Return data set, files of labels as far as it has none itself, and saved model, by setting.

    Raises:
        UserError: one of them cannot be read, and was not typed at a prompt.
    """
    values: dict[str, Any] = {}
    ask_in_order(answers, labeled_data_steps(answers, values))
    return values


def labeled_data_steps(answers: Answers, values: dict[str, Any]) -> list[Step]:
    """Return the steps of a conversation that add what `ask_labeled_data` returns to `values`."""

    def ask_images() -> None:
        values["dataset"] = ask_dataset(answers)

    def ask_labels(name: str) -> None:
        values.pop(name, None)
        images = values["dataset"] if name == "labels" else answers.provided.get("testset")
        header = dataset_names.peek(images, picture_fit(answers, values)) if images else None
        if name in answers.provided or (header and not header.labeled):
            error = header.label_error if header else ""
            values[name] = answers.ask_path(name, {}, read_labels, hint=error and f"{error}, or ")

    def ask_model() -> None:
        shape = dataset_names.peek(values["dataset"], picture_fit(answers, values)).shape

        def check(path: str) -> None:
            file = run_folder.locate_model(path, run_folder.AUTOENCODER_FILES, "train")
            if "model" not in answers.provided and answers.has_terminal:
                _require_usable(file, shape)

        model = answers.ask_path(
            "model",
            {} if "model" in answers.provided else records.list_saved_models(shape),
            check,
            hint="train one on these images with autoencoder.py first, or ",
        )
        values["model"] = run_folder.locate_model(model, run_folder.AUTOENCODER_FILES, "train")

    return [
        ask_images,
        partial(ask_picture_size, answers, values),
        partial(ask_labels, "labels"),
        partial(ask_labels, "test_labels"),
        ask_model,
    ]


def _require_usable(model: str, shape: ImageShape) -> None:
    """Refuse a conditional model, and one of images of another shape while Esc leads to the image size."""
    folder = Path(model).parent
    if records.is_conditional(folder):
        raise UserError(
            f"{model}: its encoder is given the label of each image, which a classifier must not know; use "
            f"one that was trained without --conditional"
        )
    trained = records.trained_shape(folder)
    if trained and trained != tuple(shape):
        raise UserError(
            f"{model}: takes images of {format_shape(trained)}, not {format_shape(shape)}; Esc leads back to "
            f"the image size"
        )


class DataLoading:
    """The request to read the data, which the worker gets again if an answer changes what is read."""

    def __init__(self, answers: Answers, worker: Worker):
        self._answers, self._worker = answers, worker
        self._requested: Hyperparameters | None = None

    def request(self, values: dict[str, Any]) -> Hyperparameters:
        """Return the settings of the data that the worker reads with these answers."""
        data = self._answers.data_settings(values)
        if data != self._requested:
            if self._requested is not None:
                self._worker.close()
            self._worker.send(Open(data))
            self._requested = data
        return data


def ask_remaining_settings(
    answers: Answers,
    values: dict[str, Any],
    loading: DataLoading,
    describe: Callable[[Hyperparameters], str],
) -> None:
    """Offer the menus of all further settings, and add the answers to `values`.

    Args:
        answers: the session's answers.
        values: answers so far, by setting.
        loading: reads the data again if a change means that they are read differently.
        describe: describes a run in a line, or raises `UserError` for one that cannot be built.
    """
    from lib.cli.advanced_prompts import ask_advanced_settings

    try:
        values |= ask_advanced_settings(answers, values, describe)
    except (GoBack, PromptCancelled):
        values |= {name: value for name, value in answers.drafts.items() if name in values}
        raise
    loading.request(values)
