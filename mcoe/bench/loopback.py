"""A dv-processing network server in a process of its own: ``python -m mcoe.bench.loopback PORT RATE SECONDS``.

Every event of it can be foretold from its time, see :func:`foretell`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dv_processing as dv
import numpy as np
from numpy.typing import NDArray

from mcoe.core.errors import McoeError
from mcoe.events.packets import Events, make_events
from mcoe.recording.aedat4_writer import Aedat4Writer

SIZE = (346, 260)
#: Events are sent in batches of this much stream time, µs.
BATCH_US = 10_000


class Server:
    """Runs this module as a process on a free port; it sends once a client has connected.

    Args:
        rate: events per second.
        seconds: how long it sends.

    Attributes:
        address: what ``--camera`` takes.
        process: the running server; its output is ``ready``, then the number of events sent.
    """

    def __init__(self, rate: float, seconds: float) -> None:
        self._arguments = [str(rate), str(seconds)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """Start it, again after :meth:`stop`, on the same port."""
        command = [sys.executable, "-m", "mcoe.bench.loopback", str(self._port), *self._arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if self.read_line() != "ready":
            raise McoeError(f"The loopback server on port {self._port} did not start; look at what it printed.")

    def read_line(self) -> str:
        """Return the next line that it prints; empty once it has gone."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def stop(self) -> None:
        """Kill it, as an unplugged camera ends. A second call does nothing."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def foretell(times: NDArray[np.int64]) -> Events:
    """Return the events that the server sends at these times, µs."""
    return make_events(times, times * 7 % SIZE[0], times * 13 % SIZE[1], times * 3 % 2)


def main(port: int, rate: float, seconds: float) -> None:
    """Serve until killed."""
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
