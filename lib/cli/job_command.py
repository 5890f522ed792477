"""Base of the commands that the worker carries out: flags or menu, request, job, result."""

import argparse
import json
from dataclasses import asdict, fields
from typing import Any

from lib.cli.commands import Command
from lib.cli.display import Display
from lib.cli.jobs import do_job
from lib.cli.parser import JSON_HELP, CommandParser
from lib.cli.session import Session
from lib.common.errors import INTERRUPTED
from lib.worker.messages import JobRequest, JobResult, PartialResult
from lib.worker.process import Worker


class JobCommand(Command):
    """A command that sends the worker a request, whose `job` emits the result.

    Attributes:
        request_type: class of the request; not needed where `make_request` is defined.
    """

    request_type: type[JobRequest]

    def make_parser(self, program: str) -> CommandParser:
        parser = super().make_parser(program)
        parser.add_switch("--json", JSON_HELP)
        return parser

    def make_request(self, args: argparse.Namespace) -> JobRequest | None:
        """Return the request of a command line; None if the user does not want the result after all."""
        return self.request_type(**self.options(args))

    def options(self, args: argparse.Namespace) -> dict[str, Any]:
        """Return the fields of the request that have flags of their names, with the values of these."""
        names = (field.name for field in fields(self.request_type))
        return {name: getattr(args, name) for name in names if hasattr(args, name)}

    def ask_request(self, session: Session) -> JobRequest | None:
        """Return the request of the menu entry, about the last run, or None; it may ask questions."""
        raise NotImplementedError

    def show(self, result: Any, display: Display) -> None:
        """Show the result, of the class that the job emits."""
        raise NotImplementedError

    def run(self, program: str, arguments: list[str]) -> int:
        args = self.make_parser(program).parse(arguments)
        request = self.make_request(args)
        if request is None:
            return 0
        display = Display()
        result = self._do(request, display, as_json=args.json)
        return INTERRUPTED if _note_missing(result, display) else self.exit_status(args, result)

    def exit_status(self, args: argparse.Namespace, result: Any) -> int:
        """Return the exit status after a complete result."""
        return 0

    def run_from_menu(self, session: Session) -> None:
        request = self.ask_request(session)
        if request is not None:
            result = self._do(request, session.display, session.take_worker())
            _note_missing(result, session.display)

    def _do(
        self, request: JobRequest, display: Display, worker: Worker | None = None, as_json: bool = False
    ) -> Any:
        """Do the job, show its result and return it."""
        result = do_job(request, display, worker)
        if as_json:
            print_json(display, result)
        else:
            self.show(result, display)
        return result


def _note_missing(result: JobResult, display: Display) -> bool:
    """Say what Ctrl-C has left out of a result, and return whether it has."""
    if not (isinstance(result, PartialResult) and result.missing):
        return False
    display.note(f"Interrupted: {result.missing}.", "bold")
    return True


def print_json(display: Display, result: JobResult) -> None:
    """Print the result of a job, except its pictures, as one JSON object."""
    names = [field.name for field in fields(result) if field.name not in ("pictures", "heads", "pairs")]
    content = {name: getattr(result, name) for name in names}
    display.out.out(json.dumps(content, default=asdict), highlight=False)
