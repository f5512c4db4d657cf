"""The words of Prophesee's event encodings, decoded by compiled loops that can start at any block of a file.

Layouts: Prophesee's documentation, "Data Encoding Formats" (EVT 2.0, 2.1, 3.0) and "DAT File Format". Every loop has
one shape, ``loop(words, state, out) -> events``: it carries the decoder's whole memory in ``state`` and writes the
events to ``out``, or only follows the state where ``out`` is empty, which is how a file is indexed.

Why our own. No library on PyPI reads all of them (November 2026, files of ``tests/capture/evt.py``): of EVT2.1,
eventcv 1.0.8 returns a quarter of the events without a word, faery 0.7.1 ends in "not yet implemented" and expelliarmus
1.1.12 in a TypeError. Besides, eventcv does not carry on a DAT's time when its 32 bits start again, expelliarmus (of
2023) has wrong times in EVT3, and faery gives a damaged file up at the first event off the sensor and knows no seek;
evutils is under the GPL, evlib 0.13 brings Polars, PyArrow and pandera. A library for the rest and these loops for
EVT2.1 would be two decoders instead of one.

Nor are they faster where it counts. 1.2 million events of an EVK4, EVT3 on one of two busy cores: these loops 33 ms,
faery 42, eventcv 60 to 95, expelliarmus 64. Opening the file and reading it whole through the guarded child takes
1.6 s, all but 0.1 s of it to start: Python and NumPy 0.3 s, to import numba 0.4 s, numba's first call 0.8 s though what
is called was compiled before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit
from mcoe.events.packets import EVENT_DTYPE, Events

#: What a decoder remembers between words. HIGH: the time, µs, as of the last time word, wrap-arounds included;
#: LOW: EVT3's lower 12 bits; SEEN: whether there was a time word yet (events before it have no time).
HIGH, LOW, SEEN, Y, X, POLARITY = range(6)
Loop = Callable[[NDArray[Any], NDArray[np.int64], NDArray[np.int64]], int]


def _evt2(words: Any, state: Any, out: Any) -> int:
    high, seen = state[HIGH], state[SEEN]
    n, emit = 0, len(out) > 0
    for i in range(len(words)):
        word = np.int64(words[i])
        kind = word >> 28
        if kind <= 1:
            if seen and emit:
                out[n, 0] = high + ((word >> 22) & 63)
                out[n, 1] = ((word >> 11) & 2047) | ((word & 2047) << 16) | (kind << 32)
                n += 1
        elif kind == 8:
            high = _advance(high, (word & 0xFFFFFFF) << 6, 1 << 34)
            seen = 1
    state[HIGH], state[SEEN] = high, seen
    return n


def _evt21(words: Any, state: Any, out: Any) -> int:
    high, seen = state[HIGH], state[SEEN]
    n, emit = 0, len(out) > 0
    for i in range(len(words)):
        word = words[i]
        kind = np.int64(word >> np.uint64(60))
        if kind <= 1:
            if seen and emit:
                head = np.int64(word >> np.uint64(32))
                valid = np.int64(word & np.uint64(0xFFFFFFFF))
                t = high + ((head >> 22) & 63)
                rest = ((head & 2047) << 16) | (kind << 32)
                x = (head >> 11) & 2047
                while valid:
                    if valid & 1:
                        out[n, 0] = t
                        out[n, 1] = rest | x
                        n += 1
                    valid >>= 1
                    x += 1
        elif kind == 8:
            high = _advance(high, np.int64((word >> np.uint64(32)) & np.uint64(0xFFFFFFF)) << 6, 1 << 34)
            seen = 1
    state[HIGH], state[SEEN] = high, seen
    return n


def _evt3(words: Any, state: Any, out: Any) -> int:
    high, low, seen = state[HIGH], state[LOW], state[SEEN]
    x, y, polarity = state[X], state[Y], state[POLARITY]
    n, emit = 0, len(out) > 0
    for i in range(len(words)):
        word = np.int64(words[i])
        kind = word >> 12
        if kind == 0:
            y = word & 2047
        elif kind == 2:
            if seen and emit:
                out[n, 0] = high + low
                out[n, 1] = (word & 2047) | (y << 16) | (((word >> 11) & 1) << 32)
                n += 1
        elif kind == 3:
            x, polarity = word & 2047, (word >> 11) & 1
        elif kind == 4 or kind == 5:
            width = 12 if kind == 4 else 8
            if seen and emit:
                valid = word & ((1 << width) - 1)
                column = x
                while valid:
                    if valid & 1:
                        out[n, 0] = high + low
                        out[n, 1] = column | (y << 16) | (polarity << 32)
                        n += 1
                    valid >>= 1
                    column += 1
            x += width
        elif kind == 6:
            low = word & 4095
        elif kind == 8:
            new = _advance(high, (word & 4095) << 12, 1 << 24)
            if new != high or not seen:
                # The lower bits follow in a word of their own; until then the old ones would be of the wrong tick.
                high, low, seen = new, 0, 1
    state[HIGH], state[LOW], state[SEEN] = high, low, seen
    state[X], state[Y], state[POLARITY] = x, y, polarity
    return n


def _dat(words: Any, state: Any, out: Any) -> int:
    high, emit = state[HIGH], len(out) > 0
    for i in range(len(words)):
        word = words[i]
        high = _advance(high, np.int64(word & np.uint64(0xFFFFFFFF)), 1 << 32)
        if emit:
            head = np.int64(word >> np.uint64(32))
            out[i, 0] = high
            out[i, 1] = (head & 0x3FFF) | (((head >> 14) & 0x3FFF) << 16) | (((head >> 28) & 1) << 32)
    state[HIGH], state[SEEN] = high, 1
    return len(words) if emit else 0


@njit(inline="always")
def _advance(known: Any, stamp: Any, period: Any) -> Any:
    """Return ``stamp``, of a counter that starts again every ``period`` µs, on the clock that ``known`` is on."""
    time = known - known % period + stamp
    return time + period if time < known - period // 2 else time


@dataclass(frozen=True)
class Encoding:
    """How one encoding is read: its word dtype, most events a word can hold, and its loop."""

    word: np.dtype[Any]
    per_word: int
    loop: Callable[..., int]

    def decode(self, words: NDArray[Any], state: NDArray[np.int64]) -> Events:
        """Return the events of ``words`` ``(n,)``; ``state`` ``(6,)`` moves on."""
        out = np.empty((max(1, len(words) * self.per_word), 2), np.int64)
        count = _compiled(self.loop)(words, state, out)
        return out[:count].reshape(-1).view(EVENT_DTYPE)

    def follow(self, words: NDArray[Any], state: NDArray[np.int64]) -> None:
        """Move ``state`` past ``words`` without making events."""
        _compiled(self.loop)(words, state, np.empty((0, 2), np.int64))


@functools.cache
def _compiled(loop: Callable[..., int]) -> Loop:
    return njit(nogil=True, cache=True)(loop)


EVT2 = Encoding(np.dtype("<u4"), 1, _evt2)
EVT21 = Encoding(np.dtype("<u8"), 32, _evt21)
EVT3 = Encoding(np.dtype("<u2"), 12, _evt3)
DAT = Encoding(np.dtype("<u8"), 1, _dat)
