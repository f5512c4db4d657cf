"""One file a thing: a panel or a feature that is put into its package is there, everywhere it belongs."""

from __future__ import annotations

import importlib
import sys

import pytest
from PySide6.QtCore import QPoint, Qt

import app.features
import app.panels
from app.panels.experts import ExpertPanel
from app.shell.layouts import LAYOUTS, leaves
from app.shell.window import MainWindow

PANEL = """
from .base import Panel


class ToyPanel(Panel):
    key, title, sentence = "toy", "Toy", "A toy plot."
    layouts, shortcut = ("Demo", "Lighting"), "Ctrl+Shift+F12"
    asks = frozenset({"readings"})
    drawn = 0

    def draw(self, painter, rect):
        self.drawn += self.result is not None
"""
FEATURE = """
from ..core.context import Context, Feature
from ..panels.experts import ExpertPanel


class Toy(Feature):
    order = 55

    def __init__(self, context):
        super().__init__(context)
        self.shown, self.panel = [], context.panels.get(ExpertPanel)
        context.stream.result_shown.connect(lambda result, _: self.shown.append(result))
        context.menus.add("Tools", "Count with a to&y", "Ctrl+Shift+F11", self.count, "What a toy does")

    def count(self):
        self.context.settings.update(smoothing_s=1.5)
        self.context.jobs.start("The toy", lambda _: len(self.shown), self.told)

    def told(self, count):
        self.context.notices.say(f"{count} of {self.context.stream.name}")
"""


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Put a module into a package for this test: ``put(package, name, text)`` returns it."""
    names = []

    def add(package, name, text):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        importlib.invalidate_caches()
        names.append((package, name))
        return importlib.import_module(f"{package.__name__}.{name}")

    yield add
    for package, name in names:
        del sys.modules[f"{package.__name__}.{name}"]
        delattr(package, name)


def show(qtbot, window):
    qtbot.addWidget(window)
    window.resize(1280, 800)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    return window


def submenu(window, menu, name):
    return next(action.menu() for action in window.menus[menu].actions() if action.text().replace("&", "") == name)


def shown(window):
    return {key for key, dock in window.board.docks.items() if dock.isVisible()}


def left(window, key):
    return window.board.docks[key].mapTo(window.board, QPoint()).x()


def test_a_panel_is_one_file(put, maker, settings, qtbot):
    toy_panel = put(app.panels, "toy", PANEL).ToyPanel
    window = show(qtbot, MainWindow(maker, settings))
    panel = window.panels["toy"]
    assert isinstance(panel, toy_panel)
    assert window.context.panels.get(toy_panel) is panel
    # On the board: at the right end of the layouts that it names, and in no other.
    qtbot.waitUntil(lambda: shown(window) == {*leaves(LAYOUTS["Demo"]), "toy"})
    assert all(left(window, "toy") > left(window, key) for key in leaves(LAYOUTS["Demo"]))
    window.show_layout("Explain")
    qtbot.waitUntil(lambda: shown(window) == set(leaves(LAYOUTS["Explain"])))
    window.show_layout("Lighting")
    qtbot.waitUntil(lambda: "toy" in shown(window))
    # In View, Panels, and in the list of keys; its shortcut hides and shows it.
    switch = next(action for action in submenu(window, "View", "Panels").actions() if action.text() == "Toy")
    assert switch.toolTip() == "A toy plot."
    assert ("Ctrl+Shift+F12", "Toy") in window.menus.keys()["View"]
    modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    for there in (False, True):
        qtbot.keyClick(window, Qt.Key.Key_F12, modifiers)
        qtbot.waitUntil(lambda there=there: panel.isVisible() == there == switch.isChecked())
    # It is told of source, results and labels, is drawn, gets what it asks for, and is emptied at the end.
    window.stream.open("eye_demo.aedat4")
    pipeline = maker.made[-1]
    pipeline.advance()
    qtbot.waitUntil(lambda: panel.result is pipeline.latest() and panel.drawn > 0)
    assert panel.source is pipeline.info
    assert panel.engine is pipeline.engine_info
    assert panel.labels is window.stream.labels
    assert pipeline.question.readings
    window.stream.close()
    assert panel.result is None
    # Where it was moved to is kept as of any other.
    window.close()
    assert "toy" in window.settings.values.arrangements["Lighting"].shown


def test_a_panel_whose_file_is_gone_leaves_the_others_as_they_were(put, maker, settings, qtbot, monkeypatch):
    put(app.panels, "toy", PANEL)
    window = show(qtbot, MainWindow(maker, settings))
    qtbot.waitUntil(lambda: "toy" in shown(window))
    window.board.docks["voxels"].toggleViewAction().trigger()
    window.close()
    monkeypatch.setattr(app.panels, "__path__", app.panels.__path__[:-1])
    again = MainWindow(maker, settings)
    again.restore()
    show(qtbot, again)
    qtbot.waitUntil(lambda: shown(again) == set(leaves(LAYOUTS["Demo"])) - {"voxels"})


def test_a_feature_is_one_file(put, maker, settings, qtbot):
    toy_feature = put(app.features, "toy", FEATURE).Toy
    window = show(qtbot, MainWindow(maker, settings))
    toy = next(feature for feature in window.features if isinstance(feature, toy_feature))
    assert toy.context is window.context
    assert toy.panel is window.context.panels.get(ExpertPanel)
    # Its action stands in its menu where its order says, and in the list of keys.
    names = [action.text().replace("&", "") for action in window.menus["Tools"].actions()]
    assert names.index("Align two cameras…") < names.index("Count with a toy") < names.index("Settings…")
    assert ("Ctrl+Shift+F11", "Count with a toy") in window.menus.keys()["Tools"]
    # It follows the stream, works in a job, keeps a setting and says what came of it.
    window.stream.open("eye_demo.aedat4")
    for _ in range(3):
        maker.made[-1].advance()
        window.stream.tick()
    qtbot.keyClick(window, Qt.Key.Key_F11, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(window.notice.isVisible)
    assert window.notice.text() == "3 of eye_demo.aedat4"
    assert window.settings.values.smoothing_s == 1.5
    assert window.jobs.running == ()


def test_a_feature_whose_work_fails_says_so(put, maker, settings, qtbot, caplog):
    put(app.features, "toy", FEATURE.replace("len(self.shown)", "1 / 0"))
    window = show(qtbot, MainWindow(maker, settings))
    window.stream.open("eye_demo.aedat4")
    maker.made[-1].advance()
    qtbot.waitUntil(window.message.isHidden)
    qtbot.keyClick(window, Qt.Key.Key_F11, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(window.notice.isVisible)
    assert "The toy stopped on an unexpected ZeroDivisionError" in window.notice.text()
    assert "The toy stopped" in caplog.text
