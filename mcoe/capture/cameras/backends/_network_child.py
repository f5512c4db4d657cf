"""Receives a stream in a process: ``python -P -m mcoe.capture.cameras.backends._network_child FD HOST PORT SECONDS``.

dv-processing's network reader waits for a silent server in its constructor, with the interpreter held: that happens
here, in a guarded child (:mod:`mcoe.capture.guarded_child`), and the parent can end it. The parent asks nothing: what
comes is pushed to it. The first of the two counters is the packets dropped for a busy parent.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.cameras.order import split_events
from mcoe.capture.guarded_child import ParentLink, run, suicide_after
from mcoe.core.mailbox import Closed, Mailbox
from mcoe.events.packets import Frame, Packet

#: Packets that may wait for a busy parent (2 MiB each at most); past this the oldest are dropped and counted.
WAITING = 32


def push(parent: ParentLink, waiting: Mailbox[Packet]) -> None:
    """Send what waits until there will be no more; ends the process if the parent has gone."""
    try:
        while True:
            packet = waiting.get()
            parent.dropped = (waiting.dropped, 0)
            parent.packet(packet)
    except Closed:
        return
    except OSError:
        os._exit(0)


def bgr_to_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``(H, W)`` as it is and ``(H, W, 3)`` with red first, contiguous."""
    return np.ascontiguousarray(image if image.ndim == 2 else image[..., ::-1])


def serve(parent: ParentLink, arguments: list[str]) -> None:
    """Connect, say what is streamed, and push it until the server or the parent goes.

    Args:
        parent: who is told.
        arguments: the host's IP address, the port, and the seconds that connecting may take.
    """
    try:
        _serve(parent, arguments[0], int(arguments[1]), float(arguments[2]))
    except (BrokenPipeError, ConnectionResetError):
        return
    except Exception:
        parent.failed("what it streams cannot be decoded")


def _serve(parent: ParentLink, host: str, port: int, deadline_s: float) -> None:
    import dv_processing as dv

    parent.ready()
    try:
        with suicide_after(deadline_s):
            reader = dv.io.NetworkReader(host, port)
    except RuntimeError:
        parent.failed("nothing streams there, or in another language than dv-processing's")
        return
    has_events, has_frames = bool(reader.isEventStreamAvailable()), bool(reader.isFrameStreamAvailable())
    size = reader.getEventResolution() if has_events else reader.getFrameResolution() if has_frames else None
    name = reader.getCameraName()
    parent.opened({"name": name, "events": has_events, "frames": has_frames, "size": size and list(size)})
    # The library queues without bound whatever is not taken, so taking must never wait for sending.
    waiting: Mailbox[Packet] = Mailbox(WAITING)
    sender = threading.Thread(target=push, args=(parent, waiting))
    sender.start()
    try:
        for packet in receive(reader, has_events, has_frames):
            waiting.put(packet)
    finally:
        waiting.close()
        sender.join()
    parent.failed("the server closed the stream")


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


if __name__ == "__main__":
    run(sys.argv[1:], serve)
