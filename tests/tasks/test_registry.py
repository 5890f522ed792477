"""Discovery of tasks, and that no other module knows one of them.

python -m pytest tests/tasks/test_registry.py
"""

import ast
import re

import pytest

from lib.tasks import TASKS, Task, default_task, find_task, list_tasks
from lib.tasks.baselines import Baseline
from lib.tasks.classification import CLASSIFIER_BASELINES
from tests.harness.terminal_session import PROJECT

ENGLISH = {"complete", "anomaly"}  # words of other sentences, too: there only a whole text is a name
VERDICTS = {"lib/runs/detection_results.py"}  # a picture is called an anomaly as well
PRESETS = {"lib/config/presets.py", "lib/reproduction/tables.py"}  # values of settings
MODULES = {
    str(path.relative_to(PROJECT))
    for path in (*sorted((PROJECT / "lib").rglob("*.py")), *sorted(PROJECT.glob("*.py")))
    if path.parent != PROJECT / "lib" / "tasks"
}
BASELINES = {"classification": CLASSIFIER_BASELINES} | {name: task.baselines for name, task in TASKS.items()}


@pytest.mark.parametrize("module", sorted(MODULES - PRESETS - VERDICTS))
def test_no_other_module_mentions_a_task(module):
    nodes = list(ast.walk(ast.parse((PROJECT / module).read_text(encoding="utf-8"))))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]
    for text in texts:
        assert text not in TASKS
        assert not set(re.findall(r"[a-z]+", text)) & (TASKS.keys() - ENGLISH)
    task_modules = {type(task).__module__ for task in TASKS.values()}
    assert not task_modules & {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


def test_tasks_are_offered_by_their_order():
    assert list(TASKS) == ["reconstruct", "denoise", "colorize", "complete", "restore", "anomaly"]
    assert [task.order for task in TASKS.values()] == sorted(task.order for task in TASKS.values())
    assert default_task() == "reconstruct"
    assert list_tasks() == "reconstruct, denoise, colorize, complete, restore or anomaly"
    assert list_tasks(lambda task: task.targets_are_inputs) == "reconstruct"


def test_a_task_that_no_module_has_is_one_with_all_defaults():
    assert find_task("denoise") is TASKS["denoise"]
    for name in ("of another version", None, ["denoise"]):
        assert type(find_task(name)) is Task


@pytest.mark.parametrize("baselines", BASELINES.values(), ids=BASELINES)
def test_baselines_of_a_task_have_names_and_labels(baselines):
    assert all(isinstance(baseline, Baseline) and baseline.label for baseline in baselines)
    assert len({baseline.name for baseline in baselines}) == len(baselines)


def test_the_label_of_a_baseline_has_the_numbers_of_the_record():
    pca = TASKS["reconstruct"].baselines[-1]
    assert pca.describe({"pca_components": 1234}) == "PCA, 1,234 components"
    assert pca.describe({"pca_components": 9, "pca_images": 4000}) == "PCA, 9 components of 4,000 images"
    assert pca.describe({}) == "PCA, nan components"
