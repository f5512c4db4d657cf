"""What only holds or shows results loads neither torch nor numba: whoever draws a chart need not wait for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "numba", "openvino", "dv_processing", "PySide6"}


def loaded(*statements: str) -> set[str]:
    """Return the top-level packages and our own modules that a fresh process has after these statements."""
    code = "; ".join(["import sys", f"sys.path.insert(0, {str(ROOT)!r})", *statements, "print(*sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    return {name.split(".")[0] for name in names} | {name for name in names if name.startswith("mcoe.")}


@pytest.mark.parametrize(
    "module",
    [
        "mcoe.results",
        "mcoe.core.files",
        "mcoe.events.inputs",
        "mcoe.explain.overlay",
        "mcoe.live.engine.stepper",
        "mcoe.live.jobs.moments",
        "mcoe.live.stream.history",
        "mcoe.live.stream.inference",
        "mcoe.live.stream.pipeline",
        "mcoe.recording.recorder",
        "mcoe.recording.session",
        "mcoe.recording.sidecar",
        "mcoe.recording.table",
    ],
)
def test_it_is_light(module: str) -> None:
    assert not loaded(f"import {module}") & HEAVY


def test_the_package_alone_loads_nothing_not_even_numpy() -> None:
    after = loaded("import mcoe")
    assert not after & (HEAVY | {"numpy", "cv2"})
    assert not {name for name in after if name.startswith("mcoe.")}


def test_a_name_of_the_front_door_loads_what_it_needs_and_no_more() -> None:
    light = loaded("import mcoe", "mcoe.Result", "mcoe.table", "mcoe.EMOTIONS", "mcoe.McoeError", "mcoe.overlay")
    assert not light & HEAVY
    assert "torch" in loaded("import mcoe", "mcoe.load")
