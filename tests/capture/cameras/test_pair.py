"""A webcam beside an event camera: one clock, one geometry."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mcoe.capture import align
from mcoe.capture.cameras import open_camera
from mcoe.capture.cameras.backends import prophesee, webcam
from mcoe.capture.cameras.backends.prophesee import PropheseeBackend
from mcoe.capture.cameras.backends.webcam import WebcamBackend
from mcoe.capture.cameras.base import Arrival, CameraSettings, Capabilities, Support, host_now_us
from mcoe.capture.cameras.live import CameraSource
from mcoe.capture.cameras.pair import PairSource
from mcoe.core.errors import McoeError
from mcoe.events.packets import Frame, make_events
from tests.capture.cameras.conftest import PairRig
from tests.capture.cameras.fakes import FakeDrivers, FakeWebcams
from tests.capture.cameras.test_contract import packets, wait_for

#: The event camera's clock behind the host's, µs.
BEHIND_US = 5_000_000_000


class Scripted:
    """A device that plays arrivals, then stays silent."""

    serial, dropped, in_order, size = None, 0, True, (40, 30)

    def __init__(self, name, arrivals, frames):
        self.name, self._arrivals = name, iter(arrivals)
        yes, no = Support.YES, Support.NO
        self.capabilities = Capabilities(frames=yes if frames else no, events=no if frames else yes)

    def apply(self, settings):
        return CameraSettings()

    def poll(self, timeout_s):
        arrival = next(self._arrivals, None)
        return [] if arrival is None else [arrival]

    def close(self): ...


def scripted(name, arrivals, frames):
    return CameraSource(lambda serial, settings: Scripted(name, arrivals, frames), capacity=10_000)


def test_frames_are_put_on_the_events_clock():
    start = host_now_us() - 1_000_000
    events = []
    for number in range(40):
        end = start + number * 25_000  # host time of the device's stamp; the packet arrives 1 to 4 ms later
        times = end - BEHIND_US - np.arange(99, -1, -1) * 100
        events.append(Arrival(make_events(times, times % 40, times % 30, times % 2), end + 1_000 * (1 + number % 4)))
    frames = [
        Arrival(Frame(np.full((30, 40), 9, np.uint8), at - 5_000, at), at + 30_000)
        for at in range(start + 300_000, start + 900_000, 33_333)
    ]
    camera, webcam = scripted("events", events, frames=False), scripted("frames", frames, frames=True)
    wait_for(lambda: len(camera._mailbox) == 40 and len(webcam._mailbox) == len(frames), "all packets")
    with contextlib.closing(PairSource(camera, webcam)) as pair:
        got = packets(pair, 40 + len(frames))
        clock = pair.sync().clock
    assert clock.offset_us == pytest.approx(BEHIND_US + 1_000, abs=100)
    ends = [p.end_us for p in got if isinstance(p, Frame)]
    # The quickest packet took 1 ms, which no one-way measurement can tell from the offset.
    expected = [a.packet.end_us - BEHIND_US - 1_000 for a in frames]
    np.testing.assert_allclose(ends, expected, atol=1_001)


def test_the_lag_is_subtracted_and_the_alignment_applied():
    rig = PairRig()
    with contextlib.closing(rig.open()) as pair:
        assert pair.info.size == (1280, 720)
        assert pair.info.name == "Prophesee EVK4 00051500 + webcam 0"
        matrix = np.array([[2, 0, 100], [0, 2, 50], [0, 0, 1]], float)
        pair.alignment = align.Alignment(matrix, (320, 240), (1280, 720), "points")
        before = [p for p in packets(pair, 60) if isinstance(p, Frame)][-1]
        pair.lag_us = -80_000
        wait_for(lambda: pair.sync().lag_us == -80_000, "the lag")
        frames = [p for p in packets(pair, 200) if isinstance(p, Frame)]
        assert frames[-1].end_us > before.end_us
        image = frames[-1].image
        assert image.shape == (720, 1280, 3)
        lit = np.nonzero(image.any(axis=(0, 2)))[0]
        assert lit.min() >= 99  # what lies left of the webcam's view is black
        assert lit.max() <= 100 + 2 * 320


def test_nothing_moves_so_the_lag_is_unknown():
    with contextlib.closing(PairRig().open()) as pair:
        packets(pair, 50)
        assert pair.sync().residual.lag_us is None


def test_either_camera_lost_shows_and_the_other_goes_on():
    rig = PairRig()
    with contextlib.closing(rig.open()) as pair:
        packets(pair, 20)
        rig.frames.unplug()
        wait_for(lambda: pair.status().state == "reconnecting", "state reconnecting")
        assert "webcam 0" in pair.status().reason
        while isinstance(packets(pair, 1)[0], Frame):
            pass
        rig.frames.replug()
        wait_for(lambda: pair.status().state == "streaming", "state streaming")
        while not isinstance(packets(pair, 1)[0], Frame):
            pass


@pytest.fixture
def plugged(monkeypatch):
    """Fake hardware behind the kinds of camera."""
    drivers, webcams = FakeDrivers(), FakeWebcams()

    def made(emulate):
        return lambda: WebcamBackend(emulate, webcams)

    evk4 = replace(prophesee.KIND, backend=lambda: PropheseeBackend(drivers))
    monkeypatch.setattr(prophesee, "KIND", evk4)
    monkeypatch.setattr(webcam, "KIND", replace(webcam.KIND, backend=made(True), beside=made(False)))
    return drivers, webcams


def test_opens_with_the_alignment_kept_for_the_pair(plugged, tmp_path):
    matrix, _ = cv2.findHomography(
        np.array([[0, 0], [320, 0], [320, 240], [0, 240]], float),
        np.array([[5, 5], [1200, 9], [1190, 700], [8, 690]], float),
    )
    kept = align.Alignment(matrix, (320, 240), (1280, 720), "points")
    align.save(kept, "Prophesee EVK4 00051500 + webcam 0", tmp_path)
    with contextlib.closing(open_camera("prophesee", rgb=0, alignments=tmp_path)) as pair:
        np.testing.assert_array_equal(pair.alignment.matrix, matrix)
    with contextlib.closing(open_camera("prophesee", rgb="0")) as pair:
        assert pair.alignment.method == "scale"


def test_a_missing_webcam_releases_the_event_camera(plugged):
    drivers, webcams = plugged
    webcams.plugged = False
    with pytest.raises(McoeError, match="Webcam 0 cannot be opened"):
        open_camera("prophesee", rgb=0)
    assert drivers.closed == 1


def test_two_webcams_are_no_pair(plugged):
    with pytest.raises(McoeError, match="name two webcams"):
        open_camera("webcam", serial="1", rgb=0)
