"""Prophesee recordings: RAW in EVT2, EVT2.1 and EVT3, and DAT version 2.

A file is walked once when it is opened, to note the decoder's state every few words; after that any piece of it is
decoded on its own, so neither a seek nor a file larger than the memory costs more than the piece asked for.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.decoders.merge import Merged
from mcoe.capture.decoders.prophesee_words import DAT, EVT2, EVT3, EVT21, HIGH, LOW, SEEN, Encoding
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.events.packets import Events, Frame, join_events

#: Words in a block; a block is what is decoded at a time.
BLOCK = 1 << 16
#: Sensors there are, for files that do not name theirs.
_SENSORS = ((320, 320), (640, 480), (1280, 720))
#: Sensors whose EVT2.1 comes with the two halves of a word swapped, where the header does not say.
_LEGACY = re.compile(r"imx636|imx646|gen41", re.IGNORECASE)


def open_file(path: Path) -> PropheseeDecoder:
    """Open a RAW or DAT recording, whichever its header says it is."""
    return PropheseeDecoder(path)


class PropheseeDecoder(Merged):
    """Events of one recording. A file that was cut short plays up to the cut: the formats have no end mark."""

    def __init__(self, path: Path) -> None:
        self._path = path
        header, self._begin = _read_header(path)
        self._encoding, self._swap = _encoding(path, header)
        if self._encoding is DAT:
            self._begin += 2  # event type and size
        self._words = (path.stat().st_size - self._begin) // self._encoding.word.itemsize
        self._index()
        self._cached: dict[int, Events] = {}
        last = self._block_count - 1
        first_events = next((e for i in range(self._block_count) if len(e := self._block(i))), None)
        if first_events is None:
            raise McoeError(f"{path} holds no events; record it again.")
        last_events = next(e for i in range(last, -1, -1) if len(e := self._block(i)))
        start_us, end_us = int(first_events["timestamp"][0]), int(last_events["timestamp"].max())
        self.info = SourceInfo(
            name=path.name,
            size=_geometry(header) or self._smallest_sensor(),
            has_frames=False,
            has_events=True,
            live=False,
            start_us=start_us,
            duration_us=end_us - start_us,
        )
        super().__init__(self, self.info.size, start_us, end_us)

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
        self._earliest, self._latest = times[:-1], times[1:] + (63 if self._encoding in (EVT2, EVT21) else 0)

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


def _read_header(path: Path) -> tuple[dict[str, str], int]:
    """Return the ``% key value`` lines, keys in lower case, and where the data begin."""
    header: dict[str, str] = {}
    with path.open("rb") as file:
        while (at := file.tell()) >= 0 and file.read(2) == b"% ":
            line = file.readline(4096).decode(errors="replace").strip()
            key, _, value = line.partition(" ")
            if key.lower() == "end":
                at = file.tell()
                break
            header[key.lower()] = value.strip()
    return header, at


def _encoding(path: Path, header: dict[str, str]) -> tuple[Encoding, bool]:
    """Return the encoding, and whether the halves of its words are swapped."""
    name, *options = header.get("format", "").replace(" ", "").lower().split(";")
    name = name or "evt" + header.get("evt", "?")
    if name in ("evt2", "evt2.0"):
        return EVT2, False
    if name in ("evt3", "evt3.0"):
        return EVT3, False
    if name in ("evt21", "evt2.1"):
        stated = [option for option in options if option.startswith("endianness=")]
        return EVT21, stated == ["endianness=legacy"] if stated else bool(_LEGACY.search(header.get("plugin_name", "")))
    if path.suffix.lower() == ".dat" and header.get("version") == "2":
        return DAT, False
    if not header:
        raise McoeError(f"{path} is no Prophesee recording: its header is missing; copy or export it again.")
    kind = "DAT version " + header["version"] if "version" in header else header.get("format", "no stated format")
    raise McoeError(f"{path} is encoded as {kind}; export it as EVT2, EVT2.1, EVT3 or DAT version 2.")


def _geometry(header: dict[str, str]) -> tuple[int, int] | None:
    """Return the sensor's (width, height) from whichever line states it."""
    texts = header.get("geometry", ""), header.get("format", "")
    plain = re.fullmatch(r"(\d+)x(\d+)", texts[0])
    if plain:
        return int(plain[1]), int(plain[2])
    width, height = (re.search(rf"{name}=(\d+)", texts[1]) for name in ("width", "height"))
    if width and height:
        return int(width[1]), int(height[1])
    if header.get("width", "").isdigit() and header.get("height", "").isdigit():
        return int(header["width"]), int(header["height"])
    return None
