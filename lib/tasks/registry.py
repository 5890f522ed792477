"""Tasks by their settings or their name, and lists of tasks for messages."""

from collections.abc import Callable, Iterable

from lib.tasks.base import TASKS, Task
from lib.tasks.settings import TaskSettings


def get_task(settings: TaskSettings) -> Task:
    """Return the task of settings.

    Args:
        settings: with the name of the task and its options.

    Returns:
        The task as the options define it.
    """
    return TASKS[settings.task].for_options(settings)


def find_task(name: object) -> Task:
    """Return the task of a name in a record.

    Args:
        name: as it is recorded, of any type.

    Returns:
        The task; for a name that no task has, one with all defaults.
    """
    return TASKS.get(name, Task()) if isinstance(name, str) else Task()


def default_task() -> str:
    """Return the name of the default task."""
    return next(iter(TASKS))


def list_tasks(condition: Callable[[Task], bool] = lambda task: True) -> str:
    """Return the names of the tasks with a property.

    Args:
        condition: whether a task has the property; by default all have it.

    Returns:
        The names as they stand in a sentence, such as `denoise, colorize or complete`.
    """
    return join_names(name for name, task in TASKS.items() if condition(task))


def list_residual_tasks() -> str:
    """Return the tasks that allow residual outputs, those with a condition last."""
    requirements = {task.residual_requirement: task.name for task in TASKS.values()}
    return join_names(sorted(filter(None, requirements), key=lambda text: text != requirements[text]))


def join_names(names: Iterable[str]) -> str:
    """Return names as `denoise, colorize or complete`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
