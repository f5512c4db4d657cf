"""The window's own actions and their keys; features add theirs to the same menus."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMainWindow

from ..core.menus import Menus
from ..core.stream import Stream
from ..widgets.controls import step_choice
from .help import HelpOverlay
from .hud import Hud
from .layouts import LAYOUTS
from .transport import Transport


def add_file(menus: Menus, choose_file: Callable[[], None]) -> None:
    """Begin the File menu."""
    menus.add("File", "&Open…", "Ctrl+O", choose_file, "Open a recording of frames and events")


def add_quit(menus: Menus, close: Callable[[], object]) -> None:
    """End the File menu, once the features have added to it."""
    menus["File"].addSeparator()
    menus.add("File", "&Quit", QKeySequence.StandardKey.Quit, close)


def add_playback(menus: Menus, stream: Stream, transport: Transport) -> None:
    """Fill the Playback menu."""
    add = menus.add
    add("Playback", "&Play or pause", "Space", stream.toggle_play)
    add("Playback", "&Step one frame", ".", stream.step)
    for name, keys, seconds in (
        ("&Back 1 s", "Left", -1),
        ("&Forward 1 s", "Right", 1),
        ("Back 5 s", "Shift+Left", -5),
        ("Forward 5 s", "Shift+Right", 5),
    ):
        add("Playback", name, keys, lambda by=seconds: transport.skip(by))
    add("Playback", "To the s&tart", "Home", lambda: transport.skip(-1e9))
    add("Playback", "S&lower", "[", lambda: step_choice(transport.speed, -1, wrap=False))
    add("Playback", "F&aster", "]", lambda: step_choice(transport.speed, 1, wrap=False))


def add_view(
    menus: Menus, window: QMainWindow, show_layout: Callable[[str], None], reset_layout: Callable[[], None]
) -> None:
    """Begin the View menu."""
    for number, name in enumerate(LAYOUTS, 1):
        menus.add("View", f"&{name} layout", f"Ctrl+{number}", lambda name=name: show_layout(name))
    menus.add("View", "&Reset this layout", "Ctrl+0", reset_layout, "Put every panel back in its place")
    hint = "Fill the screen"
    menus.add(
        "View", "&Full screen", "F11", lambda on: window.showFullScreen() if on else window.showNormal(), hint, False
    )


def add_help(menus: Menus, hud: Hud, overlay: HelpOverlay) -> None:
    """Begin the Help menu."""
    hint = "How long the event loop is held up"
    menus.add("Help", "&Developer figures", "Ctrl+D", hud.set_shown, hint, checked=False)
    menus.add("Help", "&Keys", "?", overlay.toggle, "All keys on one card")
