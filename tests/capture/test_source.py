"""What a source states of itself is believed only as far as a recording or a camera can go."""

import numpy as np
import pytest

from mcoe.capture.cameras.base import CameraSettings, Capabilities, Support
from mcoe.capture.cameras.live import CameraSource
from mcoe.capture.replay import open_replay
from mcoe.capture.source import MAX_SIDE, MAX_TIME_US, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.packets import make_events
from mcoe.live.library import _ArraySource
from mcoe.recording.preview import preview
from tests.capture import evt

SIZES = [(0, 0), (0, 480), (640, 0), (-1, 5), (MAX_SIDE + 1, 1), (100_000, 100_000), (10**400, 3)]


@pytest.mark.parametrize("size", SIZES)
def test_no_sensor_is_of_such_a_size(size):
    with pytest.raises(McoeError, match=r"rec\.raw states a sensor"):
        SourceInfo("rec.raw", size, True, True, False)


@pytest.mark.parametrize(
    ("start", "duration"),
    [(0, -1), (MAX_TIME_US + 1, 0), (-MAX_TIME_US - 1, 5), (0, MAX_TIME_US + 1), (1 << 63, 0), (0, 10**400)],
)
def test_no_recording_is_of_such_times(start, duration):
    with pytest.raises(McoeError, match="states times that cannot be"):
        SourceInfo("rec.raw", (7, 5), True, True, False, start, duration)


def test_the_largest_and_today_are_good():
    SourceInfo("x", (MAX_SIDE, 1), True, False, False, 1_800_000_000_000_000, 3_600_000_000)


def test_a_name_is_plain_and_bounded():
    assert len(SourceInfo("x" * 10**6, (7, 5), True, True, True).name) < 200
    assert SourceInfo("a\x1b[31m\nb", (7, 5), True, True, True).name.isprintable()
    assert SourceInfo("\n", (7, 5), True, True, True).name


def geometry(path, stated):
    events = make_events(range(100, 400), [3] * 300, [4] * 300, [1] * 300)
    body = evt.ENCODERS["evt2"](events)
    path.write_bytes(f"% evt 2.0\n% format EVT2\n% {stated}\n% end\n".encode() + body)
    return path


@pytest.mark.parametrize(
    "stated", ["geometry 99999x99999", "geometry 0x0", "geometry 8193x2", "format EVT2;width=0;height=9"]
)
def test_a_file_that_states_an_impossible_sensor_is_told_and_previewed(tmp_path, stated):
    path = geometry(tmp_path / "a.raw", stated)
    with pytest.raises(McoeError, match=r"a\.raw states a sensor of"):
        open_replay(path)
    seen = preview(path)
    assert "a.raw states a sensor" in seen.error
    assert seen.image is None


@pytest.mark.parametrize("stated", ["width ²\n% height ³", "geometry " + "9" * 3_000 + "x9", "geometry x"])
def test_a_size_that_is_no_number_is_none(tmp_path, stated):
    with open_replay(geometry(tmp_path / "a.raw", stated)) as source:
        assert source.info.size == (320, 320)


class Hostile:
    """A device that states what it is told to."""

    serial, in_order, dropped = None, True, 0
    capabilities = Capabilities(frames=Support.YES, events=Support.YES)

    def __init__(self, size, name="cam"):
        self.size, self.name, self.closed = size, name, False

    def apply(self, settings):
        return CameraSettings()

    def poll(self, timeout_s):
        return []

    def close(self):
        self.closed = True


@pytest.mark.parametrize("size", SIZES)
def test_a_camera_that_states_an_impossible_sensor_is_told_and_released(size):
    device = Hostile(size)
    with pytest.raises(McoeError, match="cam states a sensor"):
        CameraSource(lambda *_: device)
    assert device.closed


def test_a_server_of_a_megabyte_name_is_called_shortly():
    with CameraSource(lambda *_: Hostile((7, 5), "<b>" + "x\n" * 10**6)) as camera:
        assert len(camera.info.name) < 200
        assert camera.info.name.isprintable()


def test_arrays_of_an_impossible_sensor_are_told():
    with pytest.raises(McoeError, match="states a sensor"):
        _ArraySource(None, None, np.zeros((1, 4)), (100_000, 100_000))
