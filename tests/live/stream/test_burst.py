"""Fifty million events a second for five seconds through the whole pipeline: bounded, in order, and counted."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

from mcoe.capture.cameras.live import CameraSource
from mcoe.live.stream.pipeline import Pipeline
from tests.capture.cameras.test_burst import COUNT, Flood
from tests.live.fakes import FakeEngine

BATCHES = 500
#: What a live source may add to the process, bytes: two mailboxes of 64 packets of 2 MiB, 233 ms of events kept for
#: windows (190 MB at this rate), a window's copies, and the allocator's slack.
MOST_BYTES = 1_200_000_000


class PacedFlood(Flood):
    """Half a million events every 10 ms."""

    _begun: float | None = None

    def poll(self, timeout_s):
        if self.sent == BATCHES:
            time.sleep(timeout_s)
            return []
        self._begun = self._begun or time.perf_counter()
        time.sleep(max(0.0, self._begun + self.sent * 0.01 - time.perf_counter()))
        return super().poll(timeout_s)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_burst_is_bounded_in_order_and_counted(monkeypatch) -> None:
    monkeypatch.setattr("tests.capture.cameras.test_burst.BATCHES", BATCHES)
    flood, results = PacedFlood(), list[tuple[int, int]]()  # a window's end and its events
    pipeline = Pipeline(lambda: CameraSource(lambda serial, settings: flood), FakeEngine)
    pipeline.on_result = lambda r: results.append((r.window.t1_us, len(r.window.events)))
    before, most = resident(), 0
    pipeline.start()
    deadline = time.monotonic() + 60
    try:
        while flood.sent < BATCHES or not results:
            assert time.monotonic() < deadline
            most = max(most, resident())
            time.sleep(0.01)
        stats, source = pipeline.stats(), pipeline.source
    finally:
        pipeline.close()
    assert isinstance(source, CameraSource)
    assert stats.error is None
    assert most - before < MOST_BYTES
    assert all(a[0] < b[0] for a, b in pairwise(results))
    # A window spans 33 ms: whole, or short by packets that were dropped and counted, but never more than was sent.
    whole = COUNT * 3.3
    lost = stats.dropped_packets + source.dropped
    assert all(events <= whole * 1.01 for _, events in results)
    if not lost:
        assert all(events >= whole * 0.98 for _, events in results[2:])
