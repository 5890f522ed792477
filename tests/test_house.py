"""Who may import whom, what must not be loaded before it is needed, style and types. python -m pytest tests/test_house.py"""

import ast
import os
import subprocess
import sys

import pytest

from tests.keys import PROJECT

# A module imports only from lines above its own: first what everyone uses, then the programs', then the worker's.
ORDER = [
    *("errors", "written", "locks", "kinds", "fields", "hyperparameters", "presets", "teams"),
    *("files", "idx", "cifar10", "arrays", "folders", "readers"),
    *("targets", "plans", "shapes", "datasets", "own", "sound", "runs", "unfinished", "terminal", "process"),
    *(
        "series",
        "pictures",
        "flags",
        "questions",
        "advanced",
        "results",
        "display",
        "session",
        "records",
        "documents",
        "report",
        "ledger",
    ),
    *(
        "using",
        "spaces",
        "studies",
        "trials",
        "scoreboard",
        "wanted",
        "search",
        "catalogue",
        "work",
        "race",
        "compared",
        "reproduce",
        "menus",
        "verbs",
    ),
    *(
        "backend",
        "colour",
        "changes",
        "tasks",
        "principal",
        "variational",
        "beginnings",
        "fixed",
        "networks",
        "copies",
        "classifiers",
        "hdf5",
        "keras2",
        "foreign",
        "storage",
    ),
    *("checkpoints", "muon", "training", "together", "evaluation", "baselines"),
    *("latent", "figures", "views", "outcomes", "progress", "refinement", "saved", "probes", "worker"),
]
PROGRAMS_ONLY, WORKERS = ORDER[ORDER.index("pictures") : ORDER.index("backend")], ORDER[ORDER.index("backend") :]
HEAVY = ("keras", "optuna", "sqlalchemy", "tensorflow", "jax", "torch", "sklearn", "matplotlib", "h5py", "PIL", "questionary")


def imports(path) -> set[str]:
    """Every module that a file imports, wherever in it; those of lib by their own names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("lib.") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names} if node.module == "lib" else {node.module.removeprefix("lib.")}
    return found


def test_the_order_names_every_module():
    assert {path.stem for path in (PROJECT / "lib").glob("*.py")} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_imports_go_one_way(module):
    mine = imports(PROJECT / "lib" / f"{module}.py") & set(ORDER)
    assert all(ORDER.index(other) < ORDER.index(module) for other in mine), mine
    if module in WORKERS:
        assert not mine & set(PROGRAMS_ONLY)
    else:
        assert not mine & set(WORKERS)


@pytest.mark.parametrize("module", ORDER)
def test_only_the_backend_module_may_touch_a_backend(module):
    if module != "backend":
        assert not {name.split(".")[0] for name in imports(PROJECT / "lib" / f"{module}.py")} & {"tensorflow", "jax", "torch"}


@pytest.mark.parametrize("command", ["ruff check --no-cache", "ruff format --check --no-cache", f"mypy --cache-dir {os.devnull}"])
def test_style_and_types_are_clean(command):
    done = subprocess.run([sys.executable, "-m", *command.split()], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_a_program_starts_light(program):
    script = f"import {program}, sys; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
