"""A dv-processing network server in a process of its own: ``python -m tests.cameras.server PORT RATE SECONDS``.

Every event of it can be foretold from its time, see :func:`foretell`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import dv_processing as dv
import numpy as np

from mcoe.capture.aedat4_write import Aedat4Writer
from mcoe.events.packets import Events, make_events

SIZE = (346, 260)
#: Events are sent in batches of this much stream time, µs.
BATCH_US = 10_000


def foretell(times: np.ndarray) -> Events:
    """Return the events that the server sends at these times."""
    return make_events(times, times * 7 % SIZE[0], times * 13 % SIZE[1], times * 3 % 2)


def main(port: int, rate: float, seconds: float) -> None:
    per_batch = round(rate * BATCH_US / 1e6)
    writer = dv.io.NetworkWriter("127.0.0.1", port, dv.io.Stream.EventStream(0, "events", "LOOPBACK", SIZE))
    with tempfile.TemporaryDirectory() as folder:
        # The library fills its event stores from NumPy ten times slower than it reads them from a file.
        path = Path(folder) / "events.aedat4"
        file = Aedat4Writer(path, "LOOPBACK", SIZE)
        start = time.time_ns() // 1000
        for batch in range(round(seconds * 1e6 / BATCH_US)):
            file.events(foretell(start + batch * BATCH_US + np.arange(per_batch) * BATCH_US // per_batch))
        file.close()
        recording = dv.io.MonoCameraRecording(str(path))
    print("ready", flush=True)
    while writer.getClientCount() == 0:
        time.sleep(0.005)
    due, sent = time.perf_counter(), 0
    while (store := recording.getNextEventBatch()) is not None:
        writer.writeEvents(store)
        sent += store.size()
        due += BATCH_US / 1e6
        time.sleep(max(0.0, due - time.perf_counter()))
    print(sent, flush=True)
    time.sleep(60)  # whoever started this ends it


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
