"""What a package holds, found by looking into it: a new module is all that it takes to add a thing."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def public_modules(package: str) -> list[ModuleType]:
    """Import and return the modules of ``package`` whose names begin without an underscore, by name.

    It looks anew at every call, so a module that has come since is found; imported ones are not imported again.
    """
    folders = importlib.import_module(package).__path__
    names = sorted(found.name for found in pkgutil.iter_modules(folders) if not found.name.startswith("_"))
    return [importlib.import_module(f"{package}.{name}") for name in names]
