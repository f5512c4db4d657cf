"""Prophesee's recordings, RAW and DAT: blocks of words behind a header.

A file is walked once when it is opened, to note the decoder's state every few words; after that any piece of it is
decoded on its own, so neither a seek nor a file larger than the memory costs more than the piece asked for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.files._merge import SILENCE_US, Merged, pieces
from mcoe.capture.files._prophesee_words import EVT2, EVT21, HIGH, LOW, SEEN, Encoding
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.packets import Events, Frame, join_events

#: Words in a block; a block is what is decoded at a time.
BLOCK = 1 << 16
#: Sensors there are, for files that do not name theirs.
_SENSORS = ((320, 320), (640, 480), (1280, 720))


class PropheseeDecoder(Merged):
    """Events of one recording. A file that was cut short plays up to the cut: the formats have no end mark.

    Args:
        path: the recording.
        begin: where its words begin, bytes.
        encoding: what they mean.
        size: ``(width, height)`` of the sensor, pixels; None takes the smallest that holds every event.
        swap: the two halves of each word are swapped.

    Raises:
        McoeError: there are no events, or they fit no sensor.
    """

    def __init__(
        self, path: Path, begin: int, encoding: Encoding, size: tuple[int, int] | None, *, swap: bool = False
    ) -> None:
        self._path, self._begin, self._encoding, self._swap = path, begin, encoding, swap
        self._words = (path.stat().st_size - self._begin) // self._encoding.word.itemsize
        self._index()
        self._cached: dict[int, Events] = {}
        last = self._block_count - 1
        first_events = next((e for i in range(self._block_count) if len(e := self._block(i))), None)
        if first_events is None:
            raise McoeError(f"{path} holds no events; record it again.")
        last_events = next(e for i in range(last, -1, -1) if len(e := self._block(i)))
        start_us, end_us = int(first_events["timestamp"][0]), int(last_events["timestamp"].max())
        stretches = pieces(self._busy(), start_us, end_us)
        start_us = stretches[0].start_us + stretches[0].shift_us
        self.info = SourceInfo(
            name=path.name,
            size=size or self._smallest_sensor(),
            has_frames=False,
            has_events=True,
            live=False,
            start_us=start_us,
            duration_us=stretches[-1].end_us + stretches[-1].shift_us - start_us,
        )
        super().__init__(self, self.info.size, stretches)

    def _busy(self) -> list[tuple[int, int]]:
        """Return from when to when there are events, coarsely, µs."""
        busy = []
        for block in range(self._block_count):
            first, last = int(self._earliest[block]), int(self._latest[block]) - self._beyond
            if first < 0 or last - first > SILENCE_US:  # a silence lies inside it, or its first time word
                times = np.sort(self._block(block)["timestamp"])
                for part in np.split(times, np.flatnonzero(np.diff(times) > SILENCE_US) + 1):
                    busy += [(int(part[0]), int(part[-1]))] if len(part) else []
            else:
                busy.append((first, last))
        return busy

    def events_between(self, t0_us: int, t1_us: int) -> Events:
        first = int(np.searchsorted(self._latest, t0_us))
        last = int(np.searchsorted(self._earliest, t1_us))
        parts = [self._block(i) for i in range(first, last)]
        return join_events([_cut(events, t0_us, t1_us) for events in parts])

    def frames_between(self, t0_us: int, t1_us: int) -> list[Frame]:
        return []

    def _index(self) -> None:
        self._block_count = -(-self._words // BLOCK)
        self._states = np.zeros((self._block_count + 1, 6), np.int64)
        for block in range(self._block_count):
            self._states[block + 1] = self._states[block]
            self._encoding.follow(self._read(block), self._states[block + 1])
        times = self._states[:, HIGH] + self._states[:, LOW]
        times[self._states[:, SEEN] == 0] = np.iinfo(np.int64).min // 2
        times = np.maximum.accumulate(times)
        # In EVT2 and EVT2.1 the lower 6 bits of the time come with each event.
        self._beyond = 63 if self._encoding in (EVT2, EVT21) else 0
        self._earliest, self._latest = times[:-1], times[1:] + self._beyond

    def _block(self, block: int) -> Events:
        events = self._cached.get(block)
        if events is None:
            events = self._encoding.decode(self._read(block), self._states[block].copy())
            # Two, because the pieces asked for overlap two blocks as often as not.
            self._cached = dict([*self._cached.items(), (block, events)][-2:])
        return events

    def _read(self, block: int) -> NDArray[np.unsignedinteger]:
        count = min(BLOCK, self._words - block * BLOCK)
        offset = self._begin + block * BLOCK * self._encoding.word.itemsize
        words = np.fromfile(self._path, self._encoding.word, count, offset=offset)
        return (words >> np.uint64(32)) | (words << np.uint64(32)) if self._swap else words

    def _smallest_sensor(self) -> tuple[int, int]:
        largest = [
            (int(events["x"].max()), int(events["y"].max()))
            for events in map(self._block, range(self._block_count))
            if len(events)
        ]
        x, y = (max(column) for column in zip(*largest, strict=True))
        for width, height in _SENSORS:
            if x < width and y < height:
                return width, height
        raise McoeError(f"{self._path} does not name its sensor and has events at ({x}, {y}); add '% geometry' to it.")


def _cut(events: Events, t0_us: int, t1_us: int) -> Events:
    t = np.ascontiguousarray(events["timestamp"])
    if (t[1:] < t[:-1]).any():
        kept: Events = events[(t >= t0_us) & (t < t1_us)]
        return kept
    first, last = np.searchsorted(t, (t0_us, t1_us))
    return events[first:last]
