"""The bundled lightings: a key for each, one after the other, never written to; and what the weights are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from app.dialogs.weights import UNTRAINED
from app.features.bundled import BundledRecordings
from app.features.labels import Labels
from app.features.sessions import Sessions
from app.features.weights_info import WeightsInfo
from app.panels.emotions import UNRECORDED
from app.shell.window import MainWindow
from mcoe.live.bundled import bundled_recordings
from mcoe.model.config import ModelConfig
from mcoe.model.facts import read_facts
from mcoe.recording.recorder import RecorderStatus
from tests.app.fake import SOURCE, STEP_US, engine, feature

NAMES = ("normal", "overexposed", "low", "hdr")


@pytest.fixture
def four(tmp_path, maker):
    """Four recordings with a label each, of which the fake plays the first moments."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, label in zip(NAMES, ("happy", "sad", "fear", "angry"), strict=True):
        (folder / f"{name}.aedat4").touch()
        start, middle = SOURCE.start_us, SOURCE.start_us + 100 * STEP_US
        segments = [
            {"start_us": start, "end_us": middle, "label": "neutral"},
            {"start_us": middle, "end_us": middle + 100 * STEP_US, "label": label},
        ]
        (folder / f"{name}.json").write_text(json.dumps({"segments": segments, "lighting": name, "synthetic": True}))
    maker.recordings = bundled_recordings(folder)
    return maker.recordings


@pytest.fixture
def booth(four, qtbot, maker, settings):
    """A window that plays the first of them."""
    window = MainWindow(maker, settings)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    window.stream.open(None)
    play(window, maker, qtbot)
    yield window
    window.close()
    window.join()


def play(window, maker, qtbot, frames: int = 3):
    """Let the newest pipeline show some results."""
    qtbot.waitUntil(lambda: window.stream.pipeline is not None and window.stream.pipeline is maker.made[-1])
    maker.made[-1].advance(frames)
    qtbot.waitUntil(lambda: window.panels["emotions"].result is maker.made[-1].latest())


def names(maker):
    return [Path(path).stem if path else path for path in maker.paths]


def end(window, pipeline):
    """Let the recording play to its end, as the timer sees it."""
    window.stream.tick()
    pipeline.state = "ended"
    window.stream.tick()


def test_a_key_for_each_lighting_opens_it_and_ticks_it(booth, maker, qtbot):
    bundled = feature(booth, BundledRecordings)
    assert bundled.shown == 0
    for number, key in enumerate((Qt.Key.Key_F5, Qt.Key.Key_F6, Qt.Key.Key_F7, Qt.Key.Key_F8)):
        qtbot.keyClick(booth, key)
        play(booth, maker, qtbot)
        assert names(maker)[-1] == NAMES[number]
        assert bundled.shown == number
        assert [action.isChecked() for action in bundled._actions] == [n == number for n in range(4)]


def test_choosing_the_one_that_plays_starts_it_again_and_leaves_its_tick(booth, maker, qtbot):
    qtbot.keyClick(booth, Qt.Key.Key_F5)
    play(booth, maker, qtbot)
    assert len(maker.made) == 2
    assert feature(booth, BundledRecordings)._actions[0].isChecked()


def test_the_end_begins_again_by_itself(booth, maker):
    end(booth, maker.made[-1])
    assert maker.made[-1].calls[-1] == ("play",)
    assert len(maker.made) == 1


def test_play_all_goes_through_the_lightings_and_begins_again(booth, maker, qtbot):
    qtbot.keyClick(booth, Qt.Key.Key_F9)
    assert len(maker.made) == 1, "what plays already plays on"
    for following in ("overexposed", "low", "hdr", "normal"):
        end(booth, maker.made[-1])
        play(booth, maker, qtbot)
        assert names(maker)[-1] == following
    qtbot.keyClick(booth, Qt.Key.Key_F9)
    end(booth, maker.made[-1])
    assert maker.made[-1].calls[-1] == ("play",)


def test_stepping_to_the_end_stays_there(booth, maker):
    pipeline = maker.made[-1]
    pipeline.pause()
    booth.stream.tick()
    pipeline.state = "ended"
    booth.stream.tick()
    assert ("play",) not in pipeline.calls


def test_what_is_being_recorded_is_not_taken_away(booth, maker, qtbot):
    qtbot.keyClick(booth, Qt.Key.Key_F9)
    maker.made[-1].recording = RecorderStatus("recording", None, 0, 0, 0, 0, 0, 0)
    end(booth, maker.made[-1])
    assert len(maker.made) == 1
    assert ("play",) not in maker.made[-1].calls
    maker.made[-1].recording = None


def test_a_file_of_ones_own_is_never_taken_away(booth, maker, qtbot):
    bundled = feature(booth, BundledRecordings)
    qtbot.keyClick(booth, Qt.Key.Key_F9)
    booth.stream.open("mine.aedat4")
    play(booth, maker, qtbot)
    assert not bundled.play_all.isChecked()
    assert not any(action.isChecked() for action in bundled._actions)
    end(booth, maker.made[-1])
    assert names(maker)[-1] == "mine"
    assert ("play",) not in maker.made[-1].calls
    qtbot.keyClick(booth, Qt.Key.Key_F9)
    play(booth, maker, qtbot)
    assert names(maker)[-1] == "normal"


def test_bundled_recordings_are_neither_labelled_nor_listed_as_recent(booth, maker, qtbot, four):
    qtbot.keyClick(booth, Qt.Key.Key_F7)
    play(booth, maker, qtbot)
    before = four[2].path.with_suffix(".json").read_text()
    feature(booth, Labels).note("happy")
    assert "bundled" in booth.notice.text()
    assert four[2].path.with_suffix(".json").read_text() == before
    assert feature(booth, Sessions).recent == ()


def test_without_any_the_menu_is_grey(window):
    bundled = feature(window, BundledRecordings)
    assert bundled.shown is None
    assert not bundled.play_all.isEnabled()


def test_the_true_label_follows_play_seek_and_the_next_recording(booth, maker, qtbot):
    panel = booth.panels["emotions"]
    assert panel.truth == "neutral"
    assert "○ true" in panel.note.text()
    assert "neutral" in panel.canvas.toolTip()
    booth.stream.seek(SOURCE.start_us + 150 * STEP_US)
    qtbot.waitUntil(lambda: panel.result is maker.made[-1].latest())
    assert panel.truth == "happy"
    assert "happy" in panel.canvas.toolTip()
    booth.stream.seek(SOURCE.start_us + 300 * STEP_US)
    qtbot.waitUntil(lambda: panel.result is maker.made[-1].latest())
    assert (panel.truth, panel.canvas.toolTip()) == ("", "")
    qtbot.keyClick(booth, Qt.Key.Key_F6)
    play(booth, maker, qtbot)
    booth.stream.seek(SOURCE.start_us + 150 * STEP_US)
    qtbot.waitUntil(lambda: panel.result is maker.made[-1].latest())
    assert panel.truth == "sad"
    booth.stream.open("mine.aedat4")
    assert panel.truth == ""
    play(booth, maker, qtbot)
    assert panel.truth == ""
    assert "true" not in panel.note.text()


# ---- the weights

RECORD = {
    "training": {"stride": 12, "data": "eye"},
    "validation": {"epoch": 41},
    "data": {"synth": {"seed": 7}, "sequences": 2240, "subjects": 80},
    "commit": "0123abc",
    "classes": ["happy", "sad"],
}
SCORES = {
    "measured_on": {"subset": "testing", "subjects": 25, "synth": {"seed": 7}},
    "values": {"WAR": 0.871, "low": 0.8},
    "intervals_95": {"WAR": [0.84, 0.902]},
}


def with_facts(**metadata):
    facts = read_facts(Path("eye.safetensors"), metadata, ModelConfig())
    return replace(engine(facts.trained, "eye.safetensors"), facts=facts)


@pytest.fixture
def loaded(window, maker, qtbot):
    """Open a recording with a network of these facts."""

    def load(info):
        maker.pipeline_options = {"engine_info": info}
        window.stream.open("mine.aedat4")
        play(window, maker, qtbot)
        return window

    return load


def weights_tip(window):
    return window.status._cells["weights"].toolTip()


def test_measured_weights_say_on_what_and_how_sure_and_carry_no_banner(loaded, qtbot):
    window = loaded(with_facts(**RECORD, scores=SCORES))
    assert window.panels["emotions"].notice == ""
    words = "accuracy on virtual eyes, per sequence: WAR 87.1 % (95 % interval 84.0–90.2 %) of 25 test subjects"
    assert words in weights_tip(window)
    qtbot.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    dialog = feature(window, WeightsInfo).dialog
    qtbot.waitUntil(dialog.isVisible)
    said = [label.text() for label in dialog.findChildren(QLabel)]
    assert any(words in text for text in said)
    for what in (
        "0123abc",
        "7",
        "80.0 %",
        "42",
        "virtual eyes, 25 test subjects, an answer per sequence",
        "happy, sad",
    ):
        assert what in said
    for label in dialog.findChildren(QLabel):
        assert label.height() >= label.heightForWidth(label.width()), label.text()
    dialog.reject()


def test_unmeasured_weights_say_so(loaded):
    window = loaded(with_facts(**RECORD))
    assert "trained on virtual eyes; accuracy not measured" in weights_tip(window)
    assert window.panels["emotions"].notice == ""


def test_weights_without_a_record_of_training_are_not_called_trained(loaded):
    window = loaded(with_facts(classes=[]))
    assert window.panels["emotions"].notice == UNRECORDED
    assert "no record of a training" in weights_tip(window)


def test_no_weights_at_all_are_called_untrained(loaded, qtbot):
    window = loaded(engine())
    assert "Untrained" in weights_tip(window)
    feature(window, WeightsInfo).show()
    dialog = feature(window, WeightsInfo).dialog
    assert UNTRAINED in [label.text() for label in dialog.findChildren(QLabel)]
    dialog.reject()


def test_before_a_network_is_loaded_the_notice_says_so(window):
    feature(window, WeightsInfo).show()
    assert "No network is loaded" in window.notice.text()
