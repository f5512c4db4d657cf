"""The robustness sweep: started, watched, cancelled, drawn and saved from its dialog."""

from __future__ import annotations

import csv
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage, QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication, QFileDialog

from app.core import shared
from app.dialogs.sweep import SweepDialog
from app.dialogs.sweep_plot import CHANCE
from app.features.eye import EyeRegion
from app.features.laboratory import Laboratory
from app.widgets import theme
from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS
from mcoe.events.inputs import View, rgb_input
from mcoe.events.noise import NoiseFilter
from mcoe.live.jobs.sweep import EVS, READING, READINGS, Sweep
from tests.app.fake import feature
from tests.app.panels.test_panels import count, picture
from tests.live.fakes import SIZE, FakeEngine, FakeSource


class Reader(FakeEngine):
    """Events alone and fusion never change their mind; RGB alone follows the brightness."""

    def step(self, older, window, question):
        said, stages = super().step(older, window, question)
        rgb = np.eye(7, dtype=np.float32)[int(window.rgb.mean() * 6.99)]
        same = np.eye(7, dtype=np.float32)[3]
        return replace(said, probabilities=same, rgb_only=rgb, event_only=same), stages


@pytest.fixture
def lab(playing, maker):
    window, _ = playing
    maker.build = lambda weights=None: Reader()
    lab = feature(window, Laboratory)
    lab.show_sweep()
    yield lab
    lab.dialog.close()
    window.join()


def some_sweep(labelled=True):
    shares = np.linspace(0.2, 1, 3 * len(EVS)).reshape(len(EVS), 3)
    return Sweep(EVS, shares, shares[::-1] if labelled else None, 60, 60 if labelled else 0)


def test_a_sweep_runs_beside_the_window_and_is_drawn(lab, qtbot, playing):
    dialog = lab.dialog
    qtbot.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    assert dialog.run_button.text() == "Cancel"
    qtbot.waitUntil(lambda: dialog.sweep is not None)
    assert dialog.sweep.windows == 30
    assert "untrained" in dialog.words.text()
    assert (dialog.canvas.values[:, [0, 2]] == 100).all()
    assert dialog.canvas.values[0, 1] == 0
    assert dialog.heading.text() == "eye_demo.aedat4"
    assert dialog.bar.value() == 1000
    assert lab.context.findings.sweep is dialog.sweep


def test_a_sweep_can_be_cancelled(lab, qtbot, maker):
    gate = threading.Semaphore(1)
    maker.build = lambda weights=None: Reader(gate)
    dialog = lab.dialog
    dialog.toggle()
    job = dialog.job
    qtbot.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    assert dialog.run_button.text() == "Cancelling …"
    assert not dialog.run_button.isEnabled()
    gate.release(5)
    qtbot.waitUntil(lambda: dialog.job is None)
    assert job.state == "cancelled"
    assert dialog.sweep is None
    assert "Cancelled" in dialog.words.text()
    assert dialog.run_button.text() == "Start"
    assert dialog.run_button.isEnabled()


def test_progress_is_shown_while_it_reads(lab, qtbot, maker):
    gate = threading.Semaphore(60)
    maker.build = lambda weights=None: Reader(gate)
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: lab.dialog.bar.value() > 0)
    assert lab.dialog.bar.value() < 1000
    qtbot.waitUntil(lambda: " read" in lab.dialog.words.text())
    lab.dialog.cancel()
    gate.release(5)
    qtbot.waitUntil(lambda: lab.dialog.job is None)


def test_what_went_wrong_is_told(lab, qtbot, maker):
    maker.open_source = lambda path: FakeSource(live=True)
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: "cannot be swept" in lab.dialog.words.text())
    assert not lab.dialog.save_buttons["csv"].isEnabled()

    def refuse(path):
        raise McoeError("gone.aedat4 is gone.")

    maker.open_source = refuse
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: "is gone" in lab.dialog.words.text())


def test_a_network_that_breaks_does_not_stay_silent(lab, qtbot, maker):
    maker.build = lambda weights=None: 1 / 0
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: "ZeroDivisionError" in lab.dialog.words.text())


def test_another_recording_forgets_the_sweep(lab, qtbot, playing):
    lab.context.findings.sweep = some_sweep()
    lab.dialog.show_sweep(some_sweep(), "eye_demo.aedat4")
    playing[0].stream.open("other.aedat4")
    assert lab.dialog.sweep is None
    assert lab.context.findings.sweep is None
    assert not lab.dialog.save_buttons["png"].isEnabled()


def test_accuracy_is_shown_where_there_are_labels(lab):
    dialog = lab.dialog
    dialog.show_sweep(some_sweep(), "a.aedat4")
    assert np.allclose(dialog.canvas.values, 100 * dialog.sweep.accuracy)
    dialog.measure.setCurrentIndex(1)
    assert np.allclose(dialog.canvas.values, 100 * dialog.sweep.agreement)
    dialog.show_sweep(some_sweep(labelled=False), "a.aedat4")
    assert np.allclose(dialog.canvas.values, 100 * dialog.sweep.agreement)
    assert not dialog.measure.isEnabled()
    assert "no labels" in dialog.words.text()


@pytest.mark.parametrize("kind", ["png", "svg", "csv"])
def test_the_sweep_is_saved(lab, qtbot, tmp_path, monkeypatch, kind):
    lab.dialog.show_sweep(some_sweep(), "a.aedat4")
    path = tmp_path / f"sweep.{kind}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    qtbot.mouseClick(lab.dialog.save_buttons[kind], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: lab.dialog.words.text() == f"Saved {path}.")
    if kind == "png":
        assert QImage(str(path)).width() == 1600
    elif kind == "svg":
        words = path.read_text()
        assert "<svg" in words
        assert all(name in words for name in (*READINGS, "chance 14 %", "exposure added", "accuracy against"))
        assert "<image" not in words, "symbols stay sharp"
    else:
        assert len(list(csv.reader(path.read_text().splitlines()))) == 14


def test_a_place_that_cannot_be_written_is_told(lab, qtbot, tmp_path, monkeypatch):
    lab.dialog.show_sweep(some_sweep(), "a.aedat4")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "no" / "x.png"), ""))
    qtbot.mouseClick(lab.dialog.save_buttons["png"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Cannot write" in lab.dialog.words.text())


def test_without_a_recording_there_is_nothing_to_sweep(window):
    lab = feature(window, Laboratory)
    lab.show_sweep()
    lab.dialog.toggle()
    assert "open a recording" in lab.dialog.words.text()
    lab.dialog.close()


def test_the_recording_rests_while_it_is_swept_and_goes_on_after(lab, qtbot, playing):
    _, pipeline = playing
    lab.dialog.toggle()
    assert pipeline.state == "paused"
    qtbot.waitUntil(lambda: lab.dialog.sweep is not None)
    assert pipeline.state == "playing"
    pipeline.pause()
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: lab.dialog.sweep is not None)
    assert pipeline.state == "paused"


def test_labels_beside_the_recording_give_accuracy(lab, qtbot, playing, tmp_path):
    window, _ = playing
    window.stream.path = str(tmp_path / "labelled.aedat4")
    (tmp_path / "labelled.json").write_text(json.dumps({"label": EMOTIONS[3]}))
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: lab.dialog.sweep is not None)
    assert lab.dialog.measure.currentData() == "accuracy"
    assert (lab.dialog.canvas.values[:, [0, 2]] == 100).all()
    assert "30 of them labelled" in lab.dialog.words.text()


def test_the_sweep_looks_as_the_window_does(lab, qtbot, playing, maker, monkeypatch):
    window, _ = playing
    seen, sizes = [], []

    class Watching(Reader):
        def step(self, older, window, question):
            seen.extend([older, window])
            return super().step(older, window, question)

    maker.build = lambda weights=None: Watching()
    eye = feature(window, EyeRegion)
    lab.context.looking.set_view(View((3, 2, 16), mirror=True))
    monkeypatch.setattr(shared, "NoiseFilter", lambda size, duration_us: sizes.append(size) or NoiseFilter(size))
    eye.filter_action.trigger()
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: lab.dialog.sweep is not None)
    assert {(w.roi, w.mirror) for w in seen} == {((3, 2, 16), True)}
    at = next(w for w in seen if w.light is None)
    wanted = rgb_input(at.frame.image, (3, 2, 16), 10)[..., ::-1]
    assert np.array_equal(at.rgb, wanted)
    assert at.voxel.shape == (3, 10, 10)
    assert sizes == [SIZE]


def test_pointing_at_an_exposure_says_what_was_read_there(lab):
    dialog = lab.dialog
    dialog.show_sweep(some_sweep(), "a.aedat4")
    dialog.grab()
    before = picture(dialog)
    view = dialog.canvas.plotItem.vb
    there = dialog.canvas.mapFromScene(view.mapViewToScene(QPointF(0.2, 50)))
    at, none = QPointF(there), Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, at, at, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(dialog.canvas.viewport(), move)
    assert dialog.words.text().startswith("0 EV: fusion")
    values = dialog.canvas.values[6]
    assert all(f"{name} {value:.0f} %" in dialog.words.text() for name, value in zip(READINGS, values, strict=True))
    assert (picture(dialog) != before).any()
    QApplication.sendEvent(dialog.canvas, QEvent(QEvent.Type.Leave))
    assert "60 moments" in dialog.words.text()


def test_each_reading_is_drawn_in_its_colour(lab):
    lab.dialog.show_sweep(None, "")
    empty = picture(lab.dialog)
    lab.dialog.show_sweep(some_sweep(), "a.aedat4")
    drawn = picture(lab.dialog)
    for colour in (theme.RGB, theme.EVENT):
        assert count(empty, colour) == 0
        assert count(drawn, colour) > 200


def test_the_plot_can_be_copied(lab, qtbot):
    plot, clipboard = lab.dialog.canvas, QGuiApplication.clipboard()
    # Text, not nothing: an emptied clipboard is told so by the X server later, and may empty what came in between.
    clipboard.setText("before")
    with qtbot.waitActive(lab.dialog):  # shortcuts reach only an active window
        lab.dialog.activateWindow()
    qtbot.keyClick(lab.dialog, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.image().size() == plot.size()
    clipboard.setText("before")
    at = plot.rect().center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, plot.mapToGlobal(at))
    QTimer.singleShot(0, lambda: menus.append(press(QApplication.activePopupWidget())))
    menus = []

    def press(menu):
        words = [action.text() for action in menu.actions()]
        qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(menu.actions()[0]).center())
        return words

    QApplication.sendEvent(plot.viewport(), event)
    assert [words.split("\t")[0] for (words,) in menus] == ["Copy this plot"]
    assert clipboard.image().size() == plot.size()


def test_the_words_follow_the_window_font(lab):
    plot = lab.dialog.canvas
    before = plot.getAxis("bottom").label.boundingRect().height()
    lab.context.parent.setStyleSheet(theme.style_sheet(30))
    lab.dialog.grab()
    assert plot.getAxis("bottom").label.font().pixelSize() == 30
    assert plot.getAxis("bottom").label.boundingRect().height() > 1.5 * before


def test_every_share_is_written_on_the_axis_and_its_title_fits(lab):
    lab.dialog.resize(660, 408)  # in the smallest window
    axis = lab.dialog.canvas.getAxis("left")
    for labelled in (True, False):
        lab.dialog.show_sweep(some_sweep(labelled), "a.aedat4")
        lab.dialog.grab()
        image = QImage(10, 10, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        painter.setFont(axis.style["tickFont"])
        *_, words = axis.generateDrawSpecs(painter)
        painter.end()
        assert [word for *_, word in words] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
        assert axis.label.boundingRect().width() <= axis.height()


def test_names_at_the_curves_ends_stand_apart(lab):
    lab.dialog.show_sweep(replace(some_sweep(), accuracy=np.full((len(EVS), 3), CHANCE / 100)), "a.aedat4")
    lab.dialog.grab()
    tops = sorted(name.sceneBoundingRect().center().y() for name in lab.dialog.canvas.names)
    assert len(tops) == 4
    assert min(np.diff(tops)) >= 0.95 * lab.dialog.canvas.fontMetrics().height()
    assert lab.dialog.canvas.chance.isVisible()
    lab.dialog.measure.setCurrentIndex(1)
    assert not lab.dialog.canvas.chance.isVisible()


def test_a_name_without_an_ending_gets_one(lab, qtbot, tmp_path, monkeypatch):
    lab.dialog.show_sweep(some_sweep(), "a.aedat4")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "mine"), ""))
    lab.dialog.choose("svg")
    qtbot.waitUntil(lambda: "Saved" in lab.dialog.words.text())
    assert "<svg" in (tmp_path / "mine.svg").read_text()


def test_the_time_left_is_told_once_it_can_be(playing, maker, qtbot):
    window, _ = playing
    gate, now = threading.Semaphore(0), [100.0]
    maker.build = lambda weights=None: Reader(gate)
    dialog = SweepDialog(window.context, clock=lambda: now[0])
    dialog.show()
    dialog.toggle()
    qtbot.waitUntil(lambda: dialog.bar.value() == round(1000 * READING))
    assert dialog.words.text().startswith("10 % read")
    assert "left" not in dialog.words.text()
    gate.release(209)  # of 420: 30 moments in their own light and under 13 others
    now[0] = 460.0
    qtbot.waitUntil(lambda: "about 6 min left" in dialog.words.text())
    dialog.close()
    gate.release(5)
    qtbot.waitUntil(lambda: dialog.job is None)
    window.join()
