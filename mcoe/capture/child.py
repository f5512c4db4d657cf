"""A file decoded in a child process, so that no file, however damaged, can hang or crash this one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.decode import HEADER, REQUEST
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame, Packet

#: How long one packet may take to decode, s, before the file counts as damaged.
DEADLINE_S = 10.0
#: How long the child may take to start and import its libraries, s (a cold disk, a busy machine).
START_DEADLINE_S = 60.0
#: Opening scans a file whose writer was killed: so much more time per byte, s.
_SCAN_S_PER_BYTE = 1 / 50e6
#: Packets asked for ahead: the child decodes while the parent works, and holds no more than these.
_AHEAD = 4


class _Closed(Exception):
    """Another thread closed the source."""


def checked_file(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` if it is a readable file with something in it; McoeError otherwise."""
    file = Path(path)
    if not file.exists():
        raise McoeError(f"{file} does not exist; check the path.")
    if file.is_dir():
        raise McoeError(f"{file} is a folder, not a recording; name a file in it.")
    try:
        with file.open("rb") as handle:
            first = handle.read(1)
    except OSError as error:
        raise McoeError(f"{file} cannot be read ({error.strerror}); check its permissions.") from error
    if not first:
        raise McoeError(f"{file} is empty (0 bytes); record or copy it again.")
    return file


class DecodedSource:
    """A :class:`~mcoe.capture.source.Source` whose packets come from ``mcoe.capture.decoders.<decoder>`` in a child.

    As a file never has "nothing yet", :meth:`read` raises no TimeoutError: it waits for the decoder, at most
    ``deadline_s`` seconds, then kills it and raises McoeError. :meth:`close` from another thread ends the wait.

    Works on POSIX systems (the child inherits one end of a socket pair). It runs ``sys.executable -m``, so the
    program's main script is never imported a second time.

    Args:
        decoder: name of the module in ``mcoe.capture.decoders``.
        path: the recording.
        deadline_s: how long one packet may take.

    Raises:
        McoeError: the file is missing, empty, damaged or of another type; the decoder hung or died.
    """

    def __init__(self, decoder: str, path: str | os.PathLike[str], deadline_s: float = DEADLINE_S) -> None:
        self.path = Path(path)
        #: Frames and events that the decoder left out so far: times running backwards, pixels off the sensor.
        self.dropped_frames = 0
        self.dropped_events = 0
        self._deadline_s = deadline_s
        self._failure: str | None = None
        self._ended = False
        self._asked = 0  # answers still to come
        self._busy = threading.Lock()  # held while the socket is in use
        self._closing = threading.Lock()
        self._closed = False
        self._link, theirs = socket.socketpair()
        try:
            open_s = deadline_s + self._size() * _SCAN_S_PER_BYTE
            command = ["-P", "-m", "mcoe.capture.decode", str(theirs.fileno()), decoder, str(self.path), str(open_s)]
            self._process = subprocess.Popen(
                [sys.executable, *command],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except BaseException:
            self._link.close()
            raise
        finally:
            theirs.close()
        try:
            with self._busy:
                self._receive(START_DEADLINE_S)
                _, payload = self._receive(open_s)
            fields = json.loads(payload.tobytes())
            self._info = SourceInfo(**{**fields, "size": tuple(fields["size"])})
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> SourceInfo:
        return self._info

    def read(self, timeout_s: float = 1.0) -> Packet | None:
        """Return the next packet, or None at the end or once closed; ``timeout_s`` is for live sources."""
        with self._busy:
            if self._failure:
                raise McoeError(self._failure)
            if self._ended or self._closed:
                return None
            try:
                self._ask(b"N", 0, _AHEAD - self._asked)
                header, payload = self._receive(self._deadline_s)
            except _Closed:
                return None
            kind, length, start_us, end_us, height, width, *_ = header
            self._asked -= 1
            if kind == b"Z":
                self._ended = True
                return None
            if kind == b"E":
                return payload.view(EVENT_DTYPE)
            shape = (height, width) if length == height * width else (height, width, length // (height * width))
            return Frame(payload.reshape(shape), start_us, end_us)

    def seek(self, time_us: int) -> None:
        """Continue at the first packet that ends at or after ``time_us``; times outside the file are clipped."""
        with self._busy:
            if self._failure:
                raise McoeError(self._failure)
            if self._closed:
                return
            with contextlib.suppress(_Closed):
                self._ask(b"S", time_us)
                while self._receive(self._deadline_s)[0][0] != b"K":
                    pass
            self._asked, self._ended = 0, False

    def close(self) -> None:
        """End the child. Any thread may call this, also while another waits in :meth:`read`."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._process.kill()
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)  # wakes a reader
            with self._busy:
                self._link.close()
            self._process.wait()

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def _ask(self, kind: bytes, time_us: int, count: int = 1) -> None:
        try:
            self._link.sendall(REQUEST.pack(kind, time_us) * count)
        except OSError:
            self._child_gone()
        self._asked += count

    def _receive(self, deadline_s: float) -> tuple[tuple[bytes, int, int, int, int, int, int, int], NDArray[np.uint8]]:
        """Return one answer: its header and its payload as ``(n,)`` uint8."""
        header = HEADER.unpack(self._take(HEADER.size, deadline_s).tobytes())
        payload = self._take(header[1], deadline_s)
        self.dropped_frames, self.dropped_events = header[-2:]
        if header[0] == b"X":
            self._fail(payload.tobytes().decode())
        return header, payload

    def _take(self, count: int, deadline_s: float) -> NDArray[np.uint8]:
        buffer = np.empty(count, np.uint8)
        rest = buffer.data
        self._link.settimeout(deadline_s)
        try:
            while rest:
                received = self._link.recv_into(rest)
                if not received:
                    self._child_gone()
                rest = rest[received:]
        except TimeoutError:
            self._fail(self._hung())
        except OSError:
            self._child_gone()
        return buffer

    def _hung(self) -> str:
        return (
            f"{self.path} is damaged: its decoder got stuck for {self._deadline_s:g} s and was stopped; "
            "copy or record the file again."
        )

    def _child_gone(self) -> None:
        if self._closed:
            raise _Closed
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        if code == -signal.SIGALRM:
            self._fail(self._hung())
        self._fail(f"{self.path} made its decoder die (exit code {code}): it is probably damaged, copy it again.")

    def _fail(self, sentence: str) -> None:
        self._failure = sentence
        self._process.kill()
        raise McoeError(sentence)
