"""Recording, labelling by key, recent files and the browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from app.dialogs import browser as dialog
from app.features.sessions import Sessions
from mcoe.core.errors import McoeError
from mcoe.recording.recorder import RecorderStatus
from tests.app.fake import feature
from tests.recording.test_preview import sequence

DEMO = Path(__file__).resolve().parents[3] / "assets" / "recordings" / "normal.aedat4"


@pytest.fixture
def sessions(playing, tmp_path):
    window, _ = playing
    window.settings.keep_folder("recordings", tmp_path / "kept")
    yield feature(window, Sessions)
    window.join()


def test_r_records_into_the_folder_and_stops(sessions, playing, qtbot, tmp_path):
    window, pipeline = playing
    qtbot.keyClick(window, Qt.Key.Key_R)
    name, path = pipeline.calls[-1]
    assert name == "record"
    assert path.parent == tmp_path / "kept"
    assert path.suffix == ".aedat4"
    assert sessions.button.isChecked()
    pipeline.recording = RecorderStatus("recording", None, 12_300_000, 400_000, 60, 60, 0, 0)
    sessions.refresh()
    assert sessions.button.text() == "■ 12.3 MB"
    qtbot.mouseClick(sessions.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "400 k events and 60 frames" in window.notice.text())
    assert ("stop_recording",) in pipeline.calls
    assert not sessions.record_action.isChecked()
    assert sessions.button.text() == "● Record"


def test_a_recording_that_cannot_start_says_why(sessions, playing, qtbot, monkeypatch):
    window, pipeline = playing

    def refuse(path):
        raise McoeError("The disk is full; choose another.")

    monkeypatch.setattr(pipeline, "record", refuse)
    qtbot.mouseClick(sessions.button, Qt.MouseButton.LeftButton)
    assert window.notice.text() == "The disk is full; choose another."
    assert not sessions.button.isChecked()


def test_a_folder_that_cannot_be_made_is_told(sessions, playing, tmp_path):
    window, pipeline = playing
    (tmp_path / "file").touch()
    window.settings.keep_folder("recordings", tmp_path / "file" / "below")
    sessions.set_recording(True)
    assert "cannot be made" in window.notice.text()
    assert "record" not in [call[0] for call in pipeline.calls]


def test_a_failing_disk_ends_the_recording_with_its_sentence(sessions, playing, qtbot):
    window, pipeline = playing
    sessions.set_recording(True)
    pipeline.recording = RecorderStatus("failed", "a.aedat4 stopped; what was written is there.", 5, 0, 0, 0, 9, 0)
    qtbot.waitUntil(lambda: window.notice.text() == "a.aedat4 stopped; what was written is there.")
    assert not sessions.button.isChecked()


def test_a_seek_that_ended_the_recording_is_told_once_it_is_complete(sessions, playing, qtbot, monkeypatch):
    window, pipeline = playing
    sessions.set_recording(True)
    pipeline.recording = None
    ended = RecorderStatus("closed", None, 2_000_000, 5000, 7, 7, 0, 0)
    monkeypatch.setattr(pipeline, "stop_recording", lambda: ended)
    qtbot.waitUntil(lambda: "A jump in time ended the recording" in window.notice.text())
    assert "5 k events and 7 frames, 2 MB" in window.notice.text()
    assert not sessions.record_action.isChecked()


def test_a_source_that_failed_while_it_was_recorded_does_not_blame_a_jump(sessions, playing, qtbot):
    window, pipeline = playing
    sessions.set_recording(True)
    pipeline.state, pipeline.error, pipeline.recording = "failed", "It was unplugged; plug it in again.", None
    qtbot.waitUntil(lambda: "everything up to there is kept" in window.notice.text())


def test_a_recording_that_the_command_line_began_is_shown_and_can_be_stopped(sessions, playing, qtbot):
    _, pipeline = playing
    pipeline.recording = RecorderStatus("recording", None, 1_000_000, 9, 9, 9, 0, 0, Path("from_start.aedat4"))
    qtbot.waitUntil(lambda: sessions.button.text() == "■ 1 MB")
    assert sessions.record_action.isChecked()
    qtbot.mouseClick(sessions.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: ("stop_recording",) in pipeline.calls)


def test_nothing_can_be_recorded_before_something_is_open(window):
    sessions = feature(window, Sessions)
    assert not sessions.button.isEnabled()
    assert not sessions.record_action.isEnabled()


def test_a_folder_of_images_is_opened_as_a_recording(sessions, playing, qtbot, monkeypatch, maker, tmp_path):
    window, _ = playing
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path / "seq_1"))
    with qtbot.waitSignal(window.stream.pipeline_changed, check_params_cb=bool):
        qtbot.keyClick(window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert maker.paths[-1] == str(tmp_path / "seq_1")
    assert window.settings.values.folders["open"] == str(tmp_path)


def test_recent_files_come_back_in_order(sessions, playing, qtbot, maker):
    window, _ = playing
    for name in ("a.aedat4", "b.aedat4", "a.aedat4"):
        with qtbot.waitSignal(window.stream.pipeline_changed, check_params_cb=bool):
            window.stream.open(name)
    assert [Path(p).name for p in sessions.recent] == ["a.aedat4", "b.aedat4", "eye_demo.aedat4"]
    with qtbot.waitSignal(window.stream.pipeline_changed, check_params_cb=bool):
        sessions.recent_menu.actions()[1].trigger()
    assert Path(maker.paths[-1]).name == "b.aedat4"
    sessions.forget()
    assert sessions.recent == ()
    assert not sessions.recent_menu.isEnabled()


def test_the_browser_shows_pictures_and_opens_one(sessions, playing, qtbot, tmp_path, monkeypatch, maker):
    window, _ = playing
    folder = tmp_path / "kept"
    folder.mkdir()
    shutil.copy(DEMO, folder / "a.aedat4")
    shutil.copy(DEMO.with_suffix(".json"), folder / "a.json")
    (folder / "b.aedat4").write_bytes(b"nothing")
    window.settings.keep_folder("open", folder)
    qtbot.keyClick(window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    browser = sessions.browser
    qtbot.waitUntil(lambda: browser.list.count() == 2)
    qtbot.waitUntil(lambda: "happy" in browser.list.item(0).text() and "cannot" in browser.list.item(1).text())
    assert "0:03" in browser.list.item(0).text()
    assert "b.aedat4" in browser.list.item(1).toolTip()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path / "kept"))
    qtbot.mouseClick(browser.choose_button, Qt.MouseButton.LeftButton)
    assert window.settings.values.folders["browse"] == str(folder)
    qtbot.waitUntil(lambda: browser.list.count() == 2)
    with qtbot.waitSignal(window.stream.pipeline_changed, check_params_cb=bool):
        browser.list.itemActivated.emit(browser.list.item(0))
    assert maker.paths[-1] == str(folder / "a.aedat4")
    assert browser.isHidden()


def test_an_empty_folder_says_so(sessions, tmp_path, qtbot):
    sessions.browse()
    sessions.browser.show_folder(tmp_path)
    qtbot.waitUntil(lambda: "holds no recording" in sessions.browser.where.text())
    sessions.browser.show_folder(tmp_path / "absent")
    qtbot.waitUntil(lambda: "cannot be read" in sessions.browser.where.text())
    assert not sessions.browser.open_button.isEnabled()
    sessions.browser.close()


def test_a_data_sets_sequence_is_shown_and_opened_with_the_keyboard_or_the_button(sessions, tmp_path, qtbot, maker):
    for name in ("happy/seq_1_low", "sad/seq_2_low"):
        sequence(tmp_path / "SEE" / "frame" / name, 30)
    sessions.browse()
    browser = sessions.browser
    browser.show_folder(tmp_path / "SEE")
    qtbot.waitUntil(lambda: browser.list.count() == 2 and "sad" in browser.list.item(1).text())
    assert browser.list.item(0).text() == "seq_1_low\n0:01.00\nhappy"
    for item in (browser.list.item(0), browser.list.item(1)):
        lines = browser.list.visualItemRect(item).height() - browser.list.iconSize().height()
        assert lines >= 3 * browser.list.fontMetrics().height(), "a line of its words is cut off"
    assert "2 recordings" in browser.where.text()
    first, second = browser.list.item(0), browser.list.item(1)
    qtbot.waitUntil(lambda: browser.list.visualItemRect(second).left() > browser.list.visualItemRect(first).right())
    qtbot.waitUntil(browser.isActiveWindow)
    qtbot.keyClick(browser.list, Qt.Key.Key_Right)
    assert browser.list.currentRow() == 1
    with qtbot.waitSignal(sessions.context.stream.pipeline_changed, check_params_cb=bool):
        qtbot.mouseClick(browser.open_button, Qt.MouseButton.LeftButton)
    assert maker.paths[-1] == str(tmp_path / "SEE" / "frame" / "sad" / "seq_2_low")
    sessions.browse()
    browser.show_folder(tmp_path / "SEE")
    qtbot.waitUntil(lambda: browser.list.count() == 2 and browser.isActiveWindow())
    with qtbot.waitSignal(sessions.context.stream.pipeline_changed, check_params_cb=bool):
        qtbot.keyClick(browser.list, Qt.Key.Key_Return)
    assert maker.paths[-1] == str(tmp_path / "SEE" / "frame" / "happy" / "seq_1_low")


def test_of_thousands_the_first_are_shown_and_the_rest_told(sessions, tmp_path, qtbot, monkeypatch):
    monkeypatch.setattr(dialog, "MOST", 2)
    for number in range(3):
        sequence(tmp_path / f"seq_{number}", 2)
    sessions.browse()
    sessions.browser.show_folder(tmp_path)
    qtbot.waitUntil(lambda: "the first 2 of them" in sessions.browser.where.text())
    assert sessions.browser.list.count() == 2
    sessions.browser.close()
