"""The verbs of both programs beside `train`. Each is a module with `command(program, words)`, imported when it is called for."""

import importlib

from lib.errors import UserError

VERBS = {
    "autoencoder": {"runs": "ledger"},
    "classification": {"runs": "ledger"},
}


def called(program: str, words: list[str]) -> int | None:
    """Carry out the verb that `words` begin with and return its exit status; `None` where they begin with none, to train."""
    verb = words[0] if words else ""
    if verb in VERBS[program]:
        return importlib.import_module(f"lib.{VERBS[program][verb]}").command(program, words[1:])
    if verb and verb != "train" and verb.isalpha():
        raise UserError(f"{verb!r} is no verb; there are {', '.join(['train', *VERBS[program]])}")
    return None
