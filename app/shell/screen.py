"""Whether there is a screen to show the window on: asked before Qt is, which aborts the process where there is none."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys

from mcoe.core.errors import McoeError

_OTHERWISE = "log in to a desktop, use xvfb-run, or run without a window (--headless)"


def check_screen() -> None:
    """Raise McoeError where no window can be shown. Where Qt's platform is chosen by hand, that is left to Qt."""
    chosen = os.environ.get("QT_QPA_PLATFORM", "")
    if not sys.platform.startswith("linux") or (chosen and not re.match("xcb|wayland", chosen)):
        return
    display = os.environ.get("DISPLAY", "")
    if os.environ.get("WAYLAND_DISPLAY") and not chosen.startswith("xcb"):
        return
    if not display:
        raise McoeError(f"There is no screen to show the window on; {_OTHERWISE}.")
    local = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if local and not _answers(f"/tmp/.X11-unix/X{local[1]}"):
        raise McoeError(f"No X server answers at DISPLAY={display}; {_OTHERWISE}.")


def _answers(path: str) -> bool:
    for name in (path, "\0" + path):  # Linux servers listen at one or both
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(3)
            probe.connect(name)
            return True
    return False
