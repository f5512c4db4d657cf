"""Labels and markers by key: noted, shown, taken back, gone to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from app.features.sessions import Sessions
from mcoe.core.words import EMOTIONS
from mcoe.recording.sidecar import load_sidecar
from tests.app.fake import SOURCE, feature

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def mine(playing, tmp_path):
    """A window that replays a recording of the user's own."""
    window, pipeline = playing
    window.stream.path = str(tmp_path / "mine.aedat4")
    window.settings.keep_folder("recordings", tmp_path / "kept")
    yield window, pipeline
    window.join()


def markers(tmp_path):
    notes = json.loads((tmp_path / "mine.json").read_text())
    return [(marker["label"], marker["time_us"]) for marker in notes["markers"]]


@pytest.mark.parametrize(("number", "name"), list(enumerate(EMOTIONS, 1)))
def test_each_number_labels_a_replay_in_its_sidecar(mine, qtbot, tmp_path, number, name):
    window, pipeline = mine
    at = pipeline.stats().position_us
    qtbot.keyClick(window, Qt.Key.Key_0 + number)
    assert load_sidecar(tmp_path / "mine.aedat4").at(at) == name
    assert window.panels["emotions"].labels.at(at) == name
    assert window.notice.text().startswith(f"{name.capitalize()} at 0:00.16")


def test_a_number_labels_the_recording_that_runs(mine, qtbot):
    window, pipeline = mine
    feature(window, Sessions).set_recording(True)
    qtbot.keyClick(window, Qt.Key.Key_3)
    assert pipeline.calls[-1] == ("mark", "angry")


def test_0_ends_a_label_and_k_marks_a_moment(mine, qtbot, tmp_path):
    window, pipeline = mine
    times = []
    for key in (Qt.Key.Key_1, Qt.Key.Key_K, Qt.Key.Key_0):
        times.append(pipeline.stats().position_us)
        qtbot.keyClick(window, key)
        pipeline.advance(30)
    known = load_sidecar(tmp_path / "mine.aedat4")
    assert known.markers == tuple(zip(times, ("happy", "marker", "none"), strict=True))
    assert [known.at(t) for t in (times[1], times[2] - 1, times[2])] == ["happy", "happy", None]


def test_control_z_takes_labels_back_one_by_one(mine, qtbot, tmp_path):
    window, pipeline = mine
    (tmp_path / "mine.json").write_text('{"markers": [{"label": "sad", "time_us": 7}], "lighting": "low"}')
    first = pipeline.stats().position_us
    qtbot.keyClick(window, Qt.Key.Key_1)
    pipeline.advance(3)
    qtbot.keyClick(window, Qt.Key.Key_6)
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert markers(tmp_path) == [("sad", 7), ("happy", first)]
    assert "fear at" in window.notice.text()
    assert window.panels["emotions"].labels == load_sidecar(tmp_path / "mine.aedat4")
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert markers(tmp_path) == [("sad", 7)], "what was there before is not the key's to take"
    assert "no label or marker of yours" in window.notice.text()


def test_control_z_takes_a_label_back_from_the_recording_that_runs(mine, qtbot, monkeypatch):
    window, pipeline = mine
    feature(window, Sessions).set_recording(True)
    qtbot.keyClick(window, Qt.Key.Key_2)
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert pipeline.calls[-2:] == [("mark", "sad"), ("unmark",)]
    assert "Taken back: sad" in window.notice.text()
    qtbot.keyClick(window, Qt.Key.Key_2)
    monkeypatch.setattr(pipeline, "unmark", lambda: False)  # as for a second recording, in which nothing was noted
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert "no label or marker of yours" in window.notice.text()


def test_undo_of_another_recordings_label_does_nothing(mine, qtbot, tmp_path):
    window, _ = mine
    qtbot.keyClick(window, Qt.Key.Key_1)
    window.stream.path = str(tmp_path / "other.aedat4")
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert len(markers(tmp_path)) == 1


def test_a_sidecar_that_cannot_be_read_is_told_and_left(mine, qtbot, tmp_path):
    window, _ = mine
    qtbot.keyClick(window, Qt.Key.Key_1)
    (tmp_path / "mine.json").write_text("{")
    for key, modifier in ((Qt.Key.Key_2, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Z, CONTROL)):
        window.notice.hide()
        qtbot.keyClick(window, key, modifier)
        assert "move it away" in window.notice.text()
        assert window.notice.isVisible()
    assert (tmp_path / "mine.json").read_text() == "{"


def test_labelled_stretches_win_and_that_is_said(mine, qtbot, tmp_path):
    window, _ = mine
    segment = {"start_us": 0, "end_us": 1 << 40, "label": "fear"}
    (tmp_path / "mine.json").write_text(json.dumps({"segments": [segment]}))
    qtbot.keyClick(window, Qt.Key.Key_1)
    assert "stay what is true" in window.notice.text()
    assert len(markers(tmp_path)) == 1


def test_the_bundled_recording_is_not_labelled(mine, qtbot):
    window, _ = mine
    window.stream.path = None
    qtbot.keyClick(window, Qt.Key.Key_1)
    assert "bundled" in window.notice.text()


def test_a_camera_is_labelled_only_while_it_is_recorded(mine, qtbot):
    window, pipeline = mine
    pipeline.info = replace(SOURCE, live=True, duration_us=None)
    qtbot.keyClick(window, Qt.Key.Key_1)
    assert "press R" in window.notice.text()


def test_without_anything_open_a_label_is_refused_in_words(window, qtbot):
    qtbot.keyClick(window, Qt.Key.Key_1)
    assert "Nothing is open" in window.notice.text()


def test_control_and_arrows_go_to_labels_and_markers(mine, qtbot, tmp_path):
    window, pipeline = mine
    times = [SOURCE.start_us + second * 1_000_000 for second in (5, 10, 20)]
    notes = {
        "markers": [{"label": "marker", "time_us": t} for t in times[1:]] + [{"label": "sad", "time_us": times[0]}]
    }
    (tmp_path / "mine.json").write_text(json.dumps(notes))
    window.stream.set_labels(load_sidecar(tmp_path / "mine.aedat4"))

    def goes(key, wanted):
        pipeline.calls.clear()
        qtbot.keyClick(window, key, CONTROL)
        qtbot.waitUntil(lambda: pipeline.calls == [("seek", wanted)])
        window.stream.tick()

    for wanted in times:
        goes(Qt.Key.Key_Right, wanted)
    qtbot.keyClick(window, Qt.Key.Key_Right, CONTROL)
    assert window.notice.text() == "There is no label or marker after this moment."
    for wanted in times[1::-1]:
        goes(Qt.Key.Key_Left, wanted)
    qtbot.keyClick(window, Qt.Key.Key_Left, CONTROL)
    assert window.notice.text() == "There is no label or marker before this moment."
