"""Voxel grids and decoding, beside what one would use without us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.bench.measure import Row, race
from mcoe.errors import McoeError
from mcoe.events.packets import Events, Frame, make_events
from mcoe.events.voxel import voxel_grid

SIZE = (346, 260)
EVENTS = 100_000
WINDOW_US = 33_000
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
    return race("Voxel grid, 100 k events, one core", contenders, seconds=seconds, per_second=len(events))


def bench_decode(recording: Path, seconds: float) -> list[Row]:
    """Decoding a whole AEDAT4: dv-processing in this process, and our guarded child process, opening included."""
    import dv_processing as dv

    from mcoe.capture.registry import open_replay

    if not recording.is_file():
        raise McoeError(f"There is no recording {recording} to decode; name one with --recording.")

    def theirs() -> int:
        reader, total = dv.io.MonoCameraRecording(str(recording)), 0
        while (batch := reader.getNextEventBatch()) is not None:
            total += len(batch.numpy())
        while reader.getNextFrame() is not None:
            pass
        return total

    def ours() -> int:
        source, total = open_replay(recording), 0
        try:
            while (packet := source.read()) is not None:
                total += 0 if isinstance(packet, Frame) else len(packet)
        finally:
            source.close()
        return total

    events = theirs()
    if ours() != events:
        raise AssertionError(f"two readers disagree about the events of {recording}")
    name = f"Decode {recording.name}, {events:,} events, opening included"
    return race(name, {"dv-processing, in process": theirs, "ours, guarded child process": ours},
                seconds=seconds, per_second=events)  # fmt: skip
