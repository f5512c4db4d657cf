"""The cameras' dialog and what the window says of a camera that is lost: over fakes of the driver libraries."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from app.dialogs.camera import CameraDialog
from app.features.cameras import Cameras, Watch
from mcoe.capture.cameras import CameraListing, CameraSettings, CameraSource, CameraSpec, CameraStatus, Support
from mcoe.capture.cameras.backends.network import NetworkBackend
from mcoe.capture.cameras.base import Capabilities
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from tests.app.fake import feature
from tests.capture.cameras.conftest import DavisRig, PairRig, WebcamRig

ANY = Capabilities()
FOUND = [
    CameraListing("davis", "davis", None, False, "no camera is plugged in", ANY),
    CameraListing("prophesee", "EVK4", "00051500", True, None, ANY),
    CameraListing("webcam", "C920", "0", True, None, ANY),
    CameraListing("webcam", "built in", "2", True, None, ANY),
    *NetworkBackend().find(),
]


@pytest.fixture
def dialog(qtbot, jobs):
    dialog = CameraDialog(None, jobs, lambda: None, find=lambda: FOUND)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.list.count() == len(FOUND))
    return dialog


def choose(dialog, start):
    row = next(i for i in range(dialog.list.count()) if dialog.list.item(i).text().startswith(start))
    dialog.list.setCurrentRow(row)
    return dialog.list.item(row)


def talk(qtbot, jobs, camera):
    dialog = CameraDialog(None, jobs, lambda: camera, find=lambda: FOUND)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_cameras_that_cannot_be_used_are_listed_with_the_reason_and_cannot_be_chosen(dialog):
    item = next(dialog.list.item(i) for i in range(len(FOUND)) if dialog.list.item(i).text().startswith("davis"))
    assert "no camera is plugged in" in item.text()
    assert not item.flags() & Qt.ItemFlag.ItemIsEnabled
    assert dialog.chosen == CameraSpec("prophesee", "00051500")  # the first that can be


def test_an_event_camera_opens_with_a_webcam_beside_it(dialog, qtbot):
    choose(dialog, "EVK4")
    dialog.beside.setCurrentIndex(dialog.beside.findData("2"))
    with qtbot.waitSignal(dialog.open_requested) as opened:
        qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    assert CameraSpec.parse(opened.args[0]) == CameraSpec("prophesee", "00051500", "2")


def test_a_webcam_opens_alone(dialog, qtbot):
    choose(dialog, "built in")
    assert not dialog.beside.isEnabled()
    with qtbot.waitSignal(dialog.open_requested) as opened:
        dialog.open()
    assert CameraSpec.parse(opened.args[0]) == CameraSpec("webcam", None, "2")


def test_a_stream_opens_by_its_address_and_a_bad_one_is_told(dialog, qtbot):
    choose(dialog, "dv-processing")
    dialog.address.setText("tcp://nowhere")
    with qtbot.assertNotEmitted(dialog.open_requested):
        dialog.open()
    assert "tcp://nowhere" in dialog.words.text()
    dialog.address.setText("tcp://10.0.0.7:7777")
    with qtbot.waitSignal(dialog.open_requested) as opened:
        dialog.open()
    assert CameraSpec.parse(opened.args[0]).name == "tcp://10.0.0.7:7777"
    assert dialog.words.text() == ""


def test_a_listing_that_fails_is_one_sentence_and_can_be_tried_again(qtbot, jobs):
    answers = [RuntimeError("LIBUSB_ERROR_ACCESS"), FOUND]

    def find():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    dialog = CameraDialog(None, jobs, lambda: None, find=find)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: "LIBUSB_ERROR_ACCESS" in dialog.words.text())
    qtbot.mouseClick(dialog.look_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.list.count() == len(FOUND))


def test_settings_reach_the_camera_and_show_what_it_reports(qtbot, jobs):
    rig = DavisRig()
    with contextlib.closing(rig.open()) as camera:
        dialog = talk(qtbot, jobs, camera)
        assert dialog.exposure.isEnabled()
        assert dialog.sensitivity.isEnabled()
        assert dialog.auto.isChecked()
        dialog.exposure.slider.setValue(dialog.exposure.slider.maximum())
        assert not dialog.auto.isChecked()
        qtbot.waitUntil(lambda: camera.status().settings.exposure_us == pytest.approx(33_000, rel=0.05))
        dialog.sensitivity.setCurrentIndex(4)
        dialog.sensitivity.activated.emit(4)
        qtbot.waitUntil(lambda: camera.status().settings.sensitivity == "very high")
        qtbot.waitUntil(lambda: "The camera reports exposure 3" in dialog.reported.text())
        qtbot.waitUntil(lambda: float(dialog.figures["frames"].text()) > 0)
        assert "streaming" in dialog.state.text()


def test_controls_follow_what_the_camera_says_it_can_do(qtbot, jobs):
    class Mute:
        def __init__(self, support):
            self.capabilities = Capabilities(exposure=support, biases=support)

        def status(self):
            return CameraStatus("streaming")

    def shown(support):
        camera = Mute(support)
        camera.info = type("Info", (), {"name": "mute", "has_frames": True, "has_events": True})
        dialog = talk(qtbot, jobs, camera)
        return dialog.exposure.isEnabled(), dialog.sensitivity.isEnabled(), dialog.exposure_note.text()

    assert shown(Support.YES) == (True, True, "")
    enabled, _, note = shown(Support.UNKNOWN)
    assert enabled
    assert "has not said" in note
    enabled, sensitive, note = shown(Support.NO)
    assert (enabled, sensitive) == (False, False)
    assert "cannot be set" in note


def test_a_pair_sends_exposure_to_the_webcam_and_sensitivity_to_the_event_camera(qtbot, jobs):
    rig = PairRig()
    with contextlib.closing(rig.open()) as pair:
        dialog = talk(qtbot, jobs, pair)
        dialog.exposure.slider.setValue(dialog.exposure.slider.minimum())
        dialog.sensitivity.setCurrentIndex(0)
        dialog.sensitivity.activated.emit(0)
        qtbot.waitUntil(lambda: pair.frames.status().settings.exposure_us == pytest.approx(100, rel=0.05))
        qtbot.waitUntil(lambda: pair.events.status().settings.sensitivity == "very low")


def test_the_watch_tells_of_a_lost_and_of_a_silent_camera():
    watch = Watch()
    fed, starved = CameraStatus("streaming", events_per_s=5.0), CameraStatus("streaming")
    assert watch.say("EVK4", fed, 0) == ""
    assert watch.say("EVK4", starved, 2) == ""
    assert "sends nothing" in watch.say("EVK4", starved, 4)
    assert "plug it in" in watch.say("EVK4", CameraStatus("reconnecting", "The cable is out."), 5)
    assert watch.say("EVK4", starved, 7) == ""  # it has just come back
    assert watch.say("EVK4", CameraStatus("failed", "EVK4 broke; open it again."), 8) == "EVK4 broke; open it again."


def test_a_camera_that_never_sends_is_called_silent():
    watch = Watch()
    assert watch.say("EVK4", CameraStatus("streaming"), 0) == ""
    assert "sends nothing" in watch.say("EVK4", CameraStatus("streaming"), 4)


def test_an_unplugged_camera_is_told_in_the_window_and_so_is_its_return(playing, qtbot):
    window, pipeline = playing
    rig = WebcamRig()
    with contextlib.closing(rig.open()) as camera:
        pipeline.source = camera
        window.stream.pipeline_changed.emit(pipeline)
        feature(window, Cameras).show_cameras()
        rig.unplug()
        qtbot.waitUntil(lambda: "is gone" in window.notice.text())
        qtbot.waitUntil(lambda: "camera lost" in window.headline.text())
        dialog = feature(window, Cameras)._cameras
        qtbot.waitUntil(lambda: "is gone" in dialog.state.text())
        assert "last attempt" in dialog.reported.text()
        assert window.message.isHidden()  # the panels stay
        rig.replug()
        qtbot.waitUntil(lambda: "is back" in window.notice.text(), timeout=10_000)
        qtbot.waitUntil(lambda: "camera lost" not in window.headline.text())
        dialog.close()


@pytest.mark.parametrize(
    ("hardware", "words"),
    [
        ("missing", "No iniVation camera is plugged in"),
        ("permission", "udev rules"),
    ],
)
def test_a_camera_that_does_not_open_is_one_sentence_in_the_window(window, maker, qtbot, hardware, words):
    rig = DavisRig()
    if hardware == "missing":
        rig.unplug()
    else:

        def refuse(_):
            raise RuntimeError("LIBUSB_ERROR_ACCESS")

        rig.hardware.open = refuse
    with pytest.raises(McoeError) as caught:
        CameraSource(rig.backend.open)
    maker.pipeline_options = {"error": str(caught.value), "state": "failed", "info": None}
    window.stream.open(CameraSpec("davis").path)
    qtbot.waitUntil(lambda: words in window.message.words.text())
    assert "\n" not in window.message.words.text()
    assert window.message.title.text() == "Cannot show davis camera"
    assert maker.paths == ["camera:davis"]
    assert window.message.retry_button.isVisible()


def test_the_dialog_opens_through_the_window(window, maker, qtbot):
    cameras = feature(window, Cameras)
    cameras.show_cameras()
    dialog = cameras._cameras
    dialog.open_requested.emit(CameraSpec("webcam", None, "0").path)
    assert maker.paths == ["camera:webcam?rgb=0"]
    assert "webcam 0" in window.message.title.text()
    assert window.message.words.text().startswith("Connecting to the camera")
    dialog.close()


def test_a_live_stream_whose_clock_is_the_time_of_day_is_shown(window, maker, qtbot):
    # dv-processing stamps µs since 1970; the fake's times begin where its source says.
    now_us = 1_800_000_000_000_000
    live = SourceInfo("LOOPBACK", (346, 260), has_frames=True, has_events=True, live=True)
    maker.pipeline_options = {"info": replace(live, start_us=now_us)}
    window.stream.open("tcp://127.0.0.1:7777")
    pipeline = maker.made[-1]
    pipeline.advance(3)
    pipeline.info = live
    qtbot.waitUntil(window.message.isHidden)
    assert window.transport.time.text() == "live"
    assert pipeline.stats().position_us > now_us


def test_a_jump_of_the_cameras_clock_is_said_once(playing, qtbot, monkeypatch):
    window, pipeline = playing
    with contextlib.closing(WebcamRig().open()) as camera:
        status = camera.status()
        monkeypatch.setattr(camera, "status", lambda: replace(status, jumps=jumps, last_jump_us=3_600_000_000))
        pipeline.source = camera
        cameras, said = feature(window, Cameras), []
        monkeypatch.setattr(cameras.context.notices, "say", said.append)
        for jumps in (0, 1, 1, 2):  # noqa: B007  what the camera's status tells
            cameras.poll()
        assert said == [
            f"The camera's clock jumped {times}, last by +3,600.0 s; the stream went on without a gap."
            for times in ("once", "2 times")
        ]


def test_a_control_in_use_is_not_overruled(qtbot, jobs):
    with contextlib.closing(DavisRig().open(CameraSettings(exposure_us=3000))) as camera:
        dialog = talk(qtbot, jobs, camera)
        dialog._touched_s = time.monotonic() + 100
        dialog.exposure.set_value(20_000)
        dialog.poll()
        assert dialog.exposure.value == pytest.approx(20_000, rel=0.1)
