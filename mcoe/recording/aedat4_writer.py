"""Writes AEDAT4 with one copy of the bytes: an event packet of the format is a short header and our own array.

dv-processing's writer takes 2–3 M events/s from NumPy and holds the interpreter meanwhile; this one keeps up with any
camera. Packets are not compressed: a damaged LZ4 packet makes dv-processing's reader loop for ever, and a live
recording must not compete with the network for the processor. Every packet reaches the operating system at once, so a
killed process loses at most the packet it was writing, and the reader plays up to it. What a power cut would lose,
:meth:`Aedat4Writer.sync` brings to the disk.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from mcoe.events.packets import EVENT_DTYPE, Events, Frame

MAGIC = b"#!AER-DAT4.0\r\n"
EVENT_STREAM, FRAME_STREAM = 0, 1
_PACKET = struct.Struct("<ii")  # stream, size
# Size-prefixed flatbuffers, as dv-processing 2.0.4 lays them out: offset, identifier, padding, vtable, table.
_HEADER = struct.Struct("<II4s6x5HiiIqI")
#: Where in the file the header keeps the position of the packet table; -1 means that there is none.
_TABLE_AT = len(MAGIC) + 40
_EVENTS = struct.Struct("<II4s2x3HiII")
_FRAME = struct.Struct("<II4s4x14HihhIqqqqiI")
_FORMATS = {1: 0, 3: 16}  # channels → OpenCV's 8UC1, 8UC3


class Aedat4Writer:
    """One event stream and one frame stream in one file. Not thread-safe.

    Args:
        path: the file, for its user alone; its folder must exist, and it must not.
        name: the camera's name, kept as the streams' source.
        size: ``(width, height)``, pixels.

    Raises:
        OSError: the file cannot be made or written (from every method).
    """

    def __init__(self, path: Path, name: str, size: tuple[int, int]) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        self.bytes = 0
        #: per packet: stream, size, position of its data, elements, first and last time
        self._table: list[tuple[int, int, int, int, int, int]] = []
        xml = _description(name, size).encode()
        body = _HEADER.pack(_HEADER.size - 4 + len(xml) + 1, 24, b"IOHE", 10, 20, 4, 12, 8, 10, 0, 12, -1, len(xml))
        self._append(MAGIC, body, xml, b"\0")

    def events(self, events: Events) -> None:
        """Append a batch of events, ordered by time."""
        count = len(events)
        data = np.ascontiguousarray(events, EVENT_DTYPE)
        head = _EVENTS.pack(_EVENTS.size - 4 + data.nbytes, 16, b"EVTS", 6, 8, 4, 6, 4, count)
        times = data["timestamp"]
        self._packet(EVENT_STREAM, head, data.view(np.uint8).data, count, int(times[0]), int(times[-1]))

    def frame(self, frame: Frame) -> None:
        """Append a frame; RGB is stored as BGR, as the format has it."""
        image = frame.image if frame.image.ndim == 2 else frame.image[..., ::-1]
        data = np.ascontiguousarray(image)
        height, width = data.shape[:2]
        channels = 1 if data.ndim == 2 else data.shape[2]
        pad = -data.nbytes % 4
        # fmt: off
        head = _FRAME.pack(
            _FRAME.size - 4 + data.nbytes + pad, 40, b"FRME",
            # vtable of 12 fields: timestamp, start and end of frame, start and end of exposure, format, size x, y,
            # position x, y, pixels, exposure
            28, 48, 12, 0, 0, 20, 28, 44, 4, 6, 0, 0, 8, 36,
            28, width, height, 40, frame.start_us, frame.start_us, frame.end_us,
            frame.end_us - frame.start_us, _FORMATS[channels], data.nbytes,
        )
        # fmt: on
        self._packet(FRAME_STREAM, head, data.reshape(-1).data, 1, frame.start_us, frame.start_us, b"\0" * pad)

    def sync(self) -> None:
        """Wait until the disk holds what was written."""
        sync(self._fd)

    def close(self) -> None:
        """Append the packet table, which makes opening and seeking quick, and close. A second call does nothing."""
        if self._fd < 0:
            return
        try:
            position = self.bytes
            self._append(_packet_table(self._table))
            self.sync()  # or after a power cut the header could point to a table that is not there
            os.lseek(self._fd, _TABLE_AT, os.SEEK_SET)
            os.write(self._fd, struct.pack("<q", position))
            self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file without a packet table, cutting off a packet that was only partly written."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            try:
                os.ftruncate(fd, self.bytes)
            finally:
                os.close(fd)

    def deleted(self) -> bool:
        """Return whether the file, or its folder, was deleted under the writer."""
        return self._fd >= 0 and os.fstat(self._fd).st_nlink == 0

    def rescue(self, path: Path) -> None:
        """Copy the packets of a deleted file, which live until it is closed, to ``path``."""
        os.ftruncate(self._fd, self.bytes)
        os.lseek(self._fd, 0, os.SEEK_SET)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            while block := os.read(self._fd, 1 << 20):
                copy.write(block)

    def _packet(
        self, stream: int, head: bytes, data: memoryview, count: int, first: int, last: int, pad: bytes = b""
    ) -> None:
        size = len(head) + data.nbytes + len(pad)
        position = self.bytes + _PACKET.size
        self._append(_PACKET.pack(stream, size), head, data, pad)
        self._table.append((stream, size, position, count, first, last))

    def _append(self, *parts: bytes | memoryview) -> None:
        """Write all parts or raise; ``bytes`` counts whole appends only."""
        size = sum(memoryview(part).nbytes for part in parts)
        done = _write(self._fd, parts)
        while done < size:  # a disk that is nearly full, or a signal
            done += _write(self._fd, [b"".join(parts)[done:]])
        self.bytes += size


def _write(fd: int, parts: Sequence[bytes | memoryview]) -> int:
    # Gathered by the kernel: joining the parts first would hold the interpreter for the copy.
    return os.writev(fd, parts) if hasattr(os, "writev") else os.write(fd, b"".join(parts))


def sync(fd: int) -> None:
    """Wait until the disk holds what was written to ``fd``. Raises OSError where it does not."""
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and user-space file systems cannot be told to.
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise


def _description(name: str, size: tuple[int, int]) -> str:
    streams = "".join(
        f'<node name="{number}" path="/outInfo/{number}/">'
        '<attr key="compression" type="string">NONE</attr>'
        '<attr key="originalModuleName" type="string">mcoe</attr>'
        f'<attr key="originalOutputName" type="string">{output}</attr>'
        f'<attr key="typeDescription" type="string">{text}</attr>'
        f'<attr key="typeIdentifier" type="string">{kind}</attr>'
        f'<node name="info" path="/outInfo/{number}/info/">'
        f'<attr key="sizeX" type="int">{size[0]}</attr><attr key="sizeY" type="int">{size[1]}</attr>'
        f'<attr key="source" type="string">{escape(name)}</attr></node></node>'
        for number, output, text, kind in (
            (EVENT_STREAM, "events", "Array of events (polarity ON/OFF).", "EVTS"),
            (FRAME_STREAM, "frames", "Standard frame (8-bit image).", "FRME"),
        )
    )
    return f'<dv version="2.0"><node name="outInfo" path="/outInfo/">{streams}</node></dv>'


def _packet_table(rows: list[tuple[int, int, int, int, int, int]]) -> bytes:
    """Return the size-prefixed flatbuffer FTAB of (stream, size, position, elements, first, last) rows."""
    # Positions count from the size prefix: root table at 36, its vector at 44, then the rows at 4 mod 8, 48 bytes each.
    vector = 44
    first = vector + 4 + 4 * len(rows)
    first += (4 - first) % 8
    at = [first + 48 * number for number in range(len(rows))]
    offsets = [row - (vector + 4 + 4 * number) for number, row in enumerate(at)]
    out = bytearray(first + 48 * len(rows))
    struct.pack_into("<II4s2x7H2x3HiI", out, 0, len(out) - 4, 32, b"FTAB", 14, 44, 12, 4, 20, 28, 36, 6, 8, 4, 6, 4)
    struct.pack_into(f"<I{len(rows)}I", out, vector, len(rows), *offsets)
    for start, (stream, size, position, count, begin, end) in zip(at, rows, strict=True):
        struct.pack_into("<iiiqqqq", out, start, start - 14, stream, size, position, count, begin, end)
    return bytes(out)
