"""Recording, labelling by key, recent files and the browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from app.sessions import Sessions
from mcoe.capture.recorder import RecorderStatus
from mcoe.errors import McoeError

DEMO = Path(__file__).resolve().parents[2] / "assets" / "demo.aedat4"


@pytest.fixture
def sessions(playing, tmp_path):
    window, _ = playing
    window.settings.setValue("recordings", str(tmp_path / "kept"))
    yield window.feature(Sessions)
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
    sessions.look()
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
    window.settings.setValue("recordings", str(tmp_path / "file" / "below"))
    sessions.set_recording(True)
    assert "cannot be made" in window.notice.text()
    assert "record" not in [call[0] for call in pipeline.calls]


def test_a_failing_disk_ends_the_recording_with_its_sentence(sessions, playing, qtbot):
    window, pipeline = playing
    sessions.set_recording(True)
    pipeline.recording = RecorderStatus("failed", "a.aedat4 stopped; what was written is there.", 5, 0, 0, 0, 9, 0)
    qtbot.waitUntil(lambda: window.notice.text() == "a.aedat4 stopped; what was written is there.")
    assert not sessions.button.isChecked()


def test_a_seek_that_ended_the_recording_is_told(sessions, playing):
    window, pipeline = playing
    sessions.set_recording(True)
    pipeline.recording = None
    sessions.look()
    assert "jump in time" in window.notice.text()
    assert not sessions.record_action.isChecked()


def test_recent_files_come_back_in_order(sessions, playing, qtbot, maker):
    window, _ = playing
    for name in ("a.aedat4", "b.aedat4", "a.aedat4"):
        with qtbot.waitSignal(window.pipeline_changed, check_params_cb=bool):
            window.open(name)
    assert [Path(p).name for p in sessions.recent] == ["a.aedat4", "b.aedat4", "eye_demo.aedat4"]
    with qtbot.waitSignal(window.pipeline_changed, check_params_cb=bool):
        sessions.recent_menu.actions()[1].trigger()
    assert Path(maker.paths[-1]).name == "b.aedat4"
    sessions.forget()
    assert sessions.recent == []
    assert not sessions.recent_menu.isEnabled()


def test_the_browser_shows_pictures_and_opens_one(sessions, playing, qtbot, tmp_path, monkeypatch, maker):
    window, _ = playing
    folder = tmp_path / "kept"
    folder.mkdir()
    shutil.copy(DEMO, folder / "a.aedat4")
    shutil.copy(DEMO.with_suffix(".json"), folder / "a.json")
    (folder / "b.aedat4").write_bytes(b"nothing")
    window.settings.setValue("folder", str(folder))
    qtbot.keyClick(window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    browser = sessions.browser
    qtbot.waitUntil(lambda: "happy" in browser.list.item(0).text() and "cannot" in browser.list.item(1).text())
    assert "0:04" in browser.list.item(0).text()
    assert "b.aedat4" in browser.list.item(1).toolTip()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path / "kept"))
    qtbot.mouseClick(browser.choose_button, Qt.MouseButton.LeftButton)
    assert window.settings.value("browsed") == str(folder)
    with qtbot.waitSignal(window.pipeline_changed, check_params_cb=bool):
        browser.list.itemActivated.emit(browser.list.item(0))
    assert maker.paths[-1] == str(folder / "a.aedat4")
    assert browser.isHidden()


def test_an_empty_folder_says_so(sessions, tmp_path):
    sessions.browse()
    sessions.browser.show_folder(tmp_path)
    assert "holds no recording" in sessions.browser.where.text()
    sessions.browser.show_folder(tmp_path / "absent")
    assert "cannot be read" in sessions.browser.where.text()
    sessions.browser.close()
