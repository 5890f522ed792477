"""Discovery of tasks, formats, figures, commands and other entries by the modules that define them."""

import importlib
import pkgutil
from types import ModuleType


def import_modules(package: str, prefix: str = "") -> list[ModuleType]:
    """Import every module of a package.

    Args:
        package: full name, such as `lib.tasks`.
        prefix: beginning of the names of the modules that are imported.

    Returns:
        The modules.
    """
    return [
        importlib.import_module(f"{package}.{module.name}")
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__)
        if module.name.startswith(prefix)
    ]
