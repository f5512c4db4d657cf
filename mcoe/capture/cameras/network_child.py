"""The receiving process: ``python -P -m mcoe.capture.cameras.network_child FD HOST PORT DEADLINE``.

dv-processing's network reader waits for a silent server in its constructor, with the interpreter held: that happens
here, and the parent can end it. What comes is pushed to the parent over a socket pair, framed as
:mod:`mcoe.capture.decode` frames it: ``I`` info (JSON), ``E`` events, ``F`` frame, ``X`` a sentence on what failed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.cameras.order import split_events
from mcoe.capture.decode import HEADER
from mcoe.core.mailbox import Closed, Mailbox
from mcoe.events.packets import Frame, Packet

#: Packets that may wait for a busy parent (2 MiB each at most); past this the oldest are dropped and counted.
WAITING = 32


def send(link: socket.socket, kind: bytes, payload: Any = b"", fields: tuple[int, ...] = (0, 0, 0, 0, 0)) -> None:
    """Send one message; ``fields`` are a frame's start and end, µs, height and width, and the packets dropped."""
    link.sendall(HEADER.pack(kind, len(payload), *fields, 0))
    link.sendall(payload)


def push(link: socket.socket, waiting: Mailbox[Packet]) -> None:
    """Send what waits until there will be no more; ends the process if the parent has gone."""
    try:
        while True:
            packet = waiting.get()
            if isinstance(packet, Frame):
                shape = packet.image.shape[:2]
                fields = (packet.start_us, packet.end_us, *shape, waiting.dropped)
                send(link, b"F", packet.image.reshape(-1).data, fields)
            else:
                send(link, b"E", np.ascontiguousarray(packet).view(np.uint8).data, (0, 0, 0, 0, waiting.dropped))
    except Closed:
        return
    except OSError:
        os._exit(0)


def bgr_to_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``(H, W)`` as it is and ``(H, W, 3)`` with red first, contiguous."""
    return np.ascontiguousarray(image if image.ndim == 2 else image[..., ::-1])


def serve(link: socket.socket, host: str, port: int, deadline_s: float) -> None:
    """Connect, say what is streamed, and push it until the server or the parent goes."""
    import dv_processing as dv

    send(link, b"H")
    # The alarm's default action ends the process from the kernel, whoever holds the interpreter.
    signal.setitimer(signal.ITIMER_REAL, deadline_s + 3)
    try:
        reader = dv.io.NetworkReader(host, port)
    except RuntimeError as error:
        send(link, b"X", str(error).encode())
        return
    signal.setitimer(signal.ITIMER_REAL, 0)
    has_events, has_frames = bool(reader.isEventStreamAvailable()), bool(reader.isFrameStreamAvailable())
    size = reader.getEventResolution() if has_events else reader.getFrameResolution() if has_frames else None
    info = {"name": reader.getCameraName(), "events": has_events, "frames": has_frames, "size": size and list(size)}
    send(link, b"I", json.dumps(info).encode())
    # The library queues without bound whatever is not taken, so taking must never wait for sending.
    waiting: Mailbox[Packet] = Mailbox(WAITING)
    sender = threading.Thread(target=push, args=(link, waiting))
    sender.start()
    try:
        for packet in receive(reader, has_events, has_frames):
            waiting.put(packet)
    finally:
        waiting.close()
        sender.join()
    send(link, b"X", b"the server closed the stream")


def receive(reader: Any, has_events: bool, has_frames: bool) -> Iterator[Packet]:
    """Yield what comes, split for the mailbox, until the server or the parent has gone."""
    parent = os.getppid()
    while True:
        store = reader.getNextEventBatch() if has_events else None
        if store is not None and store.size():
            yield from split_events(store.numpy())
        frame = reader.getNextFrame() if has_frames else None
        if frame is not None:
            start = int(frame.timestamp)
            yield Frame(bgr_to_rgb(frame.image), start, start + round(frame.exposure.total_seconds() * 1e6))
        if store is None and frame is None:
            # What is queued still comes after the connection has ended: only None and not running is the end.
            if not reader.isRunning() or os.getppid() != parent:
                return
            time.sleep(0.001)


def main(argv: list[str]) -> None:
    """Run the child: file descriptor of the socket, host, port, seconds to connect."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with socket.socket(fileno=int(argv[0])) as link:
        try:
            serve(link, argv[1], int(argv[2]), float(argv[3]))
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:
            send(link, b"X", f"{type(error).__name__}: {error}".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
