"""The window's own actions and their keys; features add theirs to the same menus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QComboBox

from .layouts import LAYOUTS

if TYPE_CHECKING:
    from .window import MainWindow


def add_actions(window: MainWindow) -> None:
    """Fill the menus of ``window``."""
    _file_and_playback(window)
    _explain(window)
    _view(window)
    add = window.menus.add
    window.hud_action = add(
        "Help",
        "&Developer figures",
        "Ctrl+D",
        window.hud.set_shown,
        "How long the event loop is held up",
        checked=False,
    )
    add("Help", "&Keys", "?", window.help.toggle, "All keys on one card")


def add_quit(window: MainWindow) -> None:
    """End the File menu, once the features have added to it."""
    window.menus["File"].addSeparator()
    window.menus.add("File", "&Quit", QKeySequence.StandardKey.Quit, window.close)


def _file_and_playback(window: MainWindow) -> None:
    add = window.menus.add
    add("File", "&Open…", "Ctrl+O", window.choose_file, "Open a recording of frames and events")
    add("Playback", "&Play or pause", "Space", window.toggle_play)
    add("Playback", "&Step one frame", ".", window.step)
    transport = window.transport
    for name, keys, seconds in (
        ("&Back 1 s", "Left", -1),
        ("&Forward 1 s", "Right", 1),
        ("Back 5 s", "Shift+Left", -5),
        ("Forward 5 s", "Shift+Right", 5),
    ):
        add("Playback", name, keys, lambda by=seconds: transport.skip(by))
    add("Playback", "To the s&tart", "Home", lambda: transport.skip(-1e9))
    add("Playback", "S&lower", "[", lambda: _next(transport.speed, -1, wrap=False))
    add("Playback", "F&aster", "]", lambda: _next(transport.speed, 1, wrap=False))


def _explain(window: MainWindow) -> None:
    add, heat = window.menus.add, window.heatmaps
    add(
        "Explain", "Next &emotion", "C", lambda: _next(heat.target, 1), "Explain the next emotion's score with Grad-CAM"
    )
    add("Explain", "Previous e&motion", "Shift+C", lambda: _next(heat.target, -1))
    add("Explain", "&Against the next", "V", lambda: _next(heat.versus, 1), "Take the next emotion's evidence off")
    add("Explain", "A&gainst the previous", "Shift+V", lambda: _next(heat.versus, -1))
    add("Explain", "Other &layer", "G", lambda: _next(heat.layer, 1), "Weigh the maps of stage 3 or of stage 4")
    step = heat.opacity.pageStep()
    add("Explain", "More &opaque", "+", lambda: heat.opacity.setValue(heat.opacity.value() + step))
    add("Explain", "Less o&paque", "-", lambda: heat.opacity.setValue(heat.opacity.value() - step))
    add("Explain", "&Weigh the votes", "W", window.experts.weighted.toggle, window.experts.weighted.toolTip())
    add("Explain", "&Count expert shares anew", "Shift+W", window.shares.restart)


def _view(window: MainWindow) -> None:
    add = window.menus.add
    hint = "Draw the window's ON and OFF events over the frame"
    window.overlay_action = add("View", "&Events over the frame", "E", window.camera.set_overlay, hint, checked=True)
    for number, name in enumerate(LAYOUTS, 1):
        add("View", f"&{name} layout", f"Ctrl+{number}", lambda name=name: window.show_layout(name))
    add("View", "&Reset this layout", "Ctrl+0", window.reset_layout, "Put every panel back in its place")
    full = "Fill the screen"
    add("View", "&Full screen", "F11", lambda on: window.showFullScreen() if on else window.showNormal(), full, False)


def _next(choice: QComboBox, by: int, wrap: bool = True) -> None:
    """Choose the entry ``by`` further on, from the last to the first if ``wrap``."""
    index, count = choice.currentIndex() + by, choice.count()
    choice.setCurrentIndex(index % count if wrap else min(count - 1, max(0, index)))
