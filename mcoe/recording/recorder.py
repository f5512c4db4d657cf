"""Records events and frames of any source into one AEDAT4 file, with what was seen and set beside it.

``NAME.aedat4`` holds the packets, ``NAME.csv`` the table of predictions (:mod:`mcoe.recording.table`) from the first
one on, ``NAME.json`` the labels, region of interest, alignment, settings and markers; all three are their user's alone.

A thread of its own writes; whoever records never waits for the disk. A process that is killed loses the packet and the
row that it was writing, a power cut what came since the last :data:`SYNC_S` seconds' mark, when packets and rows are
brought to the disk.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.files import write_text
from mcoe.core.words import EMOTIONS
from mcoe.events.packets import Frame, Packet
from mcoe.recording.aedat4_writer import Aedat4Writer, sync
from mcoe.recording.outputs import recording_files
from mcoe.recording.table import csv_lines
from mcoe.results import Result

log = logging.getLogger(__name__)

RecorderState = Literal["recording", "failed", "closed"]

#: Bytes that may wait for the disk; past this the oldest packets are dropped and counted.
QUEUE_BYTES = 256 << 20
#: The JSON is written at most this often, s.
SIDECAR_S = 0.5
#: Packets and rows are brought to the disk this often, s: so much is the most that a power cut may cost.
SYNC_S = 3.0


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """What a recording is doing.

    Attributes:
        state: ``recording``; ``failed`` with an error, or ``closed`` once all is written.
        error: one sentence on why it failed; None otherwise.
        bytes: written to the AEDAT4 file.
        events, frames, predictions: written.
        dropped_packets: lost because the disk was too slow, or after it failed.
        waiting_bytes: queued for the disk.
        path: the file.
    """

    state: RecorderState
    error: str | None
    bytes: int
    events: int
    frames: int
    predictions: int
    dropped_packets: int
    waiting_bytes: int
    path: Path | None = None


class Recorder:
    """A running recording. ``write``, ``add_result``, ``mark`` and ``describe`` never wait and never raise.

    Args:
        path: the file to make; ``.aedat4`` is appended unless it ends in it.
        info: the source that is recorded.
        settings: anything JSON can hold, kept in the sidecar.

    Raises:
        McoeError: one of its files exists, or cannot be made.
    """

    def __init__(
        self,
        path: Path | str,
        info: SourceInfo,
        *,
        settings: dict[str, Any] | None = None,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self.path, self._table_path, self._notes_path = recording_files(path)
        self._queue_bytes = queue_bytes
        self._files = contextlib.ExitStack()
        self._table: TextIO | None = None
        self._condition = threading.Condition()
        self._packets: deque[Packet] = deque()
        self._results: deque[Result] = deque()
        self._waiting = self._dropped = self._events = self._frames = self._predictions = 0
        self._state: RecorderState = "recording"
        self._error = ""
        self._closing = False
        self._next_sidecars = 0.0
        self._next_sync = time.monotonic() + SYNC_S
        self._notes: dict[str, Any] = {
            "format": 1,
            "complete": False,
            "source": {"name": info.name, "size": info.size, "frames": info.has_frames, "events": info.has_events},
            "labels": list(EMOTIONS),
            "settings": settings or {},
            "markers": [],
        }
        self._notes_stale = False  # the thread begins with them
        try:
            self._writer = Aedat4Writer(self.path, info.name, info.size)
        except FileExistsError as error:
            raise McoeError(f"{self.path} exists already; choose another name.") from error
        except OSError as error:
            raise McoeError(f"{self.path} cannot be recorded to ({error.strerror}); choose another folder.") from error
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def write(self, packet: Packet) -> None:
        """Queue a packet of the source."""
        with self._condition:
            if self._closing:
                return  # it came after the end
            if self._state != "recording":
                self._dropped += 1
                return
            self._packets.append(packet)
            self._waiting += _nbytes(packet)
            while self._waiting > self._queue_bytes:
                self._waiting -= _nbytes(self._packets.popleft())
                self._dropped += 1
            self._condition.notify()

    def add_result(self, result: Result) -> None:
        """Queue a prediction for the CSV."""
        with self._condition:
            if not self._closing and self._state == "recording":
                self._results.append(result)
                self._condition.notify()

    def mark(self, label: str, time_us: int) -> None:
        """Note a moment, stream time µs: a stimulus, a self-report."""
        with self._condition:
            self._notes["markers"].append({"label": label, "time_us": int(time_us)})
            self._notes_stale = True

    def unmark(self) -> bool:
        """Take the last mark back. False if there is none."""
        with self._condition:
            if not self._notes["markers"]:
                return False
            self._notes["markers"].pop()
            self._notes_stale = True
            return True

    def describe(self, **notes: Any) -> None:
        """Replace entries of the sidecar, such as ``roi``, ``alignment`` or ``settings``; anything JSON can hold."""
        with self._condition:
            self._notes.update(notes)
            self._notes_stale = True

    def status(self) -> RecorderStatus:
        """Return how the recording is doing; from any thread."""
        with self._condition:
            return RecorderStatus(
                self._state,
                self._error or None,
                self._writer.bytes,
                self._events,
                self._frames,
                self._predictions,
                self._dropped,
                self._waiting,
                self.path,
            )

    def end(self) -> None:
        """Take nothing more; what waits is written and the files are finished meanwhile."""
        with self._condition:
            self._closing = True
            self._condition.notify()

    def close(self, patience_s: float | None = None) -> bool:
        """Write what waits and finish the files. A second call does nothing.

        Args:
            patience_s: stop waiting once the disk has taken nothing for so long, s; None for a disk that is trusted.

        Returns:
            Whether the files are finished, or the recording failed; False if the writer was left to the disk.
        """
        self.end()
        taken, since = self._taken(), time.monotonic()
        while self._thread.is_alive():
            self._thread.join(None if patience_s is None else min(0.1, patience_s))
            if (now := self._taken()) != taken:
                taken, since = now, time.monotonic()
            if patience_s is not None and time.monotonic() - since > patience_s:
                break
        return not self._thread.is_alive()

    def _taken(self) -> tuple[int, int, bool]:
        """What grows while the disk takes what waits."""
        return self._writer.bytes, self._predictions, self._thread.is_alive()

    # ---- the writer thread

    def _run(self) -> None:
        try:
            with self._files:
                self._write_notes()
                _sync_folder(self.path.parent)
                while self._step():
                    pass
                self._sync_table()
            self._writer.close()
            with self._condition:
                self._state = "closed"
                self._notes["complete"] = True
            self._write_notes()
        except OSError as error:
            self._fail(error.strerror or str(error))
        except Exception as error:
            log.exception("the recording stopped")
            self._fail(f"{type(error).__name__}: {error}")

    def _step(self) -> bool:
        """Write what waits; False once closed and empty."""
        with self._condition:
            self._condition.wait_for(lambda: self._closing or self._packets or self._results, SIDECAR_S)
            packet = self._packets.popleft() if self._packets else None
            results, self._results = self._results, deque()
            last = self._closing and packet is None
        if packet is not None:
            self._write_packet(packet)
        if results:
            self._write_rows(results)
        now = time.monotonic()
        if last or now >= self._next_sidecars:
            self._next_sidecars = now + SIDECAR_S
            if self._writer.deleted():
                raise FileNotFoundError(errno.ENOENT, "its folder or the file itself was deleted")
            with self._condition:
                stale, self._notes_stale = self._notes_stale, False
            if stale:
                self._write_notes()
        if now >= self._next_sync:
            self._writer.sync()
            self._sync_table()
            self._next_sync = time.monotonic() + SYNC_S
        return not last

    def _fail(self, reason: str) -> None:
        where = self.path
        try:
            if self._writer.deleted():
                where = Path(tempfile.mkdtemp(prefix="mcoe-rescued-")) / self.path.name
                self._writer.rescue(where)
            self._writer.abandon()
        except OSError:
            log.exception("%s could not be closed cleanly", self.path)
        with self._condition:
            self._state = "failed"
            self._error = (
                f"The recording {self.path} stopped ({reason}); what was written so far is in {where}, "
                "record the rest to another disk."
            )
            self._dropped += len(self._packets)
            self._packets.clear()
            self._results.clear()
            self._waiting = 0
        log.error(self._error)

    def _write_packet(self, packet: Packet) -> None:
        if isinstance(packet, Frame):
            self._writer.frame(packet)
        else:
            self._writer.events(packet)
        with self._condition:
            self._waiting -= _nbytes(packet)
            if isinstance(packet, Frame):
                self._frames += 1
            else:
                self._events += len(packet)

    def _write_rows(self, results: Collection[Result]) -> None:
        head = self._table is None
        if self._table is None:
            # Never in place of a table that somebody saved meanwhile.
            handle = os.open(self._table_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._table = self._files.enter_context(os.fdopen(handle, "w", encoding="utf-8", newline=""))
        self._table.write(csv_lines(results, head=head))
        self._table.flush()
        with self._condition:
            self._predictions += len(results)

    def _sync_table(self) -> None:
        if self._table is not None:
            sync(self._table.fileno())

    def _write_notes(self) -> None:
        with self._condition:
            text = json.dumps(self._notes, indent=2, default=str)
        write_text(self._notes_path, text + "\n")


def _sync_folder(folder: Path) -> None:
    """Bring the names of new files to the disk; where a folder cannot be opened, that is the system's affair."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            sync(handle)
        finally:
            os.close(handle)


def _nbytes(packet: Packet) -> int:
    return packet.image.nbytes if isinstance(packet, Frame) else packet.nbytes
