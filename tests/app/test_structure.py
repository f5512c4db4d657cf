"""What holds app/ together: nothing reaches into another object, and what is small loads nothing large."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What a panel, a widget or a result must not bring with it.
HEAVY = ("torch", "numba", "openvino", "scipy")
#: ``import app.widgets.theme`` loads 309 modules; it was 1,734 while the window came with it.
MOST_MODULES = 700


def reaches(source: str) -> list[str]:
    """Return where a module uses what another object, class or module keeps to itself, as ``line: code``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and _private(node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            above = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super"
            if not own and not above:
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.lineno}: import {each.name}" for each in node.names if _private(each.name)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr", "delattr"):
            who, name = node.args[:2]
            if isinstance(name, ast.Constant) and _private(str(name.value)) and ast.unparse(who) not in ("self", "cls"):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_nothing_in_app_reaches_into_another_objects_private_state():
    found = {
        str(path.relative_to(ROOT)): places
        for path in sorted((ROOT / "app").rglob("*.py"))
        if (places := reaches(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_reaching_is_seen_and_what_is_ones_own_is_not():
    own = (
        "class A(B):\n    def f(self, other):\n        self._x = super()._x + getattr(self, '_y') + other.x.__class__.n"
    )
    assert reaches(own) == []
    for code in ("window.panel._x", "self.panel._x", "a.b()._x = 1", "from .b import _c", "getattr(panel, '_x', 0)"):
        assert len(reaches(code)) == 1, code


def modules(package: str) -> list[str]:
    folder = ROOT.joinpath(*package.split("."))
    return [f"{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]


@pytest.fixture(scope="module")
def loads() -> dict[str, tuple[int, set[str]]]:
    """How many modules each import loads in a process of its own, and which of the heavy packages are among them."""
    names = ["mcoe.results", "app.core.settings", *modules("app.panels"), *modules("app.widgets")]
    # A fork for each has none of the other modules that were asked for, and spares a start of the interpreter.
    program = (
        "import importlib, os, sys\n"
        "for name in sys.argv[1:]:\n"
        "    if (child := os.fork()) == 0:\n"
        "        importlib.import_module(name)\n"
        "        print(name, len(sys.modules), *sorted(HEAVY & set(sys.modules)), flush=True)\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(child, 0)[1] == 0, name\n"
    ).replace("HEAVY", repr(set(HEAVY)))
    done = subprocess.run(
        [sys.executable, "-c", program, *names], capture_output=True, text=True, check=False, timeout=240, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, count, *heavy = line.split()
        found[name] = int(count), set(heavy)
    assert list(found) == names
    return found


def test_panels_widgets_and_results_load_neither_torch_nor_numba(loads):
    assert {name: heavy for name, (_, heavy) in loads.items() if heavy} == {}


def test_panels_widgets_and_results_load_few_modules(loads):
    assert {name: count for name, (count, _) in loads.items() if count > MOST_MODULES} == {}
