"""The region of interest by mouse and key, the left eye, the eye finder and the noise filter."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.features import eye as module
from app.features.eye import EyeRegion
from app.panels.roi_editor import moved, resized, scaled
from mcoe.core.errors import McoeError
from mcoe.events.inputs import View
from mcoe.events.noise import NoiseFilter
from tests.app.fake import HEIGHT, ROI, SOURCE, WIDTH, feature

SIZE = (WIDTH, HEIGHT)


@pytest.fixture
def eye(playing, qtbot):
    window, _ = playing
    window.panels["camera"].canvas.repaint()
    qtbot.waitUntil(lambda: not window.panels["camera"].place.isEmpty())
    yield feature(window, EyeRegion)
    window.join()


def drag(canvas, start, by):
    end = start + by
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(canvas, end)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=end)


def screen(window, x, y):
    place = window.panels["camera"].place
    scale = place.width() / WIDTH
    return QPoint(round(place.x() + x * scale), round(place.y() + y * scale))


def test_dragging_the_inside_moves_the_square(eye, playing):
    window, pipeline = playing
    scale = window.panels["camera"].place.width() / WIDTH
    x, y, side = ROI
    drag(
        window.panels["camera"].canvas,
        screen(window, x + side / 2, y + side / 2),
        QPoint(round(40 * scale), round(-10 * scale)),
    )
    name, view = pipeline.calls[-1]
    assert name == "set_view"
    assert view.roi == pytest.approx((x + 40, y - 10, side), abs=1)
    assert window.panels["camera"].pending == view.roi


def test_dragging_a_corner_sizes_the_square_about_the_opposite_one(eye, playing):
    window, pipeline = playing
    scale = window.panels["camera"].place.width() / WIDTH
    x, y, side = ROI
    drag(window.panels["camera"].canvas, screen(window, x, y), QPoint(round(60 * scale), round(60 * scale)))
    view = pipeline.calls[-1][1]
    assert view.roi[2] == pytest.approx(side - 60, abs=2)
    assert (view.roi[0] + view.roi[2], view.roi[1] + view.roi[2]) == (x + side, y + side)


def test_a_press_outside_the_square_changes_nothing(eye, playing):
    window, pipeline = playing
    drag(window.panels["camera"].canvas, screen(window, 5, 250), QPoint(50, -50))
    assert "set_view" not in [call[0] for call in pipeline.calls]


def test_the_pointer_tells_what_a_drag_would_do(eye, playing, qtbot):
    window, _ = playing
    canvas, (x, y, side) = window.panels["camera"].canvas, ROI
    shape = Qt.CursorShape
    for place, told in (
        ((x + side / 2, y + side / 2), shape.SizeAllCursor),
        ((x, y), shape.SizeFDiagCursor),
        ((x + side, y), shape.SizeBDiagCursor),
        ((5, 250), shape.ArrowCursor),
    ):
        # A real screen tells of the pointer's move in its own time.
        QTest.mouseMove(canvas, screen(window, *place))
        qtbot.waitUntil(lambda told=told: canvas.cursor().shape() == told)


def test_the_square_is_remembered_for_its_source(eye, playing, qtbot, maker):
    window, _ = playing
    eye.move(12, 8)
    eye.mirror_action.trigger()
    wanted = View((ROI[0] + 12, ROI[1] + 8, ROI[2]), True)
    window.stream.open("eye_demo.aedat4")
    qtbot.waitUntil(lambda: ("set_view", wanted) in maker.made[-1].calls)
    assert eye.mirror_action.isChecked()


@pytest.mark.parametrize("kept", [(300, 0, 200, False), (0, 200, 100, True), (0, 0, 0, False), (0, 0, 1 << 20, True)])
def test_a_remembered_square_that_does_not_fit_is_left(window, maker, settings, qtbot, kept):
    settings.update(views={"eye_demo.aedat4": kept})
    window.stream.open("eye_demo.aedat4")
    qtbot.waitUntil(lambda: window.stream.pipeline is not None)
    assert "set_view" not in [call[0] for call in maker.made[-1].calls]


@pytest.mark.parametrize(
    ("key", "roi"),
    [(Qt.Key.Key_Left, (59, 20, 220)), (Qt.Key.Key_Down, (63, 24, 220)), (Qt.Key.Key_0, (43, 0, 260)),
     (Qt.Key.Key_Minus, (67, 24, 212)), (Qt.Key.Key_Plus, (59, 16, 228))],
)  # fmt: skip
def test_keys_move_and_size_the_square(eye, playing, qtbot, key, roi):
    window, pipeline = playing
    qtbot.keyClick(window, key, Qt.KeyboardModifier.AltModifier)
    assert pipeline.calls[-1] == ("set_view", View(roi, False))


def test_m_mirrors_the_same_square(eye, playing, qtbot):
    window, pipeline = playing
    qtbot.keyClick(window, Qt.Key.Key_M)
    assert pipeline.calls[-1] == ("set_view", View(ROI, True))
    qtbot.waitUntil(lambda: window.panels["camera"].note.text() == "left eye")


def test_the_eye_that_is_found_gets_the_square(eye, playing, qtbot, monkeypatch):
    window, pipeline = playing
    monkeypatch.setattr(module, "find_eye", lambda image: (50, 30, 150))
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert not eye.find_action.isEnabled()
    qtbot.waitUntil(lambda: pipeline.calls[-1] == ("set_view", View((50, 30, 150), False)))
    assert eye.find_action.isEnabled()


def test_no_eye_is_told(eye, playing, qtbot, monkeypatch):
    window, pipeline = playing
    monkeypatch.setattr(module, "find_eye", lambda image: None)
    eye.find()
    qtbot.waitUntil(lambda: "No eye was found" in window.notice.text())
    assert "set_view" not in [call[0] for call in pipeline.calls]


def test_missing_cascades_are_told(eye, playing, qtbot, monkeypatch):
    window, _ = playing

    def missing(image):
        raise McoeError("OpenCV came without its cascades.")

    monkeypatch.setattr(module, "find_eye", missing)
    eye.find()
    qtbot.waitUntil(lambda: "without its cascades" in window.notice.text())


def test_a_search_that_breaks_is_told_and_logged_and_can_be_tried_again(eye, playing, qtbot, monkeypatch, caplog):
    window, pipeline = playing
    monkeypatch.setattr(module, "find_eye", lambda image: 1 / 0)
    eye.find()
    assert not eye.find_action.isEnabled()
    qtbot.waitUntil(eye.find_action.isEnabled)
    assert window.notice.text().startswith("Finding the eye stopped on an unexpected ZeroDivisionError")
    assert "ZeroDivisionError" in caplog.text
    assert "set_view" not in [call[0] for call in pipeline.calls]
    monkeypatch.setattr(module, "find_eye", lambda image: (50, 30, 150))
    eye.find_action.trigger()
    qtbot.waitUntil(lambda: pipeline.calls[-1] == ("set_view", View((50, 30, 150), False)))


def test_an_eye_that_was_found_in_another_recording_moves_nothing(eye, playing, qtbot, monkeypatch, maker):
    window, _ = playing
    gate = threading.Event()
    monkeypatch.setattr(module, "find_eye", lambda image: gate.wait(60) and (50, 30, 150))
    eye.find()
    maker.pipeline_options = {"info": replace(SOURCE, name="other.aedat4")}
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: window.stream.source is not None and window.stream.source.name == "other.aedat4")
    gate.set()
    qtbot.waitUntil(eye.find_action.isEnabled)
    assert "set_view" not in [call[0] for call in maker.made[-1].calls]


def test_without_a_frame_there_is_nothing_to_search(window):
    feature(window, EyeRegion).find()
    assert "no frame" in window.notice.text()


def test_n_filters_this_and_the_next_source_and_shows_both_rates(eye, playing, qtbot, maker):
    window, pipeline = playing
    qtbot.keyClick(window, Qt.Key.Key_N)
    name, make = pipeline.calls[-1]
    assert name == "set_filter"
    assert isinstance(make(SIZE), NoiseFilter)
    assert window.panels["camera"].note.text() == "noise filter: 412 k → 0 events/s"
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: window.stream.pipeline is maker.made[-1] is not pipeline)

    def told():
        return [call[1] for call in maker.made[-1].calls if call[0] == "set_filter"]

    assert [make(SIZE).duration_us for make in told()] == [2000]
    window.settings.update(filter_ms=5.0)
    assert [make(SIZE).duration_us for make in told()] == [2000, 5000]
    qtbot.keyClick(window, Qt.Key.Key_N)
    assert told()[2:] == [None]
    window.settings.update(filter_ms=6.0)
    assert len(told()) == 3, "another reach is nothing to a filter that is off"
    assert "noise" not in window.panels["camera"].note.text()


def test_a_square_never_leaves_the_sensor():
    assert moved((63, 20, 220), 500, -500, SIZE) == (WIDTH - 220, 0, 220)
    assert resized((63, 20, 220), (1, 1), 900, SIZE) == (63, 20, 240)
    assert resized((63, 20, 220), (-1, -1), 900, SIZE) == (43, 0, 240)
    assert resized((63, 20, 220), (-1, 1), 1, SIZE) == (251, 20, 32)
    assert scaled((63, 20, 220), 500, SIZE) == (43, 0, 260)
