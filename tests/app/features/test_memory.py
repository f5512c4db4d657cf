"""How the plots were set comes back in the next run."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings, Qt

from app.shell.window import MainWindow


def state(window):
    heat = window.heatmaps
    return (
        window.overlay_action.isChecked(), window.camera.overlay, window.experts.weighted.isChecked(),
        heat.opacity.value(), heat.layer.currentText(),
    )  # fmt: skip


@pytest.fixture
def again(window, maker, settings, qtbot):
    def close_and_open():
        window.close()
        settings.sync()
        second = MainWindow(maker, QSettings(settings.fileName(), QSettings.Format.IniFormat))
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


def test_what_fits_no_control_is_left_out(window, again, settings):
    before = state(window)
    settings.setValue("plots/heatmap opacity", "much")
    settings.setValue("plots/heatmap layer", "stage 9")
    assert state(again())[3:4] == before[3:4]
