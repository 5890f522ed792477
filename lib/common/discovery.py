"""Discovery of the modules of a package, whose classes register themselves when they are imported."""

import importlib
import pkgutil


def import_modules(package: str) -> None:
    """Import every module of a package.

    Args:
        package: full name, such as `lib.tasks`.
    """
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
