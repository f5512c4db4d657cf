"""What an import loads, and that the window finds itself under whatever name it is installed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import app
from mcoe.live.bundled import default_recording

HEAVY = ("torch", "numba", "PySide6", "cv2", "openvino")


def loaded_by(program: str, *args: str) -> set[str]:
    """Run a program and return which of the heavy packages it had loaded at its end."""
    end = f"\nimport sys\nprint('LOADED', *[n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program + end, *args], capture_output=True, text=True, check=False, timeout=240,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("module", ["mcoe", "mcoe.__main__", "mcoe.core.log", "mcoe.core.kernels", "app", "app.cli"])
def test_these_load_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}") == set()


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by("import app.cli; app.cli.parser().format_help()") == set()


def test_listing_cameras_loads_no_qt() -> None:
    assert "PySide6" not in loaded_by("import app.cli; assert app.cli.main(['--list-cameras']) == 0")


@pytest.mark.slow
def test_a_headless_run_loads_no_qt(tmp_path: Path) -> None:
    program = "import sys, app.cli; assert app.cli.main(sys.argv[1:]) == 0"
    run = ["--headless", "--replay", str(default_recording()), "--out", str(tmp_path / "p.csv")]
    loaded = loaded_by(program, *run)
    assert "torch" in loaded and "PySide6" not in loaded


def test_the_window_never_calls_itself_app() -> None:
    package, absolute = Path(app.__file__).parent, []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if any(n.split(".")[0] in ("app", "mcoe_live") for n in names):
                absolute.append(f"{path.relative_to(package)}:{node.lineno}")
    assert absolute == []
