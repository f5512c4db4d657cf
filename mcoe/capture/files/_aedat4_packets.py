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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit

MAGIC = b"#!AER-DAT4.0\r\n"
_LZ4, _ZSTD = b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"
_PACKET = struct.Struct("<ii")
#: What can stand at a payload's start: frames of the two compressions, or after 8 bytes a flatbuffer's identifier.
_STARTS = re.compile(rb"\x04\x22\x4d\x18|\x28\xb5\x2f\xfd|EVTS|FRME|IMUS|TRIG", re.DOTALL)
#: Bytes of one packet, unpacked, at most: far more than a camera sends at once.
_MOST = 1 << 28
#: Streams of one file at most.
_STREAMS = 64
_EVENT_BYTES = 16


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
            with copy.open("wb") as out:
                out.write(head)
                for start, end in _joined(found):
                    out.write(data[start:end])
            return copy, sum(end != start for (_, end), (start, _) in pairwise(found))


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


def _joined(packets: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield neighbouring packets as one piece, of a size that memory takes."""
    start, end = packets[0]
    for first, last in packets[1:]:
        if first != end or end - start > 1 << 24:
            yield start, end
            start = first
        end = last
    yield start, end


def _sound_packets(data: mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
    while at + _PACKET.size <= len(data):
        stream, size = _PACKET.unpack_from(data, at)
        end = at + _PACKET.size + size
        stated = 0 <= stream < _STREAMS and 0 < size <= _MOST and end <= len(data)
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
        return _zstd_size(payload) <= _MOST
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


def unpacked_lz4(frame: bytes, most: int = _MOST) -> bytes | None:
    """Return the content of an LZ4 frame without checksums, as AEDAT4 has it; None if it is damaged."""
    if len(frame) < 11 or frame[4] & 0b1101_1111 != 0x40:
        return None
    at, blocks, total = 7, [], 0
    while True:
        if at + 4 > len(frame):
            return None
        word = int.from_bytes(frame[at : at + 4], "little")
        at += 4
        if word == 0:
            break
        size = word & 0x7FFFFFFF
        if at + size > len(frame):
            return None
        blocks.append((at, size, bool(word >> 31)))
        at += size
        total += size if word >> 31 else min(size * 255, 1 << 22)
    source = np.frombuffer(frame, np.uint8)
    out, end = np.empty(min(total, most), np.uint8), 0
    for start, size, stored in blocks:
        block = source[start : start + size]
        if stored:
            if end + size > len(out):
                return None
            out[end : end + size] = block
            end += size
        else:
            end = int(_unpack(block, out, end))
            if end < 0:
                return None
    return out[:end].tobytes()


@njit(nogil=True, cache=True)
def _unpack(source: NDArray[Any], out: NDArray[Any], end: int) -> int:
    """Unpack one LZ4 block to ``out`` from ``end`` on; return the new end, -1 if it is damaged."""
    at, size, room = 0, len(source), len(out)
    while at < size:
        token = int(source[at])
        at += 1
        count = token >> 4
        if count == 15:
            more = 255
            while more == 255:
                if at >= size:
                    return -1
                more = int(source[at])
                at += 1
                count += more
        if at + count > size or end + count > room:
            return -1
        for k in range(count):
            out[end + k] = source[at + k]
        at += count
        end += count
        if at == size:
            return end
        if at + 2 > size:
            return -1
        back = int(source[at]) | (int(source[at + 1]) << 8)
        at += 2
        if back == 0 or back > end:
            return -1
        count = (token & 15) + 4
        if token & 15 == 15:
            more = 255
            while more == 255:
                if at >= size:
                    return -1
                more = int(source[at])
                at += 1
                count += more
        if end + count > room:
            return -1
        for k in range(count):
            out[end + k] = out[end + k - back]
        end += count
    return end
