"""A second set of weights: loaded beside the first, asked with it, refused when it does not fit."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from app.features.comparison import Comparison
from mcoe.core.errors import McoeError
from tests.app.fake import engine, feature
from tests.app.shell.test_window import drop
from tests.live.fakes import FakeEngine


class Second(FakeEngine):
    info = engine(trained=True, weights="b.safetensors")


@pytest.fixture
def comparison(playing, maker, monkeypatch, qtbot):
    window, _ = playing
    maker.build = lambda weights=None: Second()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: ("/weights/b.safetensors", ""))
    window.show_layout("Lighting")
    yield feature(window, Comparison)
    window.join()


def test_the_button_loads_a_second_network_and_both_are_shown(comparison, playing, qtbot):
    _, pipeline = playing
    panel = comparison.panel
    panel.grab()
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(pipeline.second, Second))
    pipeline.advance()
    qtbot.waitUntil(lambda: panel.pair is not None)
    assert panel.second == "b.safetensors"
    assert panel.note.text() in ("same answer", "they differ")
    panel.grab()
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)
    assert pipeline.second is None
    assert panel.pair is None
    assert panel.button.text() == "Load…"


def test_the_next_recording_gets_a_network_of_its_own(comparison, playing, qtbot, maker):
    window, pipeline = playing
    comparison.toggle()
    qtbot.waitUntil(lambda: pipeline.second is not None)
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: maker.made[-1] is not pipeline and maker.made[-1].second is not None)
    assert maker.made[-1].second is not pipeline.second


def test_dropped_weights_are_compared_and_where_to_see_them_is_said(comparison, playing, qtbot, maker):
    window, pipeline = playing
    window.show_layout("Demo")
    assert drop(window, "file:///weights/B.SAFETENSORS")
    qtbot.waitUntil(lambda: isinstance(pipeline.second, Second))
    assert comparison.weights == Path("/weights/B.SAFETENSORS")
    assert "Ctrl+3 shows both" in window.notice.text()
    qtbot.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(comparison.panel.isVisible)
    assert maker.paths == ["eye_demo.aedat4"], "weights are no recording"


def test_weights_chosen_before_anything_is_open_wait(window, maker, qtbot):
    maker.build = lambda weights=None: Second()
    comparison = feature(window, Comparison)
    comparison.compare(Path("b.safetensors"))
    assert "as soon as something is open" in window.notice.text()
    window.stream.open("eye_demo.aedat4")
    qtbot.waitUntil(lambda: maker.made and isinstance(maker.made[-1].second, Second))
    window.join()


def test_weights_that_cannot_be_read_are_told(comparison, playing, qtbot, maker):
    window, pipeline = playing

    def refuse(weights):
        raise McoeError(f"{weights} holds no network; choose another.")

    maker.build = refuse
    comparison.toggle()
    qtbot.waitUntil(lambda: "holds no network" in window.notice.text())
    assert comparison.panel.second == ""
    assert pipeline.second is None


def test_another_input_shape_is_refused(comparison, playing, qtbot, maker):
    window, pipeline = playing

    class Large(FakeEngine):
        info = replace(Second.info, size=200)

    maker.build = lambda weights=None: Large()
    comparison.compare(Path("large.safetensors"))
    qtbot.waitUntil(lambda: "one input shape" in window.notice.text())
    assert pipeline.second is None
    assert comparison.weights is None


def test_a_second_network_that_breaks_is_told_and_logged_and_another_can_be_loaded(
    comparison, playing, qtbot, maker, caplog
):
    window, pipeline = playing
    maker.build = lambda weights=None: 1 / 0
    comparison.toggle()
    qtbot.waitUntil(lambda: comparison.weights is None)
    assert window.notice.text().startswith("Loading b.safetensors stopped on an unexpected ZeroDivisionError")
    assert "ZeroDivisionError" in caplog.text
    assert (comparison.panel.second, comparison.panel.button.text(), pipeline.second) == ("", "Load…", None)
    maker.build = lambda weights=None: Second()
    qtbot.mouseClick(comparison.panel.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(pipeline.second, Second))


def test_of_two_weights_chosen_shortly_after_each_other_the_later_is_asked(comparison, playing, qtbot, maker):
    window, pipeline = playing
    gate, slow, quick = threading.Event(), Second(), Second()
    maker.build = lambda weights=None: (gate.wait(60) and slow) if weights.name == "slow.safetensors" else quick
    comparison.compare(Path("slow.safetensors"))
    comparison.compare(Path("quick.safetensors"))
    qtbot.waitUntil(lambda: pipeline.second is quick)
    gate.set()
    qtbot.waitUntil(lambda: not window.jobs.running)
    assert pipeline.second is quick
    assert comparison.weights == Path("quick.safetensors")
