"""Parts found by looking into a package: a new file in it is all that there is to add."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import TypeVar

Part = TypeVar("Part")


def parts(package: ModuleType, kind: type[Part]) -> list[type[Part]]:
    """Return the subclasses of ``kind`` that the modules of ``package`` define, by module and then as written."""
    found: list[type[Part]] = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found += [
            each
            for each in vars(module).values()
            if inspect.isclass(each) and issubclass(each, kind) and each.__module__ == module.__name__
            and not inspect.isabstract(each) and each is not kind
        ]  # fmt: skip
    return found
