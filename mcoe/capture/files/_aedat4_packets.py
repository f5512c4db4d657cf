"""The packets of an AEDAT4 file, found without its table: also behind a cut, a kill or a damaged packet.

After the header, ``stream, size`` (int32 each) stand before every packet, whose payload is a size-prefixed flatbuffer,
as it is or in an LZ4 or ZSTD frame. dv-processing gives a file up at its first fault, or never comes back from it; a
copy that holds the sound packets alone, and no table, it reads whole.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from mcoe.capture.files._lz4 import MOST, unpacked_lz4
from mcoe.capture.files._merge import SILENCE_US
from mcoe.events.packets import EVENT_DTYPE, Events

MAGIC = b"#!AER-DAT4.0\r\n"
_LZ4, _ZSTD = b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"
_PACKET = struct.Struct("<ii")
#: What can stand at a payload's start: frames of the two compressions, or after 8 bytes a flatbuffer's identifier.
_STARTS = re.compile(rb"\x04\x22\x4d\x18|\x28\xb5\x2f\xfd|EVTS|FRME|IMUS|TRIG", re.DOTALL)
#: Streams of one file at most.
_STREAMS = 64
_EVENT_BYTES = 16
#: A flatbuffer of events up to the first of them, as dv-processing 2.0.4 lays it out.
_EVENTS = struct.Struct("<II4s2x3HiII")
#: A stream that goes back by more than this, µs, has had its clock set.
SET_BACK_US = 1_000_000
#: It goes on so much later, µs.
STEP_US = 10_000
#: Two streams whose clocks were set by amounts this close, µs, have one clock.
TOGETHER_US = 250_000
_BLOCK = 1 << 16


def repaired(path: Path, folder: Path) -> tuple[Path, int] | None:
    """Write a copy of a recording that holds its sound packets alone; None where there is none.

    Returns:
        The copy, and how many damaged places lie between its packets.

    Raises:
        OSError: the copy cannot be written.
    """
    with path.open("rb") as file:
        if path.stat().st_size < len(MAGIC) + 8:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            body = len(MAGIC) + 4 + struct.unpack_from("<I", data, len(MAGIC))[0]
            if body > len(data):
                return None
            found = list(_sound_packets(data, body))
            if not found:
                return None
            head = bytearray(data[:body])
            if not _forget_table(head):
                return None
            copy = folder / "repaired.aedat4"
            ordered = Reordering()
            with copy.open("wb") as out:
                out.write(head)
                for (start, end), behind in zip(found, [*found[1:], None], strict=True):
                    out.write(ordered.packet(data[start:end], behind and data[behind[0] : behind[1]]))
            return copy, ordered.left_out + sum(end != start for (_, end), (start, _) in pairwise(found))


def times_of(path: Path) -> list[tuple[int, int, int]]:
    """Return each packet's stream and its first and last time, µs, in the order of the file.

    From the packet table; of a file without one, from the packets themselves, but for those in ZSTD.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        body = len(MAGIC) + 4 + struct.unpack_from("<I", data, len(MAGIC))[0]
        at = _table_at(data)
        try:
            if 0 < at < len(data):
                table = data[at:]
                table = (unpacked_lz4(table) or b"") if table.startswith(_LZ4) else table
                if table[8:12] == b"FTAB":
                    return [row[1:] for row in sorted(_table_rows(table))]
        except struct.error:
            pass
        rows = []
        for start, end in _sound_packets(data, body):
            payload = data[start + _PACKET.size : end]
            span = times_in((unpacked_lz4(payload) or b"") if payload.startswith(_LZ4) else payload)
            if span is not None:
                rows.append((int(_PACKET.unpack_from(data, start)[0]), *span))
        return rows


def _table_at(data: mmap.mmap) -> int:
    at = len(MAGIC)
    root = at + 4 + int(struct.unpack_from("<I", data, at + 4)[0])
    try:
        vtable = root - int(struct.unpack_from("<i", data, root)[0])
        field = int(struct.unpack_from("<H", data, vtable + 6)[0])
        return int(struct.unpack_from("<q", data, root + field)[0]) if field else -1
    except struct.error:
        return -1


def _table_rows(table: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield position, stream, first and last time of each packet that holds something."""
    root = 4 + int(struct.unpack_from("<I", table, 4)[0])
    vtable = root - int(struct.unpack_from("<i", table, root)[0])
    vector = root + int(struct.unpack_from("<H", table, vtable + 4)[0])
    vector += int(struct.unpack_from("<I", table, vector)[0])
    for number in range(int(struct.unpack_from("<I", table, vector)[0])):
        slot = vector + 4 + 4 * number
        row = slot + int(struct.unpack_from("<I", table, slot)[0])
        fields = row - int(struct.unpack_from("<i", table, row)[0])
        known = struct.unpack_from("<H", table, fields)[0]
        # A field that is not there is 0, as is one that lies past the fields there are.
        places = [struct.unpack_from("<H", table, fields + at)[0] if known > at else 0 for at in (4, 6, 8, 10, 12)]
        position, _, count, first, last = (
            int(struct.unpack_from("<q", table, row + place)[0]) if place else 0 for place in places
        )
        stream = int(struct.unpack_from("<i", table, row + places[1])[0]) if places[1] else 0
        if count > 0:
            yield position, stream, first, last


def times_in(flat: bytes) -> tuple[int, int] | None:
    """Return the first and the last time, µs, in a flatbuffer of events or of a frame; None of another one."""
    if flat[8:12] == b"EVTS":
        times = _events_of(flat)["timestamp"]
        return int(times.min()), int(times.max())
    if flat[8:12] != b"FRME":
        return None
    table = 4 + int(struct.unpack_from("<I", flat, 4)[0])
    vtable = table - int(struct.unpack_from("<i", flat, table)[0])
    place = int(struct.unpack_from("<H", flat, vtable + 4)[0]) if struct.unpack_from("<H", flat, vtable)[0] > 4 else 0
    time = int(struct.unpack_from("<q", flat, table + place)[0]) if place else 0
    return time, time


def _events_of(flat: bytes) -> Events:
    table = 4 + int(struct.unpack_from("<I", flat, 4)[0])
    vtable = table - int(struct.unpack_from("<i", flat, table)[0])
    vector = table + int(struct.unpack_from("<H", flat, vtable + 4)[0])
    vector += int(struct.unpack_from("<I", flat, vector)[0])
    count = int(struct.unpack_from("<I", flat, vector)[0])
    return np.frombuffer(flat, EVENT_DTYPE, count, vector + 4)


def _forget_table(head: bytearray) -> bool:
    """Set the header's position of the packet table to -1, which means that there is none."""
    at = len(MAGIC)
    root = at + 4 + int(struct.unpack_from("<I", head, at + 4)[0])
    try:
        vtable = root - int(struct.unpack_from("<i", head, root)[0])
        field = int(struct.unpack_from("<H", head, vtable + 6)[0])
        if field:
            struct.pack_into("<q", head, root + field, -1)
    except struct.error:
        return False
    return True


class Reordering:
    """Brings packets into the order of their times, as they were written: whole where nothing is wrong with them.

    A clock that was set back goes on where it was; a single packet of another time, and events of another time or out
    of order in a packet, are left out and counted. Packets in ZSTD are taken as they are.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._reached: dict[int, int] = {}  # by stream
        self._shift: dict[int, int] = {}
        self._newest_shift = 0

    def packet(self, packet: bytes, behind: bytes | None) -> bytes:
        """Return what is written for a packet, header and all; ``behind`` is the one after it."""
        stream, _ = _PACKET.unpack_from(packet)
        payload = packet[_PACKET.size :]
        flat = (unpacked_lz4(payload) or b"") if payload.startswith(_LZ4) else payload
        span = times_in(flat)
        if span is None:
            return packet
        first = self._middle(flat)
        shift = self._shift.get(stream, 0)
        reached = self._reached.get(stream)
        if reached is not None and not -SET_BACK_US <= first + shift - reached <= SILENCE_US:
            if behind is not None and self._agrees(behind, stream, reached - shift):
                self.left_out += 1
                return b""
            if first + shift < reached:
                new = reached + STEP_US - first
                # What was set together stays together.
                shift = self._newest_shift if abs(new - self._newest_shift) < TOGETHER_US else new
                self._shift[stream] = self._newest_shift = shift
        if flat[8:12] == b"FRME":
            self._reached[stream] = span[1] + shift
            return packet if not shift else _packed(stream, _frame_at(flat, shift), payload)
        events = _events_of(flat)
        times = events["timestamp"]
        low = -(1 << 62) if reached is None else reached - shift
        near = (times >= low) & (abs(times - first) <= SILENCE_US)
        if not shift and near.all() and (times[1:] >= times[:-1]).all():
            self._reached[stream] = int(times[-1])
            return packet
        events = events[near]
        self.left_out += int((~near).sum())
        if not len(events):
            return b""
        events = events[np.argsort(events["timestamp"], kind="stable")]
        events["timestamp"] += shift
        self._reached[stream] = int(events["timestamp"][-1])
        head = _EVENTS.pack(_EVENTS.size - 4 + events.nbytes, 16, b"EVTS", 6, 8, 4, 6, 4, len(events))
        return _packed(stream, head + events.tobytes(), payload)

    @staticmethod
    def _middle(flat: bytes) -> int:
        if flat[8:12] == b"FRME":
            return (times_in(flat) or (0, 0))[0]
        times = np.sort(_events_of(flat)["timestamp"])
        return int(times[len(times) // 2])

    def _agrees(self, packet: bytes, stream: int, reached: int) -> bool:
        """Return whether a packet goes on where a stream had come to, so that the one before it is a stray."""
        payload = packet[_PACKET.size :]
        flat = (unpacked_lz4(payload) or b"") if payload.startswith(_LZ4) else payload
        if _PACKET.unpack_from(packet)[0] != stream or times_in(flat) is None:
            return False
        return -SET_BACK_US <= self._middle(flat) - reached <= SILENCE_US


def _packed(stream: int, flat: bytes, like: bytes) -> bytes:
    """Return a packet of a flatbuffer, in the compression of the payload ``like``."""
    if like.startswith(_LZ4):
        # Blocks of at most 64 KiB that are stored as they are, as the frame's descriptor allows.
        blocks = (flat[at : at + _BLOCK] for at in range(0, len(flat), _BLOCK))
        body = b"".join(struct.pack("<I", len(block) | 1 << 31) + block for block in blocks)
        flat = _LZ4 + b"\x40\x40\xc0" + body + bytes(4)
    return _PACKET.pack(stream, len(flat)) + flat


def _frame_at(flat: bytes, shift: int) -> bytes:
    """Return a frame's flatbuffer with all its times moved."""
    out = bytearray(flat)
    table = 4 + int(struct.unpack_from("<I", out, 4)[0])
    vtable = table - int(struct.unpack_from("<i", out, table)[0])
    known = int(struct.unpack_from("<H", out, vtable)[0])
    for at in range(4, min(14, known), 2):
        place = int(struct.unpack_from("<H", out, vtable + at)[0])
        if place:
            time = int(struct.unpack_from("<q", out, table + place)[0])
            struct.pack_into("<q", out, table + place, time + shift if time else 0)
    return bytes(out)


def _sound_packets(data: mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
    while at + _PACKET.size <= len(data):
        stream, size = _PACKET.unpack_from(data, at)
        end = at + _PACKET.size + size
        stated = 0 <= stream < _STREAMS and 0 < size <= MOST and end <= len(data)
        if stated and _whole(data, at, end) and _sound(data[at + 8 : end]):
            yield at, end
            at = end
            continue
        found = next((p for p in _headers(data, at + 1) if p > at), None)
        if found is None:
            return
        at = found


def _whole(data: mmap.mmap, at: int, end: int) -> bool:
    """Return whether a packet reaches where it says, and no other begins inside it: of some, bytes are missing."""
    behind = data[end : end + 20]
    if len(behind) < 20 or behind[8:12] in (_LZ4, _ZSTD, b"FTAB") or behind[:4] in (_LZ4, _ZSTD):
        return True
    return bool(_STARTS.match(behind, 16)) or not any(at + 16 < other < end for other in _headers(data, at, end))


def _headers(data: mmap.mmap, at: int, end: int | None = None) -> Iterator[int]:
    """Yield where a packet's header could stand, from ``at`` on."""
    for match in _STARTS.finditer(data, at, len(data) if end is None else end):
        yield match.start() - _PACKET.size - (0 if match[0] in (_LZ4, _ZSTD) else 8)


def _sound(payload: bytes) -> bool:
    """Return whether a packet's payload can be read."""
    if payload.startswith(_ZSTD):
        return _zstd_size(payload) <= MOST
    if not payload.startswith(_LZ4):
        return _flat(payload)
    whole = unpacked_lz4(payload)
    return whole is not None and _flat(whole)


def _flat(buffer: bytes) -> bool:
    try:
        size, root = struct.unpack_from("<II", buffer)
        if size != len(buffer) - 4 or not buffer[8:12].isalnum():
            return False
        if buffer[8:12] not in (b"EVTS", b"FRME"):
            return True
        table = 4 + root
        vtable = table - int(struct.unpack_from("<i", buffer, table)[0])
        if not 0 <= vtable <= len(buffer) - 4:
            return False
        if buffer[8:12] == b"FRME":
            return True
        field = (
            struct.unpack_from("<H", buffer, vtable + 4)[0] if struct.unpack_from("<H", buffer, vtable)[0] > 4 else 0
        )
        if not field:
            return False
        vector = table + field + int(struct.unpack_from("<I", buffer, table + field)[0])
        count = int(struct.unpack_from("<I", buffer, vector)[0])
        return count > 0 and vector + 4 + count * _EVENT_BYTES <= len(buffer)
    except struct.error:
        return False


def _zstd_size(frame: bytes) -> int:
    """Return the size that a ZSTD frame states for its content, 0 where it states none."""
    if len(frame) < 18:
        return 0
    descriptor = frame[4]
    single = descriptor >> 5 & 1
    at = 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3]
    match descriptor >> 6:
        case 0:
            return frame[at] if single else 0
        case 1:
            return 256 + int.from_bytes(frame[at : at + 2], "little")
        case 2:
            return int.from_bytes(frame[at : at + 4], "little")
        case _:
            return int.from_bytes(frame[at : at + 8], "little")
