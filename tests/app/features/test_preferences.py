"""The settings dialog: shown, chosen, kept, reset, and put into effect."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox

from app.features import preferences
from app.features.eye import Eye
from app.features.preferences import DEFAULTS, Preferences, Values, kept
from app.shell.window import MainWindow
from mcoe.live.engine.build import EngineOptions

OTHER = Values("cpu", "torch", 6, 1.0, 4.0)


@pytest.fixture
def dialog(playing, qtbot):
    window, _ = playing
    qtbot.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = window.feature(Preferences).dialog
    qtbot.waitUntil(dialog.isVisible)
    return dialog


def press(dialog, qtbot, kind):
    qtbot.mouseClick(dialog.buttons.button(kind), Qt.MouseButton.LeftButton)


def test_chosen_settings_are_kept_and_open_the_source_anew(dialog, playing, qtbot, maker, settings):
    window, pipeline = playing
    assert dialog.values == DEFAULTS
    dialog.show_values(OTHER)
    assert dialog.values == OTHER
    press(dialog, qtbot, QDialogButtonBox.StandardButton.Ok)
    qtbot.waitUntil(lambda: maker.made[-1] is not pipeline)
    assert (maker.options.device, maker.options.backbone, maker.stride) == ("cpu", "torch", 6)
    assert window.emotions.smooth_us == 1_000_000
    assert window.feature(Eye).make_filter((8, 8)).duration_us == 4000
    assert kept(settings) == OTHER


def test_calmer_bars_alone_open_nothing_anew(dialog, playing, qtbot, maker):
    window, pipeline = playing
    dialog.smoothing.slider.setValue(0)
    press(dialog, qtbot, QDialogButtonBox.StandardButton.Ok)
    assert window.emotions.smooth_us == 0
    pipeline.advance()
    qtbot.waitUntil(lambda: window.emotions.result is pipeline.latest())
    assert list(window.emotions.smoothed) == pytest.approx(list(pipeline.latest().prediction.probabilities))
    assert maker.made == [pipeline]


def test_what_needs_a_gpu_stays_listed_with_the_reason_where_there_is_none(window, qtbot, monkeypatch):
    monkeypatch.setattr(preferences, "has_gpu", lambda: False)
    window.feature(Preferences).show()
    dialog = window.feature(Preferences).dialog
    for choice, key in ((dialog.device, "cuda"), (dialog.backbone, "cuda_graph")):
        index = choice.findData(key)
        assert "found)" in choice.itemText(index)
        assert not choice.model().item(index).isEnabled()
        assert [choice.model().item(i).isEnabled() for i in range(choice.count())].count(False) == 1
    dialog.reject()


def test_cancel_changes_nothing(dialog, qtbot, maker, settings):
    dialog.show_values(OTHER)
    press(dialog, qtbot, QDialogButtonBox.StandardButton.Cancel)
    assert maker.options == EngineOptions()
    assert kept(settings) == DEFAULTS


def test_reset_brings_the_defaults_back(dialog, qtbot):
    dialog.show_values(OTHER)
    press(dialog, qtbot, QDialogButtonBox.StandardButton.RestoreDefaults)
    assert dialog.values == DEFAULTS


def test_the_next_run_starts_with_what_was_kept_but_the_command_line_wins(qtbot, maker, settings):
    settings.setValue("settings/device", "cpu")
    settings.setValue("settings/backbone", "torch")
    settings.setValue("settings/stride", 6)
    maker.options = replace(maker.options, backbone="openvino")
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    assert (maker.options.device, maker.options.backbone, maker.stride) == ("cpu", "openvino", 6)


@pytest.mark.parametrize(
    ("name", "value"), [("device", "abacus"), ("stride", "often"), ("stride", -1), ("smoothing_s", -1), ("backbone", 3)]
)
def test_a_setting_that_was_never_valid_is_its_default(settings, name, value):
    settings.setValue(f"settings/{name}", value)
    assert kept(settings) == DEFAULTS
