"""Which window the benchmark measures."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import app
from mcoe.bench.window import window_module
from mcoe.core.errors import McoeError


def test_it_is_the_one_beside_the_library() -> None:
    name = window_module()
    package = importlib.util.find_spec(name.split(".")[0])
    assert package is not None and package.origin is not None
    assert Path(package.origin).resolve() == Path(app.__file__).resolve()
    here = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", name, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=here)
    assert "--headless" in done.stdout


def test_a_library_without_its_window_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(McoeError, match="whole of mcoe-live"):
        window_module()
