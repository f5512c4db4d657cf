"""The two packet types that travel through the program: event arrays and frames.

One clock: every time is int64 microseconds on the source's stream clock.
Packets are immutable by convention: whoever receives one never writes to its arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: One event, laid out as dv-processing's ``EventStore.numpy()`` gives it, so that live batches need no copy.
#: ``timestamp`` µs; ``x`` right and ``y`` down in pixels; ``polarity`` 1 for ON, 0 for OFF.
EVENT_DTYPE = np.dtype(
    {
        "names": ["timestamp", "x", "y", "polarity"],
        "formats": ["<i8", "<i2", "<i2", "i1"],
        "offsets": [0, 8, 10, 12],
        "itemsize": 16,
    }
)

#: A structured array of :data:`EVENT_DTYPE`, ordered by ``timestamp``.
Events = NDArray[np.void]


def empty_events() -> Events:
    """Return no events, shape ``(0,)``, dtype :data:`EVENT_DTYPE`."""
    return np.empty(0, EVENT_DTYPE)


def make_events(timestamp: Any, x: Any, y: Any, polarity: Any) -> Events:
    """Pack four equally long columns into an event array; polarity > 0 (or True) is ON, the rest OFF."""
    out = np.empty(len(timestamp), EVENT_DTYPE)
    out["timestamp"], out["x"], out["y"] = timestamp, x, y
    out["polarity"] = np.asarray(polarity) > 0
    return out


def join_events(parts: Sequence[Events]) -> Events:
    """Concatenate event arrays; a single one comes back as it is.

    ``np.concatenate`` would copy field by field, a hundred times slower, and return a dtype without the padding.
    """
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return empty_events()
    return np.concatenate([part.view("V16") for part in parts]).view(EVENT_DTYPE)


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera image.

    Attributes:
        image: ``(H, W)`` grey or ``(H, W, 3)`` RGB, uint8.
        start_us: start of the exposure, µs.
        end_us: end of the exposure, µs. This is the frame's time: its window of events ends here.
    """

    image: NDArray[np.uint8]
    start_us: int
    end_us: int


Packet = Events | Frame


def packet_end_us(packet: Packet) -> int:
    """Return the stream time, µs, up to which this packet is complete: its last event or exposure end."""
    if isinstance(packet, Frame):
        return packet.end_us
    return int(packet["timestamp"][-1])
