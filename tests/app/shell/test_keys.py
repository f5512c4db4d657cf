"""Keys for everything, the card that lists them, and the watch on the event loop."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QLabel, QToolButton

from app.panels.base import Panel
from app.shell.hud import BEAT_MS, Watchdog
from tests.app.fake import SOURCE

SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


def test_the_question_mark_lists_every_key_and_any_key_takes_the_list_away(window, qtbot):
    qtbot.keyClick(window, Qt.Key.Key_Question)
    assert window.help.isVisible()
    words = {label.text() for label in window.help.findChildren(QLabel)}
    listed = [pair for keys in window.menus.keys().values() for pair in keys]
    assert len(listed) > 20
    for keys, name in listed:
        assert {keys, name} <= words
    qtbot.keyClick(window.help, Qt.Key.Key_Escape)
    assert window.help.isHidden()
    qtbot.keyClick(window, Qt.Key.Key_Question)
    qtbot.mouseClick(window.help, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert window.help.isHidden()


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_the_list_of_keys_fits(window, qtbot, size):
    window.resize(*size)
    window.help.toggle()
    qtbot.waitUntil(lambda: window.help.card.height() > 100)
    window.help.grab()
    assert window.help.rect().contains(window.help.card.geometry())
    for label in window.help.findChildren(QLabel):
        assert label.width() >= label.sizeHint().width(), label.text()


def test_no_two_actions_share_a_key(window):
    keys = [key for group in window.menus.keys().values() for key, _ in group]
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize(
    ("key", "modifier", "seconds"),
    [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 6),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 4),
        (Qt.Key.Key_Right, SHIFT, 10),
        (Qt.Key.Key_Left, SHIFT, 0),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 0),
    ],
)
def test_arrows_skip(playing, qtbot, key, modifier, seconds):
    window, pipeline = playing
    pipeline.seek(SOURCE.start_us + 5_000_000)
    window.stream.tick()
    qtbot.keyClick(window, key, modifier)
    qtbot.waitUntil(lambda: sum(call[0] == "seek" for call in pipeline.calls) == 2)
    assert abs(pipeline.calls[-1][1] - (SOURCE.start_us + seconds * 1_000_000)) < 50_000


def test_brackets_change_the_speed_and_stop_at_the_ends(playing, qtbot):
    window, pipeline = playing
    qtbot.keyClick(window, Qt.Key.Key_BracketRight)
    assert pipeline.calls[-1] == ("set_speed", 2.0)
    for _ in range(9):
        qtbot.keyClick(window, Qt.Key.Key_BracketLeft)
    assert pipeline.calls[-1] == ("set_speed", 0.1)


def test_the_overlay_key_hides_the_events(playing, qtbot):
    window, _ = playing
    qtbot.keyClick(window, Qt.Key.Key_E)
    assert not window.panels["camera"].overlay


def test_full_screen_and_back(window, qtbot):
    qtbot.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    qtbot.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(lambda: not window.isFullScreen())


def test_every_control_has_a_name_and_a_hint(window):
    for control in [*window.findChildren(QComboBox), *window.findChildren(QToolButton)]:
        owner = control.parent()
        if isinstance(owner, Panel) or control.objectName() == "compact":
            assert control.accessibleName(), control
            assert control.toolTip(), control


def test_developer_figures_watch_only_while_they_show(playing, qtbot):
    window, _ = playing
    hud = window.hud
    assert hud.watchdog.figures() == (0.0, 0.0)
    qtbot.keyClick(window, Qt.Key.Key_D, CONTROL)
    assert hud.isVisible()
    qtbot.waitUntil(lambda: hud.watchdog.figures()[0] > 0)
    hud.refresh()
    shown = {name: value for name, value, _ in hud.rows}
    assert shown["windows dropped"] == "2"
    assert shown["head, median / p95"] == "2.2 / 3.0 ms"
    assert hud.grab().toImage().pixelColor(3, 3).isValid()
    qtbot.keyClick(window, Qt.Key.Key_D, CONTROL)
    assert hud.isHidden()
    assert not hud.watchdog._timer.isActive()


def test_the_watchdog_measures_lateness_over_5_s():
    dog = Watchdog()
    beat = BEAT_MS / 1000
    now = 100.0
    dog.beat(now)
    for _ in range(99):
        now += beat
        dog.beat(now)
    longest, p95 = dog.figures()
    assert longest == pytest.approx(0, abs=1e-6)
    now += beat + 0.080
    dog.beat(now)
    longest, p95 = dog.figures()
    assert longest == pytest.approx(80)
    assert p95 < 1
    for _ in range(501):
        now += beat
        dog.beat(now)
    assert dog.figures()[0] == pytest.approx(0, abs=1e-6)
