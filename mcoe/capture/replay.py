"""Recordings as sources: each is decoded in a child process, so that no file, however damaged, can hang or crash us."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from mcoe.capture.entrance import Entrance
from mcoe.capture.files import format_of, formats
from mcoe.capture.guarded import ChildFailed, ChildGone, GuardedChild, Message
from mcoe.capture.guarded_child import PATIENCE
from mcoe.capture.replay_child import REQUEST
from mcoe.capture.source import Source, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.text import plain_path
from mcoe.events.packets import Packet

#: How long one packet may compute, s, before the file counts as damaged.
DEADLINE_S = 10.0
#: Opening scans a file whose writer was killed: so much more time per byte, s.
_SCAN_S_PER_BYTE = 1 / 50e6
#: Packets asked for ahead: the child decodes while the parent works, and holds no more than these.
_AHEAD = 4
#: Signals that end a decoder for what it reads: too much computing, and what a library's own fault raises.
_DIED_OF_THE_FILE = tuple(-number for number in (signal.SIGPROF, signal.SIGABRT, signal.SIGSEGV, signal.SIGFPE))
_T = TypeVar("_T")


def open_replay(path: str | os.PathLike[str], deadline_s: float = DEADLINE_S) -> RecordedSource:
    """Open a recording: a folder of images, or a file by its first bytes or else its extension, in any case.

    Args:
        path: the recording; what can be read is :func:`mcoe.capture.files.formats`.
        deadline_s: how long one packet may compute.

    Raises:
        McoeError: no such file, a type that nothing here reads (the message lists what is read), a damaged file.
    """
    file = Path(path)
    return RecordedSource(format_of(file), file, deadline_s)


class _Closed(Exception):
    """Another thread closed the source."""


class RecordedSource(Source):
    """A recording, read by ``mcoe.capture.files.<format_name>`` in a guarded child.

    As a file never has "nothing yet", :meth:`read` raises no TimeoutError: it waits for the decoder, which ends after
    ``deadline_s`` seconds of computing, or is ended after :data:`PATIENCE` times as many of silence, and raises
    McoeError then. :meth:`close` from another thread ends the wait.

    Args:
        format_name: which of :func:`mcoe.capture.files.formats`.
        path: the recording.
        deadline_s: how long one packet may compute.

    Raises:
        McoeError: the file is damaged or of another type; the decoder hung or died.
    """

    def __init__(self, format_name: str, path: Path, deadline_s: float = DEADLINE_S) -> None:
        self.path = path
        #: Frames and events left out so far: times running backwards or outside the recording, pixels off the sensor …
        self.dropped_frames = 0
        self.dropped_events = 0
        self._deadline_s = deadline_s
        self._shown = plain_path(path)
        self._failure: str | None = None
        self._ended = False
        self._asked = 0  # answers still to come
        self._busy = threading.Lock()  # held while the child is talked to
        self._closing = threading.Lock()
        self._closed = False
        self._format = format_name
        # A damaged file is walked through and copied before it is opened, which takes its time.
        self._open_s = deadline_s + (path.stat().st_size * _SCAN_S_PER_BYTE if path.is_file() else 0)
        self._repaired = not formats()[format_name].repairs
        self._child = GuardedChild("mcoe.capture.replay_child", format_name, str(path), str(self._open_s))
        try:
            fields = self._told(lambda: self._child.opened(PATIENCE * self._open_s), self._reopen)
            self._info = SourceInfo(**{**fields, "size": tuple(fields["size"])})
            self._entrance = Entrance(self._info)
        except BaseException:
            self.close()
            raise

    def _reopen(self) -> dict[str, Any]:
        """Start another decoder, which is told that one has died; return what it says of the file."""
        self._child.close()
        with self._closing:
            if self._closed:
                raise _Closed
            arguments = (self._format, str(self.path), str(self._open_s), "damaged")
            self._child = GuardedChild("mcoe.capture.replay_child", *arguments)
        self._asked = 0
        return self._child.opened(PATIENCE * self._open_s)

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
            while True:
                try:
                    self._ask(b"N", 0, _AHEAD - self._asked)
                    answer = self._answer(self._go_on)
                except _Closed:
                    return None
                self._asked -= 1
                if answer.kind == b"Z":
                    self._ended = True
                    return None
                packet = self._entrance.admit(answer.packet)
                self._count(answer)
                if packet is not None:
                    return packet

    def _count(self, message: Message) -> None:
        frames, events = message.dropped
        self.dropped_frames = frames + self._entrance.dropped_frames
        self.dropped_events = events + self._entrance.dropped_events

    def seek(self, time_us: int) -> None:
        """Continue at the first packet that ends at or after ``time_us``; times outside the file are clipped."""
        with self._busy:
            if self._failure:
                raise McoeError(self._failure)
            if self._closed:
                return
            try:
                self._ask(b"S", time_us)
                while self._answer(lambda: self._reopen_at(time_us)).kind != b"K":
                    pass
            except _Closed:
                return
            self._asked, self._ended = 0, False
            self._entrance.restart()

    def close(self) -> None:
        """End the child. Any thread may call this, also while another waits in :meth:`read`."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._child.hang_up()
            with self._busy:
                self._child.close()

    def _ask(self, kind: bytes, time_us: int, count: int = 1) -> None:
        self._child.send(REQUEST.pack(kind, time_us) * count)
        self._asked += count

    def _answer(self, again: Callable[[], Message]) -> Message:
        return self._told(lambda: self._child.receive(PATIENCE * self._deadline_s), again)

    def _go_on(self) -> Message:
        """Go on where the decoder died, with another; return its next packet, or the end."""
        self._reopen_at(self._entrance.reached_us + 1)
        self._asked = 0
        self._ask(b"N", 0)
        return self._child.receive(PATIENCE * self._deadline_s)

    def _reopen_at(self, time_us: int) -> Message:
        self._reopen()
        self._ask(b"S", time_us)
        return self._child.receive(PATIENCE * self._deadline_s)

    def _told(self, waiting: Callable[[], _T], again: Callable[[], _T]) -> _T:
        """Return what the child answers, or another if it dies; what goes wrong becomes a sentence about the file."""
        try:
            try:
                return waiting()
            except ChildGone:
                if self._repaired or self._closed or self._child.exit_code() not in _DIED_OF_THE_FILE:
                    raise
                self._repaired = True
                return again()
        except ChildFailed as failed:
            self._fail(str(failed))
        except TimeoutError:
            self._fail(self._silent())
        except ChildGone:
            if self._closed:
                raise _Closed from None
            code = self._child.exit_code()
            if code == -signal.SIGALRM:
                self._fail(self._silent())
            if code == -signal.SIGPROF:
                self._fail(self._hung())
            self._fail(
                f"{self._shown} made its decoder die ({_end(code)}): it is damaged, or asks for more memory than a "
                "recording should; copy it again."
            )

    def _hung(self) -> str:
        return (
            f"{self._shown} is damaged: its decoder got stuck for {self._deadline_s:g} s and was stopped; "
            "copy or record the file again."
        )

    def _silent(self) -> str:
        return (
            f"The decoder of {self._shown} did not answer for {PATIENCE * self._deadline_s:g} s; the computer or the "
            "disk may be busy, so try again."
        )

    def _fail(self, sentence: str) -> NoReturn:
        self._failure = sentence
        self._child.hang_up()
        raise McoeError(sentence)


def _end(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"signal {-code}"
