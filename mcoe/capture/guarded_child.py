"""A child process that may hang, crash or eat the memory in its parent's place: the child's side of it.

A damaged file or a silent server can make a library loop for ever with the interpreter held, crash it or exhaust its
memory; all of that happens in a process of its own, and the parent (:mod:`mcoe.capture.guarded`) notices. The two talk
over a socket pair. What the child sends is a header and a payload:

    ``H``  its libraries are imported, it begins to open        ``F``  frame
    ``I``  it has opened, and says what (JSON)                  ``Z``  end of the stream
    ``E``  events                                               ``K``  done what was asked
    ``X``  it cannot go on: a sentence, UTF-8

What the parent sends, if anything, is for the module that runs in the child to say.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mcoe.events.packets import Frame, Packet

#: kind, payload bytes, a frame's start and end, µs, its height and width, two counters of what was dropped so far
HEADER = struct.Struct("<c7q")
#: The child kills itself this much after its parent should have, s: a parent that died cannot.
ORPHAN_MARGIN_S = 3.0
#: So much longer than a request may compute it may take by the clock on the wall: the computer may be busy.
PATIENCE = 6
#: Bytes that a child may take beyond what its libraries took: what no recording needs, and any computer has.
MEMORY = 1 << 30


class ParentLink:
    """The child's end of the socket pair.

    Attributes:
        dropped: two counters that go with every message.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self.dropped = (0, 0)

    def send(
        self,
        kind: bytes,
        payload: bytes | memoryview = b"",
        exposure: tuple[int, int] = (0, 0),
        shape: tuple[int, int] = (0, 0),
    ) -> None:
        """Send one message; ``exposure`` (start, end), µs, and ``shape`` (height, width) are a frame's."""
        self._link.sendall(HEADER.pack(kind, len(payload), *exposure, *shape, *self.dropped))
        self._link.sendall(payload)

    def ready(self) -> None:
        """Say that the libraries are imported: from now on the parent's deadline runs, and memory is limited."""
        limit_memory()
        self.send(b"H")

    def opened(self, fields: dict[str, Any]) -> None:
        """Say what has been opened."""
        self.send(b"I", json.dumps(fields).encode())

    def packet(self, packet: Packet) -> None:
        """Send events or a frame."""
        if isinstance(packet, Frame):
            image = np.ascontiguousarray(packet.image)
            height, width = image.shape[:2]
            self.send(b"F", image.reshape(-1).data, (packet.start_us, packet.end_us), (height, width))
        else:
            self.send(b"E", np.ascontiguousarray(packet).view(np.uint8).data)

    def failed(self, sentence: str) -> None:
        """Say why it cannot go on."""
        self.send(b"X", sentence.encode())

    def request(self, size: int) -> bytes | None:
        """Return the parent's next request of ``size`` bytes, None once the parent has gone."""
        data = self._link.recv(size, socket.MSG_WAITALL)
        return data if len(data) == size else None


def limit_memory(allowed: int = MEMORY) -> None:
    """Let this process take ``allowed`` more bytes than it has; whatever asks for more is refused (MemoryError …).

    Not the address space but the data is limited: libraries reserve addresses by the GiB and never touch them.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return  # no Linux: nothing that counts
    taken = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData:"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = taken + allowed
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))


@contextlib.contextmanager
def computing(seconds: float) -> Iterator[None]:
    """End this process if the block takes ``seconds`` of computing, however long the clock on the wall says.

    A busy computer is no damaged file: only what this process itself does counts. The kernel sends SIGPROF then,
    whose default action needs no interpreter. Asleep for :data:`PATIENCE` times as long, it ends too.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with suicide_after(PATIENCE * seconds):
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextlib.contextmanager
def suicide_after(deadline_s: float) -> Iterator[None]:
    """End this process if the block takes :data:`ORPHAN_MARGIN_S` longer than the parent allows."""
    # The default action of SIGALRM ends the process from the kernel, whoever holds the GIL.
    signal.setitimer(signal.ITIMER_REAL, deadline_s + ORPHAN_MARGIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run(argv: list[str], serve: Callable[[ParentLink, list[str]], None]) -> None:
    """Run the child: ``argv`` is the file descriptor of its socket, then what ``serve`` is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with contextlib.suppress(OSError):
        # If a damaged header asks for all the memory there is, this process is the one to go.
        Path("/proc/self/oom_score_adj").write_text("1000")
    with socket.socket(fileno=int(argv[0])) as link, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        serve(ParentLink(link), argv[1:])
