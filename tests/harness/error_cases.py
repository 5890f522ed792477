"""Errors provoked on purpose: the places that raise them, the texts of their messages, and one case each."""

import ast
import contextlib
import functools
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from lib.common.errors import Interrupted, RunFailed, UserError
from tests.harness.terminal_session import PROJECT

ERRORS = (UserError, RunFailed, Interrupted)
NAMES = {error.__name__ for error in ERRORS} | {
    "ERROR_CLASSES"
}  # the table of them by which a worker's come up the pipe


class Place(NamedTuple):
    """A call that makes an error: its file, its first and its last line, the text of these, and the literal
    parts of its message.
    """

    file: str
    first: int
    last: int
    source: str
    parts: tuple[str, ...]


class Case(NamedTuple):
    """What provokes an error in a module, the value or file that the message must name, and what it must say
    of it.
    """

    module: str
    provoke: Callable[[], object]
    names: str
    says: str
    number: int = 0  # among all cases


def places() -> list[Place]:
    """Every place in the programs and in lib that makes one of `ERRORS`."""
    found = []
    for path in [*PROJECT.glob("*.py"), *(PROJECT / "lib").rglob("*.py")]:
        source = path.read_text(encoding="utf-8")
        if not any(name in source for name in NAMES):
            continue
        tree, lines = ast.parse(source), source.split("\n")
        for function in _functions(tree):
            for call in (node for node in _own(function) if isinstance(node, ast.Call) and _makes(node.func)):
                text = " ".join(" ".join(lines[call.lineno - 1 : call.end_lineno]).split())
                parts = tuple(part for argument in call.args for part in _parts(argument, function, ()))
                if any(isinstance(node, ast.Attribute) and node.attr == "message" for node in call.args):
                    parts += _rule_parts(tree)
                found.append(
                    Place(path.relative_to(PROJECT).as_posix(), call.lineno, call.end_lineno, text, parts)
                )
    return found


@functools.cache
def outcome(case: Case) -> tuple[str, Place | None]:
    """The message that a case provokes, and the place that made it; the processes of a test run provoke each
    case but once.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return _provoked(case)
    kept = Path(tempfile.gettempdir()) / f"provoked-{run}" / str(case.number)
    if kept.is_file():
        message, place = json.loads(kept.read_text(encoding="utf-8"))
        return message, None if place is None else PLACES[place]
    message, found = _provoked(case)
    kept.parent.mkdir(exist_ok=True)
    mine = kept.with_suffix(f".{os.getpid()}")  # another process may write the same
    mine.write_text(json.dumps([message, found and PLACES.index(found)]), encoding="utf-8")
    os.replace(mine, kept)
    return message, found


def _provoked(case: Case) -> tuple[str, Place | None]:
    """Run once, in an empty folder of its own."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.ExitStack() as patches:
        for error in ERRORS:
            patches.enter_context(mock.patch.object(error, "__init__", _noting(error.__init__)))
        try:
            case.provoke()
        except ERRORS as error:
            file, line = error.made_at
            made = [place for place in PLACES if place.file == file and place.first <= line <= place.last]
            return str(error), made[0] if made else None
    raise AssertionError(f"{case.module}: nothing was refused that should be: {case.says}")


def _noting(initialize: Callable) -> Callable:
    def note(error: Exception, *words) -> None:
        caller = sys._getframe(1)
        path = Path(caller.f_code.co_filename)
        error.made_at = (
            path.relative_to(PROJECT).as_posix() if path.is_relative_to(PROJECT) else str(path),
            caller.f_lineno,
        )
        initialize(error, *words)

    return note


def _functions(tree: ast.Module) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Module)]


def _own(function: ast.AST) -> list[ast.AST]:
    """The nodes of a function, or of a module, without those of the functions inside it."""
    below = [node for node in ast.iter_child_nodes(function) if not isinstance(node, ast.FunctionDef)]
    return [*below, *(inner for node in below for inner in _own(node))]


def _makes(function: ast.expr) -> bool:
    if isinstance(function, ast.IfExp):
        return _makes(function.body) or _makes(function.orelse)
    if isinstance(function, ast.Subscript):
        return _makes(function.value)
    return isinstance(function, ast.Name) and function.id in NAMES


def _parts(node: ast.AST, function: ast.AST, seen: tuple[str, ...]) -> list[str]:
    """The literal texts that a message can be made of; names are followed to what the function assigns to
    them.
    """
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.JoinedStr(values=inner) | ast.BoolOp(values=inner):
            pass
        case ast.FormattedValue(value=value) | ast.Call(func=ast.Attribute(value=value)):
            inner = [value]
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            inner = [one, other]
        case ast.Dict(keys=keys, values=values):
            inner = [*keys, *values]
        case ast.Name(id=name) if name not in seen:
            seen = (*seen, name)
            inner = [value for node in _own(function) if (value := _value(node, name)) is not None]
        case _:
            return []
    return [part for node in inner for part in _parts(node, function, seen)]


def _rule_parts(tree: ast.Module) -> tuple[str, ...]:
    """The literal parts of all messages of a module's `Rule(when, message)` rows."""
    return tuple(
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule"
        for part in _parts(node.args[1], tree, ())
    )


def _value(node: ast.AST, name: str) -> ast.expr | None:
    """What a statement gives to a name, where it does: an assignment, or a loop over what is named."""
    match node:
        case ast.Assign(targets=[ast.Name(id=given)], value=value) if given == name:
            return value
        case ast.For(target=ast.Tuple(elts=[ast.Name(id=given), *_]), iter=value) if given == name:
            return value
    return None


PLACES = places()
