from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path

import aedat
import dv_processing as dv
import numpy as np
import pytest

from mcoe.capture.replay import open_replay
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS
from mcoe.events.packets import Frame, empty_events, make_events
from mcoe.recording import aedat4_writer as aedat4_write
from mcoe.recording import recorder as recorder_module
from mcoe.recording.recorder import Recorder
from mcoe.recording.sidecar import add_marker
from mcoe.recording.table import header
from mcoe.results import Prediction, Result, Window

SIZE = (346, 260)
INFO = SourceInfo("DAVIS346 <1> & co", SIZE, has_frames=True, has_events=True, live=True)
START_US = 1_700_000_000_000_000
PATIENCE_S = 30.0


def batch(number, count=1000):
    rng = np.random.default_rng(number)
    times = START_US + number * 10_000 + np.sort(rng.integers(0, 10_000, count))
    return make_events(times, rng.integers(0, SIZE[0], count), rng.integers(0, SIZE[1], count), rng.random(count) > 0.5)


def frame(number, colour=False, size=SIZE):
    shape = (size[1], size[0], 3) if colour else (size[1], size[0])
    image = np.random.default_rng(number).integers(0, 255, shape, np.uint8)
    start = START_US + number * 10_000
    return Frame(image, start, start + 4_321)


def result(number):
    window = Window(number, 0, START_US, START_US + number, None, empty_events(), (10, 20, 100), None, None)
    probabilities = np.eye(7, dtype=np.float32)[number % 7]
    known = {
        "probabilities": probabilities,
        "gates": np.full(8, 0.125, np.float32),
        "chosen": np.array([1, 5]),
        "weights": np.array([0.5, 0.5], np.float32),
        "alpha": np.full(32, 0.25, np.float32),
        "stride": 12,
    }
    said = Prediction(**{f.name: known.get(f.name) for f in fields(Prediction)})
    return Result(window, window, said, {"latency": 1.5})


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.01)


def read_with_dv(path):
    recording = dv.io.MonoCameraRecording(str(path))
    events, frames = [], []
    while (store := recording.getNextEventBatch()) is not None:
        events.append(store.numpy())
    while (image := recording.getNextFrame()) is not None:
        frames.append(image)
    return (np.concatenate(events) if events else empty_events()), frames, recording


def same_events(got, expected):
    assert len(got) == len(expected)
    for name in expected.dtype.names:
        np.testing.assert_array_equal(got[name], expected[name])


def prefix_of(path, batches):
    """The events read from ``path`` are the first whole batches; return how many."""
    events, _, _ = read_with_dv(path)
    count = len(events) // len(batches[0])
    assert len(events) == count * len(batches[0])
    if count:
        same_events(events, np.concatenate(batches[:count]))
    return count


@pytest.fixture
def recorded(tmp_path):
    """Twenty batches and five frames, half of them coloured."""
    path = tmp_path / "one.aedat4"
    recorder = Recorder(path, INFO)
    batches, frames = [batch(n) for n in range(20)], [frame(4 * n, n % 2) for n in range(5)]
    for number, events in enumerate(batches):
        if number % 4 == 0:
            recorder.write(frames[number // 4])
        recorder.write(events)
    recorder.close()
    status = recorder.status()
    assert (status.state, status.error, status.events, status.frames) == ("closed", None, 20_000, 5)
    assert status.bytes == path.stat().st_size
    return path, batches, frames


def test_dv_processing_reads_the_recording(recorded):
    path, batches, frames = recorded
    events, images, recording = read_with_dv(path)
    same_events(events, np.concatenate(batches))
    assert [(i.timestamp, round(i.exposure.total_seconds() * 1e6)) for i in images] == [
        (f.start_us, f.end_us - f.start_us) for f in frames
    ]
    for image, kept in zip(images, frames, strict=True):
        np.testing.assert_array_equal(image.image, kept.image if kept.image.ndim == 2 else kept.image[..., ::-1])
    assert recording.getCameraName() == INFO.name
    assert recording.getEventResolution() == SIZE
    assert recording.getTimeRange()[0] == START_US


def test_dv_processing_seeks_by_the_packet_table(recorded):
    path, batches, _ = recorded
    recording = dv.io.MonoCameraRecording(str(path))
    from_us, to_us = START_US + 95_000, START_US + 105_000
    whole = np.concatenate(batches)
    expected = whole[(whole["timestamp"] >= from_us) & (whole["timestamp"] < to_us)]
    same_events(recording.getEventsTimeRange(from_us, to_us).numpy(), expected)


def test_another_reader_agrees(recorded):
    path, batches, frames = recorded
    packets = list(aedat.Decoder(path))
    events = np.concatenate([p["events"] for p in packets if "events" in p])
    whole = np.concatenate(batches)
    for name, field in (("t", "timestamp"), ("x", "x"), ("y", "y"), ("on", "polarity")):
        np.testing.assert_array_equal(events[name], whole[field])
    got = [p["frame"] for p in packets if "frame" in p]
    assert [(f["exposure_begin_t"], f["exposure_end_t"]) for f in got] == [(f.start_us, f.end_us) for f in frames]


def test_our_own_replay_gives_back_what_was_recorded(recorded):
    path, batches, frames = recorded
    source = open_replay(path)
    try:
        packets = []
        while (packet := source.read()) is not None:
            packets.append(packet)
    finally:
        source.close()
    same_events(np.concatenate([p for p in packets if not isinstance(p, Frame)]), np.concatenate(batches))
    images = [p for p in packets if isinstance(p, Frame)]
    assert [(f.start_us, f.end_us) for f in images] == [(f.start_us, f.end_us) for f in frames]
    for got, kept in zip(images, frames, strict=True):
        np.testing.assert_array_equal(got.image, kept.image)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 346])
def test_frames_of_any_width_are_read_back(tmp_path, width):
    recorder = Recorder(tmp_path / "w", SourceInfo("cam", (width, 3), True, False, True))
    kept = frame(0, size=(width, 3))
    recorder.write(kept)
    recorder.close()
    (image,) = read_with_dv(tmp_path / "w.aedat4")[1]
    np.testing.assert_array_equal(image.image.reshape(3, width), kept.image)


def test_an_empty_recording_is_whole(tmp_path):
    recorder = Recorder(tmp_path / "empty.aedat4", INFO)
    recorder.close()
    recorder.close()
    assert json.loads((tmp_path / "empty.json").read_text())["complete"]
    dv.io.MonoCameraRecording(str(tmp_path / "empty.aedat4"))


def test_predictions_settings_and_markers_lie_beside_it(tmp_path):
    recorder = Recorder(tmp_path / "two.aedat4", INFO, settings={"exposure_us": 3000})
    for number in range(9):
        recorder.add_result(result(number))
    recorder.mark("stimulus", START_US + 7)
    recorder.describe(roi=(10, 20, 100), alignment={"method": "points"})
    recorder.close()
    with (tmp_path / "two.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 9
    assert list(rows[0]) == header(8)
    assert [row["emotion"] for row in rows] == [EMOTIONS[n % 7] for n in range(9)]
    assert float(rows[1]["sad"]) == 1
    assert int(rows[8]["time_us"]) == START_US + 8
    assert (rows[0]["chosen"], rows[0]["roi_side"], float(rows[0]["alpha"])) == ("1 5", "100", 0.25)
    assert float(rows[0]["latency_ms"]) == 1.5
    notes = json.loads((tmp_path / "two.json").read_text())
    assert notes["complete"]
    assert notes["markers"] == [{"label": "stimulus", "time_us": START_US + 7}]
    assert notes["settings"] == {"exposure_us": 3000}
    assert notes["alignment"] == {"method": "points"}
    assert notes["roi"] == [10, 20, 100]
    assert notes["labels"][0] == "happy"
    assert notes["source"]["name"] == INFO.name


def test_an_existing_file_is_never_written_over(tmp_path):
    (tmp_path / "kept.aedat4").write_text("precious")
    with pytest.raises(McoeError, match="exists already"):
        Recorder(tmp_path / "kept.aedat4", INFO)
    assert (tmp_path / "kept.aedat4").read_text() == "precious"


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_nor_is_what_lies_beside_it(tmp_path, suffix):
    (tmp_path / f"kept{suffix}").write_text("precious")
    with pytest.raises(McoeError, match=rf"kept\{suffix} exists already"):
        Recorder(tmp_path / "kept.aedat4", INFO)
    assert [p.name for p in tmp_path.iterdir()] == [f"kept{suffix}"]
    assert (tmp_path / f"kept{suffix}").read_text() == "precious"


def test_without_a_prediction_there_is_no_table(tmp_path):
    recorder = Recorder(tmp_path / "a.aedat4", INFO)
    recorder.write(batch(0))
    recorder.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.aedat4", "a.json"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(McoeError, match="No such file or directory"):
        Recorder(tmp_path / "nowhere" / "x.aedat4", INFO)


def test_a_stuck_disk_holds_nobody_up_and_what_is_lost_is_counted(tmp_path, monkeypatch):
    stuck, real = threading.Event(), aedat4_write._write

    def write(fd, parts):
        assert stuck.wait(PATIENCE_S)
        return real(fd, parts)

    recorder = Recorder(tmp_path / "slow.aedat4", INFO, queue_bytes=40 * 16_000)
    batches = [batch(n) for n in range(200)]
    monkeypatch.setattr(aedat4_write, "_write", write)
    for events in batches:
        recorder.write(events)  # would never return if it waited for the disk
    status = recorder.status()
    assert status.waiting_bytes <= 40 * 16_000 + 16_000
    assert status.dropped_packets >= 159
    stuck.set()
    recorder.close()
    events, _, _ = read_with_dv(tmp_path / "slow.aedat4")
    assert len(events) == 1000 * (200 - recorder.status().dropped_packets)
    # The oldest went, the newest are there, in order.
    same_events(events[-39_000:], np.concatenate(batches[-39:]))


def test_a_failing_disk_ends_the_recording_not_the_program(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "fail.aedat4", INFO)
    batches = [batch(n) for n in range(10)]
    for events in batches[:5]:
        recorder.write(events)
    wait_for(lambda: recorder.status().events == 5000, "five batches on disk")
    calls = []

    def half_then_full(fd, parts):
        calls.append(fd)
        if len(calls) == 1:
            return os.write(fd, b"".join(parts)[:5_000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(aedat4_write, "_write", half_then_full)
    for events in batches[5:]:
        recorder.write(events)
    wait_for(lambda: recorder.status().state == "failed", "the failure")
    recorder.write(batches[0])
    recorder.mark("ignored", 0)
    recorder.close()
    status = recorder.status()
    assert "No space left on device" in status.error
    assert str(recorder.path) in status.error
    assert status.dropped_packets >= 5
    assert prefix_of(recorder.path, batches) == 5  # the half packet was cut off
    assert not json.loads(recorder.path.with_suffix(".json").read_text())["complete"]


CHILD = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from mcoe.recording.recorder import Recorder
from tests.recording.test_recorder import INFO, batch, frame, result
recorder = Recorder(Path({path!r}), INFO)
print("recording", flush=True)
{body}
"""


def child(path, body):
    root = str(Path(__file__).resolve().parents[2])
    code = CHILD.format(root=root, path=str(path), body=body)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("wait_s", [0.05, 0.3])
def test_killed_in_the_middle_what_was_written_opens(tmp_path, wait_s):
    path = tmp_path / "killed.aedat4"
    body = """
for n in range(100_000):
    recorder.write(batch(n % 50 if n < 50 else n))
    recorder.add_result(result(n))
    if n % 10 == 0:
        recorder.write(frame(n))
"""
    with child(path, body) as process:
        try:
            assert process.stdout.readline() == "recording\n"
            wait_for(lambda: path.stat().st_size > 200_000, "a recording of some size")
            time.sleep(wait_s)
        finally:
            process.send_signal(signal.SIGKILL)
    events, frames, _ = read_with_dv(path)
    count = len(events) // 1000
    assert count > 5
    same_events(events, np.concatenate([batch(n) for n in range(count)]))
    assert frames
    assert not json.loads(path.with_suffix(".json").read_text())["complete"]
    assert path.with_suffix(".csv").read_text().startswith("index,")


def test_a_full_disk_leaves_what_was_written(tmp_path):
    # A limit on the file's size: the kernel itself refuses the write, as on a full disk, with part of it done.
    path = tmp_path / "full.aedat4"
    body = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
for n in range(40):
    recorder.write(batch(n))
deadline = time.monotonic() + 30
while recorder.status().state == "recording" and time.monotonic() < deadline:
    time.sleep(0.01)
recorder.close()
status = recorder.status()
print(status.state, status.dropped_packets, flush=True)
print(status.error, flush=True)
"""
    process = child(path, body)
    out, _ = process.communicate(timeout=60)
    _, told, error = out.splitlines()
    state, dropped = told.split()
    kept = prefix_of(path, [batch(n) for n in range(40)])
    assert state == "failed"
    assert "full.aedat4 stopped (File too large)" in error
    assert kept == 18
    assert kept + int(dropped) == 39  # the packet that met the end is neither
    assert path.stat().st_size <= 300_000


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_small_disk_that_fills_up_leaves_what_was_written(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this system does not let the test mount a small disk")
    try:
        recorder = Recorder(disk / "full.aedat4", INFO)
        batches = [batch(n) for n in range(60)]
        for events in batches:
            recorder.write(events)
        wait_for(lambda: recorder.status().state == "failed", "the full disk")
        recorder.close()
        assert "No space left on device" in recorder.status().error
        assert prefix_of(recorder.path, batches) > 20
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_deleted_folder_is_noticed_and_the_recording_rescued(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = tmp_path / "usb"
    folder.mkdir()
    recorder = Recorder(folder / "gone.aedat4", INFO)
    batches = [batch(n) for n in range(10)]
    for events in batches:
        recorder.write(events)
    wait_for(lambda: recorder.status().events == 10_000, "ten batches on disk")
    shutil.rmtree(folder)
    wait_for(lambda: recorder.status().state == "failed", "the loss being noticed")
    recorder.write(batches[0])
    recorder.close()
    assert "deleted" in recorder.status().error
    (rescued,) = tmp_path.glob("mcoe-rescued-*/gone.aedat4")
    assert str(rescued) in recorder.status().error
    assert prefix_of(rescued, batches) == 10


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 5_000, 16_031])
def test_a_torn_end_costs_the_torn_packet_alone(tmp_path, cut):
    path = tmp_path / "torn.aedat4"
    writer = aedat4_write.Aedat4Writer(path, "cam", SIZE)
    batches = [batch(n) for n in range(6)]
    for events in batches:
        writer.events(events)
    writer.abandon()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with open_replay(path) as source:
        assert sum(len(packet) for packet in source) == 5_000


def test_packets_and_rows_are_brought_to_the_disk_by_the_writer_alone(tmp_path, monkeypatch):
    """What a power cut leaves is what was synced: all that came before, again and again, and nobody waits for it."""
    synced, real, stuck = [], os.fsync, threading.Event()
    monkeypatch.setattr(recorder_module, "SYNC_S", 0.05)

    def fsync(fd):
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        synced.append((threading.current_thread().name, name, os.fstat(fd).st_size))
        if name == "sync.aedat4":
            assert stuck.wait(PATIENCE_S)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    recorder = Recorder(tmp_path / "sync.aedat4", INFO)
    recorder.write(batch(0))
    recorder.add_result(result(0))
    wait_for(lambda: any(name == "sync.aedat4" for _, name, _ in synced), "the first sync")
    recorder.write(batch(1))  # would never return if it waited for the disk
    recorder.add_result(result(1))
    stuck.set()
    wait_for(lambda: ("recorder", "sync.aedat4", recorder.path.stat().st_size) in synced[1:], "all packets on the disk")
    wait_for(lambda: any(name == "sync.csv" and size for _, name, size in synced), "the rows on the disk")
    assert {thread for thread, _, _ in synced} == {"recorder"}
    assert tmp_path.name in {name for _, name, _ in synced}, "the names of the files too"
    recorder.close()
    assert [name for _, name, size in synced if size == recorder.path.stat().st_size][-1] == "sync.aedat4"


def test_a_row_is_written_with_its_prediction_not_with_the_next_packet(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "SIDECAR_S", 600.0)
    recorder = Recorder(tmp_path / "rows.aedat4", INFO)
    for number in range(3):
        recorder.add_result(result(number))
        wait_for(lambda number=number: recorder.status().predictions == number + 1, "the row")
        assert len((tmp_path / "rows.csv").read_text().splitlines()) == number + 2
    recorder.close()


def test_a_table_that_somebody_saved_meanwhile_is_not_written_over(tmp_path):
    recorder = Recorder(tmp_path / "a.aedat4", INFO)
    (tmp_path / "a.csv").write_text("precious")
    recorder.write(batch(0))
    recorder.add_result(result(0))
    wait_for(lambda: recorder.status().state == "failed", "the failure")
    recorder.close()
    assert (tmp_path / "a.csv").read_text() == "precious"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_recording_is_its_users_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        recorder = Recorder(tmp_path / "a.aedat4", INFO)
        recorder.write(batch(0))
        recorder.add_result(result(0))
        wait_for(lambda: recorder.status().predictions == 1, "the row")
        add_marker(tmp_path / "b.aedat4", "happy", 7)
    finally:
        os.umask(before)
    recorder.close()
    modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("a.aedat4", "a.csv", "a.json", "b.json"), 0o600)


def test_a_disk_that_takes_nothing_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    stuck, real = threading.Event(), aedat4_write._write
    recorder = Recorder(tmp_path / "stuck.aedat4", INFO)

    def write(fd, parts):
        assert stuck.wait(PATIENCE_S)
        return real(fd, parts)

    monkeypatch.setattr(aedat4_write, "_write", write)
    recorder.write(batch(0))
    assert not recorder.close(0.3)
    stuck.set()
    assert recorder.close(PATIENCE_S)
    assert recorder.status().state == "closed"
    assert prefix_of(recorder.path, [batch(0)]) == 1


def test_a_slow_disk_is_waited_for_while_it_takes_something(tmp_path, monkeypatch):
    real = aedat4_write._write
    recorder = Recorder(tmp_path / "slow.aedat4", INFO)

    def write(fd, parts):
        time.sleep(0.1)
        return real(fd, parts)

    monkeypatch.setattr(aedat4_write, "_write", write)
    batches = [batch(n) for n in range(20)]
    for events in batches:
        recorder.write(events)
    assert recorder.close(1.5), "all of it takes longer than the patience"
    assert prefix_of(recorder.path, batches) == 20
