"""Encoders for Prophesee's formats, written from the documentation's bit tables, one event at a time."""

import struct

import numpy as np


def evt2(events):
    """32-bit words; a time word whenever the upper 28 of 34 bits change."""
    out, high = [], None
    for t, x, y, p in events.tolist():
        t &= (1 << 34) - 1
        if t >> 6 != high:
            high = t >> 6
            out.append(8 << 28 | high)
        out.append(p << 28 | (t & 63) << 22 | x << 11 | y)
    return np.array(out, "<u4").tobytes()


def evt21(events, legacy=False):
    """64-bit words of up to 32 neighbours that fired in one tick with one polarity."""
    out, high, i, rows = [], None, 0, events.tolist()
    while i < len(rows):
        t, x, y, p = rows[i]
        valid, last, i = 1, x, i + 1
        while i < len(rows) and rows[i][0] == t and rows[i][2:] == (y, p) and last < rows[i][1] < x + 32:
            last = rows[i][1]
            valid |= 1 << (last - x)
            i += 1
        t &= (1 << 34) - 1
        if t >> 6 != high:
            high = t >> 6
            out.append(8 << 60 | high << 32)
        out.append(p << 60 | (t & 63) << 54 | x << 43 | y << 32 | valid)
    if legacy:
        out = [(word & 0xFFFFFFFF) << 32 | word >> 32 for word in out]
    return np.array(out, "<u8").tobytes()


def evt3(events):
    """16-bit words: time, row, then single events, or vectors of 12 and 8 where neighbours fired together."""
    out, high, low, row, i, rows = [], None, None, None, 0, events.tolist()
    while i < len(rows):
        t, x, y, p = rows[i]
        same, i = [x], i + 1
        while i < len(rows) and rows[i][0] == t and rows[i][2:] == (y, p) and same[-1] < rows[i][1] < x + 20:
            same.append(rows[i][1])
            i += 1
        if t >> 12 & 4095 != high:
            high, low = t >> 12 & 4095, None
            out.append(8 << 12 | high)
        if t & 4095 != low:
            low = t & 4095
            out.append(6 << 12 | low)
        if y != row:
            row = y
            out.append(y)
        if len(same) == 1:
            out.append(2 << 12 | p << 11 | x)
            continue
        out.append(3 << 12 | p << 11 | x)
        out.append(4 << 12 | sum(1 << (v - x) for v in same if v < x + 12))
        out.append(5 << 12 | sum(1 << (v - x - 12) for v in same if v >= x + 12))
    return np.array(out, "<u2").tobytes()


def dat(events):
    """64-bit records of a 32-bit time and a packed pixel."""
    rows = events.tolist()
    return b"".join(struct.pack("<II", t & 0xFFFFFFFF, p << 28 | y << 14 | x) for t, x, y, p in rows)


HEADERS = {
    "evt2": "% evt 2.0\n% format EVT2;height=480;width=640\n% end\n",
    "evt21": "% evt 2.1\n% format EVT21;height=480;width=640;endianness=little\n% end\n",
    "evt21-legacy": "% evt 2.1\n% format EVT21;height=480;width=640;endianness=legacy\n% end\n",
    "evt3": "% evt 3.0\n% format EVT3\n% geometry 640x480\n% end\n",
    "dat": "% Data file containing CD events.\n% Version 2\n% Width 640\n% Height 480\n",
}
ENCODERS = {"evt2": evt2, "evt21": evt21, "evt21-legacy": lambda e: evt21(e, legacy=True), "evt3": evt3, "dat": dat}


def write(path, kind, events, header=None):
    """Write ``events`` as a file of ``kind``, with the usual header or another."""
    text = HEADERS[kind] if header is None else header
    path.write_bytes(text.encode() + (b"\x0c\x08" if kind == "dat" else b"") + ENCODERS[kind](events))
    return path
