"""The robustness sweep: started, watched, cancelled, drawn and saved from its dialog."""

from __future__ import annotations

import csv
import threading
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from app.lab import Laboratory
from mcoe.errors import McoeError
from mcoe.live.sweep import EVS, READINGS, Sweep
from tests.live.fakes import FakeEngine, FakeSource


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
    lab = window.feature(Laboratory)
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
    assert (dialog.values[:, [0, 2]] == 100).all()
    assert dialog.values[0, 1] == 0
    assert dialog.heading.text() == "eye_demo.aedat4"
    assert dialog.bar.value() == 1000
    assert lab.sweep is dialog.sweep


def test_a_sweep_can_be_cancelled(lab, qtbot, maker):
    gate = threading.Semaphore(1)
    maker.build = lambda weights=None: Reader(gate)
    dialog = lab.dialog
    dialog.toggle()
    job = dialog.job
    qtbot.mouseClick(dialog.run_button, Qt.MouseButton.LeftButton)
    gate.release(5)
    qtbot.waitUntil(lambda: dialog.job is None)
    assert job.state == "cancelled"
    assert dialog.sweep is None
    assert "Cancelled" in dialog.words.text()
    assert dialog.run_button.text() == "Start"


def test_progress_is_shown_while_it_reads(lab, qtbot, maker):
    gate = threading.Semaphore(60)
    maker.build = lambda weights=None: Reader(gate)
    lab.dialog.toggle()
    qtbot.waitUntil(lambda: lab.dialog.bar.value() > 0)
    assert lab.dialog.bar.value() < 1000
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
    lab.dialog.show_sweep(some_sweep(), "eye_demo.aedat4")
    playing[0].open("other.aedat4")
    assert lab.sweep is None
    assert not lab.dialog.save_buttons["png"].isEnabled()


def test_accuracy_is_shown_where_there_are_labels(lab):
    dialog = lab.dialog
    dialog.show_sweep(some_sweep(), "a.aedat4")
    assert np.allclose(dialog.values, 100 * dialog.sweep.accuracy)
    dialog.measure.setCurrentIndex(1)
    assert np.allclose(dialog.values, 100 * dialog.sweep.agreement)
    dialog.show_sweep(some_sweep(labelled=False), "a.aedat4")
    assert np.allclose(dialog.values, 100 * dialog.sweep.agreement)
    assert not dialog.measure.isEnabled()


@pytest.mark.parametrize("kind", ["png", "svg", "csv"])
def test_the_sweep_is_saved(lab, qtbot, tmp_path, monkeypatch, kind):
    lab.dialog.show_sweep(some_sweep(), "a.aedat4")
    path = tmp_path / f"sweep.{kind}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(path), ""))
    qtbot.mouseClick(lab.dialog.save_buttons[kind], Qt.MouseButton.LeftButton)
    if kind == "png":
        assert QImage(str(path)).width() == 1600
    elif kind == "svg":
        words = path.read_text()
        assert "<svg" in words
        assert all(name in words for name in READINGS)
    else:
        assert len(list(csv.reader(path.read_text().splitlines()))) == 14
    assert str(path) in lab.dialog.words.text()


def test_a_place_that_cannot_be_written_is_told(lab, qtbot, tmp_path, monkeypatch):
    lab.dialog.show_sweep(some_sweep(), "a.aedat4")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "no" / "x.png"), ""))
    qtbot.mouseClick(lab.dialog.save_buttons["png"], Qt.MouseButton.LeftButton)
    assert "Cannot write" in lab.dialog.words.text()


def test_without_a_recording_there_is_nothing_to_sweep(window):
    lab = window.feature(Laboratory)
    lab.show_sweep()
    lab.dialog.toggle()
    assert "open a recording" in lab.dialog.words.text()
    lab.dialog.close()
