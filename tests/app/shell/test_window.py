"""The window obeys its controls, survives failures and closes what it opened."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from app.panels.emotions import UNTRAINED
from app.shell.screenshot import screenshot
from app.shell.window import MainWindow
from mcoe.core.errors import McoeError
from tests.app.fake import SOURCE, engine


def test_every_panel_gets_the_newest_result(playing, qtbot):
    window, pipeline = playing
    assert all(panel.result is pipeline.latest() for panel in window.panels)
    pipeline.advance()
    qtbot.waitUntil(lambda: all(panel.result is pipeline.latest() for panel in window.panels))


def test_a_result_already_shown_is_skipped(playing, monkeypatch):
    window, pipeline = playing
    monkeypatch.setattr(pipeline, "history", lambda: pytest.fail("the same result was shown again"))
    window.stream.tick()


def test_loading_is_announced_until_the_first_result(window, maker, qtbot):
    window.stream.open("eye_demo.aedat4")
    assert window.message.isVisible()
    assert "eye_demo.aedat4" in window.message.title.text()
    assert not window.message.open_button.isVisible()
    maker.made[-1].advance()
    qtbot.waitUntil(window.message.isHidden)


def test_space_pauses_and_plays(playing, qtbot):
    window, pipeline = playing
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert pipeline.calls[-1] == ("pause",)
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert pipeline.calls[-1] == ("play",)
    qtbot.mouseClick(window.transport.play, Qt.MouseButton.LeftButton)
    assert pipeline.calls[-1] == ("pause",)


def test_full_stop_steps(playing, qtbot):
    window, pipeline = playing
    qtbot.keyClick(window, Qt.Key.Key_Period)
    qtbot.mouseClick(window.transport.step, Qt.MouseButton.LeftButton)
    assert [call[0] for call in pipeline.calls[-2:]] == ["step", "step"]
    qtbot.waitUntil(lambda: "paused" in window.headline.text())


def test_play_at_the_end_begins_again(playing, qtbot):
    window, pipeline = playing
    pipeline.state = "ended"
    qtbot.waitUntil(lambda: "end of recording" in window.headline.text())
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert pipeline.calls[-1] == ("play",)


def test_a_click_on_the_slider_seeks_there(playing, qtbot):
    window, pipeline = playing
    slider = window.transport.slider
    middle = QPoint(slider.width() // 2, slider.height() // 2)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=middle)
    window.stream.tick()
    assert abs(slider.value() - SOURCE.duration_us / 2000) < 200, "the knob must stay with the mouse while it is held"
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.waitUntil(lambda: pipeline.calls[-1][0] == "seek")
    assert abs(pipeline.calls[-1][1] - (SOURCE.start_us + SOURCE.duration_us / 2)) < 200_000


def test_a_drag_seeks_to_its_end_with_few_seeks(playing, qtbot):
    window, pipeline = playing
    slider = window.transport.slider
    for value in range(1000, 21_000, 100):
        slider.setValue(value)
    qtbot.waitUntil(lambda: pipeline.calls[-1] == ("seek", SOURCE.start_us + 20_900_000))
    assert sum(call[0] == "seek" for call in pipeline.calls) < 20


def test_the_slider_follows_without_seeking(playing, qtbot):
    window, pipeline = playing
    pipeline.advance(30)
    shown = (pipeline.stats().position_us - SOURCE.start_us) // 1000
    qtbot.waitUntil(lambda: window.transport.slider.value() == shown)
    assert window.transport.time.text().startswith("0:01.16 / 0:30.00")
    assert not any(call[0] == "seek" for call in pipeline.calls)


def test_speed_and_explained_emotion_reach_this_and_the_next_pipeline(playing, maker, qtbot):
    window, pipeline = playing
    window.transport.speed.setCurrentText("0.5×")
    window.panels["heatmaps"].target.setCurrentText("fear")
    assert pipeline.calls[-1] == ("set_speed", 0.5)
    assert pipeline.question.target == 5
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: len(maker.made) == 2)
    assert ("set_speed", 0.5) in maker.made[-1].calls
    assert maker.made[-1].question.target == 5


def test_a_live_source_cannot_be_sought(window, maker, qtbot):
    maker.pipeline_options = {"info": replace(SOURCE, live=True, duration_us=None)}
    window.stream.open(None)
    assert not window.transport.slider.isEnabled()
    assert window.transport.time.text() == "live"


def test_untrained_weights_are_announced_and_trained_ones_are_not(playing, maker, qtbot):
    window, _ = playing
    assert window.panels["emotions"].notice == UNTRAINED
    maker.pipeline_options = {"engine_info": engine(trained=True, weights="see.safetensors")}
    window.stream.open("other.aedat4")
    qtbot.waitUntil(lambda: window.stream.pipeline is not None)
    assert window.panels["emotions"].notice == ""


def test_a_refused_file_leaves_the_window_usable(playing, maker, qtbot):
    window, first = playing
    maker.refuse = "notes.txt is not an event recording; open an AEDAT4 file."
    window.stream.open("notes.txt")
    assert window.message.isVisible()
    qtbot.waitUntil(lambda: window.message.words.text() == maker.refuse)
    assert ("close",) in first.calls
    maker.refuse = ""
    qtbot.mouseClick(window.message.retry_button, Qt.MouseButton.LeftButton)
    maker.made[-1].advance()
    qtbot.waitUntil(window.message.isHidden)
    assert maker.paths[-1] == "notes.txt"


def test_a_failure_while_playing_is_shown_and_another_file_opens(playing, maker, qtbot, monkeypatch, tmp_path):
    window, pipeline = playing
    pipeline.error, pipeline.state = "eye_demo.aedat4 is damaged; open another recording.", "failed"
    qtbot.waitUntil(window.message.isVisible)
    assert window.message.words.text() == pipeline.error
    path = str(tmp_path / "second.aedat4")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    qtbot.mouseClick(window.message.open_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: maker.paths[-1] == path)
    maker.made[-1].advance()
    qtbot.waitUntil(window.message.isHidden)


def test_a_recording_too_short_for_one_window_says_so(window, maker, qtbot):
    maker.pipeline_options = {"dropped": 0}
    window.stream.open("short.aedat4")
    maker.made[-1].state = "ended"
    qtbot.waitUntil(lambda: "first complete window" in window.message.words.text())


def test_a_recording_that_ends_before_the_first_answer_is_waited_for(window, maker):
    window.stream.open("short.aedat4")
    pipeline = maker.made[-1]
    pipeline.state = "ended"
    window.stream.tick()
    assert window.message.kind == "loading", "windows were dropped, so the newest is being answered"
    pipeline.advance()
    window.stream.tick()
    assert window.message.isHidden()


def test_opening_a_second_file_closes_the_first_and_empties_the_panels(playing, maker, monkeypatch, tmp_path, qtbot):
    window, first = playing
    path = str(tmp_path / "second.aedat4")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    qtbot.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: maker.paths[-1] == path)
    assert first.calls[-1] == ("close",)
    assert all(panel.result is None for panel in window.panels)


def test_giving_up_the_file_dialog_changes_nothing(playing, maker, monkeypatch):
    window, pipeline = playing
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    window.choose_file()
    assert window.stream.pipeline is pipeline


def drop(window, *urls):
    data = QMimeData()
    data.setUrls([QUrl(url) for url in urls])
    enter = QDragEnterEvent(
        QPoint(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    enter.setAccepted(False)
    QApplication.sendEvent(window, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(
        QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(window, event)
    return True


@pytest.mark.parametrize("name", ["drop.aedat4", "a folder of frames"])
def test_one_dropped_file_or_folder_opens(window, maker, tmp_path, name):
    path = tmp_path / name
    assert drop(window, path.as_uri())
    assert maker.paths == [str(path)]


@pytest.mark.parametrize("urls", [[], ["file:///a", "file:///b"], ["https://example.org/a.aedat4"]])
def test_anything_else_dropped_is_refused(window, maker, urls):
    assert not drop(window, *urls)
    assert maker.paths == []


def test_closing_closes_the_pipeline_and_stops_the_timers(playing):
    window, pipeline = playing
    window.close()
    window.join()
    assert pipeline.calls[-1] == ("close",)
    assert pipeline.calls.count(("close",)) == 1
    assert window.stream.pipeline is None


def test_height_is_kept_between_runs(window, maker, settings, qtbot):
    window.resize(1100, 740)
    window.close()
    again = MainWindow(maker, settings)
    qtbot.addWidget(again)
    again.restore()
    assert again.height() == 740


def status_follows(window, qtbot):
    """Wait for the status line, which follows the stream at its own calm pace."""
    qtbot.waitUntil(lambda: window.status.text("latency") == "8.4 / 11.9")


def test_the_status_line_shows_rates_latency_losses_and_backends(playing, qtbot):
    window, _ = playing
    status_follows(window, qtbot)
    shown = {key: window.status.text(key) for key in ("rate", "latency", "dropped", "events", "device", "scan")}
    assert shown == {
        "rate": "29.8",
        "latency": "8.4 / 11.9",
        "dropped": "2",
        "events": "412 k",
        "device": "cpu",
        "scan": "torch",
    }
    assert window.status.text("backbone_engine") == "openvino"


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_no_label_is_clipped_and_larger_windows_have_larger_type(playing, size, qtbot):
    window, _ = playing
    status_follows(window, qtbot)
    window.resize(*size)
    qtbot.waitUntil(lambda: window.font_px == round(12.5 * size[1] / 800))

    def clipped():
        return [
            label.text()
            for label in window.findChildren(QLabel)
            if label.isVisible() and label.text()
            if label.width() < label.sizeHint().width() or label.height() < label.fontMetrics().height() - 1
        ]

    qtbot.waitUntil(lambda: not clipped())


def places(window):
    """Where each panel stands in the window; None if it is not shown."""
    shown = {panel.key: panel for panel in window.panels if panel.isVisible()}
    return {key: QRect(panel.mapTo(window, QPoint()), panel.size()) for key, panel in shown.items()}


def test_no_panel_moves_when_results_come(window, maker, qtbot):
    window.stream.open("eye_demo.aedat4")
    qtbot.waitUntil(lambda: window.panels["camera"].width() > 100)
    window.grab()
    before = places(window)
    maker.made[-1].advance(40)
    qtbot.waitUntil(window.message.isHidden)
    status_follows(window, qtbot)
    window.grab()
    assert places(window) == before


def test_every_plot_explains_itself(window):
    for panel in window.panels:
        assert panel.accessibleName()
        assert panel.toolTip().startswith(panel.accessibleDescription())
        assert panel.toolTip().endswith(".")


def test_a_screenshot_is_written_or_refused_in_words(playing, tmp_path):
    window, _ = playing
    screenshot(window, tmp_path / "window.png")
    assert (tmp_path / "window.png").stat().st_size > 20_000
    with pytest.raises(McoeError, match=r"Cannot write .*window\.png: .*choose"):
        screenshot(window, tmp_path / "absent" / "window.png")


def test_a_gpu_that_failed_is_told_and_marked(playing):
    window, pipeline = playing
    pipeline.engine_info = replace(pipeline.engine_info, device="CPU, 2 threads", notice="The GPU X failed; see <b>.")
    window.stream.tick()
    assert window.notice.text() == "The GPU X failed; see <b>."
    assert window.status.text("device") == "CPU, 2 threads"
    assert "The GPU X failed" in window.status._cells["device"].toolTip()
    assert window.status._cells["device"].property("alert")


def test_what_was_left_out_is_told_in_full(playing):
    window, pipeline = playing
    stats = replace(
        pipeline.stats(), lost_frames=29, lost_events=78_746, lost_packets=3, dropped_packets=2, late_events=7
    )
    window.status.show_stats(stats)
    words = window.status._cells["dropped"].toolTip()
    for part in (
        "29 frames that the source",
        "78,746 events that the source",
        "3 packets that the camera",
        "2 windows",
    ):
        assert part in words
    window.status.show_stats(replace(pipeline.stats(), dropped_windows=0))
    assert "Nothing was left out" in window.status._cells["dropped"].toolTip()
    assert not window.status._cells["dropped"].property("alert")


@pytest.mark.parametrize(("field", "words"), [("rgb", "frames"), ("voxel", "events")])
def test_a_modality_that_stops_and_comes_back_is_told(playing, field, words):
    window, pipeline = playing
    result = pipeline.latest()
    window.stream.result_shown.emit(replace(result, window=replace(result.window, **{field: None})), [])
    assert (
        window.notice.text()
        == f"No {words} come any more; the network's stand-in takes their place until they are back."
    )
    window.stream.result_shown.emit(result, [])
    assert window.notice.text() == f"The {words} are back."
    window.notices.hidden.emit()
    window.stream.result_shown.emit(result, [])
    assert window.notice.isHidden()
