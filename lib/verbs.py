"""The verbs of both programs beside `train`, and what their menus share: where each is carried out.

The modules are imported only when they are called for, so that the first question comes at once.
"""

import importlib
from collections.abc import Callable

from lib.errors import UserError

VERBS = {
    "autoencoder": {
        "apply": "using.apply",
        "generate": "using.generate",
        "encode": "using.encode",
        "runs": "ledger.command",
    },
    "classification": {
        "predict": "using.predict",
        "probe": "using.probe",
        "runs": "ledger.command",
    },
}


def called(program: str, words: list[str]) -> int | None:
    """Carry out the verb that `words` begin with and return its exit status; `None` where they begin with none, to train."""
    verb = words[0] if words else ""
    if verb in VERBS[program]:
        module, function = VERBS[program][verb].split(".")
        return getattr(importlib.import_module(f"lib.{module}"), function)(program, words[1:])
    if verb and verb != "train" and verb.isalpha():
        raise UserError(f"{verb!r} is no verb; there are {', '.join(['train', *VERBS[program]])}")
    return None


def from_menu(name: str, session) -> Callable[[], None]:
    """The function of `lib.menus` called `name`, to be called for this session."""
    return lambda: getattr(importlib.import_module("lib.menus"), name)(session)
