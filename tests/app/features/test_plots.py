"""How the plots were set comes back in the next run."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from app.core.settings import Settings
from app.features.plots import PlotSettings
from app.shell.window import MainWindow
from tests.app.fake import feature


def state(window):
    heat, overlay = window.panels["heatmaps"], feature(window, PlotSettings).overlay_action
    return (
        overlay.isChecked(), window.panels["camera"].overlay, window.panels["experts"].weighted.isChecked(),
        heat.opacity.value(), heat.layer.currentText(),
    )  # fmt: skip


@pytest.fixture
def again(window, maker, settings, qtbot):
    """Closes the window and opens the next run's; ``changes`` are written into the file in between."""

    def close_and_open(**changes):
        window.close()
        if changes:
            settings.path.write_text(json.dumps(json.loads(settings.path.read_text()) | changes))
        second = MainWindow(maker, Settings(settings.path))
        qtbot.addWidget(second)
        return second

    return close_and_open


def test_what_the_keys_changed_comes_back(window, again, qtbot):
    before = state(window)
    for key in (Qt.Key.Key_E, Qt.Key.Key_W, Qt.Key.Key_Minus, Qt.Key.Key_G):
        qtbot.keyClick(window, key)
    after = state(window)
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert state(again()) == after


def test_without_a_change_everything_is_as_it_was(window, again):
    before = state(window)
    assert state(again()) == before


def test_what_fits_no_control_is_left_out(window, again):
    before = state(window)
    assert state(again(heatmap_opacity="much", heatmap_layer="stage 9")) == before
