"""The one recording that a pipeline may run: fed and ended from several threads, waited for only by ``stop``."""

from __future__ import annotations

import threading
from pathlib import Path

from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.packets import Packet
from mcoe.recording.recorder import Recorder, RecorderStatus
from mcoe.results import Result


class RecordingControl:
    """Starts, feeds and ends it. Nothing here waits for the disk but :meth:`stop` and :meth:`close`."""

    def __init__(self) -> None:
        self._running: Recorder | None = None
        self._ended: Recorder | None = None  # finishes by itself, and has not been asked for yet
        self._all: list[Recorder] = []
        self._closed = threading.Event()

    def start(self, path: Path, info: SourceInfo | None) -> None:
        """Record to ``path`` from now on.

        Raises:
            McoeError: no source is open yet, a recording runs already, or ``path`` cannot be made.
        """
        if self._closed.is_set():
            raise McoeError(f"{path} is not begun: what was to be recorded has been closed.")
        if info is None:
            raise McoeError("Nothing is open that could be recorded; open a camera or a recording first.")
        if self._running is not None:
            raise McoeError(f"{self._running.path} is being recorded already; stop that first.")
        recorder = Recorder(path, info)
        self._all = [*(r for r in self._all if r.status().state == "recording"), recorder]
        self._running, self._ended = recorder, None
        if self._closed.is_set():
            self.end()  # it was closed meanwhile

    def write(self, packet: Packet) -> None:
        """Record a packet of the source, if a recording runs."""
        if (recorder := self._running) is not None:
            recorder.write(packet)

    def add_result(self, result: Result) -> None:
        """Record a prediction, if a recording runs."""
        if (recorder := self._running) is not None:
            recorder.add_result(result)

    def mark(self, label: str, time_us: int) -> None:
        """Note a moment, stream time µs; nothing while no recording runs."""
        if (recorder := self._running) is not None:
            recorder.mark(label, time_us)

    def unmark(self) -> bool:
        """Take the last mark back. False if there is none, or no recording runs."""
        recorder = self._running
        return recorder is not None and recorder.unmark()

    @property
    def status(self) -> RecorderStatus | None:
        """How the running recording is doing; None when none runs."""
        recorder = self._running
        return recorder.status() if recorder is not None else None

    def end(self) -> None:
        """Take no more, and let what waits be written meanwhile; nothing while no recording runs."""
        recorder, self._running = self._running, None
        if recorder is not None:
            recorder.end()
            self._ended = recorder

    def stop(self) -> RecorderStatus | None:
        """Finish and return what became of it, or of the one that :meth:`end` ended last; None if there was none."""
        self.end()
        recorder, self._ended = self._ended, None
        if recorder is None:
            return None
        recorder.close()
        return recorder.status()

    def close(self, patience_s: float | None = None) -> bool:
        """Finish every recording that was ever started, and begin no other.

        Args:
            patience_s: see :meth:`mcoe.recording.recorder.Recorder.close`.

        Returns:
            Whether all are finished.
        """
        self._closed.set()
        self.end()
        return all([recorder.close(patience_s) for recorder in self._all])
