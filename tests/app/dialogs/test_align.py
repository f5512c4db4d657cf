"""The alignment dialog: four points, refinement, what is kept, and the lag in time."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from app.dialogs.align import AlignDialog
from app.features.cameras import Cameras
from mcoe.capture import align
from mcoe.capture.cameras import SyncStatus
from mcoe.capture.sync import UNKNOWN_LAG, ClockEstimate, LagEstimate
from mcoe.events.packets import Frame
from tests.app.fake import feature
from tests.capture.cameras.conftest import PairRig
from tests.capture.test_align import CORNERS, FRAME, SENSOR, events_of, scene, truth, worst_px


class StillPair:
    """What the dialog uses of a pair whose scene, clocks and movements a test sets."""

    pair = "EVK4 00051500 + webcam 0"
    info = SimpleNamespace(size=SENSOR, name=pair)

    def __init__(self):
        self.raw = Frame(scene(), 0, 5_000)
        self.alignment = align.scaled(FRAME, SENSOR)
        self.lag_us = 0
        self.clock: ClockEstimate | None = None
        self.residual = UNKNOWN_LAG

    def sync(self):
        return SyncStatus(self.clock, self.residual, self.lag_us)


@pytest.fixture
def pair():
    return StillPair()


@pytest.fixture
def dialog(qtbot, jobs, pair, tmp_path):
    dialog = AlignDialog(None, jobs, lambda: pair, tmp_path / "alignments")
    qtbot.addWidget(dialog)
    dialog.resize(1100, 620)
    dialog.show()
    matrix, _ = truth()
    dialog.show_result(SimpleNamespace(window=SimpleNamespace(events=events_of(scene(), matrix))))
    dialog.poll()
    assert dialog.event_view.image.shape == (SENSOR[1], SENSOR[0])
    return dialog


def click(qtbot, view, x, y):
    """Click on a pixel of the picture's image."""
    place = view._place(view.canvas.rect().toRectF())
    scale = place.width() / view.image.shape[1]
    at = QPoint(round(place.x() + x * scale), round(place.y() + y * scale))
    qtbot.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=at)


def four_points(qtbot, dialog):
    _, target = truth()
    for a, b in zip(CORNERS, target, strict=True):
        click(qtbot, dialog.frame_view, *a)
        click(qtbot, dialog.event_view, *b)


def test_four_clicks_in_each_picture_align_the_pair_and_the_next_run_finds_it(dialog, pair, qtbot, tmp_path):
    matrix, _ = truth()
    assert worst_px(matrix, pair.alignment.matrix) > 10
    assert not dialog.save_button.isEnabled()
    four_points(qtbot, dialog)
    assert dialog.still.isChecked()
    # A click is right to half a pixel of the screen.
    assert worst_px(matrix, dialog.candidate.matrix) < 4
    assert pair.alignment.method == "scale"  # nothing changes before it is asked for
    qtbot.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    assert pair.alignment.method == "points"
    kept = align.load(pair.pair, tmp_path / "alignments")
    np.testing.assert_array_equal(kept.matrix, pair.alignment.matrix)
    assert dialog.frame_view.points == []


def test_refining_brings_edges_onto_events(dialog, pair, qtbot):
    matrix, _ = truth()
    four_points(qtbot, dialog)
    rough = dialog.candidate
    shift = np.array([[1, 0, 3], [0, 1, -3], [0, 0, 1]], float)
    dialog.candidate = align.Alignment(shift @ rough.matrix, rough.frame_size, rough.size, "points")
    before = worst_px(matrix, dialog.candidate.matrix)
    qtbot.mouseClick(dialog.refine_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.candidate.method == "ecc", timeout=20_000)
    assert worst_px(matrix, dialog.candidate.matrix) < before / 2
    assert "correlate" in dialog.words.text()


def test_a_refinement_that_fails_is_told_and_changes_nothing(dialog, qtbot):
    dialog.still.setChecked(True)
    dialog._activity = np.zeros_like(dialog._activity)
    dialog.refine()
    qtbot.waitUntil(lambda: "do not agree" in dialog.words.text(), timeout=20_000)
    assert dialog.candidate is None
    assert dialog.refine_button.isEnabled()


def test_points_on_one_line_are_refused(dialog):
    for i in range(4):
        dialog.add_point(dialog.frame_view, 100 + 50 * i, 100)
        dialog.add_point(dialog.event_view, 60 + 30 * i, 60)
    assert "one line" in dialog.words.text()
    assert dialog.candidate is None
    assert dialog.frame_view.points == []


def test_clearing_forgets_the_points_and_runs_on(dialog, qtbot):
    click(qtbot, dialog.frame_view, 100, 100)
    assert dialog.still.isChecked()
    qtbot.mouseClick(dialog.clear_button, Qt.MouseButton.LeftButton)
    assert dialog.frame_view.points == []
    assert not dialog.still.isChecked()


def test_a_folder_that_cannot_be_written_is_told_and_the_alignment_used(dialog, pair, qtbot, tmp_path):
    (tmp_path / "alignments").write_text("a file in the folder's place")
    four_points(qtbot, dialog)
    dialog.keep()
    assert "cannot be written" in dialog.words.text()
    assert pair.alignment.method == "points"


def test_the_overlay_shows_what_would_be_kept(dialog, pair, qtbot):
    four_points(qtbot, dialog)
    picture = dialog.candidate.image(pair.raw.image)
    np.testing.assert_array_equal(dialog.overlay.image, align.edge_overlay(picture, dialog._activity))
    assert cv2.countNonZero(dialog.overlay.image[..., 1]) > 0


def test_the_lag_is_unknown_while_nothing_moves_and_used_when_it_is_found(dialog, pair, qtbot):
    assert dialog.figures["residual lag"].text() == "unknown"
    assert "blink" in dialog.time_words.text()
    assert not dialog.use_lag.isEnabled()
    pair.clock = ClockEstimate(1_234_500.0, -12.5, 0, 800.0, 0.9)
    pair.residual = LagEstimate(42_300.0, 0.8)
    dialog.poll()
    assert dialog.figures["clock offset"].text().startswith("1,234.5 ms")
    assert dialog.figures["drift"].text() == "−12.5 ppm"
    assert dialog.figures["residual lag"].text() == "+42.3 ms (80 % sure)"
    qtbot.mouseClick(dialog.use_lag, Qt.MouseButton.LeftButton)
    assert pair.lag_us == 42_300
    dialog.poll()
    assert "+0.0 ms of what was found is left" in dialog.time_words.text()
    qtbot.keyClick(dialog.lag.slider, Qt.Key.Key_Right)
    assert pair.lag_us == 43_000


def test_without_a_pair_it_says_what_to_do(qtbot, jobs, tmp_path):
    dialog = AlignDialog(None, jobs, lambda: None, tmp_path)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "webcam beside it" in dialog.words.text()
    for button in (dialog.refine_button, dialog.save_button, dialog.use_lag, dialog.lag):
        assert not button.isEnabled()


def test_an_open_pair_shows_its_frames_and_clock_in_the_window(playing, qtbot):
    window, pipeline = playing
    with contextlib.closing(PairRig().open()) as pair:
        pipeline.source = pair
        cameras = feature(window, Cameras)
        cameras.show_alignment()
        dialog = cameras._alignment
        qtbot.waitUntil(lambda: dialog.frame_view.image is not None)
        assert dialog.frame_view.image.shape[:2] == pair.frames.info.size[::-1]
        qtbot.waitUntil(lambda: "ms" in dialog.figures["clock offset"].text())
        pipeline.source = None
        qtbot.waitUntil(lambda: "webcam beside it" in dialog.words.text())
        dialog.close()
