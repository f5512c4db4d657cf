"""The decoding process: ``python -P -m mcoe.capture.decode FD DECODER PATH DEADLINE``.

A damaged file can make a decoder loop for ever with the GIL held, crash it or exhaust its memory; all of that
happens here, in a process of its own, and :class:`mcoe.capture.child.DecodedSource` notices. The two talk over a
socket pair: the parent asks for one packet at a time (a few ahead, so that decoding overlaps with its own work),
the child answers in order.

    request   REQUEST: kind, time       ``N`` next packet, ``S`` seek to time µs
    answer    HEADER + payload          ``H`` ready to open, ``I`` info (JSON), ``E`` events, ``F`` frame,
                                        ``Z`` end of stream, ``K`` seek done, ``X`` failed (a sentence, UTF-8)
"""

from __future__ import annotations

import contextlib
import importlib
import json
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np

from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.packets import Frame, Packet

REQUEST = struct.Struct("<cq")
#: kind, payload bytes, frame start µs, end µs, height, width, dropped frames, dropped events so far
HEADER = struct.Struct("<c7q")
#: The child kills itself this much after its parent should have, s: a parent that died cannot.
ORPHAN_MARGIN_S = 3.0


class Decoder(Protocol):
    """A file format. Module ``mcoe.capture.decoders.NAME`` offers ``open_file(path) -> Decoder``."""

    info: SourceInfo
    dropped_frames: int
    dropped_events: int

    def read(self) -> Packet | None: ...

    def seek(self, time_us: int) -> None: ...


class _Peer:
    """The child's end of the socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self.decoder: Decoder | None = None

    def send(
        self,
        kind: bytes,
        payload: bytes | memoryview = b"",
        times: tuple[int, int] = (0, 0),
        hw: tuple[int, int] = (0, 0),
    ) -> None:
        dropped = (self.decoder.dropped_frames, self.decoder.dropped_events) if self.decoder else (0, 0)
        self._link.sendall(HEADER.pack(kind, len(payload), *times, *hw, *dropped))
        self._link.sendall(payload)

    def send_packet(self, packet: Packet | None) -> None:
        if packet is None:
            self.send(b"Z")
        elif isinstance(packet, Frame):
            image = np.ascontiguousarray(packet.image)
            height, width = image.shape[:2]
            self.send(b"F", image.reshape(-1).data, (packet.start_us, packet.end_us), (height, width))
        else:
            self.send(b"E", np.ascontiguousarray(packet).view(np.uint8).data)

    def request(self) -> tuple[bytes, int] | None:
        """Return the next request, or None once the parent has gone."""
        data = self._link.recv(REQUEST.size, socket.MSG_WAITALL)
        return REQUEST.unpack(data) if len(data) == REQUEST.size else None


@contextlib.contextmanager
def _suicide_after(seconds: float) -> Iterator[None]:
    # The default action of SIGALRM ends the process from the kernel, whoever holds the GIL.
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def serve(link: socket.socket, decoder_name: str, path: Path, deadline_s: float) -> None:
    """Open ``path`` and answer requests until the parent hangs up; a failure is sent once, as one sentence."""
    peer = _Peer(link)
    try:
        module = importlib.import_module(f"mcoe.capture.decoders.{decoder_name}")
        peer.send(b"H")
        with _suicide_after(deadline_s + ORPHAN_MARGIN_S):
            decoder = peer.decoder = module.open_file(path)
        peer.send(b"I", json.dumps(asdict(decoder.info)).encode())
        while (request := peer.request()) is not None:
            kind, time_us = request
            with _suicide_after(deadline_s + ORPHAN_MARGIN_S):
                packet = decoder.read() if kind == b"N" else decoder.seek(time_us)
            if kind == b"N":
                peer.send_packet(packet)
            else:
                peer.send(b"K")
    except (BrokenPipeError, ConnectionResetError):
        return
    except McoeError as error:
        peer.send(b"X", str(error).encode())
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        sentence = f"{path} cannot be decoded ({type(error).__name__}: {reason}); it is probably damaged."
        peer.send(b"X", sentence.encode())


def main(argv: list[str]) -> None:
    """Run the child: file descriptor of the socket, decoder's name, path, deadline in seconds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with contextlib.suppress(OSError):
        # If a damaged header asks for all the memory there is, this process is the one to go.
        Path("/proc/self/oom_score_adj").write_text("1000")
    with socket.socket(fileno=int(argv[0])) as link:
        serve(link, argv[1], Path(argv[2]), float(argv[3]))


if __name__ == "__main__":
    main(sys.argv[1:])
