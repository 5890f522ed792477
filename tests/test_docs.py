"""README and docs: commands parse, links resolve, flags exist, generated pages are current.

python -m pytest tests/test_docs.py
"""

import re
import subprocess
import sys

import pytest

from lib.cli import commands
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.config.program_settings import PROGRAMS, settings
from tests import docs
from tests.harness.terminal_session import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((PROJECT / "docs").glob("*.md"))}
TEXTS = {"README.md": README} | PAGES
FLAGS_ELSEWHERE = {  # of TensorBoard, pytest and tests.benchmarks
    *(
        "--logdir",
        "--maxprocesses",
        "--dist",
        "--rows",
        "--seeds",
        "--side",
        "--sizes",
        "--samplers",
        "--kinds",
    ),
    "--upend",  # an example of an augmentation to add
}
MAX_README_LINES, MAX_PAGE_LINES, MAX_PARAGRAPH_LINES = 220, 250, 5

COMMAND = re.compile(  # in a line of its own, or as code in a sentence or table
    r"^    python (\w+\.py.*?)(?:  +#.*)?$|`python ((?:autoencoder|classification)\.py[^`]*)`", re.MULTILINE
)
COMMANDS = [
    pytest.param(indented or inline, id=f"{name}-{number}")
    for name, text in TEXTS.items()
    for number, (indented, inline) in enumerate(COMMAND.findall(text.replace("\\\n", " ")))
]
# Commands of the documentation that take seconds on bundled images, and need no other run.
QUICK_COMMANDS = [
    "autoencoder.py -d digits --task denoise --epochs 1 --limit 200 --yes",
    "autoencoder.py -d photos --task colorize --epochs 1 --limit 100 --yes",
    "autoencoder.py -d digits --latent-dim 10 --epochs 1 --limit 200 --no-input --output models/RUN",
    "classification.py -d digits -model models/RUN --epochs 1 --limit 200 --yes",
    "classification.py probe -d digits -model models/RUN --epochs 1 --limit 200 --yes",
    "autoencoder.py apply -model models/RUN -d digits --limit 20",
    "autoencoder.py encode -model models/RUN -d digits --output codes.npz",
    "autoencoder.py generate -model models/RUN",
    "autoencoder.py evaluate -model models/RUN --count 50",
    "autoencoder.py search -d digits --grid layers=1,2 --epochs 1 --limit 200 --yes",
    "autoencoder.py runs",
]


@pytest.mark.parametrize("name", docs.pages())
def test_generated_pages_are_current(name):
    assert PAGES[name] == docs.pages()[name], "run python -m tests.docs"


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_parses(line):
    program, *words = re.split(r" [<>&|]", line)[0].split()  # what follows is for the shell
    if "[FLAGS]" in words:
        return
    program = program.removesuffix(".py")
    if words and words[0] in commands.commands_of(program):
        commands.commands_of(program)[words[0]].make_parser(program).parse(words[1:])
        return
    args = TrainParser(program, "").parse([word for word in words if word != "--help-all"])
    if args.dataset and not args.answers:  # what it says can be built
        Answers(program, args).hyperparameters({})


@pytest.mark.slow
def test_quick_commands_run(tmp_path):
    for line in QUICK_COMMANDS:
        program, *words = line.split()
        done = subprocess.run(
            [sys.executable, str(PROJECT / program), *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def all_flags() -> set[str]:
    parsers = [TrainParser(program, "") for program in PROGRAMS]
    parsers += [
        command.make_parser(program)
        for program in PROGRAMS
        for command in commands.commands_of(program).values()
    ]
    return {flag for parser in parsers for flag in parser.options} | {"--help-all"}


@pytest.mark.parametrize("name", TEXTS)
def test_no_flag_is_invented(name):
    prose = re.sub(r"```.*?```", "", TEXTS[name], flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose)) <= all_flags() | FLAGS_ELSEWHERE


def test_every_flag_and_command_is_documented_once():
    text = PAGES["command-line.md"] + PAGES["commands.md"]
    documented = {section.split("\n")[0]: documented_flags(section) for section in text.split("\n## ")}
    assert all_flags() - {flag for flags in documented.values() for flag in flags} - {"-h", "--help"} == set()
    for flags in documented.values():
        assert len(flags) == len({*flags})
    for setting in [setting for program in PROGRAMS for setting in settings(program).values()]:
        assert {*setting.flags} <= {*documented["train"]}
    for command, flags in {"apply": ["--fit", "--size", "--limit"], "search": [], "runs": ["--task"]}.items():
        assert [
            flag for flag in ("--fit", "--size", "--limit", "--task") if flag in documented[command]
        ] == flags
    names = {name for program in PROGRAMS for name in commands.commands_of(program)}
    assert all(text.count(f"\n## {name}\n") == 1 for name in {"train", *names})


def documented_flags(section: str) -> list[str]:
    """The flags with a row of their own."""
    rows = re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
    return [flag for row in rows for flag in re.findall(r"`(--?[\w-]+)`", row)]


@pytest.mark.parametrize("name", TEXTS)
def test_links_resolve(name):
    folder = PROJECT if name == "README.md" else PROJECT / "docs"
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if re.match(r"[a-z]+://", target):
            continue
        file, _, anchor = target.partition("#")
        path = folder / file if file else folder / name
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), target


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index():
    assert set(re.findall(r"\(docs/([\w-]+\.md)\)", README)) >= PAGES.keys()


@pytest.mark.parametrize("name", TEXTS)
def test_pages_are_short(name):
    text = TEXTS[name]
    assert len(text.splitlines()) <= (MAX_README_LINES if name == "README.md" else MAX_PAGE_LINES)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for paragraph in re.split(r"\n\s*\n", prose):
        lines = [line for line in paragraph.strip().splitlines() if not re.match(r"[|*#]|    |\d+\.|-", line)]
        assert len(lines) <= MAX_PARAGRAPH_LINES, paragraph


def test_quick_start_is_two_commands():
    section = README.split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)
    assert len(blocks) == 2
    assert all("\n" not in block for block in blocks)
    assert "requirements.txt" in blocks[0]
    assert "python -m pytest" in blocks[1]
    assert (PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == blocks[1]
