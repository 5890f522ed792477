"""Import rules of DESIGN, section 2; what must not be loaded before it is needed; style and types.

python -m pytest tests/test_architecture.py
python -m tests.test_architecture             prints how many modules of one package import from another
"""

import ast
import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.terminal_session import PROJECT

# A package imports only from packages to the right of it.
PACKAGES = (
    *("search", "reproduction", "cli", "worker", "evaluation", "training", "models"),
    *("runs", "data", "config", "tasks", "common"),
)
LIGHT = PACKAGES[PACKAGES.index("runs") :]
CONVERSATION = ("search", "reproduction", "cli")
WORKER_INTERFACE = {
    "lib.worker.messages",
    "lib.worker.detect_messages",
    "lib.worker.evaluate_messages",
    "lib.worker.explore_messages",
    "lib.worker.generate_messages",
    "lib.worker.process",
    "lib.worker.run_sequence",
}
BACKENDS = {"tensorflow", "jax", "torch"}
BACKEND_MODULES = {"lib.training.backend", "lib.training.distributed"}
HEAVY = {"keras", "sklearn", "matplotlib", "h5py"}
SLOW_TO_START = (
    *(*HEAVY, *BACKENDS, "optuna", "sqlalchemy", "PIL", "questionary", "rich", "plotille"),
    *("psutil", "filelock", "markdown_it", "numpy.random"),
)

# Imported inside of functions that only the worker calls: splits, bundled data sets and some baselines are
# scikit-learn's, downloads Keras's.
LATE_IMPORTS = {
    "lib.tasks": {"sklearn"},  # in each of its modules
    "lib.data.splits": {"sklearn"},
    "lib.data.named_datasets": {"keras", "sklearn"},
}

MODULES = {
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((PROJECT / "lib").rglob("*.py"))
}


def imported_modules(path: Path, late: bool = True, jobs: bool = True) -> set[str]:
    """The modules that a file imports, with submodules resolved.

    Without `late` only those that its import runs; without `jobs` not those of jobs, which only the worker
    runs: functions whose first parameter is the channel.
    """

    def is_entered(node: ast.AST) -> bool:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return True
        return late and (jobs or [parameter.arg for parameter in node.args.args[:1]] != ["channel"])

    modules = set()
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), is_entered):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules |= {name if name in MODULES else node.module for name in names}
    return modules


def _nodes(tree: ast.Module, is_entered: Callable[[ast.AST], bool]) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        yield node
        if is_entered(node):
            waiting += ast.iter_child_nodes(node)


def package_of(module: str) -> str:
    return module.split(".")[1]


def import_matrix() -> dict[tuple[str, str], int]:
    """How many modules of one package import from another, for each pair of packages."""
    pairs: dict[tuple[str, str], int] = {}
    for module, path in MODULES.items():
        if module.count(".") > 0:
            targets = {package_of(name) for name in imported_modules(path) if name.startswith("lib.")}
            for target in targets - {package_of(module)}:
                pair = package_of(module), target
                pairs[pair] = pairs.get(pair, 0) + 1
    return pairs


def test_every_module_lies_in_one_of_the_packages():
    assert {package_of(module) for module in MODULES if module != "lib"} == set(PACKAGES)
    assert not [
        module for module in MODULES if module.count(".") == 1 and MODULES[module].name != "__init__.py"
    ]


def test_packages_import_only_downward():
    upward = [pair for pair in import_matrix() if PACKAGES.index(pair[0]) > PACKAGES.index(pair[1])]
    assert not upward


def test_only_reproduction_and_search_know_themselves():
    for package in ("search", "reproduction"):
        assert not [pair for pair in import_matrix() if pair[1] == package]


def test_modules_have_no_import_cycles():
    graph = {
        module: {name for name in imported_modules(path) if name in MODULES and name != module}
        for module, path in MODULES.items()
    }
    while leaves := {module for module, names in graph.items() if not names & graph.keys()}:
        graph = {module: names for module, names in graph.items() if module not in leaves}
    assert not graph


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.split(".")[1:2] and package_of(name) in CONVERSATION]
)
def test_the_conversation_uses_only_the_interface_of_the_worker(module):
    names = imported_modules(MODULES[module], jobs=False)
    assert not {name for name in names if name.startswith(("lib.models", "lib.training", "lib.evaluation"))}
    assert {name for name in names if name.startswith("lib.worker")} <= WORKER_INTERFACE


@pytest.mark.parametrize("module", MODULES)
def test_only_two_modules_import_a_backend(module):
    if module not in BACKEND_MODULES:
        assert not {name.split(".")[0] for name in imported_modules(MODULES[module])} & BACKENDS


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name.split(".")[1:2] and package_of(name) in LIGHT]
)
def test_light_packages_import_nothing_heavy(module):
    roots = {name.split(".")[0] for name in imported_modules(MODULES[module])}
    assert roots & HEAVY <= LATE_IMPORTS.get(module, LATE_IMPORTS.get(f"lib.{package_of(module)}", set()))
    assert not {name.split(".")[0] for name in imported_modules(MODULES[module], late=False)} & HEAVY


@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_a_program_starts_light(program):
    script = f"import {program}, sys; print(*(name for name in {SLOW_TO_START} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_search_and_reproduction_can_be_deleted(tmp_path):
    shutil.copytree(
        PROJECT / "lib",
        tmp_path / "lib",
        ignore=shutil.ignore_patterns("search", "reproduction", "__pycache__"),
    )
    for program in ("autoencoder.py", "classification.py"):
        shutil.copy(PROJECT / program, tmp_path)
        done = subprocess.run(
            [sys.executable, program, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert "runs" in done.stdout
        assert "search" not in done.stdout


@pytest.mark.parametrize("package", [f"lib.{package}" for package in PACKAGES])
def test_package_docstrings_map_their_modules_and_their_examples_work(package):
    path = MODULES[package]
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    modules = [name.rsplit(".", 1)[1] for name in MODULES if name.rpartition(".")[0] == package]
    assert not [module for module in modules if f"    {module} " not in text]
    assert ">>> " in text
    results = doctest.testmod(importlib.import_module(package), optionflags=doctest.ELLIPSIS)
    assert results.attempted
    assert not results.failed


def test_names_in_docstrings_and_comments_exist():
    texts = {module: path.read_text(encoding="utf-8") for module, path in MODULES.items()}
    for text in texts.values():
        for name in re.findall(r"`(lib\.[\w.]+)`", text):
            module, _, attribute = name.rpartition(".")
            assert name in MODULES or re.search(rf"\b{attribute}\b", texts[module]), name


@pytest.mark.parametrize(
    "command",
    [
        *("ruff check --no-cache", "ruff format --check --no-cache"),
        f"mypy --cache-dir {os.devnull} --platform linux",
        pytest.param(f"mypy --cache-dir {os.devnull} --platform win32", marks=pytest.mark.slow),
    ],
)
def test_style_and_types_are_clean(command):
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def print_import_matrix() -> None:
    """A row for each package, a column for each package that it imports from."""
    matrix = import_matrix()
    width = max(map(len, PACKAGES))
    print(" " * width, *(f"{name[:6]:>6}" for name in PACKAGES))
    for row in PACKAGES:
        print(f"{row:{width}}", *(f"{matrix.get((row, column), ''):>6}" for column in PACKAGES))


if __name__ == "__main__":
    print_import_matrix()
