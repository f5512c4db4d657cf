"""What every recorded source keeps to, whatever its format."""

import itertools
import threading

import numpy as np
import pytest

from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame, packet_end_us
from tests.capture import evt
from tests.capture.files.test_folder import write_sequence
from tests.capture.files.test_prophesee import bursts, name_of
from tests.capture.files.test_video import write_video
from tests.capture.material import synthetic_packets, write_aedat4

MAKERS = {
    "aedat4": lambda folder: write_aedat4(folder / "a.aedat4", synthetic_packets()),
    "aedat4-frames": lambda folder: write_aedat4(folder / "a.aedat4", synthetic_packets(events=False), events=False),
    "aedat4-events": lambda folder: write_aedat4(folder / "a.aedat4", synthetic_packets(frames=False), frames=False),
    **{kind: lambda folder, kind=kind: evt.write(folder / name_of(kind), kind, bursts()) for kind in evt.ENCODERS},
    "video": lambda folder: write_video(folder / "a.avi"),
    "folder": write_sequence,
}


@pytest.fixture(params=MAKERS)
def recording(request, tmp_path):
    return MAKERS[request.param](tmp_path)


@pytest.fixture
def source(recording):
    opened = open_replay(recording)
    yield opened
    opened.close()


def read_all(source):
    packets = []
    while (packet := source.read()) is not None:
        packets.append(packet)
    return packets


def test_what_it_says_of_itself_is_true(source, recording):
    info = source.info
    packets = read_all(source)
    frames = [p for p in packets if isinstance(p, Frame)]
    batches = [p for p in packets if not isinstance(p, Frame)]
    assert info.name == recording.name
    assert not info.live
    assert (info.has_frames, info.has_events) == (bool(frames), bool(batches))
    for frame in frames:
        assert frame.image.shape[1::-1] == info.size
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.start_us <= frame.end_us
    for batch in batches:
        assert batch.dtype == EVENT_DTYPE
        assert batch["x"].min() >= 0
        assert batch["x"].max() < info.size[0]
        assert batch["y"].min() >= 0
        assert batch["y"].max() < info.size[1]
        assert set(batch["polarity"].tolist()) <= {0, 1}
    first = min(p.start_us if isinstance(p, Frame) else int(p["timestamp"][0]) for p in packets)
    assert info.start_us <= first <= info.start_us + 50_000
    assert info.start_us + info.duration_us == pytest.approx(max(map(packet_end_us, packets)), abs=50_000)


def test_packets_are_ordered(source):
    packets = read_all(source)
    ends = [packet_end_us(p) for p in packets]
    assert ends == sorted(ends)
    events = [p for p in packets if not isinstance(p, Frame)]
    for batch in events:
        assert len(batch)
        assert np.all(np.diff(batch["timestamp"]) >= 0)
    for before, after in itertools.pairwise(events):
        assert before["timestamp"][-1] <= after["timestamp"][0]
    frames = [p.end_us for p in packets if isinstance(p, Frame)]
    assert len(set(frames)) == len(frames)


def test_the_end_stays_the_end_until_a_seek(source):
    count = len(read_all(source))
    assert source.read() is None
    assert source.read() is None
    source.seek(source.info.start_us)
    assert len(read_all(source)) == count


@pytest.mark.parametrize("part", [-1.0, 0.0, 0.3, 0.99, 2.0])
def test_a_seek_goes_to_the_first_packet_that_ends_there(source, part):
    target = source.info.start_us + round(part * source.info.duration_us)
    expected = [packet_end_us(p) for p in read_all(source) if isinstance(p, Frame) and packet_end_us(p) >= target]
    source.seek(target)
    found = read_all(source)
    assert [packet_end_us(p) for p in found if isinstance(p, Frame)] == expected
    assert all(packet_end_us(p) >= target for p in found)


def test_two_readings_are_the_same(recording):
    sources = [open_replay(recording), open_replay(recording)]
    a, b = (read_all(source) for source in sources)
    for source in sources:
        source.close()
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        if isinstance(one, Frame):
            assert (one.start_us, one.end_us) == (other.start_us, other.end_us)
            np.testing.assert_array_equal(one.image, other.image)
        else:
            np.testing.assert_array_equal(one, other)


def test_closing_twice_and_using_it_afterwards(source):
    assert source.read() is not None
    source.close()
    source.close()
    assert source.read() is None
    source.seek(0)
    assert source.read() is None


def test_it_yields_its_packets_and_is_closed_at_the_end_of_a_with(recording):
    with open_replay(recording) as source:
        count = len(read_all(source))
        source.seek(source.info.start_us)
        ends = [packet_end_us(packet) for packet in source]
        assert len(ends) == count
        assert ends == sorted(ends)
        assert list(source) == []
        source.seek(source.info.start_us)
    assert source.read() is None
    with pytest.raises(ZeroDivisionError), open_replay(recording) as failed:
        assert next(iter(failed)) is not None
        raise ZeroDivisionError
    assert failed.read() is None


def test_closing_from_another_thread_ends_the_reading(source):
    started, done = threading.Event(), []

    def loop():
        while True:
            if source.read() is None:
                done.append(True)
                return
            started.set()
            source.seek(source.info.start_us)

    def run():
        try:
            loop()
        except McoeError as error:
            done.append(error)

    reader = threading.Thread(target=run)
    reader.start()
    assert started.wait(60)
    source.close()
    reader.join(20)
    assert done == [True]
