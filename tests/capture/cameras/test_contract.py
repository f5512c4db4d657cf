"""What every live camera does, whatever the backend."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from dataclasses import fields, replace

import pytest

from mcoe.capture.cameras import Support
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame, packet_end_us

PATIENCE_S = 30.0


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.01)


def packets(camera, count):
    """Return ``count`` packets, waiting as a live pipeline does."""
    out, deadline = [], time.monotonic() + PATIENCE_S
    while len(out) < count:
        assert time.monotonic() < deadline, f"only {len(out)} of {count} packets came"
        with contextlib.suppress(TimeoutError):
            packet = camera.read(0.2)
            assert packet is not None
            out.append(packet)
    return out


def check_order(got):
    """Event batches are ordered and never overlap; frames are ordered."""
    last_event = last_frame = -(1 << 62)
    for packet in got:
        if isinstance(packet, Frame):
            assert packet.start_us <= packet.end_us
            assert packet.end_us > last_frame
            last_frame = packet.end_us
        else:
            assert packet.dtype == EVENT_DTYPE
            assert len(packet) > 0
            times = packet["timestamp"]
            assert (times[1:] >= times[:-1]).all()
            assert times[0] >= last_event
            last_event = int(times[-1])


def test_opens_says_what_it_is_and_delivers_what_it_promises(rig):
    with contextlib.closing(rig.open()) as camera:
        info = camera.info
        assert info.live
        assert info.duration_us is None
        assert info.name
        width, height = info.size
        got = packets(camera, 60)
        check_order(got)
        frames = [p for p in got if isinstance(p, Frame)]
        events = [p for p in got if not isinstance(p, Frame)]
        assert bool(frames) == info.has_frames
        assert bool(events) == info.has_events
        for frame in frames:
            assert frame.image.dtype == "uint8"
            assert frame.image.shape[:2] == (height, width)
        for batch in events:
            assert ((batch["x"] >= 0) & (batch["x"] < width)).all()
            assert ((batch["y"] >= 0) & (batch["y"] < height)).all()
        assert camera.capabilities.events is (Support.YES if info.has_events else Support.NO)
        assert camera.status().state == "streaming"


def test_measures_its_real_rate(rig):
    with contextlib.closing(rig.open()) as camera:
        packets(camera, 60)
        status = camera.status()
        assert (status.events_per_s > 0) == camera.info.has_events
        assert (status.frames_per_s > 0) == camera.info.has_frames


def test_read_times_out_and_cannot_seek(rig):
    with contextlib.closing(rig.open()) as camera:
        packets(camera, 1)
        with pytest.raises(McoeError, match="cannot seek"):
            camera.seek(0)
        rig.unplug()
        with pytest.raises(TimeoutError):
            for _ in range(10_000):
                camera.read(0.05)


def test_a_slow_reader_loses_the_oldest_and_is_told(rig):
    with contextlib.closing(rig.open()) as camera:
        wait_for(lambda: camera.dropped > 10, "a dropped packet")
        rig.unplug()
        check_order(packets(camera, 30))
        assert camera.status().dropped == camera.dropped


def test_close_twice_from_any_thread_ends_a_waiting_read(rig):
    camera = rig.open()
    rig.unplug()
    ended = threading.Event()

    def reader():
        while True:
            try:
                if camera.read(5.0) is None:
                    ended.set()
                    return
            except TimeoutError:
                continue

    thread = threading.Thread(target=reader)
    thread.start()
    camera.close()
    camera.close()
    thread.join(PATIENCE_S)
    assert ended.is_set()
    assert camera.read(0.1) is None
    assert camera.status().state == "closed"


def test_yields_its_packets_through_silence_until_it_is_closed(rig):
    with rig.open() as camera:
        check_order(list(itertools.islice(camera, 20)))
        rig.unplug()
        got = []
        thread = threading.Thread(target=lambda: got.extend(camera))
        thread.start()
        wait_for(lambda: camera.status().state == "reconnecting", "state reconnecting")
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    check_order(got)
    assert camera.status().state == "closed"


def test_opens_again_after_close(rig):
    for _ in range(2):
        with contextlib.closing(rig.open()) as camera:
            check_order(packets(camera, 5))
        rig.unplug()
        rig.replug()


def test_unplugged_while_streaming_it_comes_back_and_time_goes_on(rig):
    with contextlib.closing(rig.open()) as camera:
        before = packets(camera, 20)
        rig.unplug()
        wait_for(lambda: camera.status().state == "reconnecting", "state reconnecting")
        assert camera.status().reason
        rig.replug()
        wait_for(lambda: camera.status().state == "streaming", "state streaming")
        assert camera.status().reconnects >= 1
        with contextlib.suppress(TimeoutError):  # what waited from before
            while len(before) < 5000:
                before.append(camera.read(0.0))
        after = packets(camera, 40)
        check_order(before + after)
        gap = packet_end_us(after[-1]) - packet_end_us(before[0])
        assert 0 < gap < 120_000_000  # no jump by the hour that a device's clock was set back


def test_settings_are_reported_and_applied_again_after_a_reconnect(rig):
    if rig.settings is None:
        pytest.skip("the backend takes no settings")
    with contextlib.closing(rig.open()) as camera:
        packets(camera, 1)
        untouched = rig.heard()
        camera.configure(rig.settings)
        wait_for(lambda: rig.heard() != untouched, "the settings at the hardware")
        wait_for(lambda: reported(camera, rig.settings) == rig.settings, "the settings read back")
        told = rig.heard()
        rig.unplug()
        wait_for(lambda: camera.status().state == "reconnecting", "state reconnecting")
        rig.replug()
        wait_for(lambda: camera.status().state == "streaming", "state streaming")
        wait_for(lambda: rig.heard() == told, "the settings, again")
        assert reported(camera, rig.settings) == rig.settings


def reported(camera, asked):
    """Return ``asked`` with the values that the camera reports in their place."""
    told = camera.status().settings
    return replace(
        asked, **{f.name: getattr(told, f.name) for f in fields(asked) if getattr(asked, f.name) is not None}
    )


def test_a_missing_device_is_refused_in_one_sentence(rig):
    rig.unplug()
    with pytest.raises(McoeError) as refused:
        rig.open()
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)
