"""How long the window's event loop is held up while a recording plays; measured in the application itself."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from mcoe.bench.measure import Row
from mcoe.core.errors import McoeError

#: The window is measured for at least so long: a stall is rare.
SHORTEST_S = 10.0


def bench_window(seconds: float, options: list[str]) -> list[Row]:
    """Play the bundled recording at 30 Hz in a 1280×800 window; ms by which a 10 ms beat of its event loop came late.

    Raises:
        McoeError: the window cannot be shown here.
    """
    seconds = max(seconds, SHORTEST_S)
    command = [sys.executable, "-m", window_module(), "--size", "1280x800", "--watch-stalls", str(seconds), *options]
    # Without a screen Qt draws into memory; the event loop and the drawing are the same.
    screen = {} if "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ else {"QT_QPA_PLATFORM": "offscreen"}
    # The child finds this very library, and the window that belongs to it.
    here = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    done = subprocess.run(
        command, env=os.environ | screen | here, capture_output=True, text=True, timeout=seconds + 120, check=False
    )
    if done.returncode or not done.stdout.strip():
        raise McoeError(f"The window did not run: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    group = f"Window, 30 Hz stream, {seconds:.0f} s, {figures['results'] / seconds:.0f} results/s"
    p95, longest = figures["p95_ms"], figures["longest_ms"]
    return [Row(group, "event loop held up, 95th percentile and longest", p95, "ms", (p95, longest), 1.0)]


def window_module() -> str:
    """Return the module of the window's command line that lies beside this library: a clone's, or the installed one.

    Raises:
        McoeError: the library was installed without its window.
    """
    beside = Path(__file__).resolve().parents[2]
    for package in ("mcoe_live", "app"):
        found = importlib.util.find_spec(package)
        if found is not None and found.origin and Path(found.origin).resolve().parents[1] == beside:
            return f"{package}.cli"
    raise McoeError("The window is not installed beside mcoe; install the whole of mcoe-live to measure it.")
