"""The map of the experts: votes are spread over the recording, laid out beside the window's thread, and drawn."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.dialogs import expert_map as module
from app.features.expert_map import ExpertMap
from app.widgets.theme import KIND_COLOURS
from mcoe.core.errors import McoeError
from mcoe.live.jobs.votes import KEPT, Votes
from tests.app.fake import feature, make_prediction
from tests.app.panels.test_panels import count, picture
from tests.live.fakes import FakeEngine, FakeSource


def prediction_number(i: int):
    return replace(make_prediction(0), expert_logits=np.full((8, 7), i, np.float32))


@pytest.fixture
def quick(monkeypatch):
    """A layout of 20 steps: what it looks like is tested elsewhere."""
    from mcoe.explain.tsne import tsne

    monkeypatch.setattr(module, "tsne", lambda features, watch: tsne(features, watch=watch, steps=20))


def test_a_key_lays_the_votes_out_and_draws_them_by_kind(playing, quick, qtbot):
    window, pipeline = playing
    for _ in range(6):
        pipeline.advance()
        window.stream.tick()
    qtbot.keyClick(window, Qt.Key.Key_T)
    dialog = feature(window, ExpertMap).dialog
    qtbot.waitUntil(lambda: dialog.points is not None and not dialog.busy and dialog.again.isEnabled())
    assert "settled" in dialog.words.text()
    assert len(dialog.points) == len(dialog.kinds) >= 8 * 7
    image = picture(dialog)
    for colour in KIND_COLOURS.values():
        assert count(image, colour) > 50
    before = len(dialog.points)
    for _ in range(3):
        pipeline.advance()
        window.stream.tick()
    qtbot.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.busy and dialog.again.isEnabled())
    assert len(dialog.points) == before + 3 * 8


def test_too_few_windows_are_said_in_words(window, qtbot):
    feature(window, ExpertMap).show_map()
    dialog = feature(window, ExpertMap).dialog
    assert "Play some of a recording first" in dialog.words.text()
    assert not dialog.busy


def test_closing_the_map_or_the_recording_stops_the_layout(playing, maker, qtbot):
    window, pipeline = playing
    for i in range(KEPT):
        window.stream.result_shown.emit(replace(pipeline.latest(), prediction=prediction_number(i % 9)), ())
    experts = feature(window, ExpertMap)
    experts.show_map()
    assert experts.dialog.busy
    experts.dialog.close()
    qtbot.waitUntil(lambda: not experts.dialog.busy)
    experts.show_map()
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: len(maker.made) == 2 and not experts.dialog.busy)
    assert len(experts.votes) == 0


@pytest.fixture
def mapped(playing, quick, qtbot):
    """An open map of a window that plays, its pipeline and the map's dialog."""
    window, pipeline = playing
    for _ in range(6):
        pipeline.advance()
        window.stream.tick()
    experts = feature(window, ExpertMap)
    experts.show_map()
    qtbot.waitUntil(lambda: not experts.dialog.busy)
    yield window, pipeline, experts.dialog
    experts.dialog.close()
    window.join()


def test_the_whole_recording_is_read_beside_the_window(mapped, qtbot):
    _, pipeline, dialog = mapped
    qtbot.mouseClick(dialog.whole, Qt.MouseButton.LeftButton)
    assert dialog.whole.text() == "Cancel"
    assert pipeline.state == "paused"
    qtbot.waitUntil(lambda: dialog.reading is None and not dialog.busy and dialog.again.isEnabled())
    assert "30 windows of the whole recording" in dialog.words.text()
    assert len(dialog.points) == 8 * 30
    assert pipeline.state == "playing"
    qtbot.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.busy and "that were shown" in dialog.words.text())


def test_what_was_read_is_laid_out_although_the_layout_before_stops_late(mapped, qtbot, monkeypatch):
    *_, dialog = mapped
    gates = [threading.Event(), threading.Event()]
    waiting = iter(gates)

    def late(features, watch):
        next(waiting).wait(60)
        return np.zeros((len(features), 2))

    monkeypatch.setattr(module, "tsne", late)
    dialog.compute_shown()
    shown = len(dialog.kinds)
    dialog.toggle()
    qtbot.waitUntil(lambda: dialog.read is not None)
    assert len(dialog.kinds) == shown
    for gate in gates:
        gate.set()
    qtbot.waitUntil(lambda: dialog.words.text().endswith("30 windows of the whole recording · settled"))
    assert len(dialog.points) == len(dialog.kinds) == 8 * 30


def test_reading_the_whole_recording_can_be_cancelled(mapped, maker, qtbot):
    *_, dialog = mapped
    gate = threading.Semaphore(2)
    maker.build = lambda weights=None: FakeEngine(gate)
    dialog.toggle()
    qtbot.waitUntil(lambda: "%" in dialog.words.text())
    before = dialog.points
    job = dialog.reading
    qtbot.mouseClick(dialog.whole, Qt.MouseButton.LeftButton)
    gate.release(5)
    qtbot.waitUntil(lambda: dialog.reading is None)
    assert job.state == "cancelled"
    assert "Cancelled" in dialog.words.text()
    assert dialog.points is before


def test_a_recording_that_cannot_be_read_is_told(mapped, maker, qtbot):
    *_, dialog = mapped

    def refuse(path):
        raise McoeError("gone.aedat4 is gone.")

    maker.open_source = refuse
    dialog.toggle()
    qtbot.waitUntil(lambda: "is gone" in dialog.words.text())
    maker.open_source = lambda path: FakeSource(live=True)
    dialog.toggle()
    qtbot.waitUntil(lambda: "needs a recording" in dialog.words.text())
    maker.build = lambda weights=None: 1 / 0
    dialog.toggle()
    qtbot.waitUntil(lambda: "ZeroDivisionError" in dialog.words.text())


def test_a_camera_has_no_whole_recording(window):
    experts = feature(window, ExpertMap)
    experts.show_map()
    experts.dialog.toggle()
    assert "Open a recording first" in experts.dialog.words.text()


def test_the_map_can_be_copied(mapped, qtbot):
    *_, dialog = mapped
    (copy,) = dialog.canvas.actions()
    copy.trigger()
    assert QGuiApplication.clipboard().pixmap().size() == dialog.canvas.size()


def test_points_of_a_layout_that_was_stopped_are_not_drawn(mapped):
    *_, dialog = mapped
    late = dialog.points
    dialog.forget(Votes())
    dialog.points = late
    dialog._draw()
    image = picture(dialog)
    assert max(count(image, colour) for colour in KIND_COLOURS.values()) < 100, "only the legend"
