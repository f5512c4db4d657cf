"""A child process that may hang, crash or eat the memory in its parent's place: the parent's side of it.

The child's side, and how the two talk, is :mod:`mcoe.capture.guarded_child`. Works on POSIX systems, as the child
inherits one end of a socket pair.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.guarded_child import HEADER
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame, Packet

#: How long the child may take to start and import its libraries, s (a cold disk, a busy machine).
START_DEADLINE_S = 60.0
#: Bytes in one message at most: a colour frame of the largest sensor, and some.
MESSAGE = 1 << 28


class ChildGone(Exception):
    """The child has ended, or its end of the socket is closed."""


class ChildFailed(Exception):
    """The child told in words why it cannot go on."""


class Message(NamedTuple):
    """What a child sent.

    Attributes:
        kind: one letter, see :mod:`mcoe.capture.guarded_child`.
        payload: ``(n,)`` uint8.
        start_us, end_us, height, width: of a frame: its exposure, µs, and size, pixels.
        dropped: the child's two counters of what it left out so far.
    """

    kind: bytes
    payload: NDArray[np.uint8]
    start_us: int
    end_us: int
    height: int
    width: int
    dropped: tuple[int, int]

    @property
    def packet(self) -> Packet:
        """The packet in a message of kind ``E`` or ``F``; it shares the payload's memory."""
        if self.kind == b"E":
            return self.payload.view(EVENT_DTYPE)
        size = (self.height, self.width)
        depth = len(self.payload) // (self.height * self.width)
        return Frame(self.payload.reshape(size if depth == 1 else (*size, depth)), self.start_us, self.end_us)


class GuardedChild:
    """A process that runs ``python -P -m MODULE FD ARGUMENT…``; the program's own main script is never imported.

    Used from one thread, except :meth:`hang_up`, which any thread may call.

    Args:
        module: what to run; its ``main`` hands its arguments to :func:`mcoe.capture.guarded_child.run`.
        arguments: what it is told after the file descriptor of its end of the socket.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._link, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except BaseException:
            self._link.close()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def opened(self, deadline_s: float) -> dict[str, Any]:
        """Wait until the child has opened what it was told to, and return what it says of it.

        Args:
            deadline_s: how long that may take, once its libraries are imported.

        Raises:
            TimeoutError: it took longer.
            ChildFailed: it could not.
            ChildGone: it ended.
            McoeError: it did not come as far as opening anything.
        """
        try:
            self.receive(START_DEADLINE_S)
        except (TimeoutError, ChildGone) as error:
            raise McoeError(
                f"The process that would open it did not start (exit code {self.exit_code(0.5)}); check that the "
                "program's installation is whole, and the computer's free memory."
            ) from error
        fields: dict[str, Any] = json.loads(self.receive(deadline_s).payload.tobytes())
        return fields

    def send(self, data: bytes) -> None:
        """Send a request. That the child has gone shows in :meth:`receive`, after what it still said."""
        with contextlib.suppress(OSError):
            self._link.sendall(data)

    def waits(self, timeout_s: float) -> bool:
        """Return whether a message, or the child's end, has come; waits for it."""
        return bool(select.select([self._link], [], [], timeout_s)[0])

    def receive(self, deadline_s: float, rest_s: float | None = None) -> Message:
        """Return the next message.

        Args:
            deadline_s: how long the child may be silent.
            rest_s: as much, inside a message that has begun; None for the same.

        Raises:
            TimeoutError: it was silent for longer.
            ChildFailed: the message says why it cannot go on.
            ChildGone: it ended.
        """
        kind, length, *frame, first, second = HEADER.unpack(self._take(HEADER.size, deadline_s).tobytes())
        if not 0 <= length <= MESSAGE:
            raise ChildGone("it sent more than a packet can hold")
        payload = self._take(length, deadline_s if rest_s is None else rest_s)
        if kind == b"X":
            raise ChildFailed(payload.tobytes().decode(errors="replace"))
        start_us, end_us, height, width = frame
        return Message(kind, payload, start_us, end_us, height, width, (first, second))

    def _take(self, count: int, deadline_s: float) -> NDArray[np.uint8]:
        buffer = np.empty(count, np.uint8)
        rest = buffer.data
        self._link.settimeout(deadline_s)
        try:
            while rest:
                received = self._link.recv_into(rest)
                if not received:
                    raise ChildGone("its end of the socket is closed")
                rest = rest[received:]
        except TimeoutError:
            raise
        except OSError as error:
            raise ChildGone(str(error)) from error
        return buffer

    def exit_code(self, patience_s: float = 5.0) -> int | None:
        """Return the exit code of a child that has gone, minus the signal that killed it; None if it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        return self._process.returncode

    def hang_up(self) -> None:
        """Kill the child, whatever it does, and wake whoever waits for it in :meth:`receive`, with ChildGone."""
        self._process.kill()
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the child and leave nothing behind. A second call does nothing."""
        self.hang_up()
        self._link.close()
        self._process.wait()


def _search_path() -> list[str]:
    """Return where this process finds modules, without its main script's folder.

    That folder is searched before the standard library, which the child has still to import: a file there that is named
    like one of its modules would keep it from starting.
    """
    root = Path(__file__).resolve().parents[2]  # what holds the package
    script = getattr(sys.modules["__main__"], "__file__", None)
    folder = Path(script).absolute().parent if script else Path.cwd()
    paths = [Path(path).absolute() for path in sys.path]
    return [str(path) for path in paths if path != folder or path.resolve() == root]
