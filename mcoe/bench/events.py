"""Voxel grids and decoding, beside what one would use without us."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.bench.measure import Row, race
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.core.timing import TICK_US, WINDOW_US
from mcoe.events.packets import Events, Frame, make_events
from mcoe.events.voxel import voxel_grid
from mcoe.recording.aedat4_writer import Aedat4Writer
from mcoe.sensor.emulator import EventEmulator

SIZE = (346, 260)
EVENTS = 100_000
BINS = 3


def random_events(n: int = EVENTS, seed: int = 0) -> Events:
    """Return ``n`` uniform events on a 346×260 sensor within one 33 ms window."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, WINDOW_US, n))
    return make_events(times, rng.integers(0, SIZE[0], n), rng.integers(0, SIZE[1], n), rng.integers(0, 2, n))


def add_at(events: Events) -> NDArray[np.float32]:
    """The same grid with ``np.add.at``, as most published code writes it."""
    grid = np.zeros((BINS, SIZE[1], SIZE[0]), np.float32)
    s = events["timestamp"] * ((BINS - 1) / WINDOW_US)
    early = np.minimum(s.astype(np.int64), BINS - 2)
    sign = np.where(events["polarity"] > 0, 1.0, -1.0)
    late = (s - early).astype(np.float32)
    np.add.at(grid, (early, events["y"], events["x"]), (sign * (1 - late)).astype(np.float32))
    np.add.at(grid, (early + 1, events["y"], events["x"]), (sign * late).astype(np.float32))
    return grid


def bench_voxel(seconds: float) -> list[Row]:
    """Voxel grid of 100,000 events at 346×260, millions of events per second on one core."""
    events = random_events()
    ours = voxel_grid(events, 0, WINDOW_US, SIZE, BINS)
    if not np.allclose(ours, add_at(events), atol=1e-3):
        raise AssertionError("the benchmark's np.add.at grid differs from ours")
    contenders: dict[str, Callable[[], object]] = {
        "np.add.at": lambda: add_at(events),
        "mcoe.events.voxel_grid": lambda: voxel_grid(events, 0, WINDOW_US, SIZE, BINS),
    }
    try:
        from tonic.functional import to_voxel_grid_numpy
    except ImportError:
        print("tonic is not installed: its row is left out (pip install tonic)")
    else:
        dtype = np.dtype([("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", "i1")])
        theirs = np.empty(len(events), dtype)
        for ours_name, name in (("x", "x"), ("y", "y"), ("timestamp", "t"), ("polarity", "p")):
            theirs[name] = events[ours_name]
        # tonic turns OFF into -1 in the caller's array: give it a fresh one, as a user must.
        contenders["tonic"] = lambda: to_voxel_grid_numpy(theirs.copy(), (*SIZE, 2), BINS)
    contenders["dv-processing Accumulator (one image, no bins)"] = _accumulator(events)
    return race("Voxel grid, 100 k events, one core", contenders, seconds=seconds, per_second=len(events))


def _accumulator(events: Events) -> Callable[[], object]:
    import dv_processing as dv

    store, accumulator = dv.EventStore(), dv.Accumulator(SIZE)
    for e in events:
        store.push_back(int(e["timestamp"]), int(e["x"]), int(e["y"]), bool(e["polarity"]))

    def accumulate() -> object:
        accumulator.clear()
        accumulator.accept(store)
        return accumulator.generateFrame()

    return accumulate


def bench_decode(recordings: Sequence[Path], seconds: float) -> list[Row]:
    """Decoding whole recordings, opening included: ours in its guarded child process beside what reads the format."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for recording in (*recordings, _long_recording(Path(folder))):
            rows += _race_readers(recording, seconds)
    return rows


def _long_recording(folder: Path, millions: int = 5) -> Path:
    """Write an AEDAT4 long enough that opening it does not count."""
    path = folder / f"{millions}_million.aedat4"
    writer = Aedat4Writer(path, "bench", SIZE)
    batch = random_events(EVENTS)
    for i in range(millions * 10):
        later = batch.copy()
        later["timestamp"] += 1_000_000 + i * WINDOW_US
        writer.events(later)
    writer.close()
    return path


def _race_readers(recording: Path, seconds: float) -> list[Row]:
    if not recording.is_file():
        raise McoeError(f"There is no recording {recording} to decode; name others with --recordings.")
    readers: dict[str, Callable[[], int]] = {"ours, guarded child process": lambda: _ours(recording)}
    if recording.suffix == ".aedat4":
        readers = {"dv-processing, in process": lambda: _dv(recording), **readers}
    try:
        import faery
    except ImportError:
        print("faery is not installed: its rows are left out (pip install faery)")
    else:
        readers["faery, in process"] = lambda: sum(len(e) for e in faery.events_stream_from_file(recording))
    counts = {name: read() for name, read in readers.items()}
    events = counts["ours, guarded child process"]
    if len(set(counts.values())) > 1:
        print(f"the readers count differently in {recording.name}: {counts}")
    return race(f"Decode {recording.name}, {events:,} events", readers, seconds=seconds, per_second=events)


def bench_emulator(seconds: float) -> list[Row]:
    """Events emulated from 640×480 frames of a texture that moves, ms per frame (real time at 30 Hz is 33)."""
    rng = np.random.default_rng(0)
    smooth = np.asarray(cv2.GaussianBlur(rng.random((480, 800), np.float32), (0, 0), 3))
    texture = ((smooth - smooth.min()) * (255 / np.ptp(smooth))).astype(np.uint8)
    contenders: dict[str, Callable[[], object]] = {}
    for name, step in (("still", 0), ("moving 2 px a frame", 2), ("moving 20 px a frame", 20)):
        emulator, count = EventEmulator((640, 480)), itertools.count()

        def emulate(emulator: EventEmulator = emulator, count: Iterator[int] = count, step: int = step) -> Events:
            k = next(count)
            x = k * step % 160
            return emulator.step(texture[:, x : x + 640], k * TICK_US)

        contenders[name] = emulate
    return race("Event emulator, 640×480, one core", contenders, seconds=seconds)


def _ours(recording: Path) -> int:
    source, total = open_replay(recording), 0
    try:
        while (packet := source.read()) is not None:
            total += 0 if isinstance(packet, Frame) else len(packet)
    finally:
        source.close()
    return total


def _dv(recording: Path) -> int:
    import dv_processing as dv

    reader, total = dv.io.MonoCameraRecording(str(recording)), 0
    while (batch := reader.getNextEventBatch()) is not None:
        total += len(batch.numpy())
    while reader.isFrameStreamAvailable() and reader.getNextFrame() is not None:
        pass
    return total
