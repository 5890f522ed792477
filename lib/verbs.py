"""The verbs of both programs beside `train`, and what their menus share: where each is carried out.

The modules are imported only when they are called for, so that the first question comes at once.
"""

import importlib
from collections.abc import Callable

from lib.errors import UserError

# Verb to module: one with `VERBS`, functions of (program, words) that return an exit status, and `flags(program, verb)`.
VERBS = {
    "autoencoder": {
        "apply": "using",
        "generate": "using",
        "encode": "using",
        "search": "search",
        "runs": "ledger",
        "reproduce": "reproduce",
    },
    "classification": {"predict": "using", "probe": "using", "search": "search", "runs": "ledger"},
}


def flags(program: str, verb: str):
    """The parser of a verb's flags."""
    return _module(VERBS[program][verb]).flags(program, verb)


def called(program: str, words: list[str]) -> int | None:
    """Carry out the verb that `words` begin with and return its exit status; `None` where they begin with none, to train."""
    verb = words[0] if words else ""
    if verb in VERBS[program]:
        return _module(VERBS[program][verb]).VERBS[verb](program, words[1:])
    if verb and verb != "train" and verb.isalpha():
        raise UserError(f"{verb!r} is no verb; there are {', '.join(['train', *VERBS[program]])}")
    return None


def from_menu(name: str, session) -> Callable[[], None]:
    """The function of `lib.menus` called `name`, to be called for this session."""
    return lambda: getattr(_module("menus"), name)(session)


def described(program: str, what: str) -> str:
    """What `--help` says of a program, and where its other verbs explain themselves."""
    verbs = ", ".join(VERBS[program])
    return f"{what} Verbs beside train: {verbs}; python {program}.py VERB --help says what each does."


def _module(name: str):
    return importlib.import_module(f"lib.{name}")
