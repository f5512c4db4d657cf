"""Layouts: panels stand where their tables say, move by hand, keep their shares and come back as they were left."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QTabBar

from app.core.settings import Arrangement
from app.shell.layouts import LAYOUTS, column, leaves, row, sizes, without_absent
from app.shell.window import MainWindow

SIZES = [(1280, 800), (1920, 1080)]


def visible(window):
    return {key for key, dock in window.board.docks.items() if dock.isVisible()}


def place(window, key):
    dock = window.board.docks[key]
    return dock.mapTo(window.board, QPoint()), dock.size()


def test_parts_share_the_room_between_the_gaps():
    tree = row((column(("a", 1), ("b", 3)), 1), ("c", 2))
    assert sizes(tree, 310, 108, 10) == {"a": (100, 24.5), "b": (100, 73.5), "c": (200, 108)}
    assert leaves(tree) == ["a", "b", "c"]
    assert without_absent(tree, {"a", "c"}) == row(("a", 1), ("c", 2))
    assert without_absent(tree, {"b"}) == "b"
    assert without_absent(tree, set()) is None


@pytest.mark.parametrize(("number", "name"), list(enumerate(LAYOUTS, 1)))
def test_a_key_shows_each_layout(window, qtbot, number, name):
    qtbot.keyClick(window, Qt.Key.Key_0 + number, Qt.KeyboardModifier.ControlModifier)
    assert window.board.layout_name == name
    qtbot.waitUntil(lambda: visible(window) == set(leaves(window.board.tree(name))))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_panels_fill_the_board_in_their_shares_at_every_size(window, qtbot, name, size):
    window.show_layout(name)
    window.resize(*size)
    board = window.board
    wanted = sizes(board.tree(name), board.width(), board.height(), 8)

    def stands():
        for key, (width, height) in sizes(board.tree(name), board.width(), board.height(), 8).items():
            got = board.docks[key].size()
            if abs(got.width() - width) > 3 or abs(got.height() - height) > 3:
                return False
        return True

    qtbot.waitUntil(stands)
    assert set(wanted) == visible(window)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_no_label_is_clipped_in_any_layout(playing, qtbot, name, size):
    window, _ = playing
    window.show_layout(name)
    window.resize(*size)

    def clipped():
        return [
            label.text()
            for panel in window.panels
            for label in panel.head.findChildren(QLabel)
            if label.isVisible() and label.text() and label.width() < label.sizeHint().width()
        ]

    qtbot.waitUntil(lambda: not clipped())


def test_resizing_there_and_back_leaves_every_panel_where_it_was(window, qtbot):
    def cycle():
        for size in ((1900, 1000), (1150, 700), (1280, 800)):
            window.resize(*size)
            qtbot.waitUntil(lambda width=size[0]: window.board.width() == width - 20)
        window.grab()
        return {key: place(window, key) for key in visible(window)}

    before = cycle()
    for _ in range(3):
        assert cycle() == before


def test_what_the_hand_moved_keeps_its_share_and_comes_back(window, maker, settings, qtbot):
    board = window.board
    board.resizeDocks([board.docks["camera"], board.docks["heatmaps"]], [370, 473], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: abs(board.docks["camera"].width() - 370) < 3)
    window.resize(1920, 1080)
    qtbot.waitUntil(lambda: abs(board.docks["camera"].width() / board.width() - 370 / 1260) < 0.01)
    window.close()
    again = MainWindow(maker, settings)
    qtbot.addWidget(again)
    again.resize(1280, 800)
    again.restore()
    again.show()
    qtbot.waitUntil(lambda: abs(again.board.docks["camera"].width() / again.board.width() - 370 / 1260) < 0.01)


def test_a_hidden_panel_stays_hidden_until_the_layout_is_reset(window, maker, settings, qtbot):
    window.board.docks["voxels"].toggleViewAction().trigger()
    assert "voxels" not in visible(window)
    window.show_layout("Explain")
    window.close()
    again = MainWindow(maker, settings)
    qtbot.addWidget(again)
    again.restore()
    with qtbot.waitActive(again):
        again.show()
        again.activateWindow()
    assert again.board.layout_name == "Explain"
    again.show_layout("Demo")
    assert "voxels" not in visible(again)
    qtbot.keyClick(again, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: visible(again) == set(leaves(LAYOUTS["Demo"])))


def test_a_damaged_arrangement_gives_the_default_one(maker, settings, qtbot):
    torn = Arrangement("torn", {}, ())
    settings.update(layout="Nonsense", arrangements={"Demo": torn})
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    window.restore()
    window.show()
    assert visible(window) == set(leaves(LAYOUTS["Demo"]))


def test_only_what_is_on_screen_is_asked_for(playing, qtbot):
    window, pipeline = playing

    def asked(cam, readings):
        qtbot.waitUntil(lambda: (pipeline.question.cam, pipeline.question.readings) == (cam, readings))

    asked(True, False)
    window.show_layout("Explain")
    asked(True, True)
    window.board.docks["readings"].toggleViewAction().trigger()
    asked(True, False)
    window.board.docks["heatmaps"].toggleViewAction().trigger()
    asked(False, False)


def test_the_next_run_shows_in_each_layout_its_own_panels_only(window, maker, settings, qtbot):
    for name in ("Lighting", "Demo"):
        window.show_layout(name)
    window.close()
    second = MainWindow(maker, settings)
    qtbot.addWidget(second)
    second.resize(1280, 800)
    second.show()
    for name in ("Lighting", "Demo", "Lighting"):
        second.show_layout(name)
        shown = {key for key, dock in second.board.docks.items() if not dock.isHidden()}
        assert shown == set(leaves(second.board.tree(name)))


def drag(window, qtbot, key, goal):
    """Drag a panel by its head to ``goal``, board coordinates, as a hand does: in steps that Qt can follow."""
    head, start = window.panels[key].head, QPoint(60, 10)
    before = head.mapTo(window.board, start)
    QTest.mousePress(head, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 9):
        # The head moves with the hand once the drag has begun.
        QTest.mouseMove(head, head.mapFromGlobal(window.board.mapToGlobal(before + (goal - before) * step / 8)))
        QApplication.processEvents()
    QTest.mouseRelease(head, Qt.MouseButton.LeftButton, pos=head.mapFromGlobal(window.board.mapToGlobal(goal)))


def lower_edge(window, key):
    dock = window.board.docks[key]
    return dock.mapTo(window.board, QPoint(dock.width() // 2, dock.height() - 15))


def below(window, upper, lower):
    (above, size), (under, under_size) = place(window, upper), place(window, lower)
    return above.x() == under.x() and under.y() > above.y() and size.width() == under_size.width()


def test_a_panel_dragged_to_another_column_stands_there_at_every_size_and_in_the_next_run(
    window, maker, settings, qtbot
):
    assert not below(window, "emotions", "voxels")
    column = place(window, "emotions")[1].width() / window.board.width()
    drag(window, qtbot, "voxels", lower_edge(window, "emotions"))
    qtbot.waitUntil(lambda: below(window, "emotions", "voxels") and below(window, "voxels", "balance"))
    qtbot.waitUntil(lambda: place(window, "camera")[1].height() > 0.6 * window.board.height())
    assert visible(window) == set(leaves(LAYOUTS["Demo"]))
    window.resize(1920, 1080)
    qtbot.waitUntil(lambda: abs(place(window, "voxels")[1].width() / window.board.width() - column) < 0.01)
    assert below(window, "emotions", "voxels")
    window.close()
    again = MainWindow(maker, settings)
    qtbot.addWidget(again)
    again.restore()
    with qtbot.waitExposed(again):
        again.show()
    qtbot.waitUntil(lambda: below(again, "emotions", "voxels") and below(again, "voxels", "balance"))
    again.reset_layout()
    qtbot.waitUntil(lambda: below(again, "camera", "voxels"))


def test_a_panel_dropped_on_another_shares_its_place_as_a_tab(window, qtbot):
    emotions, experts = window.board.docks["emotions"], window.board.docks["experts"]
    drag(window, qtbot, "experts", emotions.mapTo(window.board, emotions.rect().center()))
    qtbot.waitUntil(lambda: window.board.tabifiedDockWidgets(emotions) == [experts])
    bar = next(bar for bar in window.board.findChildren(QTabBar) if bar.count() == 2)
    for index in (0, 1):
        QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())
        shown = {"Emotion": "emotions", "Experts": "experts"}[bar.tabText(index)]
        qtbot.waitUntil(lambda key=shown: window.panels[key].canvas.visibleRegion().isEmpty() is False)
