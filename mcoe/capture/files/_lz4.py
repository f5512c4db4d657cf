"""LZ4 frames as AEDAT4 holds them: unpacked without trust, as damaged ones make dv-processing's own reader loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit

#: Bytes of one packet, unpacked, at most: far more than a camera sends at once.
MOST = 1 << 28
#: Bytes of a frame below which the loop is not compiled.
_LITTLE = 100_000


def unpacked_lz4(frame: bytes, most: int = MOST) -> bytes | None:
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
            # To compile takes longer than to unpack little.
            end = int((_unpack if len(frame) < _LITTLE else _compiled())(block, out, end))
            if end < 0:
                return None
    return out[:end].tobytes()


@functools.cache
def _compiled() -> Callable[..., int]:
    return njit(nogil=True, cache=True)(_unpack)


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
