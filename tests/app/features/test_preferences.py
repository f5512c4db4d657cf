"""The settings dialog: shown, chosen, kept, reset, and put into effect."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox

from app.core.settings import DEFAULTS, Settings
from app.features import preferences
from app.features.preferences import Preferences
from app.shell.window import MainWindow
from mcoe.live.engine.build import EngineOptions
from tests.app.fake import feature

#: What the dialog shows at first, and something else for each.
SHOWN = {"device": "auto", "backbone": "auto", "stride": 0, "smoothing_s": 0.4, "filter_ms": 2.0}
OTHER = {"device": "cpu", "backbone": "torch", "stride": 6, "smoothing_s": 1.0, "filter_ms": 4.0}


def changed(values):
    """Return what differs from the values that the program is made with, apart from what the window keeps itself."""
    return {name: value for name, value in asdict(values).items() if name in SHOWN and value != SHOWN[name]}


@pytest.fixture
def dialog(playing, qtbot):
    window, _ = playing
    qtbot.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = feature(window, Preferences).dialog
    qtbot.waitUntil(dialog.isVisible)
    return dialog


def press(dialog, qtbot, kind):
    qtbot.mouseClick(dialog.buttons.button(kind), Qt.MouseButton.LeftButton)


def test_chosen_settings_are_kept_and_open_the_source_anew(dialog, playing, qtbot, maker, settings):
    window, pipeline = playing
    assert dialog.values == SHOWN
    dialog.show_values(replace(DEFAULTS, **OTHER))
    assert dialog.values == OTHER
    press(dialog, qtbot, QDialogButtonBox.StandardButton.Ok)
    qtbot.waitUntil(lambda: maker.made[-1] is not pipeline)
    assert (maker.options.device, maker.options.backbone, maker.stride) == ("cpu", "torch", 6)
    assert window.panels["emotions"].smooth_us == 1_000_000
    settings.update(filter_on=True)
    assert window.context.looking.make_filter((8, 8)).duration_us == 4000
    window.close()
    assert changed(Settings(settings.path).values) == OTHER


def test_calmer_bars_alone_open_nothing_anew(dialog, playing, qtbot, maker):
    window, pipeline = playing
    panel = window.panels["emotions"]
    dialog.smoothing.slider.setValue(0)
    press(dialog, qtbot, QDialogButtonBox.StandardButton.Ok)
    assert panel.smooth_us == 0
    pipeline.advance()
    qtbot.waitUntil(lambda: panel.result is pipeline.latest())
    assert list(panel.smoothed) == pytest.approx(list(pipeline.latest().prediction.probabilities))
    assert maker.made == [pipeline]


def test_what_needs_a_gpu_stays_listed_with_the_reason_where_there_is_none(window, qtbot, monkeypatch):
    monkeypatch.setattr(preferences, "has_gpu", lambda: False)
    feature(window, Preferences).show()
    dialog = feature(window, Preferences).dialog
    for choice, key in ((dialog.device, "cuda"), (dialog.backbone, "cuda_graph")):
        index = choice.findData(key)
        assert "found)" in choice.itemText(index)
        assert not choice.model().item(index).isEnabled()
        assert [choice.model().item(i).isEnabled() for i in range(choice.count())].count(False) == 1
    dialog.reject()


def test_cancel_changes_nothing(dialog, qtbot, maker, settings):
    dialog.show_values(replace(DEFAULTS, **OTHER))
    press(dialog, qtbot, QDialogButtonBox.StandardButton.Cancel)
    assert maker.options == EngineOptions()
    assert changed(settings.values) == {}


def test_reset_brings_the_defaults_back(dialog, qtbot):
    dialog.show_values(replace(DEFAULTS, **OTHER))
    press(dialog, qtbot, QDialogButtonBox.StandardButton.RestoreDefaults)
    assert dialog.values == SHOWN


def test_the_next_run_starts_with_what_was_kept_but_the_command_line_wins(qtbot, maker, settings):
    settings.update(device="cpu", backbone="torch", stride=6)
    maker.given = {"backbone": "openvino"}
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    assert (maker.options.device, maker.options.backbone, maker.stride) == ("cpu", "openvino", 6)
    assert settings.values.backbone == "torch", "for this run alone"


def test_the_command_line_wins_also_with_what_the_program_is_made_with(qtbot, maker, settings):
    settings.update(device="cpu", backbone="torch", stride=6)
    maker.given = {"device": "auto", "backbone": "auto", "stride": 12}
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    assert (maker.options.device, maker.options.backbone, maker.stride) == ("auto", "auto", 12)
    settings.update(smoothing_s=1.0)
    assert (maker.options.device, maker.stride) == ("auto", 12), "another setting leaves it"
    feature(window, Preferences).show()
    assert feature(window, Preferences).dialog.values["stride"] == 12, "the dialog shows what is in effect"
    feature(window, Preferences).dialog.reject()


def test_what_the_dialog_sets_wins_over_the_command_line_from_then_on(qtbot, maker, settings):
    maker.given = {"device": "cuda", "stride": 3}
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    feature(window, Preferences).choose(OTHER)
    assert (maker.options.device, maker.options.backbone, maker.stride) == ("cpu", "torch", 6)
    assert changed(settings.values) == OTHER
