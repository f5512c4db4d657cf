"""Prophesee's formats against encoders written from the documentation, and real files against each other."""

import numpy as np
import pytest

from mcoe.capture.files import _prophesee, prophesee_dat, prophesee_raw
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import join_events, make_events
from tests.capture import evt

KINDS = list(evt.ENCODERS)


def name_of(kind):
    return f"a.{'dat' if kind == 'dat' else 'raw'}"


def bursts(seed=0, start_us=70_000, count=400, seconds=0.3):
    """Events of which many are neighbours in one tick, as vectors want them, and many are not."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(start_us, start_us + int(seconds * 1e6), count))
    rows = []
    for t in times.tolist():
        x, y, p = int(rng.integers(0, 600)), int(rng.integers(0, 480)), int(rng.integers(0, 2))
        columns = x + np.flatnonzero(rng.random(int(rng.integers(1, 40))) < 0.6)
        rows += [(t, column, y, p) for column in columns.tolist() or [x]]
    return make_events(*zip(*rows, strict=True))


def open_file(path):
    return (prophesee_dat if path.suffix == ".dat" else prophesee_raw).open_file(path)


def read_all(source):
    packets = []
    while (packet := source.read()) is not None:
        packets.append(packet)
    return join_events(packets)


@pytest.mark.parametrize("block", [7, 100, 1 << 16])
@pytest.mark.parametrize("kind", KINDS)
def test_every_encoding_gives_the_events_back(tmp_path, monkeypatch, kind, block):
    """Small blocks cut vectors' state, rows and time words in every place there is."""
    monkeypatch.setattr(_prophesee, "BLOCK", block)
    written = bursts()
    decoder = open_file(evt.write(tmp_path / name_of(kind), kind, written))
    np.testing.assert_array_equal(read_all(decoder), written)
    assert decoder.info.size == (640, 480)
    assert (decoder.info.has_frames, decoder.info.has_events) == (False, True)
    assert decoder.info.start_us == written["timestamp"][0]
    assert decoder.info.duration_us == written["timestamp"][-1] - written["timestamp"][0]
    middle = int(written["timestamp"][200])
    decoder.seek(middle)
    rest = read_all(decoder)
    assert rest["timestamp"][0] <= middle
    np.testing.assert_array_equal(rest, written[-len(rest) :])


@pytest.mark.parametrize(("kind", "bits"), [("evt2", 34), ("evt21", 34), ("evt3", 24), ("dat", 32)])
def test_the_clock_goes_on_when_the_counter_starts_again(tmp_path, kind, bits):
    period = 1 << bits
    written = bursts(start_us=period - 150_000)
    assert written["timestamp"][0] < period < written["timestamp"][-1]
    decoder = open_file(evt.write(tmp_path / name_of(kind), kind, written))
    np.testing.assert_array_equal(read_all(decoder), written)


@pytest.mark.parametrize("kind", ["evt2", "evt21", "evt3"])
def test_events_before_the_first_time_word_are_left_out(tmp_path, kind):
    """A camera that was already running begins in the middle of its stream."""
    a, b = make_events([5_000], [1], [2], [1]), make_events([9_000], [3], [4], [0])
    word = {"evt2": 4, "evt21": 8, "evt3": 4}[kind]  # the first event's time words
    content = evt.ENCODERS[kind](a)[word:] + evt.ENCODERS[kind](b)
    path = tmp_path / "a.raw"
    path.write_bytes(evt.HEADERS[kind].encode() + content)
    np.testing.assert_array_equal(read_all(open_file(path)), b)


def test_the_real_raw_and_dat_hold_the_same_events(shared):
    raw = open_replay(shared / "prophesee_evk4_1280x720.evt3.raw")
    dat = open_replay(shared / "prophesee_evk4_1280x720.dat")
    a, b = read_all(raw), read_all(dat)
    raw.close()
    dat.close()
    assert raw.info.size == dat.info.size == (1280, 720)
    assert raw.info.duration_us == dat.info.duration_us == 10_767_997
    assert len(a) == 1_218_618
    np.testing.assert_array_equal(a["timestamp"] - a["timestamp"][0], b["timestamp"] - b["timestamp"][0])
    for field in ("x", "y", "polarity"):
        np.testing.assert_array_equal(a[field], b[field])


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_file_plays_up_to_the_cut(tmp_path, kind):
    path = evt.write(tmp_path / name_of(kind), kind, bursts())
    path.write_bytes(path.read_bytes()[:-1001])
    source = open_replay(path)
    events = read_all(source)
    source.close()
    assert len(events) > 1_000
    np.testing.assert_array_equal(events, bursts()[: len(events)])


@pytest.mark.parametrize("kind", KINDS)
def test_noise_for_data_neither_hangs_nor_crashes(tmp_path, kind):
    path = tmp_path / name_of(kind)
    noise = np.random.default_rng(1).integers(0, 256, 20_000, np.uint8).tobytes()
    path.write_bytes(evt.HEADERS[kind].encode() + (b"\x0c\x08" if kind == "dat" else b"") + noise)
    source = open_replay(path)
    events = read_all(source)
    source.close()
    assert np.all(np.diff(events["timestamp"]) >= 0)
    assert source.dropped_events > 0


def test_an_unnamed_sensor_is_the_smallest_that_fits(tmp_path):
    events = make_events([1_000, 2_000], [0, 639], [0, 100], [1, 0])
    decoder = open_file(evt.write(tmp_path / "a.raw", "evt3", events, "% evt 3.0\n% end\n"))
    assert decoder.info.size == (640, 480)
    path = evt.write(tmp_path / "b.raw", "evt3", make_events([1_000], [2_000], [0], [1]), "% evt 3.0\n% end\n")
    with pytest.raises(McoeError, match="does not name its sensor"):
        open_file(path)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.raw", b"hello", "is no Prophesee recording"),
        ("a.raw", b"% format HISTO3D;height=320;width=320\n% end\n", "encoded as HISTO3D"),
        ("a.raw", b"% evt 4.0\n% end\n" + bytes(64), "encoded as no stated format"),
        ("a.dat", b"% Version 1\n\x0c\x08" + bytes(64), "encoded as DAT version 1"),
        ("a.raw", b"% evt 3.0\n% geometry 640x480\n% end\n", "holds no events"),
        ("a.raw", b"", "is empty"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(McoeError, match=sentence):
        open_replay(tmp_path / name)


def test_eventcv_reads_the_same(shared):
    eventcv = pytest.importorskip("eventcv")
    for name in ("prophesee_evk4_1280x720.evt3.raw", "prophesee_evk4_1280x720.dat"):
        theirs = eventcv.load(str(shared / name)).numpy().astype(np.int64)
        ours = read_all(open_file(shared / name))
        for column, field in enumerate(("x", "y", "timestamp", "polarity")):
            np.testing.assert_array_equal(ours[field], theirs[:, column])
