"""Every error message of the code is provoked once. python -m pytest tests/test_messages.py

A message that is new needs a case: a line in one of the tables, `harness/error_cases_*.py`.
"""

import ast
import re
from pathlib import Path

import pytest

from lib.config.program_settings import PROGRAMS, settings
from tests.harness import (
    error_cases_anomalies,
    error_cases_continuing,
    error_cases_data,
    error_cases_defects,
    error_cases_depths,
    error_cases_explore,
    error_cases_foreign,
    error_cases_formats,
    error_cases_groups,
    error_cases_models,
    error_cases_runs,
    error_cases_samples,
    error_cases_search,
    error_cases_settings,
)
from tests.harness.error_cases import PLACES, Case, outcome
from tests.harness.terminal_session import PROJECT

TABLES = (
    error_cases_settings.CASES,
    error_cases_data.CASES,
    error_cases_defects.CASES,
    error_cases_depths.CASES,
    error_cases_formats.CASES,
    error_cases_groups.CASES,
    error_cases_runs.CASES,
    error_cases_continuing.CASES,
    error_cases_models.CASES,
    error_cases_foreign.CASES,
    error_cases_anomalies.CASES,
    error_cases_explore.CASES,
    error_cases_samples.CASES,
    error_cases_search.CASES,
)
ROWS = [(module, row) for table in TABLES for module, rows in table.items() for row in rows]
CASES = [Case(module, *row, number) for number, (module, row) in enumerate(ROWS)]
FOREIGN = re.compile(
    r"Traceback|Errno|<\w+ |\w(Error|Exception|Warning)\b|[^']\b(None|nan)\b"
)  # Python's words, not a person's
# Phrases that no text of the programs has, and what stands in their place.
FORMER_PHRASES = {
    r"made to fit": "resized",
    r"drawn codes|codes? drawn": "samples",
    r"(share of )?units silenced": "dropout rate",
    r"is like that": "no run matches",
    r"(came|come|comes) to (its|their) end": "finished",
    r"what you have said": "your settings",
    r"(?<!there )\b(is|are) no (verb|command|table|folder|file|model|image|run|text|label|layer)": "is not a",
    r"somebody|whoever|one's own": "user",
    r"\banew\b": "again",
    r"so many\b": "this many",
    r"\bsound\b": "valid",
    r"numbers in (a|the|its) (dense )?code": "latent size",
    r"the (last layer's|encoder's) maps": "feature maps",
    r"\b(right|wrong) (predictions|labels)": "correct, incorrect",
    r"(go|goes|going|went) on with": "continue",
    r"first look|quick look": "quick run",
    r"leave \S+ out\b|(is|are|was|were) left out": "remove, skipped, ignored",
    r"\bannounces?\b": "declares",
    r"\bbeside\b": "next to",
    r"do not compare": "are not comparable",
    r"colour|\bgrey|normalis|initialis|neighbour": "American spelling",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.module}: {case.says}")
def test_a_message_says_what_is_wrong_where(case):
    message, place = outcome(case)
    assert case.names in message
    assert case.says in message
    assert place, "it comes from nowhere that `error_cases.places` knows"
    assert Path(place.file).parts[:2] == ("lib", case.module.split("/")[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.module}: {case.says}")
def test_a_message_is_one_plain_sentence(case):
    message, _ = outcome(case)
    assert message == " ".join(message.split())
    assert message.isprintable()
    assert not message.endswith((".", ":", ";"))
    assert not FOREIGN.search(message)
    assert len(message.replace("invalid", "").split()) > 3


def test_every_message_has_a_case():
    provoked = {outcome(case)[1] for case in CASES}
    assert not [f"{place.file}:{place.first}: {place.source}" for place in PLACES if place not in provoked]


def test_every_word_of_a_message_is_seen():
    said = {}
    for message, place in map(outcome, CASES):
        said[place] = said.get(place, "") + message + "\n"
    assert not [
        f"{place.file}:{place.first}: {part!r}"
        for place in said
        for part in place.parts
        if part not in said[place]
    ]


def test_every_setting_that_belongs_to_another_says_so():
    said = {outcome(case)[0] for case in CASES}
    known = [setting for program in PROGRAMS for setting in settings(program).values()]
    belonging = {setting.label for setting in known if setting.only_when}
    assert not [
        label
        for label in belonging
        if not any(re.match(rf"{label} ha(s|ve) no effect without --", message) for message in said)
    ]


def user_visible_strings() -> list[tuple[str, str]]:
    """Return place and text of every string with a space in the programs and in lib, without docstrings."""
    strings = []
    for path in [*PROJECT.glob("*.py"), *(PROJECT / "lib").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        strings += [
            (f"{path.relative_to(PROJECT)}:{node.lineno}", node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
            if id(node) not in statements
        ]
    return strings


def test_texts_use_the_words_of_the_style_guide():
    assert not [
        f"{place}: {text!r} (use: {word})"
        for place, text in user_visible_strings()
        for phrase, word in FORMER_PHRASES.items()
        if re.search(phrase, text, re.IGNORECASE)
    ]
